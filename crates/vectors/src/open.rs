//! Opening the vectors: from the snapshot where it holds what the catalog names, from the vector file elsewhere.

use std::collections::HashSet;

use eidetic_domain::{ImageId, RowId};
use eidetic_kernels::CacheLine;

use crate::IndexError;
use crate::codes::Codes;
use crate::file::VectorFile;
use crate::graph::Graph;
use crate::rows::Rows;
use crate::snapshot::Snapshot;
use crate::sweep::{Claim, sweep};

/// What was found wrong or superfluous when a vector file was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Images whose row is missing or was found damaged or another image's, sorted: absent until they are indexed again.
    /// Rows whose codes a snapshot holds are not read now: those are checked whenever they are read.
    pub damaged: Vec<ImageId>,
    /// Rows of the file that no record names, such as those of a run that ended before its catalog record was written.
    pub dropped: u64,
}

/// What a store starts from.
pub(crate) struct Opened {
    pub(crate) codes: Codes,
    pub(crate) rows: Rows,
    pub(crate) graph: Option<Graph>,
    /// Rows that the snapshot had as they are, in order.
    pub(crate) known: Vec<u32>,
    pub(crate) report: OpenReport,
}

/// Takes the rows that `live` names from the snapshot, and reads those that it does not have.
pub(crate) fn open(
    file: &VectorFile,
    dimension: usize,
    live: &[(RowId, ImageId)],
    snapshot: Option<Snapshot>,
) -> Result<Opened, IndexError> {
    let file_rows = file.rows()?;
    let claims = claims(live, file_rows);
    let named = claims.chunk_by(|a, b| a.0 == b.0).count() as u64;
    let (mut codes, graph, images) = match snapshot {
        Some(snapshot) => (snapshot.codes, Some(snapshot.graph), snapshot.images),
        None => (Codes::new(dimension), None, Vec::new()),
    };
    let is_known = |(row, image): &Claim| images.get(*row as usize) == Some(image.as_bytes());
    let (known, unknown): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(is_known);

    let mut rows = Rows::with_capacity(live.len());
    for &(row, image) in &known {
        take(&mut rows, row, image);
    }
    for (claim, code) in read(file, dimension, &unknown, &codes)? {
        if take(&mut rows, claim.0, claim.1) {
            codes.put(claim.0, &code);
        }
    }
    let report = OpenReport {
        damaged: absent(live, &rows),
        dropped: file_rows - named,
    };
    let known = known.into_iter().map(|(row, _)| row).collect();
    Ok(Opened {
        codes,
        rows,
        graph,
        known,
        report,
    })
}

/// The codes of the rows that hold what is claimed of them.
fn read(
    file: &VectorFile,
    dimension: usize,
    claims: &[Claim],
    codes: &Codes,
) -> Result<Vec<(Claim, Vec<CacheLine>)>, IndexError> {
    let encode = |read: &mut Vec<_>, claim, vector: Option<&[f32]>| {
        read.extend(vector.map(|vector| (claim, codes.encode(vector))));
    };
    Ok(sweep(file, dimension, claims, Vec::new, encode)?
        .into_iter()
        .flatten()
        .collect())
}

/// Gives an image its row, unless it or another has it already.
fn take(rows: &mut Rows, row: u32, image: ImageId) -> bool {
    let free = rows.row(&image).is_none() && rows.image(row).is_none();
    if free {
        rows.occupy(row, image);
    }
    free
}

/// The claims on rows that the file has, in order of row.
fn claims(live: &[(RowId, ImageId)], file_rows: u64) -> Vec<Claim> {
    let mut claims: Vec<Claim> = live
        .iter()
        .filter(|(row, _)| row.0 < file_rows)
        .filter_map(|&(row, image)| Some((u32::try_from(row.0).ok()?, image)))
        .collect();
    claims.sort_unstable();
    claims
}

/// The images of `live` that have no row, sorted.
fn absent(live: &[(RowId, ImageId)], rows: &Rows) -> Vec<ImageId> {
    let absent: HashSet<ImageId> = live
        .iter()
        .map(|&(_, image)| image)
        .filter(|image| rows.row(image).is_none())
        .collect();
    let mut absent: Vec<ImageId> = absent.into_iter().collect();
    absent.sort_unstable();
    absent
}
