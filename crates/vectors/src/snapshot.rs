//! Codes and graph on disk, derived from the vector file: `index.bin`.
//!
//! The file is a row of sections, each of them in pieces of [`PIECE`] bytes, the last piece of a section shorter and
//! padded; then the CRC-32 of every piece; then one page that says what it is:
//!
//! | bytes of the page | what |
//! | --- | --- |
//! | 0..8 | `EIDETIDX` |
//! | 8..12 | format version |
//! | 12..16 | the number 0x01020304 as this machine has it: the sections are in its byte order |
//! | 16..20 | CRC-32 of the table of CRCs |
//! | 20..24 | length of the space's text form |
//! | 24..80 | rows, upper link lists, twins, chunks, rows in the graph, entry + 1, 64 bits each, one free |
//! | 80.. | the space's text form, then zeros |
//! | 4092..4096 | CRC-32 of the page |
//!
//! Sections: the image of each row (32 bytes; zeros where the graph leads to none), links at level 0, where each row's
//! upper links stand, upper links, twins with their nodes, chunks of codes. Whatever is wrong with the file, it is as if
//! there were none.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;

use eidetic_domain::SpaceId;
use eidetic_kernels::CacheLine;
use rayon::prelude::*;

use crate::IndexError;
use crate::codes::{CHUNK_ROWS, Codes};
use crate::graph::Graph;
use crate::links::{BASE_LINES, Links, UPPER};
use crate::positioned::PositionedFile;

const FILE_NAME: &str = "index.bin";
const MAGIC: &[u8; 8] = b"EIDETIDX";
const VERSION: u32 = 1;
const BYTE_ORDER: u32 = 0x0102_0304;
/// Bytes that one checksum covers.
const PIECE: usize = 4 << 20;
const PAGE: usize = 4096;
const COUNTS_AT: usize = 24;
const SPACE_AT: usize = 80;

/// What a snapshot holds.
pub(crate) struct Snapshot {
    pub(crate) codes: Codes,
    pub(crate) graph: Graph,
    /// By row: the image that the graph leads to there, or zeros.
    pub(crate) images: Vec<[u8; 32]>,
}

/// Sizes that the page states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    rows: u64,
    upper: u64,
    twins: u64,
    chunks: u64,
    len: u64,
    entry: u64,
}

/// Size of the saved file; 0 where there is none.
pub(crate) fn bytes(directory: &Path) -> u64 {
    fs::metadata(directory.join(FILE_NAME)).map_or(0, |file| file.len())
}

/// Writes a snapshot beside its place and moves it there.
pub(crate) fn save(
    directory: &Path,
    space: &SpaceId,
    codes: &Codes,
    graph: &Graph,
    images: &[[u8; 32]],
) -> Result<(), IndexError> {
    let path = directory.join(FILE_NAME);
    eidetic_atomic_file::write_with(&path, |file| write(file, space, codes, graph, images))
        .map_err(|source| IndexError::Io { path, source })
}

fn write(
    file: &mut File,
    space: &SpaceId,
    codes: &Codes,
    graph: &Graph,
    images: &[[u8; 32]],
) -> io::Result<()> {
    let mut twins: Vec<[u32; 2]> = graph.node_of.iter().map(|(&twin, &node)| [twin, node]).collect();
    twins.sort_unstable();
    let links = &graph.links;
    let counts = Counts {
        rows: links.rows() as u64,
        upper: links.upper.len() as u64,
        twins: twins.len() as u64,
        chunks: codes.chunks().len() as u64,
        len: graph.len() as u64,
        entry: graph.entry.map_or(0, |entry| u64::from(entry) + 1),
    };
    let mut writer = PieceWriter {
        file,
        checksums: Vec::new(),
    };
    writer.section(images.as_flattened())?;
    writer.section(bytemuck::cast_slice(CacheLine::codes(&links.base)))?;
    writer.section(bytemuck::cast_slice(&links.upper_at))?;
    writer.section(bytemuck::cast_slice(&links.upper))?;
    writer.section(bytemuck::cast_slice(&twins))?;
    for chunk in codes.chunks() {
        writer.section(bytemuck::cast_slice(CacheLine::codes(chunk)))?;
    }
    writer.finish(space, counts)
}

/// Writes sections in pieces and keeps the checksum of each.
struct PieceWriter<'a> {
    file: &'a mut File,
    checksums: Vec<u32>,
}

impl PieceWriter<'_> {
    fn section(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            self.checksums.push(crc32fast::hash(piece));
            self.file.write_all(piece)?;
            // The padding is a hole, which the file system reads as zeros.
            self.file.seek_relative((PIECE - piece.len()) as i64)?;
        }
        Ok(())
    }

    fn finish(self, space: &SpaceId, counts: Counts) -> io::Result<()> {
        let table: &[u8] = bytemuck::cast_slice(&self.checksums);
        self.file.write_all(table)?;
        self.file
            .write_all(page(space, counts, crc32fast::hash(table)).as_slice())
    }
}

/// The last page; of no use, and never accepted, where the space's name does not fit.
fn page(space: &SpaceId, counts: Counts, table: u32) -> Box<[u8; PAGE]> {
    let text = space.to_string();
    let mut page = Box::new([0; PAGE]);
    page[..8].copy_from_slice(MAGIC);
    let numbers = [
        VERSION.to_le_bytes(),
        BYTE_ORDER.to_ne_bytes(),
        table.to_le_bytes(),
        (text.len() as u32).to_le_bytes(),
    ];
    page[8..COUNTS_AT].copy_from_slice(numbers.as_flattened());
    let Counts {
        rows,
        upper,
        twins,
        chunks,
        len,
        entry,
    } = counts;
    let counts = [rows, upper, twins, chunks, len, entry].map(u64::to_le_bytes);
    page[COUNTS_AT..COUNTS_AT + 48].copy_from_slice(counts.as_flattened());
    let fits = text.len().min(PAGE - 4 - SPACE_AT);
    page[SPACE_AT..SPACE_AT + fits].copy_from_slice(&text.as_bytes()[..fits]);
    let checksum = crc32fast::hash(&page[..PAGE - 4]);
    page[PAGE - 4..].copy_from_slice(&checksum.to_le_bytes());
    page
}

impl Snapshot {
    /// The saved snapshot; `None` where there is none of this space that is whole, so that one has to be made.
    pub(crate) fn load(directory: &Path, space: &SpaceId) -> Option<Self> {
        match read(&directory.join(FILE_NAME), space) {
            Ok(snapshot) => Some(snapshot),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::info!(directory = %directory.display(), %error, "the saved graph is of no use");
                None
            }
        }
    }
}

fn read(path: &Path, space: &SpaceId) -> io::Result<Snapshot> {
    let file = PositionedFile::new(File::open(path)?);
    let (counts, checksums) = read_page(&file, space)?;
    let mut reader = PieceReader {
        file: &file,
        checksums,
        next: 0,
    };
    let rows = size(counts.rows)?;
    let mut images = vec![[0; 32]; rows];
    reader.section(images.as_flattened_mut())?;
    let mut links = Links {
        base: CacheLine::zeros(rows * BASE_LINES),
        upper_at: vec![0; rows],
        upper: vec![[0; UPPER]; size(counts.upper)?],
    };
    reader.section(bytemuck::cast_slice_mut(CacheLine::codes_mut(&mut links.base)))?;
    reader.section(bytemuck::cast_slice_mut(&mut links.upper_at))?;
    reader.section(bytemuck::cast_slice_mut(&mut links.upper))?;
    let mut twins = vec![[0; 2]; size(counts.twins)?];
    reader.section(bytemuck::cast_slice_mut(&mut twins))?;
    let mut chunks = Vec::new();
    for _ in 0..counts.chunks {
        let mut chunk = CacheLine::zeros(Codes::chunk_lines(space.dimension));
        reader.section(bytemuck::cast_slice_mut(CacheLine::codes_mut(&mut chunk)))?;
        chunks.push(chunk);
    }
    let entry = counts.entry.checked_sub(1).map(|entry| entry as u32);
    let graph = Graph::from_parts(links, entry, &twins, size(counts.len)?);
    let graph = graph.filter(|_| chunks.len() * CHUNK_ROWS >= rows);
    Ok(Snapshot {
        codes: Codes::from_chunks(space.dimension, chunks),
        graph: graph.ok_or_else(|| unusable("its parts do not fit together"))?,
        images,
    })
}

/// The sizes that the last page states, which the file's length bears out, and the checksums of all pieces.
fn read_page(file: &PositionedFile, space: &SpaceId) -> io::Result<(Counts, Vec<u32>)> {
    let length = file.len()?;
    let page_at = length
        .checked_sub(PAGE as u64)
        .ok_or_else(|| unusable("it is cut off"))?;
    let mut found = Box::new([0; PAGE]);
    file.read_exact_at(found.as_mut_slice(), page_at)?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| found[at + byte]));
    let [rows, upper, twins, chunks, len, entry] = std::array::from_fn(|at| number(COUNTS_AT + 8 * at));
    let counts = Counts {
        rows,
        upper,
        twins,
        chunks,
        len,
        entry,
    };
    let table_crc = number(16) as u32;
    // The page that would be written for these sizes must be this page: space, version, byte order and checksum at once.
    if *found != *page(space, counts, table_crc) {
        return Err(unusable(
            "it is damaged, or of another space, version or kind of machine",
        ));
    }
    let pieces = counts
        .pieces(space.dimension)
        .ok_or_else(|| unusable("it states impossible sizes"))?;
    if pieces
        .checked_mul(PIECE as u64 + 4)
        .and_then(|bytes| bytes.checked_add(PAGE as u64))
        != Some(length)
    {
        return Err(unusable("its length does not fit"));
    }
    let mut checksums = vec![0_u32; size(pieces)?];
    file.read_exact_at(bytemuck::cast_slice_mut(&mut checksums), pieces * PIECE as u64)?;
    if crc32fast::hash(bytemuck::cast_slice(&checksums)) != table_crc {
        return Err(unusable("the checksum of its checksums does not fit"));
    }
    Ok((counts, checksums))
}

impl Counts {
    /// Pieces of all sections; `None` where no file could have so many.
    fn pieces(&self, dimension: usize) -> Option<u64> {
        let chunk = size_of::<CacheLine>().checked_mul(Codes::chunk_lines(dimension))? as u64;
        let pieces = |count: u64, bytes: u64| Some(count.checked_mul(bytes)?.div_ceil(PIECE as u64));
        let sections = [
            pieces(self.rows, 32)?,
            pieces(self.rows, (BASE_LINES * size_of::<CacheLine>()) as u64)?,
            pieces(self.rows, 4)?,
            pieces(self.upper, 4 * UPPER as u64)?,
            pieces(self.twins, 8)?,
            self.chunks.checked_mul(pieces(1, chunk)?)?,
        ];
        sections
            .iter()
            .try_fold(0_u64, |sum, &pieces| sum.checked_add(pieces))
    }
}

/// Reads sections in the order in which they were written.
struct PieceReader<'f> {
    file: &'f PositionedFile,
    checksums: Vec<u32>,
    next: usize,
}

impl PieceReader<'_> {
    /// Fills `bytes` with the next section, on all threads.
    fn section(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let first = self.next;
        self.next += bytes.len().div_ceil(PIECE);
        bytes
            .par_chunks_mut(PIECE)
            .enumerate()
            .try_for_each(|(at, piece)| {
                let number = first + at;
                self.file.read_exact_at(piece, (number * PIECE) as u64)?;
                if self.checksums.get(number) == Some(&crc32fast::hash(piece)) {
                    Ok(())
                } else {
                    Err(unusable("a checksum does not fit"))
                }
            })
    }
}

fn size(count: u64) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| unusable("it is too large for this machine"))
}

fn unusable(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
