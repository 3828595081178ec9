//! Prints the milliseconds of processor time that decoding takes, one JSON object a line for each file, for
//! `tools/formats/speed.py`: `cargo run --release -p eidetic-imaging --example decode_speed -- [--runs N] FILE...`
//!
//! The fastest of some runs, for all pixels and for an eighth of the size; null where there is no faster way to the latter.

use std::io::{self, Write};
use std::time::Instant;
use std::{env, fs};

use eidetic_imaging::{DecodeLimits, DecodeSize, DecodedImage, decode, decode_scaled};
use serde_json::json;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut runs = 9;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--runs" {
            let number = arguments.next().and_then(|number| number.parse().ok());
            runs = number.ok_or_else(|| io::Error::other("--runs needs a number"))?;
        } else {
            writeln!(out, "{}", speed(&argument, runs)?)?;
        }
    }
    Ok(())
}

fn speed(file: &str, runs: usize) -> io::Result<serde_json::Value> {
    let bytes = fs::read(file)?;
    let limits = DecodeLimits::default();
    let decoded = decode(&bytes, &limits).map_err(io::Error::other)?;
    let (width, height) = decoded.image.dimensions();
    let eighth = DecodeSize {
        short_side: width.min(height) / 8,
        long_side: width.max(height) / 8,
    };
    Ok(json!({
        "path": file,
        "megapixels": f64::from(width) * f64::from(height) / 1e6,
        "full": fastest(runs, || decode(&bytes, &limits).ok()),
        "eighth": fastest(runs, || decode_scaled(&bytes, &limits, eighth)),
    }))
}

/// Milliseconds of the fastest run; none if `decode` returns nothing.
fn fastest(runs: usize, decode: impl Fn() -> Option<DecodedImage>) -> Option<f64> {
    let run = |_| {
        let timer = Timer::start();
        decode().map(|_| timer.milliseconds())
    };
    let times = (0..runs).map(run).collect::<Option<Vec<f64>>>()?;
    times.into_iter().min_by(f64::total_cmp)
}

/// Time of this thread on a processor, where the system tells it, else time that has passed.
struct Timer {
    processor: Option<u64>,
    clock: Instant,
}

impl Timer {
    fn start() -> Self {
        Self {
            processor: processor_nanoseconds(),
            clock: Instant::now(),
        }
    }

    fn milliseconds(&self) -> f64 {
        match (self.processor, processor_nanoseconds()) {
            (Some(start), Some(end)) => (end - start) as f64 / 1e6,
            _ => self.clock.elapsed().as_secs_f64() * 1e3,
        }
    }
}

/// What Linux says about this thread. The decoders start no others.
fn processor_nanoseconds() -> Option<u64> {
    let line = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    line.split_whitespace().next()?.parse().ok()
}
