//! Pictures made by code, for tests.

use image::{Rgb, RgbImage};

/// A generator of the `SplitMix64` kind.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % u64::from(limit)) as u32
    }
}

/// A scene of a gradient, boxes, discs and some noise; another one for each seed.
pub(crate) fn scene(seed: u64) -> RgbImage {
    const WIDTH: u32 = 240;
    const HEIGHT: u32 = 180;
    let mut random = Random(seed);
    let tint = [0; 3].map(|_: i32| random.below(160));
    let mut image = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        Rgb(tint.map(|tint| (tint + (x + y) / 6) as u8))
    });
    for number in 0..24 {
        let color = Rgb([0; 3].map(|_: i32| random.below(256) as u8));
        let (left, top) = (random.below(WIDTH), random.below(HEIGHT));
        let (width, height) = (8 + random.below(50), 8 + random.below(50));
        for (x, y) in
            (top..HEIGHT.min(top + height)).flat_map(|y| (left..WIDTH.min(left + width)).map(move |x| (x, y)))
        {
            let across = 2.0 * (x - left) as f32 / width as f32 - 1.0;
            let down = 2.0 * (y - top) as f32 / height as f32 - 1.0;
            if number % 2 == 0 || across * across + down * down < 1.0 {
                image.put_pixel(x, y, color);
            }
        }
    }
    for pixel in image.pixels_mut() {
        let noise = random.below(9) as i32 - 4;
        *pixel = Rgb(pixel
            .0
            .map(|value| (i32::from(value) + noise).clamp(0, 255) as u8));
    }
    image
}
