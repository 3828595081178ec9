//! After random changes to a folder and a run, the library contains exactly what the folder contains.

use std::collections::BTreeMap;
use std::fs;

use crate::world::World;
use eidetic_domain::ImageId;
use proptest::prelude::*;

/// A change to the folder. Files are indices into [`NAMES`].
#[derive(Debug, Clone)]
enum Change {
    Write { name: usize, image: u32 },
    Break { name: usize },
    Remove { name: usize },
    Rename { from: usize, to: usize },
    Index,
}

const NAMES: [&str; 9] = [
    "a.bmp",
    "b",
    "b.bmp",
    "b!/x.bmp",
    "c/a.bmp",
    "c/d/a.bmp",
    "c.bmp",
    "z/1",
    "z/2",
];

fn change() -> impl Strategy<Value = Change> {
    let name = 0..NAMES.len();
    prop_oneof![
        5 => (name.clone(), 0_u32..6).prop_map(|(name, image)| Change::Write { name, image }),
        1 => name.clone().prop_map(|name| Change::Break { name }),
        2 => name.clone().prop_map(|name| Change::Remove { name }),
        3 => (name.clone(), name).prop_map(|(from, to)| Change::Rename { from, to }),
        3 => Just(Change::Index),
    ]
}

fn check(mut world: World, changes: Vec<Change>) -> Result<(), TestCaseError> {
    world.options.commit_every = 2;
    world.options.batch = 2;
    // An emptied folder would count as unreachable.
    world.options.removal_limit = None;
    let mut expected: BTreeMap<usize, Option<u32>> = BTreeMap::new();
    for (time, change) in (1_u64..).zip(changes.into_iter().chain([Change::Index])) {
        match change {
            Change::Write { name, image } => {
                world.put(NAMES[name], image, time);
                expected.insert(name, Some(image));
            }
            Change::Break { name } => {
                world.put_bytes(NAMES[name], b"BMX", time);
                world.put_bytes(NAMES[name], b"GIF89a", time);
                expected.insert(name, None);
            }
            Change::Remove { name } => {
                if expected.remove(&name).is_some() {
                    world.remove(NAMES[name]);
                }
            }
            Change::Rename { from, to } => {
                if let Some(content) = expected.remove(&from) {
                    let (from, target) = (world.path(NAMES[from]), world.path(NAMES[to]));
                    fs::create_dir_all(target.parent().expect("a file has a folder")).expect("a folder");
                    fs::rename(from, target).expect("a file can be renamed");
                    expected.insert(to, content);
                }
            }
            Change::Index => index(&world, &expected)?,
        }
    }
    Ok(())
}

fn index(world: &World, expected: &BTreeMap<usize, Option<u32>>) -> Result<(), TestCaseError> {
    let report = world.index();
    let counted = report.indexed + report.unchanged + report.moved + report.failed.len() as u64;
    prop_assert_eq!(counted, expected.len() as u64, "{:?}", report);
    let images: BTreeMap<_, _> = expected
        .iter()
        .filter_map(|(&name, &image)| {
            Some((
                world.path(NAMES[name]),
                ImageId::of(&crate::world::image_bytes(image?)),
            ))
        })
        .collect();
    prop_assert_eq!(world.indexed(), images);
    world.assert_consistent();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn memory_library_matches_folder(changes in prop::collection::vec(change(), 1..40)) {
        check(World::in_memory(), changes)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn disk_library_matches_folder(changes in prop::collection::vec(change(), 1..40)) {
        check(World::on_disk(), changes)?;
    }
}
