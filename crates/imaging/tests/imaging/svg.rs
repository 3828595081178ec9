//! SVG: sizes, colors, references, compression.

use std::io::Write;
use std::path::Path;

use eidetic_domain::ImageFormat;
use eidetic_imaging::{DecodeLimits, DecodedImage, FileKind, classify, decode};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::Rgb;

const WHITE: Rgb<u8> = Rgb([255; 3]);

pub fn document(attributes: &str, content: &str) -> Vec<u8> {
    format!("<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' {attributes}>{content}</svg>")
        .into_bytes()
}

fn drawn(attributes: &str, content: &str) -> DecodedImage {
    decode(&document(attributes, content), &DecodeLimits::default()).expect("a valid drawing")
}

/// Natural size and size in pixels.
fn sizes(attributes: &str) -> ((u32, u32), (u32, u32)) {
    let drawn = drawn(attributes, "<rect width='10' height='10'/>");
    (
        (drawn.metadata.width, drawn.metadata.height),
        drawn.image.dimensions(),
    )
}

#[test]
fn shapes_have_their_colors_on_white() {
    let drawn = drawn(
        "width='100' height='50'",
        "<style>.a { fill: #0000FF }</style><rect width='50' height='50' fill='red'/>
         <circle cx='75' cy='25' r='20' class='a'/>",
    );
    assert_eq!(drawn.metadata.format, ImageFormat::Svg);
    assert_eq!(drawn.image.dimensions(), (512, 256));
    assert_eq!(drawn.image.get_pixel(100, 128), &Rgb([255, 0, 0]));
    assert_eq!(drawn.image.get_pixel(384, 128), &Rgb([0, 0, 255]));
    assert_eq!(drawn.image.get_pixel(508, 4), &WHITE);
}

#[test]
fn opacity_is_composited_on_white() {
    let drawn = drawn(
        "width='10' height='10'",
        "<rect width='10' height='10' opacity='0.5'/>",
    );
    let Rgb(color) = *drawn.image.get_pixel(200, 200);
    assert!(color.iter().all(|value| (126..=129).contains(value)), "{color:?}");
}

#[test]
fn natural_size_is_kept_and_bounded() {
    assert_eq!(sizes("width='24' height='12'"), ((24, 12), (512, 256)));
    assert_eq!(sizes("width='1000' height='500'"), ((1000, 500), (1000, 500)));
    assert_eq!(
        sizes("width='10000' height='2500'"),
        ((10_000, 2_500), (2_048, 512))
    );
    assert_eq!(sizes("viewBox='0 0 300 600'"), ((300, 600), (300, 600)));
    assert_eq!(sizes("width='50' viewBox='0 0 300 600'"), ((50, 100), (256, 512)));
    assert_eq!(sizes("width='1in' height='1in'"), ((96, 96), (512, 512)));
    assert_eq!(sizes("width='1e9' height='1'"), ((1_000_000_000, 1), (2_048, 1)));
}

#[test]
fn other_files_are_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.png");
    image::RgbImage::from_pixel(8, 8, Rgb([255, 0, 0]))
        .save(&other)
        .unwrap();
    let path = other.to_str().unwrap();
    for address in [
        path.to_owned(),
        format!("file://{path}"),
        "http://localhost/a.png".to_owned(),
    ] {
        let content = format!("<image width='10' height='10' xlink:href='{address}'/>");
        let drawn = drawn("width='10' height='10'", &content);
        assert!(drawn.image.pixels().all(|pixel| *pixel == WHITE), "{address}");
    }
}

#[test]
fn embedded_pictures_are_shown() {
    // One red pixel.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
    let content = format!("<image width='10' height='10' href='data:image/png;base64,{png}'/>");
    let drawn = drawn("width='10' height='10'", &content);
    assert_eq!(drawn.image.get_pixel(250, 250), &Rgb([255, 0, 0]));
}

#[test]
fn scripts_change_nothing() {
    let drawn = drawn(
        "width='10' height='10' onload='go()'",
        "<script>while (true) {}</script><rect width='10' height='10' fill='lime'/>",
    );
    assert_eq!(drawn.image.get_pixel(100, 100), &Rgb([0, 255, 0]));
}

#[test]
fn compressed_drawing_is_read() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let content = "<rect width='10' height='10' fill='blue'/>";
    encoder
        .write_all(&document("width='10' height='10'", content))
        .unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(
        classify(&packed, Path::new("a.svgz")),
        FileKind::Image(ImageFormat::Svg)
    );
    let drawn = decode(&packed, &DecodeLimits::default()).unwrap();
    assert_eq!(drawn.image.get_pixel(100, 100), &Rgb([0, 0, 255]));
}

#[test]
fn declarations_and_entities_are_read() {
    let text = "<?xml version='1.0' encoding='utf-8'?>\n<!-- Generator -->\n<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' \
        'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd' [ <!ENTITY ns 'http://www.w3.org/2000/svg'> ]>\n\
        <svg xmlns='&ns;' width='10' height='10'><rect width='10' height='10' fill='red'/></svg>";
    let drawn = decode(text.as_bytes(), &DecodeLimits::default()).unwrap();
    assert_eq!(drawn.image.get_pixel(100, 100), &Rgb([255, 0, 0]));
}

#[test]
fn latin1_is_read() {
    let content = "<title>\u{FC}</title><rect width='10' height='10' fill='red'/>";
    let text = String::from_utf8(document("width='10' height='10'", content)).unwrap();
    let bytes: Vec<u8> = text.chars().map(|character| character as u8).collect();
    assert!(std::str::from_utf8(&bytes).is_err());
    assert!(decode(&bytes, &DecodeLimits::default()).is_ok());
}

#[test]
fn patterns_masks_and_filters_are_drawn() {
    let drawn = drawn(
        "width='100' height='100'",
        "<defs><pattern id='p' width='10' height='10' patternUnits='userSpaceOnUse'><rect width='10' height='10' fill='red'/></pattern>
         <mask id='m'><rect width='50' height='100' fill='white'/></mask>
         <filter id='f'><feGaussianBlur stdDeviation='2'/></filter></defs>
         <g filter='url(#f)'><rect width='100' height='100' fill='url(#p)' mask='url(#m)'/></g>",
    );
    assert_eq!(drawn.image.get_pixel(100, 250), &Rgb([255, 0, 0]));
    assert_eq!(drawn.image.get_pixel(400, 250), &WHITE);
}
