//! Pictures out of a library: folders, archives, contact sheets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use eidetic_tests::{Scenario, files_below, gallery_images, text};

/// Two folders with pictures of the same names, and a text beside them.
fn library(scenario: &Scenario) -> PathBuf {
    let photos = scenario.path("photos");
    for (folder, images) in [("a", 0..3), ("b", 3..6)] {
        fs::create_dir_all(photos.join(folder)).unwrap();
        for (number, image) in gallery_images()[images].iter().enumerate() {
            fs::copy(image, photos.join(folder).join(format!("IMG_{number}.jpg"))).unwrap();
        }
    }
    scenario.index(&photos);
    photos
}

fn names(folder: &Path) -> BTreeSet<String> {
    let names = files_below(folder)
        .into_iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    names.collect()
}

fn contents(files: impl IntoIterator<Item = PathBuf>) -> BTreeSet<Vec<u8>> {
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "jpg"))
        .map(|path| fs::read(path).unwrap())
        .collect()
}

#[test]
fn folder_gets_copies_and_manifest() {
    let scenario = Scenario::new();
    let photos = library(&scenario);
    let target = scenario.path("out/deep");
    let export = |more: &[&str]| scenario.run(&[&["export", "--to", text(&target), "--json"], more].concat());
    let first = export(&[]).expect_code(0).json();
    assert_eq!(
        (&first["pictures"], &first["targets"][0]["exported"]),
        (&6.into(), &6.into())
    );
    assert_eq!(contents(files_below(&target)), contents(files_below(&photos)));
    assert!(names(&target).contains("IMG_0 (2).jpg"), "{:?}", names(&target));
    let manifest = fs::read_to_string(target.join("manifest.csv")).unwrap();
    assert_eq!(manifest.lines().count(), 7);
    assert!(
        manifest.starts_with("file,path,image,taken,width,height,score,confidence\n"),
        "{manifest}"
    );
    let modified = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let any = files_below(&photos.join("a"))[0].clone();
    let copied = files_below(&target)
        .into_iter()
        .find(|path| fs::read(path).unwrap() == fs::read(&any).unwrap())
        .unwrap();
    assert_eq!(modified(copied), modified(any));
    // Again, nothing is copied; a file that is in the way is left.
    let again = export(&[]).expect_code(0).json();
    assert_eq!(
        (&again["targets"][0]["exported"], &again["targets"][0]["present"]),
        (&6.into(), &6.into())
    );
    fs::write(target.join("IMG_1.jpg"), "mine").unwrap();
    export(&["--manifest", "json"]).assert_code(0);
    assert_eq!(fs::read_to_string(target.join("IMG_1.jpg")).unwrap(), "mine");
    let rows: serde_json::Value =
        serde_json::from_slice(&fs::read(target.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 6);
    assert_eq!(
        contents(files_below(&photos)).len(),
        6,
        "sources are as they were"
    );
}

#[cfg(unix)]
#[test]
fn links_lead_to_the_pictures() {
    use std::os::unix::fs::MetadataExt;
    let scenario = Scenario::new();
    let photos = library(&scenario);
    let (hard, soft) = (scenario.path("hard"), scenario.path("soft"));
    let export = |target: &Path, method: &str| {
        let folder = photos.join("a");
        let arguments = ["export", "--folder", text(&folder), "--to", text(target), method];
        scenario.run(&arguments).expect_code(0)
    };
    export(&hard, "--hardlink");
    export(&soft, "--symlink");
    for number in 0..3 {
        let name = format!("IMG_{number}.jpg");
        let original = photos.join("a").join(&name);
        assert_eq!(
            fs::metadata(hard.join(&name)).unwrap().ino(),
            fs::metadata(&original).unwrap().ino()
        );
        assert_eq!(fs::read_link(soft.join(&name)).unwrap(), original);
    }
    let again = export(&soft, "--symlink");
    assert!(again.stdout.contains("3 there before"), "{again:?}");
}

#[test]
fn archive_and_sheet_hold_hits_of_search() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 20));
    let (zip, sheet) = (scenario.path("boats.zip"), scenario.path("boats.html"));
    let exported = scenario
        .run(&[
            "export",
            "a boat",
            "-k",
            "4",
            "--zip",
            text(&zip),
            "--contact-sheet",
            text(&sheet),
        ])
        .expect_code(0);
    assert_eq!(
        exported
            .stdout
            .lines()
            .filter(|line| line.starts_with("4 pictures in "))
            .count(),
        2,
        "{exported:?}"
    );
    let hits = scenario
        .run(&["search", "a boat", "-k", "4", "--paths"])
        .expect_code(0)
        .stdout;
    let expected: BTreeSet<Vec<u8>> = hits.lines().map(|path| fs::read(path).unwrap()).collect();
    let mut archive = zip::ZipArchive::new(File::open(&zip).unwrap()).unwrap();
    let mut found = BTreeSet::new();
    let mut manifest = String::new();
    for at in 0..archive.len() {
        let mut member = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        if member.name().unwrap() == "manifest.csv" {
            manifest = String::from_utf8(bytes).unwrap();
        } else {
            found.insert(bytes);
        }
    }
    assert_eq!(found, expected);
    assert_eq!(manifest.lines().count(), 5, "{manifest}");
    let page = fs::read_to_string(&sheet).unwrap();
    assert_eq!(page.matches("<figure>").count(), 4);
    assert!(page.contains("<title>a boat</title>") && !page.contains("not available"));
    let refused = scenario.run(&["export", "--zip", text(&zip)]).expect_code(3);
    assert!(refused.stderr.contains("exists already"), "{refused:?}");
    let server = scenario.serve();
    let other = scenario.path("through-server");
    scenario
        .run(&["export", "a boat", "-k", "4", "--to", text(&other)])
        .assert_code(0);
    assert_eq!(contents(files_below(&other)), expected);
    drop(server);
}

#[test]
fn missing_file_costs_one_line() {
    let scenario = Scenario::new();
    let photos = library(&scenario);
    fs::remove_file(photos.join("a/IMG_1.jpg")).unwrap();
    let target = scenario.path("out");
    let exported = scenario.run(&["export", "--to", text(&target)]).expect_code(1);
    assert!(
        exported.stderr.contains("IMG_1.jpg: its file is gone"),
        "{exported:?}"
    );
    assert!(exported.stdout.contains("5 pictures in "), "{exported:?}");
    let none = scenario
        .run(&["export", "--to", text(&target), "--name", "nothing"])
        .expect_code(0);
    assert!(none.stderr.contains("no picture to export"), "{none:?}");
    for wrong in [
        &["export"][..],
        &["export", "--to", "x", "--copy", "--symlink"],
        &["export", "--zip", "x", "--copy"],
    ] {
        scenario.run(wrong).assert_code(2);
    }
}

#[test]
fn members_of_archives_are_unpacked() {
    let scenario = Scenario::new();
    let photos = scenario.path("photos");
    fs::create_dir(&photos).unwrap();
    let mut archive = zip::ZipWriter::new(File::create(photos.join("album.zip")).unwrap());
    archive
        .start_file("inner/cat.jpg", zip::write::SimpleFileOptions::default())
        .unwrap();
    let content = fs::read(&gallery_images()[0]).unwrap();
    std::io::Write::write_all(&mut archive, &content).unwrap();
    archive.finish().unwrap();
    scenario
        .run(&["index", text(&photos), "--archives", "--model", "builtin"])
        .assert_code(0);
    let target = scenario.path("out");
    scenario.run(&["export", "--to", text(&target)]).assert_code(0);
    assert_eq!(fs::read(target.join("cat.jpg")).unwrap(), content);
}

#[test]
fn groups_of_duplicates_get_folders() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 4);
    let originals: Vec<PathBuf> = files_below(&photos);
    fs::create_dir(photos.join("copies")).unwrap();
    for original in &originals[..2] {
        fs::copy(
            original,
            photos.join("copies").join(original.file_name().unwrap()),
        )
        .unwrap();
    }
    scenario.index(&photos);
    let target = scenario.path("out");
    let arguments = [
        "export",
        "--duplicates",
        "--exact",
        "--to",
        text(&target),
        "--json",
    ];
    let first = scenario.run(&arguments).expect_code(0).json();
    assert_eq!(first["targets"][0]["exported"], 4, "{first}");
    let mut bests = Vec::new();
    let manifest = fs::read_to_string(target.join("manifest.csv")).unwrap();
    for line in manifest.lines().skip(1) {
        assert!(line.starts_with("group 000"), "{line}");
        bests.push(line.ends_with(",exact,true"));
    }
    assert_eq!(bests, [true, false, true, false], "{manifest}");
    for number in 1..=2 {
        let files = files_below(&target.join(format!("group 000{number}")));
        assert_eq!((files.len(), contents(files).len()), (2, 1));
    }
    let again = scenario.run(&arguments).expect_code(0).json();
    assert_eq!(again["targets"][0]["present"], 4, "{again}");
    let zip = scenario.path("groups.zip");
    scenario
        .run(&["export", "--duplicates", "--zip", text(&zip)])
        .assert_code(0);
    let archive = zip::ZipArchive::new(File::open(&zip).unwrap()).unwrap();
    assert_eq!(
        archive
            .file_names()
            .filter(|name| name.as_ref().unwrap().starts_with("group 0001/"))
            .count(),
        2
    );
    scenario
        .run(&["export", "--exact", "--to", text(&target)])
        .assert_code(2);
}

#[test]
fn lists_are_exported_in_their_order() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 6));
    let first = |more: &[&str]| {
        let target = scenario.path("sorted");
        let arguments = [&["export", "--to", text(&target), "--symlink", "-k", "2"], more].concat();
        scenario.run(&arguments).assert_code(0);
        let manifest = fs::read_to_string(target.join("manifest.csv")).unwrap();
        let names = manifest
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    let mut expected: Vec<String> = names(&scenario.path("photos")).into_iter().collect();
    assert_eq!(first(&["--sort", "name"]), expected[..2]);
    expected.reverse();
    assert_eq!(first(&["--sort", "name", "--reverse"]), expected[..2]);
    let wrong = |more: &[&str]| {
        scenario
            .run(&[&["export", "--to", "x"], more].concat())
            .assert_code(2);
    };
    wrong(&["--sort", "score"]);
    wrong(&["apple", "--sort", "name"]);
}
