//! The walk compared with those of the crates `ignore` and `walkdir`.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{WalkMode, WalkOptions, walk};

fn ours(source: &Path, excluded: Vec<PathBuf>) -> Vec<PathBuf> {
    let options = WalkOptions {
        excluded,
        ..WalkOptions::new(WalkMode::Stat)
    };
    walk(source, options)
        .filter_map(|file| file.ok().map(|file| file.path))
        .collect()
}

fn reference(source: &Path) -> Vec<PathBuf> {
    WalkBuilder::new(source)
        .standard_filters(false)
        .hidden(true)
        .parents(true)
        .follow_links(true)
        .add_custom_ignore_filename(".eideticignore")
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build()
        .flatten()
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .map(ignore::DirEntry::into_path)
        .collect()
}

/// Something to create in the tree.
#[derive(Debug, Clone)]
enum TreeItem {
    File(String),
    Rules(String, Vec<String>),
    Link(String, String),
}

fn item() -> impl Strategy<Value = TreeItem> {
    let name = || "[ab]?/?[ab.]?/?[.]?[abc][.]?[jx]?";
    let rule = prop::sample::select(&["a", "b/", "*.j", "!.a", "!a.j", "/a/b", "c*", "b/**", "[", "**/c"]);
    prop_oneof![
        5 => name().prop_map(TreeItem::File),
        1 => ("[ab]?", prop::collection::vec(rule.prop_map(str::to_owned), 1..4))
            .prop_map(|(folder, rules)| TreeItem::Rules(folder, rules)),
        1 => (name(), prop::sample::select(&["", "a", "b", "a/b", "nowhere"]))
            .prop_map(|(from, to)| TreeItem::Link(from, to.to_owned())),
    ]
}

/// Skips what cannot be created because another item has its path.
fn create(root: &Path, item: &TreeItem) {
    let place = |name: &str| root.join(name.trim_start_matches('/'));
    let with_parent = |path: PathBuf| {
        let parent = path.parent().expect("below the root");
        fs::create_dir_all(parent).ok().map(|()| path)
    };
    let _impossible = match item {
        TreeItem::File(name) => with_parent(place(name)).map(|path| fs::write(path, "x")),
        TreeItem::Rules(folder, rules) => {
            with_parent(place(folder).join(".eideticignore")).map(|path| fs::write(path, rules.join("\n")))
        }
        #[cfg(unix)]
        TreeItem::Link(from, to) => {
            with_parent(place(from)).map(|path| std::os::unix::fs::symlink(root.join(to), path))
        }
        #[cfg(not(unix))]
        TreeItem::Link(..) => None,
    };
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(20_262),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn files_and_order_match_ignore_crate(items in prop::collection::vec(item(), 0..25)) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a real path");
        for item in &items {
            create(&root, item);
        }
        prop_assert_eq!(ours(&root, Vec::new()), reference(&root));
        let inner = root.join("a");
        prop_assert_eq!(ours(&inner, Vec::new()), reference(&inner));
        let outside: Vec<PathBuf> = ours(&root, vec![inner.clone()]);
        prop_assert!(outside.iter().all(|path| !path.starts_with(&inner)));
    }
}

#[test]
fn only_stat_mode_reads_stamps() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.jpg"), "four").expect("a file");
    let stamps = |mode| walk(folder.path(), WalkOptions::new(mode)).map(|file| file.expect("a file").stamp);
    assert_eq!(
        stamps(WalkMode::Stat).next().flatten().map(|stamp| stamp.size),
        Some(4)
    );
    assert!(
        stamps(WalkMode::NamesOnly)
            .next()
            .is_some_and(|stamp| stamp.is_none())
    );
}

#[test]
fn lists_same_files_as_walkdir() {
    let root = tempfile::tempdir().unwrap();
    for name in ["b/2.jpg", "b/10.jpg", "a.png", "c/d/e/f.gif", "a/z.jpg"] {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
    let entries = walkdir::WalkDir::new(root.path()).sort_by_file_name().into_iter();
    let expected: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    assert_eq!(expected.len(), 5);
    assert_eq!(ours(root.path(), Vec::new()), expected);
}
