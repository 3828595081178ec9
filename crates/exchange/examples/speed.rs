//! How long files of embeddings take to write and to read, and how much memory: in each format, or in those that are named.
//!
//! `cargo run --release -p eidetic-exchange --example speed -- FOLDER ROWS DIMENSION [FORMAT…]`. The vectors are random. The peak of
//! memory is that of the process so far, so name one format at a time.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use eidetic_domain::{Embedding, ImageId, SpaceId, SplitMix64};
use eidetic_exchange::{
    ExchangeError, ExportInfo, FileFormat, FolderFiles, FolderWriter, RowColumns, RowDetails, VectorRow,
    VectorWriter, open, writer,
};

const BATCH: u64 = 1024;

#[expect(clippy::print_stdout, reason = "the result")]
fn main() -> Result<(), ExchangeError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rows, dimension, formats @ ..] = arguments.as_slice() else {
        panic!("speed FOLDER ROWS DIMENSION [FORMAT…]");
    };
    let (rows, dimension) = (
        rows.parse().expect("a number"),
        dimension.parse().expect("a number"),
    );
    let chosen = FileFormat::NAMES
        .into_iter()
        .filter(|(name, _)| formats.is_empty() || formats.iter().any(|wanted| wanted == name));
    for (name, format) in chosen {
        let path = Path::new(folder).join(format!("speed.{name}"));
        let start = Instant::now();
        write(&path, format, rows, dimension)?;
        let (wrote, bytes) = (start.elapsed().as_secs_f64(), size(&path));
        let start = Instant::now();
        let mut reader = open(&path, format)?;
        let mut read = 0;
        loop {
            let block = reader.next_block()?;
            if block.is_empty() {
                break;
            }
            read += block.len();
        }
        println!(
            "{name}: {read} rows, {:.0} MB, written in {wrote:.1} s, read in {:.1} s, peak {:.0} MB",
            bytes as f64 / 1e6,
            start.elapsed().as_secs_f64(),
            peak() as f64 / 1e6
        );
    }
    Ok(())
}

fn write(path: &Path, format: FileFormat, rows: u64, dimension: usize) -> Result<(), ExchangeError> {
    let info = ExportInfo {
        space: SpaceId {
            model: "random".into(),
            revision: "1".into(),
            preprocessing: "none".into(),
            dimension,
        },
        rows,
        columns: RowColumns::Embeddings,
    };
    if format == FileFormat::ClipRetrieval {
        fs::create_dir(path)?;
        let mut files = FolderFiles::create(path)?;
        fill(Box::new(FolderWriter::new(&mut files, &info)?), &info)
    } else {
        let mut file = File::create(path)?;
        fill(writer(format, &mut file, &info)?, &info)
    }
}

fn fill(mut writer: Box<dyn VectorWriter + '_>, info: &ExportInfo) -> Result<(), ExchangeError> {
    let mut random = SplitMix64::new(1);
    for start in (0..info.rows).step_by(BATCH as usize) {
        let row = |number: u64| VectorRow {
            image: ImageId::of(&number.to_le_bytes()),
            paths: vec![format!("/photos/{:03}/IMG_{number:07}.jpg", number % 1000).into()],
            embedding: Embedding::normalize(
                (0..info.space.dimension).map(|_| random.signed_unit()).collect(),
            )
            .expect("it has a direction"),
            details: RowDetails::default(),
        };
        let batch: Vec<VectorRow> = (start..info.rows.min(start + BATCH)).map(row).collect();
        writer.write(&batch)?;
    }
    writer.finish()
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::metadata(path).map_or(0, |metadata| metadata.len());
    };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}

/// The largest resident memory of this process so far, on Linux.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
