//! Files from real cameras and broken files, if `../shared/data` exists beside the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eidetic_imaging::{DecodeLimits, DecodedImage, FileKind, HEAD_LENGTH, classify, decode};

pub fn corpus(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(folder);
    path.is_dir().then_some(path)
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn open(path: &Path) -> DecodedImage {
    decode(
        &fs::read(path).expect("a readable file"),
        &DecodeLimits::default(),
    )
    .expect("a valid image")
}

#[test]
fn every_file_is_decoded_or_refused_quickly() {
    for folder in ["broken", "formats"].into_iter().filter_map(corpus) {
        for path in files_below(&folder) {
            let bytes = fs::read(&path).expect("a readable file");
            let kind = classify(&bytes[..bytes.len().min(HEAD_LENGTH)], &path);
            let start = Instant::now();
            let answer = decode(&bytes, &DecodeLimits::default());
            // Far more than any takes on a busy machine: a decoder that hangs.
            assert!(start.elapsed() < Duration::from_secs(60), "{}", path.display());
            match (kind, answer) {
                (FileKind::NotImage | FileKind::UnsupportedImage(_), Ok(_)) => {
                    panic!("{} is an image", path.display())
                }
                (_, Err(error)) => {
                    let reason = error.to_string();
                    assert!(!reason.contains("the decoder panicked"), "{}", path.display());
                }
                (FileKind::Image(_), Ok(_)) => {}
            }
        }
    }
}

#[test]
fn all_orientations_give_same_image() {
    let Some(folder) = corpus("formats/orientation") else {
        return;
    };
    for shape in ["Landscape", "Portrait"] {
        let upright = open(&folder.join(format!("{shape}_1.jpg"))).image;
        for number in 0..=8 {
            let turned = open(&folder.join(format!("{shape}_{number}.jpg"))).image;
            assert_eq!(upright.dimensions(), turned.dimensions(), "{shape} {number}");
            let total: u64 = upright
                .iter()
                .zip(turned.iter())
                .map(|(a, b)| u64::from(a.abs_diff(*b)))
                .sum();
            let mean = total as f64 / upright.len() as f64;
            // Each file was encoded separately and shows its number as a label; a wrong orientation differs
            // by 40 and more.
            assert!(mean < 8.0, "{shape} {number}: mean difference {mean}");
        }
    }
}

#[test]
fn gps_photos_have_position_date_and_camera() {
    let Some(folder) = corpus("formats/gps") else {
        return;
    };
    let photos = files_below(&folder);
    for path in photos
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "jpg"))
    {
        let metadata = open(path).metadata;
        let position = metadata.position.expect("a position");
        assert!((43.4..43.5).contains(&position.latitude), "{position:?}");
        assert!((11.8..11.9).contains(&position.longitude), "{position:?}");
        assert_eq!(metadata.taken.expect("a date").year(), 2008);
        assert_eq!(
            metadata.camera.expect("a camera").to_string(),
            "NIKON COOLPIX P6000"
        );
    }
}

#[test]
fn empty_position_is_none() {
    let Some(folder) = corpus("formats/metadata/gps-position") else {
        return;
    };
    assert_eq!(open(&folder.join("empty_gps.jpg")).metadata.position, None);
}
