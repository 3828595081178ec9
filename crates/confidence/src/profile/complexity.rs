//! Image complexity: how busy an image is.

use image::imageops::{grayscale, thumbnail};
use image::{GrayImage, RgbImage};

/// Images are scaled down to this side first, so that an image and a small copy of it have the same
/// complexity.
const SIDE: u32 = 256;
/// A pixel with at least this gradient (of at most 1,443) is on an edge. Photographic noise is below it.
const MIN_EDGE_GRADIENT: f32 = 120.0;

/// The share of an image's pixels that are on an edge (Sobel gradient of the lightness, at 256 pixels on
/// the longer side), 0 to 1. A product on a plain background has about 0.05, a crowded street 0.4.
pub fn edge_density(image: &RgbImage) -> f32 {
    let gray = grayscale(&scaled_down(image));
    let (width, height) = gray.dimensions();
    if width < 3 || height < 3 {
        return 0.0;
    }
    let inner = (1..height - 1).flat_map(|y| (1..width - 1).map(move |x| (x, y)));
    let edges = inner
        .filter(|&(x, y)| gradient(&gray, x, y) >= MIN_EDGE_GRADIENT)
        .count();
    edges as f32 / ((width - 2) * (height - 2)) as f32
}

fn scaled_down(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer <= SIDE {
        return image.clone();
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(SIDE) / u64::from(longer)).max(1) as u32;
    thumbnail(image, scaled(width), scaled(height))
}

/// The Sobel gradient at a pixel that is not on the border.
fn gradient(gray: &GrayImage, x: u32, y: u32) -> f32 {
    let at = |dx: u32, dy: u32| f32::from(gray.get_pixel(x + dx - 1, y + dy - 1).0[0]);
    let across = at(2, 0) + 2.0 * at(2, 1) + at(2, 2) - at(0, 0) - 2.0 * at(0, 1) - at(0, 2);
    let down = at(0, 2) + 2.0 * at(1, 2) + at(2, 2) - at(0, 0) - 2.0 * at(1, 0) - at(2, 0);
    across.hypot(down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn checkered_image_has_more_edges_than_plain() {
        let plain = RgbImage::from_pixel(600, 400, Rgb([200, 180, 160]));
        assert!(edge_density(&plain) < 1e-6);
        let checkered = RgbImage::from_fn(256, 256, |x, y| {
            Rgb([if (x / 2 + y / 2) % 2 == 0 { 0 } else { 255 }; 3])
        });
        assert!(edge_density(&checkered) > 0.5);
        let half = RgbImage::from_fn(512, 512, |x, _| Rgb([if x < 256 { 20 } else { 230 }; 3]));
        let density = edge_density(&half);
        assert!(density > 0.002 && density < 0.03, "{density}");
        for (width, height) in [(0, 0), (1, 1), (2, 9), (10_000, 1)] {
            assert!(edge_density(&RgbImage::new(width, height)) < 1e-6);
        }
    }
}
