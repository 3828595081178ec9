//! Sources whose disk is absent keep their images; sources whose files were deleted lose them.

use std::fs;

use crate::world::{World, each_world, summary};
use eidetic_indexer::{IndexingReport, RemovalLimit};

fn filled(world: &World, images: u32) {
    for n in 0..images {
        world.put(&format!("{}/{n:03}.bmp", n % 3), n, 0);
    }
    assert_eq!(world.index().indexed, u64::from(images));
}

fn assert_kept(world: &World, report: &IndexingReport, images: u64, reason: &str) {
    assert_eq!(report.removed, 0, "{report:?}");
    let [unreachable] = &report.unreachable[..] else {
        panic!("one unreachable source: {report:?}");
    };
    assert_eq!(
        (unreachable.images, report.failed.len()),
        (images, 0),
        "{report:?}"
    );
    assert!(unreachable.reason.contains(reason), "{report:?}");
    assert!(unreachable.path.starts_with(&world.photos), "{report:?}");
}

#[test]
fn missing_source_keeps_images() {
    each_world(|world| {
        filled(world, 4);
        let away = world.dir.path().join("unplugged");
        fs::rename(&world.photos, &away).unwrap();
        for _ in 0..2 {
            assert_kept(world, &world.index(), 4, "no such file or folder");
        }
        fs::rename(&away, &world.photos).unwrap();
        assert_eq!(
            summary(&world.index()),
            "indexed 0 encoded 0 unchanged 4 moved 0 removed 0 failed 0 skipped 0"
        );
    });
}

#[test]
fn empty_mount_point_keeps_images() {
    each_world(|world| {
        filled(world, 4);
        fs::rename(&world.photos, world.dir.path().join("unplugged")).unwrap();
        fs::create_dir(&world.photos).unwrap();
        assert_kept(world, &world.index(), 4, "nothing is left of its 4 images");
        fs::create_dir(world.path("lost+found")).unwrap();
        world.put_bytes(".Trash-1000/info", b"x", 0);
        assert_kept(world, &world.index(), 4, "nothing is left of its 4 images");
        assert_eq!(world.names().len(), 4);
    });
}

#[test]
fn accepted_removals_are_removed() {
    let mut world = World::on_disk();
    filled(&world, 4);
    fs::remove_dir_all(&world.photos).unwrap();
    fs::create_dir(&world.photos).unwrap();
    world.options.accepted = vec![world.photos.clone()];
    let report = world.index();
    assert_eq!((report.removed, report.unreachable.len()), (4, 0));
    world.put("a.bmp", 100, 0);
    world.index();
    fs::remove_dir_all(&world.photos).unwrap();
    let report = world.index();
    assert_eq!((report.removed, report.unreachable.len()), (1, 0));
}

#[test]
fn large_loss_at_once_keeps_images() {
    let mut world = World::on_disk();
    filled(&world, 30);
    world.options.removal_limit = Some(RemovalLimit {
        share: 0.2,
        at_least: 10,
    });
    for n in (0..30).step_by(3) {
        world.remove(&format!("0/{n:03}.bmp"));
    }
    assert_kept(&world, &world.index(), 10, "10 of its 30 images gone at once");
    // One of them moved: the others are few enough.
    world.put("1/moved.bmp", 0, 9);
    let report = world.index();
    assert_eq!((report.moved, report.removed), (1, 9), "{report:?}");
}

#[test]
fn ignored_files_are_no_loss() {
    let mut world = World::in_memory();
    filled(&world, 6);
    world.options.removal_limit = Some(RemovalLimit {
        share: 0.2,
        at_least: 1,
    });
    fs::write(world.path(".eideticignore"), "*.bmp\n").unwrap();
    let report = world.index();
    assert_eq!((report.removed, report.unreachable.len()), (6, 0));
}

#[test]
fn moved_folder_is_no_loss() {
    let world = World::on_disk();
    filled(&world, 6);
    let elsewhere = world.dir.path().join("elsewhere");
    fs::rename(&world.photos, &elsewhere).unwrap();
    fs::create_dir(&world.photos).unwrap();
    let report = world.index_sources(&[world.photos.clone(), elsewhere]);
    assert_eq!(
        (report.moved, report.removed, report.unreachable.len()),
        (6, 0, 0),
        "{report:?}"
    );
}

/// A folder on another device than temporary folders, where the system has one.
#[cfg(target_os = "linux")]
fn on_other_device(world: &World) -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt;
    let other = tempfile::tempdir_in("/dev/shm").ok()?;
    let device = |path: &std::path::Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    (device(other.path()) != device(&world.photos)).then_some(other)
}

#[cfg(target_os = "linux")]
#[test]
fn lost_mount_below_source_keeps_images() {
    use crate::world::image_bytes;
    use std::os::unix::fs::symlink;
    let mut world = World::on_disk();
    let Some(disk) = on_other_device(&world) else {
        return;
    };
    filled(&world, 3);
    for n in 10..20 {
        fs::write(disk.path().join(format!("{n}.bmp")), image_bytes(n)).unwrap();
    }
    symlink(disk.path(), world.path("nas")).unwrap();
    let report = world.index();
    assert_eq!(report.indexed, 10);
    assert!(
        report
            .mounts
            .iter()
            .any(|known| known.folder == world.path("nas"))
    );
    world.options.known_mounts = report.mounts;
    // The disk is gone; of the folder in its place, one image is left. The loss is small, but not on the same disk.
    let place = world.dir.path().join("mount-point");
    fs::create_dir(&place).unwrap();
    for n in 11..20 {
        fs::write(place.join(format!("{n}.bmp")), image_bytes(n)).unwrap();
    }
    fs::remove_file(world.path("nas")).unwrap();
    symlink(&place, world.path("nas")).unwrap();
    world.remove("0/000.bmp");
    let report = world.index();
    assert_eq!(
        report.removed, 1,
        "the rest of the source is as before: {report:?}"
    );
    assert_eq!(report.unreachable[0].path, world.path("nas"));
    assert!(
        report.unreachable[0].reason.contains("another disk or mount"),
        "{report:?}"
    );
    assert_eq!(world.names().len(), 12);
    // Until it is back, or the removals are accepted.
    world.options.known_mounts = report.mounts;
    assert_eq!(world.index().unreachable.len(), 1);
    world.options.accepted = vec![world.path("nas")];
    let report = world.index();
    assert_eq!((report.removed, report.unreachable.len()), (1, 0));
    world.options.known_mounts = report.mounts;
    world.options.accepted = Vec::new();
    fs::remove_file(place.join("11.bmp")).unwrap();
    assert_eq!(world.index().removed, 1, "the new place is the known one now");
}
