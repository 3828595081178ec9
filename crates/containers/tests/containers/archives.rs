//! ZIP and tar archives.

use std::fs;

use eidetic_containers::{ContainerError, ContainerReader, PartContent, PartProblem};
use eidetic_domain::{ImageId, PartPath};
use eidetic_imaging::DecodeLimits;

use crate::samples::{folder, names, parts, png, tar, zip};

const RED: [u8; 3] = [255, 0, 0];

#[test]
fn pictures_in_archives_are_found_by_name() {
    let folder = folder();
    let (red, text) = (png(RED), b"no picture".as_slice());
    let members: &[(&str, &[u8])] = &[
        ("notes.txt", text),
        ("beach/01.png", &red),
        ("beach/.hidden.png", &red),
        ("__MACOSX/beach/._01.png", text),
        ("inner.zip", text),
        ("b.png", &red),
    ];
    let reader = ContainerReader::default();
    for path in [zip(folder.path(), members), tar(folder.path(), members)] {
        assert_eq!(names(&reader, &path), ["beach/01.png", "b.png"]);
        let part = PartPath::new(&path, "beach/01.png");
        let image = reader.read_part(&part).unwrap();
        // The same image as a copy outside the archive.
        assert_eq!(image.image, ImageId::of(&red));
        assert!(matches!(image.content, PartContent::Encoded(bytes) if bytes == red));
        let missing = reader.read_part(&PartPath::new(&path, "c.png"));
        assert!(matches!(missing, Err(ContainerError::NoSuchPart)));
    }
}

#[test]
fn unsupported_and_large_members_are_named() {
    let folder = folder();
    let large = vec![0; 2_000];
    let path = zip(folder.path(), &[("a.dds", b"DDS "), ("large.png", &large)]);
    let reader = ContainerReader {
        limits: DecodeLimits {
            file_bytes: 1_000,
            ..DecodeLimits::default()
        },
        ffmpeg: None,
    };
    let (found, ended) = parts(&reader, &path);
    ended.unwrap();
    assert!(matches!(&found[0].content, Err(PartProblem::Unsupported(reason)) if reason.contains("DDS")));
    assert!(matches!(&found[1].content, Err(PartProblem::Failed(reason)) if reason.contains("too large")));
}

#[test]
fn archive_bomb_is_given_up() {
    let folder = folder();
    let zeros = vec![0; 32 << 20];
    let names = ["1.bmp", "2.bmp", "3.bmp", "4.bmp"];
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, zeros.as_slice())).collect();
    let path = zip(folder.path(), &members);
    let (found, ended) = parts(&ContainerReader::default(), &path);
    assert!(found.len() < names.len());
    assert!(
        matches!(ended, Err(ContainerError::Unreadable(reason)) if reason.contains("unpacks to far more"))
    );
}

#[test]
fn damaged_archives_never_panic() {
    let folder = folder();
    let red = png(RED);
    let members: &[(&str, &[u8])] = &[("a.png", &red), ("b.png", &red)];
    let reader = ContainerReader::default();
    for path in [zip(folder.path(), members), tar(folder.path(), members)] {
        let whole = fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 40) {
            fs::write(&path, &whole[..length]).unwrap();
            let (found, _) = parts(&reader, &path);
            assert!(found.len() <= 2);
            let mut flipped = whole.clone();
            flipped[length] ^= 0x55;
            fs::write(&path, &flipped).unwrap();
            let _ = parts(&reader, &path);
        }
    }
}
