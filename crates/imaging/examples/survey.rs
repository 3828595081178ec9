//! Decodes every file below the given folders and prints, tab-separated, the result and the time of each:
//! `cargo run -p eidetic-imaging --example survey -- DIR...`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use eidetic_imaging::{DecodeLimits, FileKind, HEAD_LENGTH, classify, decode};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for folder in env::args_os().skip(1) {
        for file in files_below(Path::new(&folder))? {
            let start = Instant::now();
            let result = result(&file)?;
            let milliseconds = start.elapsed().as_secs_f64() * 1e3;
            writeln!(out, "{result}\t{milliseconds:.1} ms\t{}", file.display())?;
        }
    }
    Ok(())
}

fn result(file: &Path) -> io::Result<String> {
    let bytes = fs::read(file)?;
    let kind = classify(&bytes[..bytes.len().min(HEAD_LENGTH)], file);
    let result = match (kind, decode(&bytes, &DecodeLimits::default())) {
        (FileKind::NotImage, Err(_)) => "not an image".to_owned(),
        (FileKind::UnsupportedImage(reason), _) => format!("unsupported: {reason}"),
        (_, Err(error)) => format!("failed: {error}"),
        (_, Ok(decoded)) => format!("{:?}", decoded.metadata),
    };
    Ok(result)
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
