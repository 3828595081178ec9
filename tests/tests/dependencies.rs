//! The direction of dependencies, and which crate may name which engine, as docs/ARCHITECTURE.md states them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every crate of the workspace with the crates of the workspace it may use, lowest first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("atomic-file", &[]),
    ("kernels", &[]),
    ("imaging", &["domain"]),
    ("containers", &["domain", "imaging"]),
    ("encoder", &["domain", "kernels"]),
    ("hub", &[]),
    ("inference", &["domain", "kernels", "imaging", "encoder", "hub"]),
    ("vectors", &["domain", "atomic-file", "kernels"]),
    ("catalog", &["domain", "atomic-file"]),
    ("duplicates", &[]),
    ("exchange", &["domain"]),
    ("layout", &["domain", "kernels"]),
    (
        "indexer",
        &["domain", "imaging", "containers", "encoder", "vectors", "catalog"],
    ),
    ("confidence", &["domain", "kernels", "encoder", "catalog"]),
    (
        "search",
        &["domain", "kernels", "encoder", "confidence", "vectors", "catalog"],
    ),
    (
        "library",
        &[
            "domain",
            "atomic-file",
            "imaging",
            "containers",
            "encoder",
            "hub",
            "inference",
            "vectors",
            "catalog",
            "duplicates",
            "exchange",
            "layout",
            "indexer",
            "confidence",
            "search",
        ],
    ),
    (
        "server",
        &[
            "domain",
            "atomic-file",
            "imaging",
            "encoder",
            "vectors",
            "catalog",
            "indexer",
            "confidence",
            "search",
            "library",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "imaging",
            "encoder",
            "hub",
            "inference",
            "vectors",
            "catalog",
            "indexer",
            "confidence",
            "exchange",
            "search",
            "library",
            "server",
        ],
    ),
    ("tests", &[]),
];

/// Engines, and the only crates that may name them.
const ENGINES: &[(&str, &[&str])] = &[
    ("candle-core", &["inference"]),
    ("candle-nn", &["inference"]),
    ("hf-hub", &["hub"]),
    ("sled", &["catalog"]),
    ("actix-web", &["server"]),
    ("kamadak-exif", &["imaging"]),
    ("clap", &["cli"]),
    ("notify", &["indexer"]),
    ("hayro", &["containers"]),
    ("zip", &["containers", "exchange", "library"]),
    ("parquet", &["exchange"]),
    ("open", &["cli"]),
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
fn crate_list_matches_workspace() {
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

/// The licences that deny.toml allows.
fn allowed_licences() -> BTreeSet<String> {
    let policy = std::fs::read_to_string(eidetic_tests::repository().join("deny.toml")).expect("a policy");
    let list = policy
        .split("allow = [")
        .nth(1)
        .and_then(|rest| rest.split(']').next())
        .expect("a list");
    list.split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .collect()
}

/// Whether all that an SPDX expression of the form `(A OR B) AND C` asks for can be met.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    let mut demands = plain.split(" AND ");
    demands.all(|demand| {
        demand
            .split(" OR ")
            .any(|licence| allowed.contains(licence.trim()))
    })
}

#[test]
fn every_dependency_has_allowed_license() {
    let allowed = allowed_licences();
    let metadata = MetadataCommand::new().exec().expect("cargo metadata runs");
    let refused: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| {
            package
                .license
                .as_deref()
                .is_none_or(|licence| !is_allowed(licence, &allowed))
        })
        .map(|package| format!("{} ({:?})", package.name, package.license))
        .collect();
    assert!(metadata.packages.len() > 100 && refused.is_empty(), "{refused:?}");
}

#[test]
fn disallowed_license_is_detected() {
    let allowed = allowed_licences();
    assert!(is_allowed("(MIT OR GPL-3.0) AND Zlib", &allowed));
    assert!(!is_allowed("GPL-3.0", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
}
