//! Decodes each given file several times and prints, tab-separated, its megapixels and the megapixels per second of the
//! fastest decode: `cargo run --release -p eidetic-imaging --example decode_speed -- FILE...`

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use eidetic_imaging::{DecodeLimits, decode};

const REPEATS: usize = 5;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for file in env::args_os().skip(1) {
        let bytes = fs::read(&file)?;
        let result = speed(&bytes).unwrap_or_else(|error| error.to_string());
        writeln!(out, "{result}\t{}", Path::new(&file).display())?;
    }
    Ok(())
}

fn speed(bytes: &[u8]) -> Result<String, eidetic_imaging::ImagingError> {
    let mut fastest = f64::INFINITY;
    let mut megapixels = 0.0;
    for _ in 0..REPEATS {
        let start = Instant::now();
        let decoded = decode(bytes, &DecodeLimits::default())?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
        megapixels = f64::from(decoded.metadata.width) * f64::from(decoded.metadata.height) / 1e6;
    }
    Ok(format!("{megapixels:.2} MP\t{:.1} MP/s", megapixels / fastest))
}
