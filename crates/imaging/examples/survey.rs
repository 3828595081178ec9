//! Decodes every file below the given folders and prints one JSON object a line for each: what became of it, its size,
//! and its pixels averaged to at most 32 × 32, for `tools/formats/compare.py`:
//! `cargo run --release -p eidetic-imaging --example survey -- DIR...`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use eidetic_imaging::{DecodeLimits, FileKind, HEAD_LENGTH, classify, decode};
use image::RgbImage;
use serde_json::{Value, json};

/// Greatest number of cells in each direction.
const CELLS: u32 = 32;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for folder in env::args_os().skip(1) {
        for file in files_below(Path::new(&folder))? {
            let start = Instant::now();
            let mut line = result(&file)?;
            line["path"] = file.to_string_lossy().into();
            line["milliseconds"] = (start.elapsed().as_secs_f64() * 1e3).into();
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn result(file: &Path) -> io::Result<Value> {
    let bytes = fs::read(file)?;
    let kind = classify(&bytes[..bytes.len().min(HEAD_LENGTH)], file);
    Ok(match (kind, decode(&bytes, &DecodeLimits::default())) {
        (FileKind::NotImage, Err(_)) => json!({ "result": "not an image" }),
        (FileKind::UnsupportedImage(reason), _) => json!({ "result": "unsupported", "reason": reason }),
        (_, Err(error)) => json!({ "result": "failed", "reason": error.to_string() }),
        (_, Ok(decoded)) => json!({
            "result": "image",
            "width": decoded.metadata.width,
            "height": decoded.metadata.height,
            "metadata": format!("{:?}", decoded.metadata),
            "cells": cells(&decoded.image),
        }),
    })
}

/// Mean RGB of each cell of a grid of at most [`CELLS`] × [`CELLS`], row by row. Cell `i` of `n` covers the pixels from
/// `⌊i · size / n⌋` to `⌊(i + 1) · size / n⌋`.
fn cells(image: &RgbImage) -> Vec<Vec<[f64; 3]>> {
    let (columns, rows) = (image.width().min(CELLS), image.height().min(CELLS));
    let range = |index: u32, size: u32, count: u32| {
        let at = |index: u32| (u64::from(index) * u64::from(size) / u64::from(count)) as u32;
        at(index)..at(index + 1)
    };
    let mean = |row: u32, column: u32| {
        let mut sums = [0_u64; 3];
        let mut count = 0.0;
        for y in range(row, image.height(), rows) {
            for x in range(column, image.width(), columns) {
                let pixel = image.get_pixel(x, y).0;
                sums.iter_mut()
                    .zip(pixel)
                    .for_each(|(sum, value)| *sum += u64::from(value));
                count += 1.0;
            }
        }
        sums.map(|sum| (sum as f64 / count * 10.0).round() / 10.0)
    };
    (0..rows)
        .map(|row| (0..columns).map(|column| mean(row, column)).collect())
        .collect()
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
