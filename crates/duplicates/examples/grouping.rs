//! Measures how long it takes to find the copies among many images: fingerprints of pictures made by code, a tenth of them
//! copies of others at half the size.
//!
//! `cargo run --release -p eidetic-duplicates --example grouping -- [IMAGES]`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::time::Instant;
use std::{env, thread};

use eidetic_duplicates::{Fingerprint, near_pairs};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// One in so many images is a copy of the one before.
const COPY_EVERY: u64 = 10;

fn random(state: &mut u64) -> u32 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as u32
}

/// Boxes and discs on a gradient; another scene for each seed.
fn scene(seed: u64) -> RgbImage {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5555;
    let tint = random(&mut state) % 150;
    let mut image = RgbImage::from_fn(160, 120, |x, y| Rgb([(tint + x / 4 + y / 6) as u8; 3]));
    for number in 0..24 {
        let [left, top, width, height, shade] =
            [160, 120, 40, 40, 256].map(|limit: u32| random(&mut state) % limit);
        let (width, height) = (width + 5, height + 5);
        for (x, y) in
            (top..120.min(top + height)).flat_map(|y| (left..160.min(left + width)).map(move |x| (x, y)))
        {
            let across = 2.0 * (x - left) as f32 / width as f32 - 1.0;
            let down = 2.0 * (y - top) as f32 / height as f32 - 1.0;
            if number % 2 == 0 || across * across + down * down < 1.0 {
                image.put_pixel(x, y, Rgb([shade as u8; 3]));
            }
        }
    }
    image
}

fn fingerprint(number: u64) -> Fingerprint {
    let is_copy = number % COPY_EVERY == 1;
    let picture = scene(if is_copy { number - 1 } else { number });
    let picture = if is_copy {
        imageops::resize(&picture, 80, 60, FilterType::Triangle)
    } else {
        picture
    };
    Fingerprint::of(&picture).expect("a scene has pixels")
}

fn main() {
    let count: u64 = env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let start = Instant::now();
    let share = count.div_ceil(threads);
    let fingerprints: Vec<Fingerprint> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    (thread * share..count.min((thread + 1) * share))
                        .map(fingerprint)
                        .collect()
                })
            })
            .collect();
        started
            .into_iter()
            .flat_map(|thread| -> Vec<Fingerprint> { thread.join().expect("no thread panics") })
            .collect()
    });
    println!(
        "{count} pictures drawn, with fingerprints, in {:.1?} on {threads} threads",
        start.elapsed()
    );
    let start = Instant::now();
    let pairs = near_pairs(&fingerprints);
    let is_copy = |(a, b): (usize, usize)| b == a + 1 && b as u64 % COPY_EVERY == 1;
    let found = pairs.iter().filter(|pair| pair.probability >= 0.9);
    let (right, wrong) = found.fold((0, 0), |(right, wrong), pair| {
        if is_copy(pair.images) {
            (right + 1, wrong)
        } else {
            (right, wrong + 1)
        }
    });
    println!(
        "pairs in {:.1?}: {right} of {} copies, {wrong} others; {} bytes a fingerprint",
        start.elapsed(),
        count / COPY_EVERY,
        Fingerprint::BYTES
    );
}
