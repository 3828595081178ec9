//! Prints the milliseconds that decoding takes, the best of several runs, for each of the given files:
//! `cargo run --release -p eidetic-imaging --example jpeg_speed -- FILE...`
//!
//! Columns: all pixels, an eighth of the size, the file.

use std::io::{self, Write};
use std::time::Instant;
use std::{env, fs};

use eidetic_imaging::{DecodeLimits, DecodeSize, DecodedImage, decode, decode_scaled};

const RUNS: usize = 9;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for file in env::args().skip(1) {
        let bytes = fs::read(&file)?;
        let limits = DecodeLimits::default();
        let full = best_of_runs(|| decode(&bytes, &limits).ok());
        let size = decode(&bytes, &limits).map(|decoded| decoded.image.dimensions());
        let (width, height) = size.map_err(io::Error::other)?;
        let eighth = DecodeSize {
            short_side: width.min(height) / 8,
            long_side: width.max(height) / 8,
        };
        let scaled = best_of_runs(|| decode_scaled(&bytes, &limits, eighth));
        writeln!(out, "{full}\t{scaled}\t{file}")?;
    }
    Ok(())
}

/// Milliseconds of the fastest run, or a dash if `decode` returns nothing.
fn best_of_runs(decode: impl Fn() -> Option<DecodedImage>) -> String {
    let run = |_| {
        let start = Instant::now();
        decode().map(|_| start.elapsed().as_secs_f64() * 1e3)
    };
    (0..RUNS)
        .map(run)
        .collect::<Option<Vec<f64>>>()
        .and_then(|times| times.into_iter().min_by(f64::total_cmp))
        .map_or_else(|| "-".to_owned(), |best| format!("{best:.1} ms"))
}
