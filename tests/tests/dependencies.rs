//! The direction of dependencies, and which crate may name which engine, as docs/ARCHITECTURE.md states them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every crate of the workspace with the crates of the workspace it may use, lowest first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("kernels", &[]),
    ("imaging", &["domain"]),
    ("encoder", &["domain"]),
    ("encoder-candle", &["domain", "encoder"]),
    ("vectors", &["domain", "kernels"]),
    ("catalog", &["domain"]),
    ("indexer", &["domain", "imaging", "encoder", "vectors", "catalog"]),
    ("search", &["domain", "encoder", "vectors", "catalog"]),
    (
        "library",
        &[
            "domain",
            "imaging",
            "encoder",
            "encoder-candle",
            "vectors",
            "catalog",
            "indexer",
            "search",
        ],
    ),
    (
        "server",
        &[
            "domain", "imaging", "encoder", "vectors", "catalog", "indexer", "search", "library",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "imaging",
            "encoder",
            "encoder-candle",
            "vectors",
            "catalog",
            "indexer",
            "search",
            "library",
            "server",
        ],
    ),
    ("tests", &[]),
];

/// Engines, and the only crates that may name them.
const ENGINES: &[(&str, &[&str])] = &[
    ("candle-core", &["encoder-candle"]),
    ("candle-nn", &["encoder-candle"]),
    ("hf-hub", &["encoder-candle"]),
    ("hnsw_rs", &["vectors"]),
    ("sled", &["catalog"]),
    ("actix-web", &["server"]),
    ("kamadak-exif", &["imaging"]),
    ("clap", &["cli"]),
];

/// What each member of the workspace depends on at run time; tests may use more.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("cargo metadata runs");
    let short = |name: &str| name.strip_prefix("eidetic-").map(str::to_owned);
    let members = metadata.packages.iter().map(|package| {
        let runtime = package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal);
        let names = runtime.map(|d| d.name.clone()).collect();
        (short(&package.name).expect("members are named eidetic-*"), names)
    });
    members.collect()
}

#[test]
fn crates_depend_only_on_crates_above_them() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for (member, names) in dependencies() {
        let permitted = allowed
            .get(member.as_str())
            .unwrap_or_else(|| panic!("{member} is not in ALLOWED"));
        for used in names.iter().filter_map(|name| name.strip_prefix("eidetic-")) {
            assert!(permitted.contains(&used), "{member} must not depend on {used}");
        }
    }
}

#[test]
fn the_list_of_crates_is_the_workspace() {
    let listed: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, dependencies().into_keys().collect());
}

#[test]
fn engines_are_named_in_one_place_each() {
    for (member, names) in dependencies() {
        for (engine, permitted) in ENGINES {
            let named = names.contains(*engine);
            assert!(
                !named || permitted.contains(&member.as_str()),
                "{member} must not name {engine}"
            );
        }
    }
}
