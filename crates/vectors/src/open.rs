//! Opening a store: rows of a valid snapshot are taken from there, the others are read from the vector file.

use std::collections::HashSet;

use eidetic_domain::{ImageId, RowId};
use eidetic_kernels::CacheLine;
use rayon::prelude::*;

use crate::IndexError;
use crate::codes::{CHUNK_ROWS, Codes};
use crate::graph::Graph;
use crate::row_map::RowMap;
use crate::row_scan::{RowEntry, scan_rows};
use crate::snapshot::Snapshot;
use crate::vector_file::VectorFile;

/// Findings from opening a vector file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Images whose row is missing, damaged, or another image's, sorted. They are not in the index until they are added
    /// again. Rows whose codes are in the snapshot are not read when opening; they are verified whenever they are read.
    pub damaged: Vec<ImageId>,
    /// Number of rows in the file that no catalog record names, such as those of a run that ended before it wrote its
    /// records.
    pub dropped: u64,
}

/// The initial state of a store.
pub(crate) struct OpenedIndex {
    pub(crate) codes: Codes,
    pub(crate) rows: RowMap,
    pub(crate) graph: Option<Graph>,
    /// The rows that come from the snapshot and have not been read, in ascending order.
    pub(crate) from_snapshot: Vec<u32>,
    pub(crate) report: OpenReport,
}

/// Takes the rows of `live` from the snapshot where it has them for the same image, and reads the others.
pub(crate) fn open(
    file: &VectorFile,
    dimension: usize,
    live: &[(RowId, ImageId)],
    snapshot: Option<Snapshot>,
) -> Result<OpenedIndex, IndexError> {
    let file_rows = file.rows()?;
    let entries = entries_within(live, file_rows);
    let distinct_rows = entries.chunk_by(|a, b| a.0 == b.0).count() as u64;
    let (mut codes, graph, images) = match snapshot {
        Some(snapshot) => (snapshot.codes, Some(snapshot.graph), snapshot.images),
        None => (Codes::new(dimension), None, Vec::new()),
    };
    let in_snapshot = |(row, image): &RowEntry| images.get(*row as usize) == Some(image.as_bytes());
    let (known, unknown): (Vec<RowEntry>, Vec<RowEntry>) = entries.into_iter().partition(in_snapshot);

    let mut rows = RowMap::with_capacity(live.len());
    for &(row, image) in &known {
        assign_if_vacant(&mut rows, row, image);
    }
    // A chunk at a time: a second copy of all codes would not fit beside the first.
    for entries in unknown.chunk_by(|a, b| a.0 as usize / CHUNK_ROWS == b.0 as usize / CHUNK_ROWS) {
        for read in read_codes(file, dimension, entries, &codes)? {
            for (&(row, image), code) in read.entries.iter().zip(read.lines.chunks_exact(codes.lines())) {
                if assign_if_vacant(&mut rows, row, image) {
                    codes.set_code(row, code);
                }
            }
        }
    }
    let report = OpenReport {
        damaged: images_without_row(live, &rows),
        dropped: file_rows - distinct_rows,
    };
    Ok(OpenedIndex {
        codes,
        rows,
        graph,
        from_snapshot: known.into_iter().map(|(row, _)| row).collect(),
        report,
    })
}

/// The codes of valid rows.
#[derive(Default)]
struct ReadCodes {
    entries: Vec<RowEntry>,
    /// The codes of all, one after the other.
    lines: Vec<CacheLine>,
}

/// The codes of the valid rows among `entries`, by block.
fn read_codes(
    file: &VectorFile,
    dimension: usize,
    entries: &[RowEntry],
    codes: &Codes,
) -> Result<Vec<ReadCodes>, IndexError> {
    let encode = |read: &mut ReadCodes, entry, vector: Option<&[f32]>| {
        if let Some(vector) = vector {
            read.entries.push(entry);
            codes.append_code(vector, &mut read.lines);
        }
    };
    scan_rows(file, dimension, entries, ReadCodes::default, encode)
}

/// Assigns a row to an image, unless one of them is taken; returns whether it did.
fn assign_if_vacant(rows: &mut RowMap, row: u32, image: ImageId) -> bool {
    let vacant = rows.row(&image).is_none() && rows.image(row).is_none();
    if vacant {
        rows.assign(row, image);
    }
    vacant
}

/// The entries of `live` whose rows are within the file, in order of row.
fn entries_within(live: &[(RowId, ImageId)], file_rows: u64) -> Vec<RowEntry> {
    let mut entries: Vec<RowEntry> = live
        .iter()
        .filter(|(row, _)| row.0 < file_rows)
        .filter_map(|&(row, image)| Some((u32::try_from(row.0).ok()?, image)))
        .collect();
    entries.par_sort_unstable();
    entries
}

/// The images of `live` that have no row, sorted.
fn images_without_row(live: &[(RowId, ImageId)], rows: &RowMap) -> Vec<ImageId> {
    let missing: HashSet<ImageId> = live
        .iter()
        .map(|&(_, image)| image)
        .filter(|image| rows.row(image).is_none())
        .collect();
    let mut missing: Vec<ImageId> = missing.into_iter().collect();
    missing.sort_unstable();
    missing
}
