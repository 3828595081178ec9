//! Runs that look at some paths of a source only, and files that are still being written.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::containers::archive;
use crate::world::{World, image_bytes, set_modified, summary};
use eidetic_catalog::FileState;
use eidetic_containers::Contents;
use eidetic_indexer::watch::RestingFiles;
use eidetic_indexer::{FolderHook, IndexingReport, Scope};
use proptest::prelude::*;

fn each_world(scenario: impl Fn(&mut World)) {
    for mut world in [World::in_memory(), World::on_disk()] {
        scenario(&mut world);
    }
}

/// A run that looks at these paths.
fn index_part(world: &mut World, names: &[&str]) -> IndexingReport {
    let paths: Vec<PathBuf> = names.iter().map(|name| world.path(name)).collect();
    world.options.scope = Scope::of(paths);
    let report = world.index();
    world.options.scope = Scope::Everything;
    report
}

#[test]
fn other_paths_stay_as_they_are() {
    each_world(|world| {
        for (name, number) in [("a.bmp", 1), ("trip/b.bmp", 2), ("trip/c.bmp", 3)] {
            world.put(name, number, 0);
        }
        world.index();
        world.put("d.bmp", 4, 0);
        world.put("trip/e.bmp", 5, 0);
        world.remove("a.bmp");
        world.remove("trip/b.bmp");
        let report = index_part(world, &["trip/b.bmp", "trip/e.bmp"]);
        assert_eq!(
            summary(&report),
            "indexed 1 encoded 1 unchanged 0 moved 0 removed 1 failed 0 skipped 0"
        );
        assert_eq!(world.names(), ["a.bmp", "trip/c.bmp", "trip/e.bmp"]);
        world.index();
        assert_eq!(world.names(), ["d.bmp", "trip/c.bmp", "trip/e.bmp"]);
        world.assert_consistent();
    });
}

#[test]
fn folder_in_scope_is_looked_at_whole() {
    each_world(|world| {
        world.put("trip/day/a.bmp", 1, 0);
        world.put("trip/day/b.bmp", 2, 0);
        world.put("c.bmp", 3, 0);
        world.index();
        fs::rename(world.path("trip"), world.path("journey")).unwrap();
        let report = index_part(world, &["trip", "journey"]);
        assert_eq!(
            (report.indexed, report.moved, report.removed),
            (0, 2, 0),
            "{report:?}"
        );
        assert_eq!(world.names(), ["c.bmp", "journey/day/a.bmp", "journey/day/b.bmp"]);
        // A file takes the place of a folder.
        fs::remove_dir_all(world.path("journey")).unwrap();
        world.put("journey", 4, 0);
        let report = index_part(world, &["journey"]);
        assert_eq!((report.indexed, report.removed), (1, 2), "{report:?}");
        assert_eq!(world.names(), ["c.bmp", "journey"]);
        world.assert_consistent();
    });
}

#[cfg(unix)]
#[test]
fn link_that_leads_nowhere_keeps_its_pictures() {
    each_world(|world| {
        let disk = world.dir.path().join("disk");
        world.put("a.bmp", 1, 0);
        fs::create_dir(&disk).unwrap();
        fs::write(disk.join("b.bmp"), image_bytes(2)).unwrap();
        std::os::unix::fs::symlink(&disk, world.path("link")).unwrap();
        world.index();
        assert_eq!(world.names(), ["a.bmp", "link/b.bmp"]);
        fs::rename(&disk, world.dir.path().join("off")).unwrap();
        let report = index_part(world, &["link/b.bmp"]);
        assert_eq!((report.removed, report.failed.len()), (0, 1), "{report:?}");
        assert_eq!(world.names(), ["a.bmp", "link/b.bmp"]);
    });
}

#[test]
fn rules_hold_for_single_paths() {
    each_world(|world| {
        world.put("keep/a.bmp", 1, 0);
        fs::write(world.path(".eideticignore"), "drafts/\n*.tmp.bmp\n").unwrap();
        world.index();
        for (name, number) in [
            ("drafts/b.bmp", 2),
            ("keep/c.tmp.bmp", 3),
            ("keep/.hidden/d.bmp", 4),
            ("@eaDir/e.bmp", 5),
        ] {
            world.put(name, number, 0);
        }
        let names = [
            "drafts/b.bmp",
            "keep/c.tmp.bmp",
            "keep/.hidden/d.bmp",
            "@eaDir/e.bmp",
        ];
        assert_eq!(index_part(world, &names).indexed, 0);
        assert_eq!(world.names(), ["keep/a.bmp"]);
    });
}

#[test]
fn loss_is_measured_by_whole_source() {
    each_world(|world| {
        for number in 0..100 {
            world.put(&format!("{number:02}.bmp"), number, 0);
        }
        world.index();
        world.remove("00.bmp");
        let report = index_part(world, &["00.bmp"]);
        assert_eq!(
            (report.removed, report.unreachable.len()),
            (1, 0),
            "one of a hundred is deleted"
        );
        let lost: Vec<String> = (1..61).map(|number| format!("{number:02}.bmp")).collect();
        for name in &lost {
            world.remove(name);
        }
        let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
        let report = index_part(world, &lost);
        assert_eq!(
            (report.removed, report.unreachable[0].images),
            (0, 60),
            "{report:?}"
        );
        assert_eq!(world.names().len(), 99);
        fs::rename(&world.photos, world.dir.path().join("off")).unwrap();
        let report = index_part(world, &["99.bmp"]);
        assert_eq!(
            (report.removed, report.unreachable.len()),
            (0, 1),
            "the source is gone"
        );
    });
}

#[test]
fn side_car_brings_its_picture() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("b.bmp", 2, 0);
        world.index();
        fs::write(world.path("a.xmp"), "<x/>").unwrap();
        let report = index_part(world, &["a.xmp"]);
        assert_eq!(report.unchanged, 1, "{report:?}");
        assert_eq!(report.failed, []);
    });
}

#[test]
fn archive_brings_pictures_inside_it() {
    each_world(|world| {
        world.options.contents = Contents {
            archives: true,
            ..Contents::default()
        };
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1), ("2.bmp", 2)]), 0);
        world.put("b.bmp", 9, 0);
        world.index();
        world.put_bytes("a.zip", &archive(&[("2.bmp", 2), ("3.bmp", 3)]), 1);
        let report = index_part(world, &["a.zip"]);
        assert_eq!((report.indexed, report.removed), (1, 1), "{report:?}");
        assert_eq!(world.names(), ["a.zip!/2.bmp", "a.zip!/3.bmp", "b.bmp"]);
        // Still being written: the pictures inside it stay.
        world.put_bytes("a.zip", &archive(&[("4.bmp", 4)]), 2);
        world.options.resting = Some(Arc::new(RestingFiles::new(Duration::from_hours(1))));
        let report = index_part(world, &["a.zip"]);
        assert_eq!((report.unsettled.len(), report.removed), (1, 0), "{report:?}");
        assert_eq!(world.names().len(), 3);
        world.options.resting = None;
        world.remove("a.zip");
        let report = index_part(world, &["a.zip"]);
        assert_eq!(report.removed, 2, "{report:?}");
        assert_eq!(world.names(), ["b.bmp"]);
    });
}

#[test]
fn files_being_written_stay_as_known() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.index();
        world.options.resting = Some(Arc::new(RestingFiles::new(Duration::from_hours(1))));
        world.put("a.bmp", 2, 1);
        world.put("new.bmp", 3, 0);
        set_modified(&world.path("new.bmp"), SystemTime::now());
        let report = world.index();
        let unsettled: BTreeSet<PathBuf> = report.unsettled.into_iter().collect();
        assert_eq!(
            unsettled,
            BTreeSet::from([world.path("a.bmp"), world.path("new.bmp")])
        );
        assert_eq!((report.indexed, report.removed), (0, 0));
        let record = world.catalog.file(&world.path("a.bmp")).unwrap().unwrap();
        let before = eidetic_domain::ImageId::of(&image_bytes(1));
        assert_eq!(record.state, FileState::Indexed(before));
        world.options.resting = Some(Arc::new(RestingFiles::new(Duration::ZERO)));
        assert_eq!(world.index().indexed, 2);
    });
}

#[test]
fn folders_are_told_before_they_are_listed() {
    let mut world = World::in_memory();
    world.put("trip/a.bmp", 1, 0);
    world.put(".hidden/b.bmp", 2, 0);
    world.put("@eaDir/c.bmp", 3, 0);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (collected, late) = (Arc::clone(&told), world.path("trip/late.bmp"));
    world.options.on_folder = Some(FolderHook::new(move |folder| {
        if folder.ends_with("trip") {
            fs::write(&late, image_bytes(4)).unwrap();
        }
        collected.lock().unwrap().push(folder.to_owned());
    }));
    assert_eq!(world.index().indexed, 2, "what comes while it is told is listed");
    assert_eq!(
        *told.lock().unwrap(),
        [world.photos.clone(), world.path("trip")],
        "what is left out is not told"
    );
}

/// A change of the tree, and the path that a system would tell of.
#[derive(Debug, Clone)]
enum Change {
    Put(String, u32),
    Remove(String),
    RemoveFolder(String),
    Rename(String, String),
}

fn change() -> impl Strategy<Value = Change> {
    let folder = || prop::sample::select(vec!["", "p/", "p/q/", "r/"]);
    let file = || (folder(), 0..4_u32).prop_map(|(folder, number)| format!("{folder}{number}.bmp"));
    let below = || prop::sample::select(vec!["p", "p/q", "r"]).prop_map(str::to_owned);
    prop_oneof![
        4 => (file(), 1..20_u32).prop_map(|(name, number)| Change::Put(name, number)),
        2 => file().prop_map(Change::Remove),
        1 => below().prop_map(Change::RemoveFolder),
        2 => (file(), file()).prop_map(|(from, to)| Change::Rename(from, to)),
        1 => (below(), below()).prop_map(|(from, to)| Change::Rename(from, to)),
    ]
}

/// Makes a change, if it is possible, and returns the paths that it concerns.
fn apply(world: &World, change: &Change) -> Vec<String> {
    match change {
        Change::Put(name, number) => {
            world.put(name, *number, u64::from(*number));
            // New folders are told of by the outermost one.
            let outermost = name.split('/').next().unwrap_or(name).to_owned();
            vec![name.clone(), outermost]
        }
        Change::Remove(name) => {
            let _ = fs::remove_file(world.path(name));
            vec![name.clone()]
        }
        Change::RemoveFolder(name) => {
            let _ = fs::remove_dir_all(world.path(name));
            vec![name.clone()]
        }
        Change::Rename(from, to) => {
            let _ = fs::rename(world.path(from), world.path(to));
            vec![from.clone(), to.clone()]
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_paths_suffice(rounds in prop::collection::vec(prop::collection::vec(change(), 1..6), 1..5)) {
        let mut world = World::in_memory();
        world.options.removal_limit = None;
        world.put("0.bmp", 1, 0);
        world.index();
        for changes in rounds {
            let names: Vec<String> = changes.iter().flat_map(|change| apply(&world, change)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            index_part(&mut world, &names);
            let in_part = world.indexed();
            world.index();
            prop_assert_eq!(&in_part, &world.indexed());
            world.assert_consistent();
        }
    }
}
