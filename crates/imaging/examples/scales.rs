//! Decodes every JPEG below the folders given at full size and scaled, and tells what each costs and how far they differ:
//! `cargo run --release -p eidetic-imaging --example scales -- DIR...`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use eidetic_imaging::{Detail, Limits, decode_scaled};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for folder in env::args_os().skip(1) {
        for file in files_below(Path::new(&folder))? {
            writeln!(out, "{}\t{}", verdict(&fs::read(&file)?), file.display())?;
        }
    }
    Ok(())
}

fn verdict(bytes: &[u8]) -> String {
    let start = Instant::now();
    for _ in 0..20 { std::hint::black_box(decode_scaled(bytes, &Limits::default(), Detail::of_model(Some(224)))); }
    let scaled_ms = start.elapsed().as_secs_f64() * 50.0; let start=Instant::now();
    let Some(scaled) = decode_scaled(bytes, &Limits::default(), Detail::of_model(Some(224))) else {
        return "left to the full decoder".to_owned();
    };
        let start = Instant::now();
    let _=start; format!("{scaled_ms:.2} {}", scaled.image.width())
}
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
