//! Pictures inside archives and other files.

use std::fs;
use std::io::{Cursor, Write};

use crate::world::{CancelAfter, DIMENSION, World, each_world, image_bytes, long_ago, set_modified, summary};
use eidetic_catalog::{FileRecord, FileState, WriteBatch};
use eidetic_containers::{Contents, Videos};
use eidetic_domain::ImageId;
use eidetic_encoder::fake::FakeEncoder;
use eidetic_indexer::{CancelToken, Reading, RemovalLimit, RunContext};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An archive of images by their names and numbers.
pub fn archive(members: &[(&str, u32)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, number) in members {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .expect("a member");
        archive.write_all(&image_bytes(*number)).expect("its content");
    }
    archive.finish().expect("the directory").into_inner()
}

fn look_into_archives(world: &mut World) {
    world.options.contents = Contents {
        archives: true,
        ..Contents::default()
    };
}

/// Runs a scenario with libraries that look into archives.
fn each_world_with_archives(scenario: impl Fn(&mut World)) {
    for mut world in [World::in_memory(), World::on_disk()] {
        look_into_archives(&mut world);
        scenario(&mut world);
    }
}

fn record(world: &World, name: &str) -> FileRecord {
    let found = world.catalog.file(&world.path(name));
    found.expect("a catalog that can be read").expect("a record")
}

/// As if the file had been read long after it was written, so that its stamp is trusted.
fn settle(world: &World, name: &str) {
    let record = record(world, name);
    let stamp = eidetic_catalog::FileStamp {
        side_cars: record.stamp.side_cars,
        ..world.stamp(name)
    };
    world.put_record(name, stamp, record.state);
}

#[test]
fn pictures_in_archives_are_indexed() {
    each_world_with_archives(|world| {
        world.put("alone.bmp", 1, 0);
        world.put_bytes("a.zip", &archive(&[("x/1.bmp", 1), ("x/2.bmp", 2)]), 0);
        let report = world.index();
        assert_eq!(
            summary(&report),
            "indexed 3 encoded 2 unchanged 0 moved 0 removed 0 failed 0 skipped 1"
        );
        assert_eq!(world.names(), ["a.zip!/x/1.bmp", "a.zip!/x/2.bmp", "alone.bmp"]);
        // The copy outside is the same image.
        let image = world
            .catalog
            .find_by_hash(&ImageId::of(&image_bytes(1)))
            .unwrap()
            .unwrap();
        assert_eq!(image.paths.len(), 2);
        world.assert_consistent();
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 3 moved 0 removed 0 failed 0 skipped 1"
        );
    });
}

#[test]
fn archives_are_left_alone_by_default() {
    each_world(|world| {
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1)]), 0);
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 0 moved 0 removed 0 failed 0 skipped 1"
        );
    });
}

#[test]
fn unchanged_archive_is_not_opened() {
    each_world_with_archives(|world| {
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1)]), 0);
        world.index();
        settle(world, "a.zip");
        // A record of a picture that is not there: only reading the archive would show it.
        let stamp = world.stamp("a.zip");
        world.put_record("a.zip!/2.bmp", stamp, FileState::Failed("odd".into()));
        let report = world.index();
        assert_eq!(
            summary(&report),
            "indexed 0 encoded 0 unchanged 1 moved 0 removed 0 failed 1 skipped 1"
        );
    });
}

#[test]
fn changed_archive_is_compared_member_by_member() {
    each_world_with_archives(|world| {
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1), ("2.bmp", 2), ("3.bmp", 3)]), 0);
        world.index();
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1), ("3.bmp", 33), ("4.bmp", 2)]), 5);
        assert_eq!(
            summary(&world.index()),
            "indexed 1 encoded 1 unchanged 1 moved 1 removed 0 failed 0 skipped 1"
        );
        assert_eq!(world.names(), ["a.zip!/1.bmp", "a.zip!/3.bmp", "a.zip!/4.bmp"]);
        assert!(world.row(3).is_none() && world.row(33).is_some());
        world.assert_consistent();
    });
}

#[test]
fn deleted_archive_takes_its_pictures_along() {
    each_world_with_archives(|world| {
        world.options.removal_limit = None;
        world.put("stays.bmp", 9, 0);
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1), ("2.bmp", 2)]), 0);
        world.index();
        world.remove("a.zip");
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 1 moved 0 removed 2 failed 0 skipped 0"
        );
        assert_eq!(world.names(), ["stays.bmp"]);
        world.assert_consistent();
    });
}

#[test]
fn emptied_archive_is_no_absent_disk() {
    each_world_with_archives(|world| {
        world.options.removal_limit = Some(RemovalLimit {
            share: 0.1,
            at_least: 1,
        });
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1), ("2.bmp", 2)]), 0);
        world.index();
        world.put_bytes("a.zip", &archive(&[]), 5);
        let report = world.index();
        assert!(report.unreachable.is_empty());
        assert_eq!(report.removed, 2);
    });
}

#[test]
fn settings_are_applied_to_unchanged_archives() {
    each_world_with_archives(|world| {
        world.options.contents = Contents::default();
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1)]), 0);
        for (archives, names) in [(false, 0), (true, 1), (false, 0), (true, 1)] {
            world.options.contents.archives = archives;
            world.options.removal_limit = None;
            world.index();
            settle(world, "a.zip");
            assert_eq!(world.names().len(), names, "{archives}");
        }
        world.assert_consistent();
    });
}

#[test]
fn damaged_archive_fails_and_keeps_what_was_read() {
    each_world_with_archives(|world| {
        world.put_bytes("a.zip", b"PK\x03\x04 but no directory", 0);
        world.put_bytes("b.zip", b"no archive at all", 0);
        let report = world.index();
        let reasons: Vec<&str> = report
            .failed
            .iter()
            .map(|failure| failure.reason.as_str())
            .collect();
        assert_eq!(reasons.len(), 2);
        assert!(
            reasons
                .iter()
                .all(|reason| reason.starts_with("damaged ZIP archive"))
        );
    });
}

#[cfg(unix)]
#[test]
fn locked_archive_keeps_its_pictures() {
    use std::os::unix::fs::PermissionsExt;
    each_world_with_archives(|world| {
        world.put_bytes("a.zip", &archive(&[("1.bmp", 1)]), 0);
        world.index();
        let path = world.path("a.zip");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&path).is_ok() {
            // The superuser reads everything.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            return;
        }
        set_modified_unopened(world);
        let report = world.index();
        assert_eq!(world.names(), ["a.zip!/1.bmp"]);
        assert_eq!(report.removed, 0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    });
}

/// Makes the record of the archive look older than the file.
#[cfg(unix)]
fn set_modified_unopened(world: &World) {
    let record = record(world, "a.zip");
    let stamp = eidetic_catalog::FileStamp {
        modified_ns: 1,
        ..record.stamp
    };
    world.put_record("a.zip", stamp, record.state);
}

#[test]
fn cancelled_archive_is_completed_later() {
    each_world_with_archives(|world| {
        let names: Vec<String> = (0..200).map(|number| format!("{number}.bmp")).collect();
        let members: Vec<(&str, u32)> = names.iter().map(String::as_str).zip(0..).collect();
        world.put_bytes("a.zip", &archive(&members), 0);
        let cancel = CancelToken::default();
        let observer = CancelAfter(32, cancel.clone());
        let encoder = FakeEncoder::new(DIMENSION);
        let sources = [world.photos.clone()];
        let first = world
            .try_index(&sources, &encoder, &RunContext::new(&observer, &cancel))
            .unwrap();
        assert!(first.cancelled && world.names().len() < 200);
        // The archive has no record yet, or one that makes the next run read it.
        assert!(world.catalog.file(&world.path("a.zip")).unwrap().is_none());
        world.index();
        assert_eq!(world.names().len(), 200);
        world.assert_consistent();
    });
}

#[test]
fn videos_are_counted_where_ffmpeg_is_missing() {
    each_world_with_archives(|world| {
        world.options.contents.videos = Videos::NoFfmpeg;
        world.put_bytes("clip.mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", 0);
        for _ in 0..2 {
            let report = world.index();
            assert_eq!((report.videos_passed_over, report.skipped), (1, 1));
            settle(world, "clip.mp4");
        }
    });
}

#[test]
fn frames_stay_while_ffmpeg_is_missing() {
    each_world_with_archives(|world| {
        world.options.contents.videos = Videos::NoFfmpeg;
        world.put_bytes("clip.mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", 0);
        world.index();
        let record = world.catalog.file(&world.path("clip.mp4")).unwrap().unwrap();
        let looked_into = eidetic_catalog::FileStamp {
            side_cars: record.stamp.side_cars.map(|print| print ^ Contents::VIDEO_MARK),
            ..world.stamp("clip.mp4")
        };
        world.put_record("clip.mp4", looked_into, FileState::NotImage);
        let frame = FileRecord {
            path: world.path("clip.mp4!/0:00:01.000"),
            stamp: looked_into,
            state: FileState::Failed("a frame".into()),
        };
        let batch = WriteBatch {
            files: vec![frame],
            ..WriteBatch::default()
        };
        world.catalog.put_batch(&batch).unwrap();
        for reading in [Reading::Changed, Reading::All, Reading::Changed] {
            world.options.reading = reading;
            let report = world.index();
            assert_eq!((report.videos_passed_over, report.failed.len()), (0, 1));
        }
        // A video that changed meanwhile loses its frames.
        set_modified(&world.path("clip.mp4"), long_ago(7));
        let report = world.index();
        assert_eq!((report.videos_passed_over, report.failed.len()), (1, 0));
    });
}
