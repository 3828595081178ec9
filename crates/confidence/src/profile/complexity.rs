use image::imageops::{grayscale, thumbnail};
use image::{GrayImage, RgbImage};

/// Pictures are compared at this size, so that a large one is not busier than a small copy of it.
const SIDE: u32 = 256;
/// From this gradient on (of at most 1,443) a pixel lies on an edge; photographic noise stays below.
const EDGE: f32 = 120.0;

/// The part of a picture's pixels that lie on an edge (Sobel's gradient of its lightness, at 256 pixels a side), 0 to 1. A
/// product before a plain ground has about 0.05, a crowded street 0.4.
pub fn edge_density(picture: &RgbImage) -> f32 {
    let grey = grayscale(&small(picture));
    let (width, height) = grey.dimensions();
    if width < 3 || height < 3 {
        return 0.0;
    }
    let inner = (1..height - 1).flat_map(|y| (1..width - 1).map(move |x| (x, y)));
    let edges = inner.filter(|&(x, y)| gradient(&grey, x, y) >= EDGE).count();
    edges as f32 / ((width - 2) * (height - 2)) as f32
}

fn small(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if longer <= SIDE {
        return picture.clone();
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(SIDE) / u64::from(longer)).max(1) as u32;
    thumbnail(picture, scaled(width), scaled(height))
}

/// `x` and `y` are not at the border.
fn gradient(grey: &GrayImage, x: u32, y: u32) -> f32 {
    let at = |dx: u32, dy: u32| f32::from(grey.get_pixel(x + dx - 1, y + dy - 1).0[0]);
    let across = at(2, 0) + 2.0 * at(2, 1) + at(2, 2) - at(0, 0) - 2.0 * at(0, 1) - at(0, 2);
    let down = at(0, 2) + 2.0 * at(1, 2) + at(2, 2) - at(0, 0) - 2.0 * at(1, 0) - at(2, 0);
    across.hypot(down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_plain_picture_has_no_edges_and_a_chequered_one_is_full_of_them() {
        let plain = RgbImage::from_pixel(600, 400, Rgb([200, 180, 160]));
        assert!(edge_density(&plain) < 1e-6);
        let chequered = RgbImage::from_fn(256, 256, |x, y| {
            Rgb([if (x / 2 + y / 2) % 2 == 0 { 0 } else { 255 }; 3])
        });
        assert!(edge_density(&chequered) > 0.5);
        let half = RgbImage::from_fn(512, 512, |x, _| Rgb([if x < 256 { 20 } else { 230 }; 3]));
        let density = edge_density(&half);
        assert!(density > 0.002 && density < 0.03, "{density}");
        for (width, height) in [(0, 0), (1, 1), (2, 9), (10_000, 1)] {
            assert!(edge_density(&RgbImage::new(width, height)) < 1e-6);
        }
    }
}
