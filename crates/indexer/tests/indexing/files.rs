//! Which files the walk finds, and how files are reported that are not valid images.

use std::fs;
use std::path::PathBuf;

use crate::world::{World, each_world, image_bytes, summary};
use eidetic_catalog::{FileStamp, FileState};
use eidetic_domain::ImageId;
use eidetic_indexer::{FileFailure, Links, Reading};

fn failed_names(world: &World, failed: &[FileFailure]) -> Vec<String> {
    let name = |failure: &FileFailure| {
        assert!(!failure.reason.is_empty());
        let path = failure.path.strip_prefix(&world.photos);
        path.unwrap_or(&failure.path).to_string_lossy().into_owned()
    };
    failed.iter().map(name).collect()
}

#[test]
fn broken_files_are_reported_again_without_reading() {
    each_world(|world| {
        let good = image_bytes(1);
        world.put_bytes("bad.bmp", &vec![b'B'; good.len()], 0);
        world.put_bytes("empty.jpg", b"", 0);
        world.put_bytes("half.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", 0);
        world.put("good.bmp", 2, 0);
        let broken = ["bad.bmp", "empty.jpg", "half.png"];
        let first = world.index();
        assert_eq!((first.indexed, first.unchanged), (1, 0));
        assert_eq!(failed_names(world, &first.failed), broken);
        // A record with another reason for the same file: only reading would show it.
        let reason = "of an earlier reading";
        let record = world.catalog.file(&world.path("bad.bmp")).unwrap().unwrap();
        let stamp = FileStamp {
            side_cars: record.stamp.side_cars,
            ..world.stamp("bad.bmp")
        };
        world.put_record("bad.bmp", stamp, FileState::Failed(reason.into()));
        let second = world.index();
        assert_eq!((second.indexed, second.unchanged), (0, 1));
        assert_eq!(failed_names(world, &second.failed), broken);
        assert_eq!(second.failed[0].reason, reason);
        world.put("bad.bmp", 1, 1);
        let third = world.index();
        assert_eq!((third.indexed, third.unchanged), (1, 1));
        assert_eq!(failed_names(world, &third.failed), broken[1..]);
        world.assert_consistent();
    });
}

#[test]
fn broken_copies_are_all_reported() {
    each_world(|world| {
        for n in 0..20 {
            world.put_bytes(&format!("{n:02}.gif"), b"GIF89a and no more", 0);
        }
        assert_eq!(world.index().failed.len(), 20);
        assert_eq!(world.index().failed.len(), 20);
    });
}

#[test]
fn non_images_are_skipped_and_read_once() {
    each_world(|world| {
        world.put_bytes("notes.txt", b"not an image", 0);
        world.put("a.bmp", 1, 0);
        let first = world.index();
        assert_eq!((first.indexed, first.skipped, first.failed.len()), (1, 1, 0));
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 1 moved 0 removed 0 failed 0 skipped 1"
        );
        // An image that becomes a document is removed.
        world.put_bytes("a.bmp", b"%PDF-1.4 of a sudden", 1);
        assert_eq!(world.index().skipped, 2);
        assert_eq!((world.names().len(), world.vector_count()), (0, 0));
    });
}

#[test]
fn hidden_ignored_and_excluded_files_are_skipped() {
    let mut world = World::in_memory();
    world.options.excluded = vec![world.path("library")];
    for (n, name) in [
        "a.bmp",
        ".hidden.bmp",
        ".folder/b.bmp",
        "private/c.bmp",
        "x.draft.bmp",
    ]
    .iter()
    .enumerate()
    {
        world.put(name, n as u32, 0);
    }
    for (n, name) in [
        "keep/y.draft.bmp",
        "by-git.bmp",
        "library/thumbnail.bmp",
        "sub/library/d.bmp",
    ]
    .iter()
    .enumerate()
    {
        world.put(name, 10 + n as u32, 0);
    }
    fs::write(world.path(".gitignore"), "by-git.bmp\n").unwrap();
    fs::write(world.path(".eideticignore"), "/private/\n*.draft.bmp\n!keep/*\n").unwrap();
    fs::write(world.path("keep/.eideticignore"), "!y.draft.bmp\n").unwrap();
    std::os::unix::fs::symlink(world.path("library"), world.path("to-library")).unwrap();
    let report = world.index();
    assert_eq!(report.failed, []);
    assert_eq!(
        world.names(),
        ["a.bmp", "by-git.bmp", "keep/y.draft.bmp", "sub/library/d.bmp"]
    );
}

#[test]
fn newly_ignored_file_is_removed() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("b.bmp", 2, 0);
        world.index();
        fs::write(world.path(".eideticignore"), "b.bmp\n").unwrap();
        assert_eq!(world.index().removed, 1);
        assert_eq!(world.names(), ["a.bmp"]);
    });
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;
    each_world(|world| {
        world.put("real/a.bmp", 1, 0);
        fs::create_dir(world.dir.path().join("elsewhere")).unwrap();
        fs::write(world.dir.path().join("elsewhere/b.bmp"), image_bytes(2)).unwrap();
        symlink(world.path("real/a.bmp"), world.path("link.bmp")).unwrap();
        symlink(world.dir.path().join("elsewhere"), world.path("folder")).unwrap();
        symlink(&world.photos, world.path("real/up")).unwrap();
        let report = world.index();
        assert_eq!(report.failed, []);
        assert_eq!(world.names(), ["folder/b.bmp", "link.bmp", "real/a.bmp"]);
        assert_eq!((report.indexed, report.encoded), (3, 2));
        // b.bmp is read again because it is younger than the resolution of modification times.
        assert_eq!(world.index().unchanged, 3);
    });
}

#[cfg(unix)]
#[test]
fn broken_link_is_reported_and_removes_nothing() {
    each_world(|world| {
        let elsewhere = world.dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("b.bmp"), image_bytes(2)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, world.path("disk")).unwrap();
        world.index();
        fs::rename(&elsewhere, world.dir.path().join("unplugged")).unwrap();
        let report = world.index();
        assert_eq!(failed_names(world, &report.failed), ["disk"]);
        assert_eq!((report.removed, world.names()), (0, vec!["disk/b.bmp".into()]));
    });
}

#[cfg(unix)]
#[test]
fn pipes_are_skipped() {
    let world = World::in_memory();
    let made = std::process::Command::new("mkfifo")
        .arg(world.path("pipe.jpg"))
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    world.put("a.bmp", 1, 0);
    assert_eq!(
        summary(&world.index()),
        "indexed 1 encoded 1 unchanged 0 moved 0 removed 0 failed 0 skipped 0"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn non_unicode_names_are_indexed() {
    use std::os::unix::ffi::OsStrExt;
    each_world(|world| {
        let path = world.photos.join(std::ffi::OsStr::from_bytes(b"caf\xe9.bmp"));
        fs::write(&path, image_bytes(1)).unwrap();
        assert_eq!(world.index().indexed, 1);
        assert!(world.indexed().contains_key(&path));
        assert_eq!(world.index().unchanged, 1);
    });
}

#[cfg(unix)]
#[test]
fn unreadable_folder_is_reported_and_removes_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::in_memory();
    world.put("shut/a.bmp", 1, 0);
    world.put("open/b.bmp", 2, 0);
    world.index();
    let mode = |mode| fs::set_permissions(world.path("shut"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    if fs::read_dir(world.path("shut")).is_ok() {
        return; // This user ignores permissions.
    }
    let report = world.index();
    mode(0o755);
    assert_eq!(failed_names(&world, &report.failed), ["shut"]);
    assert_eq!((report.removed, world.names().len()), (0, 2));
}

#[test]
fn sources_may_be_files_or_nested() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put("sub/b.bmp", 2, 0);
        world.put("sub/.shy/c.bmp", 3, 0);
        let one = world.path("a.bmp");
        assert_eq!(world.index_sources(std::slice::from_ref(&one)).indexed, 1);
        let all = [
            world.path("sub/.shy"),
            world.photos.clone(),
            world.path("sub"),
            one,
        ];
        let report = world.index_sources(&all);
        assert_eq!((report.indexed, report.unchanged), (2, 1));
        let again = world.index_sources(&all);
        assert_eq!((again.unchanged, again.removed), (3, 0));
    });
}

#[test]
fn hidden_source_survives_walk_of_outer_source() {
    let mut world = World::in_memory();
    let hidden = world.path(".shy");
    world.put(".shy/a.bmp", 1, 0);
    world.put(".shy/b.bmp", 2, 0);
    world.index_sources(std::slice::from_ref(&hidden));
    world.options.other_sources = vec![hidden];
    world.remove(".shy/b.bmp");
    let report = world.index();
    assert_eq!((report.removed, world.names()), (1, vec![".shy/a.bmp".into()]));
    world.options.other_sources = vec![PathBuf::from("/nowhere")];
    assert_eq!(world.index().removed, 1);
}

#[test]
fn junk_folders_are_skipped_and_counted() {
    each_world(|world| {
        for (n, name) in [
            "a.bmp",
            "@eaDir/a.bmp/SYNOPHOTO_THUMB_M.bmp",
            "#recycle/old.bmp",
            "$Recycle.Bin/S-1-5/x.bmp",
            ".Trash-1000/files/y.bmp",
            "lost+found/z.bmp",
            "Lightroom/Catalog Previews.lrdata/p.bmp",
            "shoot/CaptureOne/Cache/q.bmp",
            "kept/@eaDir/r.bmp",
        ]
        .iter()
        .enumerate()
        {
            world.put(name, n as u32, 0);
        }
        fs::write(world.path("kept/.eideticignore"), "!@eaDir/\n").unwrap();
        let report = world.index();
        assert_eq!(world.names(), ["a.bmp", "kept/@eaDir/r.bmp"]);
        assert_eq!((report.junk_folders, report.failed.len()), (7, 0));
        // A source of its own is not judged by its name.
        let own = world.path("#recycle");
        assert_eq!(world.index_sources(&[own]).indexed, 1);
    });
}

#[test]
fn unsupported_formats_are_counted_not_failed() {
    each_world(|world| {
        for n in 0..3 {
            world.put_bytes(&format!("{n}.xcf"), b"gimp xcf v011", 0);
        }
        world.put_bytes("a.jxr", b"II\xBC\x01", 0);
        world.put("b.bmp", 1, 0);
        for _ in 0..2 {
            let report = world.index();
            let formats: Vec<(&str, u64)> = report
                .unsupported
                .iter()
                .map(|(format, files)| (format.as_str(), *files))
                .collect();
            assert_eq!(formats, [("GIMP (XCF)", 3), ("JPEG XR", 1)]);
            assert_eq!((report.failed.len(), report.skipped), (0, 0));
        }
        assert_eq!(world.catalog.counts().unwrap().failed, 0);
    });
}

#[cfg(unix)]
#[test]
fn links_are_skipped_on_request() {
    use std::os::unix::fs::symlink;
    let mut world = World::in_memory();
    let elsewhere = world.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("b.bmp"), image_bytes(2)).unwrap();
    world.put("a.bmp", 1, 0);
    symlink(&elsewhere, world.path("folder")).unwrap();
    symlink(elsewhere.join("b.bmp"), world.path("link.bmp")).unwrap();
    world.index();
    assert_eq!(world.names(), ["a.bmp", "folder/b.bmp", "link.bmp"]);
    world.options.links = Links::Skip;
    let report = world.index();
    assert_eq!((report.removed, world.names()), (2, vec!["a.bmp".to_owned()]));
}

#[test]
fn damaged_pictures_are_indexed_and_marked() {
    for mut world in [World::in_memory(), World::on_disk()] {
        let whole = image_bytes(1);
        let cut = &whole[..whole.len() - 40];
        world.put_bytes("cut.bmp", cut, 0);
        world.put("whole.bmp", 2, 0);
        let report = world.index();
        assert_eq!((report.indexed, report.damaged), (2, 1));
        // It stays known where the file is only read again.
        world.options.reading = Reading::All;
        let again = world.index();
        assert_eq!((again.unchanged, again.damaged), (2, 0));
        let details = world.catalog.details(&ImageId::of(cut)).unwrap().unwrap();
        assert!(details.damage.is_some());
    }
}
