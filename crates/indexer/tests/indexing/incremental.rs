//! What a second run does with files that stayed, changed, or were moved, copied or deleted.

use std::fs;
use std::time::SystemTime;

use crate::world::{World, each_world, image_bytes, long_ago, set_modified, summary};
use eidetic_catalog::{FileStamp, FileState};
use eidetic_domain::ImageId;
use eidetic_indexer::Reading;

#[test]
fn unchanged_files_are_not_read_again() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("deep/er/b.bmp", 2, 0);
        assert_eq!(
            summary(&world.index()),
            "indexed 2 encoded 2 unchanged 0 moved 0 removed 0 failed 0 skipped 0"
        );
        // A record that says something else of the same file: only reading would show it.
        world.put_record("a.bmp", world.stamp("a.bmp"), FileState::NotImage);
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 1 moved 0 removed 0 failed 0 skipped 1"
        );
    });
}

#[cfg(unix)]
#[test]
fn change_with_same_size_and_time_is_noticed() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.index();
        let image = ImageId::of(&image_bytes(1));
        // As if the file had been read long after it was written, so that its stamp is trusted.
        world.put_record("a.bmp", world.stamp("a.bmp"), FileState::Indexed(image));
        std::thread::sleep(std::time::Duration::from_millis(20));
        world.put("a.bmp", 3, 0);
        assert_eq!(
            summary(&world.index()),
            "indexed 1 encoded 1 unchanged 0 moved 0 removed 0 failed 0 skipped 0"
        );
        assert_eq!((world.row(1), world.row(3).is_some()), (None, true));
        world.assert_consistent();
    });
}

#[cfg(unix)]
#[test]
fn record_without_change_time_is_compared_and_completed() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put_bytes("b.xcf", b"gimp xcf v011", 0);
        world.index();
        let older = |name: &str| FileStamp {
            changed_ns: None,
            inode: None,
            ..world.stamp(name)
        };
        let reason = "GIMP (XCF) images are not supported; convert to JPEG or PNG";
        world.put_record("a.bmp", older("a.bmp"), FileState::NotImage);
        world.put_record("b.xcf", older("b.xcf"), FileState::Failed(reason.into()));
        let report = world.index();
        assert_eq!(
            summary(&report),
            "indexed 0 encoded 0 unchanged 0 moved 0 removed 0 failed 0 skipped 1"
        );
        assert_eq!(report.unsupported.get("GIMP (XCF)"), Some(&1));
        let record = |name: &str| world.catalog.file(&world.path(name)).unwrap().unwrap();
        assert_eq!(record("a.bmp").stamp, world.stamp("a.bmp"));
        assert_eq!(record("b.xcf").state, FileState::Unsupported(reason.into()));
        assert_eq!(world.catalog.counts().unwrap().failed, 0);
    });
}

#[test]
fn formats_supported_since_are_read_again() {
    each_world(|world| {
        let reason = "HEIC images are not supported; convert to JPEG or PNG".to_owned();
        let states = [
            FileState::Unsupported(reason),
            FileState::Failed("unsupported TIFF feature: palette".into()),
        ];
        for (number, state) in (0..).zip(states) {
            let name = format!("{number}.bmp");
            world.put(&name, number, 0);
            world.put_record(&name, world.stamp(&name), state);
        }
        assert_eq!(
            summary(&world.index()),
            "indexed 2 encoded 2 unchanged 0 moved 0 removed 0 failed 0 skipped 0"
        );
    });
}

#[test]
fn rescan_reads_unchanged_files() {
    let mut world = World::on_disk();
    world.put("a.bmp", 1, 0);
    world.put("b.bmp", 2, 0);
    world.index();
    world.put_record("a.bmp", world.stamp("a.bmp"), FileState::NotImage);
    world.options.reading = Reading::All;
    let report = world.index();
    assert_eq!(
        summary(&report),
        "indexed 1 encoded 0 unchanged 1 moved 0 removed 0 failed 0 skipped 0"
    );
    world.assert_consistent();
}

#[test]
fn returning_image_costs_no_embedding() {
    each_world(|world| {
        for n in 1..=3 {
            world.put(&format!("{n}.bmp"), n, 0);
        }
        world.index();
        let row = world.row(1);
        world.remove("1.bmp");
        assert_eq!(world.index().removed, 1);
        assert_eq!((world.row(1), world.vector_count()), (None, 2));
        world.put("new/place.bmp", 1, 5);
        world.put("new/copy.bmp", 1, 5);
        assert_eq!(
            summary(&world.index()),
            "indexed 2 encoded 0 unchanged 2 moved 0 removed 0 failed 0 skipped 0"
        );
        assert_eq!(world.row(1), row);
        world.assert_consistent();
        // A purged image is embedded again.
        world.remove("2.bmp");
        world.index();
        world.catalog.purge(&[ImageId::of(&image_bytes(2))]).unwrap();
        world.put("2.bmp", 2, 7);
        let report = world.index();
        assert_eq!((report.indexed, report.encoded), (1, 1));
        world.assert_consistent();
    });
}

#[test]
fn returning_image_without_vector_is_embedded() {
    each_world(|world| {
        world.put("1.bmp", 1, 0);
        world.put("2.bmp", 2, 0);
        world.index();
        world.remove("1.bmp");
        world.index();
        let image = ImageId::of(&image_bytes(1));
        world.vectors.write().unwrap().remove(&[image]).unwrap();
        world.put("1.bmp", 1, 5);
        world.put("copy.bmp", 1, 5);
        let report = world.index();
        assert_eq!((report.indexed, report.encoded), (2, 1), "{report:?}");
        world.assert_consistent();
    });
}

#[test]
fn changed_file_is_embedded_old_image_removed() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.index();
        world.put("a.bmp", 2, 5);
        assert_eq!(
            summary(&world.index()),
            "indexed 1 encoded 1 unchanged 0 moved 0 removed 0 failed 0 skipped 0"
        );
        assert_eq!((world.row(1), world.row(2).is_some()), (None, true));
        world.assert_consistent();
    });
}

#[test]
fn change_right_after_reading_is_noticed() {
    each_world(|world| {
        let now = SystemTime::now();
        world.put("a.bmp", 1, 0);
        set_modified(&world.path("a.bmp"), now);
        world.index();
        world.put("a.bmp", 2, 0);
        set_modified(&world.path("a.bmp"), now);
        world.index();
        assert_eq!((world.row(1), world.row(2).is_some()), (None, true));
    });
}

#[test]
fn touched_file_is_unchanged() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.index();
        set_modified(&world.path("a.bmp"), long_ago(9));
        for _ in 0..2 {
            assert_eq!(
                summary(&world.index()),
                "indexed 0 encoded 0 unchanged 1 moved 0 removed 0 failed 0 skipped 0"
            );
        }
    });
}

#[test]
fn moved_file_keeps_vector() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("b.bmp", 2, 0);
        world.index();
        let row = world.row(1);
        fs::create_dir(world.path("new")).unwrap();
        fs::rename(world.path("a.bmp"), world.path("new/z.bmp")).unwrap();
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 1 moved 1 removed 0 failed 0 skipped 0"
        );
        assert_eq!(world.row(1), row);
        assert_eq!(world.names(), ["b.bmp", "new/z.bmp"]);
        world.assert_consistent();
    });
}

#[test]
fn copy_needs_no_embedding_and_outlives_original() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.index();
        world.put("copy.bmp", 1, 3);
        assert_eq!(
            summary(&world.index()),
            "indexed 1 encoded 0 unchanged 1 moved 0 removed 0 failed 0 skipped 0"
        );
        world.remove("a.bmp");
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 1 moved 0 removed 1 failed 0 skipped 0"
        );
        assert_eq!(world.names(), ["copy.bmp"]);
        world.assert_consistent();
    });
}

#[test]
fn removed_file_is_no_image_any_more() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("b.bmp", 2, 0);
        world.index();
        world.remove("a.bmp");
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 1 moved 0 removed 1 failed 0 skipped 0"
        );
        assert_eq!((world.names(), world.vector_count()), (vec!["b.bmp".into()], 1));
        assert_eq!(world.catalog.counts().unwrap().images, 1);
        let kept: Vec<_> = world.catalog.removed().map(Result::unwrap).collect();
        assert_eq!(kept[0].image, ImageId::of(&image_bytes(1)));
        assert_eq!(kept[0].path, world.path("a.bmp"));
        world.assert_consistent();
    });
}

#[test]
fn swapped_files_have_right_images() {
    let mut world = World::on_disk();
    world.options.commit_every = 1;
    world.options.batch = 1;
    world.options.threads = 1;
    for (name, number) in [("a.bmp", 1), ("b.bmp", 2), ("c.bmp", 3)] {
        world.put(name, number, u64::from(number));
    }
    world.index();
    // Every path gets the content of another, so that an image may be removed before its new path is read.
    for (name, number) in [("a.bmp", 2), ("b.bmp", 3), ("c.bmp", 1)] {
        world.put(name, number, 10 + u64::from(number));
    }
    let report = world.index();
    assert_eq!(report.indexed, 3);
    let expected = [("a.bmp", 2), ("b.bmp", 3), ("c.bmp", 1)]
        .map(|(name, number)| (world.path(name), ImageId::of(&image_bytes(number))));
    assert!(world.indexed().into_iter().eq(expected));
    world.assert_consistent();
}

#[test]
fn copies_are_embedded_once() {
    each_world(|world| {
        for n in 0..60 {
            world.put(&format!("{n}.bmp"), 1, n);
        }
        assert_eq!(
            summary(&world.index()),
            "indexed 60 encoded 1 unchanged 0 moved 0 removed 0 failed 0 skipped 0"
        );
        world.assert_consistent();
    });
}

#[test]
fn images_without_record_or_vector_are_reembedded() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("b.bmp", 2, 0);
        world.index();
        world.catalog.remove(&[ImageId::of(&image_bytes(1))]).unwrap();
        assert_eq!(
            summary(&world.index()).split(" moved").next(),
            Some("indexed 1 encoded 1 unchanged 1")
        );
        let lost = [ImageId::of(&image_bytes(2))];
        world.catalog.remove(&lost).unwrap();
        world.vectors.write().unwrap().remove(&lost).unwrap();
        assert_eq!(
            summary(&world.index()).split(" moved").next(),
            Some("indexed 1 encoded 1 unchanged 1")
        );
        world.assert_consistent();
    });
}
