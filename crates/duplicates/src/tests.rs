//! Copies of scenes are found; other scenes are not.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::scenes::scene;
use crate::{Fingerprint, NearPair, near_pairs};

const SCENES: u64 = 40;
const THRESHOLD: f32 = 0.85;

fn fingerprints(images: &[RgbImage]) -> Vec<Fingerprint> {
    images
        .iter()
        .map(|image| Fingerprint::of(image).expect("it has pixels"))
        .collect()
}

fn found(images: &[RgbImage]) -> Vec<NearPair> {
    let mut pairs = near_pairs(&fingerprints(images));
    pairs.retain(|pair| pair.probability >= THRESHOLD);
    pairs
}

/// Asserts that of all scenes and one variant of each, nearly all variants are found, and nothing else.
#[track_caller]
fn assert_found(name: &str, vary: impl Fn(&RgbImage) -> RgbImage) {
    let scenes: Vec<RgbImage> = (0..SCENES).map(scene).collect();
    let variants: Vec<RgbImage> = scenes.iter().map(vary).collect();
    let pairs = found(&[scenes, variants].concat());
    let count = SCENES as usize;
    let wrong: Vec<_> = pairs
        .iter()
        .filter(|pair| pair.images.0 + count != pair.images.1)
        .collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
    assert!(
        pairs.len() * 20 >= count * 19,
        "{name}: {} of {count}",
        pairs.len()
    );
}

fn resized(image: &RgbImage, percent: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    imageops::resize(
        image,
        width * percent / 100,
        height * percent / 100,
        FilterType::Triangle,
    )
}

fn with_bar(image: &RgbImage, top: u32, height: u32) -> RgbImage {
    let mut barred = RgbImage::from_pixel(image.width(), image.height().max(top + height), Rgb([255; 3]));
    imageops::replace(&mut barred, image, 0, 0);
    for (x, y) in (top..top + height).flat_map(|y| (0..image.width()).map(move |x| (x, y))) {
        let is_ink = x / 3 % 3 == 0 && (top + 8..top + 16).contains(&y) && x * 7 / 9 % 5 != 0;
        barred.put_pixel(x, y, Rgb([if is_ink { 0 } else { 255 }; 3]));
    }
    barred
}

#[test]
fn other_sizes_and_colors_are_found() {
    assert_found("half", |image| resized(image, 50));
    assert_found("enlarged", |image| resized(image, 170));
    assert_found("gray", |image| {
        image::DynamicImage::ImageRgb8(image.clone())
            .grayscale()
            .into_rgb8()
    });
    assert_found("blurred", |image| imageops::blur(image, 0.8));
    assert_found("brighter", |image| imageops::brighten(image, 20));
}

#[test]
fn turned_and_mirrored_copies_are_found() {
    assert_found("90", imageops::rotate90);
    assert_found("180", imageops::rotate180);
    assert_found("270", imageops::rotate270);
    assert_found("mirrored", imageops::flip_horizontal);
    assert_found("turned and half", |image| imageops::rotate90(&resized(image, 50)));
}

#[test]
fn crops_frames_and_captions_are_found() {
    assert_found("crop", |image| {
        imageops::crop_imm(image, 30, 10, 192, 144).to_image()
    });
    assert_found("frame", |image| {
        let mut framed = RgbImage::from_pixel(image.width() + 30, image.height() + 30, Rgb([250, 250, 240]));
        imageops::replace(&mut framed, image, 15, 15);
        framed
    });
    assert_found("caption below", |image| with_bar(image, image.height(), 24));
    assert_found("caption on", |image| with_bar(image, image.height() - 24, 24));
}

#[test]
fn blank_pictures_resemble_nothing() {
    let mut images: Vec<RgbImage> = (0..6)
        .map(|shade| RgbImage::from_pixel(200, 150, Rgb([shade * 40; 3])))
        .collect();
    images.extend((0..4).map(|at| RgbImage::from_fn(200, 150, |_, y| Rgb([(y / 4 + at) as u8; 3]))));
    images.extend((1..4).map(|at| RgbImage::from_fn(200, 150, |x, y| Rgb([((x + at * y) / 4) as u8; 3]))));
    assert_eq!(found(&images), []);
}

#[test]
fn added_object_makes_another_picture() {
    let scenes: Vec<RgbImage> = (0..20).map(scene).collect();
    let changed = scenes.iter().map(|scene| {
        let mut changed = scene.clone();
        for (x, y) in (60..110).flat_map(|y| (80..140).map(move |x| (x, y))) {
            changed.put_pixel(x, y, Rgb([if (x / 10 + y / 10) % 2 == 0 { 240 } else { 10 }; 3]));
        }
        changed
    });
    let changed: Vec<RgbImage> = changed.collect();
    let pairs = found(&[scenes, changed].concat());
    assert!(pairs.len() <= 1, "{pairs:?}");
}

#[test]
fn many_equal_pictures_are_connected() {
    let images: Vec<RgbImage> = (0..300).map(|_| scene(3)).collect();
    let pairs = found(&images);
    assert_eq!(pairs.len(), 299);
    assert!(
        pairs
            .iter()
            .all(|pair| pair.images.0 == 0 && pair.probability >= 1.0)
    );
}

#[test]
fn strange_shapes_have_fingerprints() {
    assert_eq!(Fingerprint::of(&RgbImage::new(0, 0)), None);
    for (width, height) in [(1, 1), (1, 4000), (4000, 1), (3, 2), (17, 900), (2000, 40)] {
        let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 31 + y * 17) as u8; 3]));
        let fingerprint = Fingerprint::of(&image).expect("it has pixels");
        let bytes = fingerprint.to_bytes();
        assert_eq!(bytes.len(), Fingerprint::BYTES);
        assert_eq!(
            Fingerprint::from_bytes(&bytes),
            Some(fingerprint),
            "{width} x {height}"
        );
        assert_eq!(near_pairs(&fingerprints(std::slice::from_ref(&image))), []);
    }
    assert_eq!(Fingerprint::from_bytes(&[0; 3]), None);
    assert_eq!(Fingerprint::from_bytes(&vec![255; Fingerprint::BYTES]), None);
}
