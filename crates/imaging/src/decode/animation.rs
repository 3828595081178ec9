//! Which frame stands for an animation: the first one, unless it is blank.

use image::DynamicImage;

/// Frames that are looked at after a blank one.
pub(super) const MOST_FRAMES: usize = 50;

/// Pixels of all frames that are looked at.
pub(super) const MOST_PIXELS: u64 = 100_000_000;

/// Whether there is nothing to see: all pixels are transparent or have the same color.
pub(super) fn is_blank(image: &DynamicImage) -> bool {
    let pixel_bytes = usize::from(image.color().bytes_per_pixel());
    let alpha_bytes = if image.color().has_alpha() {
        pixel_bytes / usize::from(image.color().channel_count())
    } else {
        0
    };
    is_uniform(image.as_bytes(), pixel_bytes, alpha_bytes)
}

/// The same for the bytes of pixels, of which the last `alpha_bytes` are alpha.
pub(super) fn is_uniform(content: &[u8], pixel_bytes: usize, alpha_bytes: usize) -> bool {
    let mut pixels = content.chunks_exact(pixel_bytes);
    let is_transparent =
        |pixel: &[u8]| alpha_bytes > 0 && pixel[pixel_bytes - alpha_bytes..].iter().all(|&byte| byte == 0);
    let Some(first) = pixels.next() else {
        return true;
    };
    if is_transparent(first) {
        pixels.all(is_transparent)
    } else {
        pixels.all(|pixel| pixel == first)
    }
}

/// The first image that is not blank, of `frames`, which have `pixels` pixels each.
pub(super) fn first_visible<E>(
    frames: impl Iterator<Item = Result<DynamicImage, E>>,
    pixels: u64,
) -> Option<DynamicImage> {
    let most = (MOST_PIXELS / pixels.max(1)).min(MOST_FRAMES as u64) as usize;
    frames
        .take(most)
        .map_while(Result::ok)
        .find(|image| !is_blank(image))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgba, RgbaImage};

    fn image(pixels: [[u8; 4]; 2]) -> DynamicImage {
        RgbaImage::from_fn(2, 1, |x, _| Rgba(pixels[x as usize])).into()
    }

    #[test]
    fn transparent_and_uniform_images_are_blank() {
        assert!(is_blank(&image([[1, 2, 3, 0], [4, 5, 6, 0]])));
        assert!(is_blank(&image([[1, 2, 3, 255]; 2])));
        assert!(!is_blank(&image([[1, 2, 3, 255], [1, 2, 4, 255]])));
        assert!(!is_blank(&image([[1, 2, 3, 0], [1, 2, 3, 255]])));
        assert!(is_blank(&DynamicImage::new_rgb16(3, 3)));
    }

    #[test]
    fn first_visible_frame_is_found() {
        let blank = image([[9; 4]; 2]);
        let visible = image([[9; 4], [0, 0, 0, 255]]);
        let frames = [Ok::<_, ()>(blank.clone()), Ok(visible.clone()), Ok(blank)];
        assert_eq!(first_visible(frames.into_iter(), 2), Some(visible));
        assert_eq!(first_visible([Err(())].into_iter(), 2), None);
    }
}
