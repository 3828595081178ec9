//! Measurements rather than checks: `cargo test -p eidetic-indexer -- --ignored --nocapture --test-threads
//! 1`.

use std::fs;
use std::io::Cursor;
use std::time::Instant;

use image::{ImageFormat, Rgb, RgbImage};

use crate::world::{World, summary};

const FILES: u32 = 100_000;

#[test]
#[ignore = "takes a minute; prints the duration of a run over 100,000 unchanged files"]
fn rescan_of_unchanged_files() {
    let mut world = World::on_disk();
    world.options.batch = 256;
    world.options.commit_every = 4096;
    for n in 0..FILES {
        world.put(&format!("{:03}/{n}.bmp", n % 500), n, 0);
    }
    let first = world.index();
    println!("first run: {} in {:.2} s", summary(&first), first.seconds);
    for _ in 0..3 {
        let start = Instant::now();
        let mut bytes = 0;
        for folder in fs::read_dir(&world.photos).unwrap() {
            for file in fs::read_dir(folder.unwrap().path()).unwrap() {
                bytes += file.unwrap().metadata().unwrap().len();
            }
        }
        let walk = start.elapsed().as_secs_f64();
        let again = world.index();
        assert_eq!(again.unchanged, u64::from(FILES));
        println!(
            "list and stat ({bytes} bytes) {walk:.3} s, rescan {:.3} s, ratio {:.2}",
            again.seconds,
            again.seconds / walk
        );
    }
}

#[test]
#[ignore = "takes a minute; prints the peak memory for images of 100 megapixels"]
fn memory_for_huge_images() {
    let mut world = World::on_disk();
    world.options.threads = 8;
    let huge = RgbImage::from_fn(11_600, 8_700, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]));
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ] {
        let mut bytes = Cursor::new(Vec::new());
        huge.write_to(&mut bytes, format).unwrap();
        let mut bytes = bytes.into_inner();
        println!("{format:?}: {} MiB", bytes.len() >> 20);
        for n in 0..3_u8 {
            bytes.push(n);
            world.put_bytes(&format!("{n}.{}", format.extensions_str()[0]), &bytes, 0);
        }
    }
    drop(huge);
    // Resets the peak on Linux.
    let _unsupported = fs::write("/proc/self/clear_refs", "5");
    let report = world.index();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("unknown");
    println!("{} in {:.1} s, peak {peak}", summary(&report), report.seconds);
    for failure in &report.failed {
        println!("{}: {}", failure.path.display(), failure.reason);
    }
}
