//! A snapshot of codes and graph on disk, derived from the vector file: `index.bin`.
//!
//! The file consists of sections, each divided into blocks of [`BLOCK`] bytes (the last block of a section is padded);
//! then a table with the CRC-32 of every block; then a trailer page:
//!
//! | bytes of the page | content |
//! | --- | --- |
//! | 0..8 | `EIDETIDX` |
//! | 8..12 | format version |
//! | 12..16 | the number 0x01020304 in the byte order of the machine, which the sections have too |
//! | 16..20 | CRC-32 of the checksum table |
//! | 20..24 | length of the space's text form |
//! | 24..80 | rows, upper link lists, duplicates, chunks, rows in the graph, entry + 1: 64 bits each; 8 unused bytes |
//! | 80.. | the space's text form, then zeros |
//! | 4092..4096 | CRC-32 of the page |
//!
//! Sections: the image of each row (32 bytes; zeros if the graph has no live image there), links at level 0, the offset of
//! each row's upper links, upper links, pairs of a duplicate and its node, chunks of codes. A file with any defect is
//! treated as missing.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;

use eidetic_domain::SpaceId;
use eidetic_kernels::CacheLine;
use rayon::prelude::*;

use crate::IndexError;
use crate::codes::{CHUNK_ROWS, Codes};
use crate::graph::Graph;
use crate::links::{BASE_LINES, Links, M_MAX};
use crate::positioned_file::PositionedFile;

const FILE_NAME: &str = "index.bin";
const MAGIC: &[u8; 8] = b"EIDETIDX";
const VERSION: u32 = 2;
/// Graphs of this version are used if they have no duplicates: those of duplicates may have nodes that no search reaches.
const FIRST_VERSION: u32 = 1;
const BYTE_ORDER: u32 = 0x0102_0304;
/// Bytes covered by one checksum.
const BLOCK: usize = 4 << 20;
const PAGE: usize = 4096;
const COUNTS_AT: usize = 24;
const SPACE_AT: usize = 80;

/// The content of a snapshot.
pub(crate) struct Snapshot {
    pub(crate) codes: Codes,
    pub(crate) graph: Graph,
    /// By row: the id of its image, or zeros.
    pub(crate) images: Vec<[u8; 32]>,
}

/// Sizes recorded in the trailer page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SectionCounts {
    rows: u64,
    upper: u64,
    duplicates: u64,
    chunks: u64,
    len: u64,
    entry: u64,
}

/// Size of the saved file; 0 if there is none.
pub(crate) fn bytes(directory: &Path) -> u64 {
    fs::metadata(directory.join(FILE_NAME)).map_or(0, |file| file.len())
}

/// Removes the file, if there is one.
pub(crate) fn remove(directory: &Path) -> Result<(), IndexError> {
    let path = directory.join(FILE_NAME);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(IndexError::Io { path, source }),
        _ => Ok(()),
    }
}

/// Replaces the snapshot atomically.
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
    let mut duplicates: Vec<[u32; 2]> = graph
        .node_of
        .iter()
        .map(|(&duplicate, &node)| [duplicate, node])
        .collect();
    duplicates.sort_unstable();
    let links = &graph.links;
    let counts = SectionCounts {
        rows: links.rows() as u64,
        upper: links.upper.len() as u64,
        duplicates: duplicates.len() as u64,
        chunks: codes.chunks().len() as u64,
        len: graph.len() as u64,
        entry: graph.entry.map_or(0, |entry| u64::from(entry) + 1),
    };
    let mut writer = BlockWriter {
        file,
        checksums: Vec::new(),
    };
    writer.section(images.as_flattened())?;
    writer.section(bytemuck::cast_slice(CacheLine::codes(&links.base)))?;
    writer.section(bytemuck::cast_slice(&links.upper_offsets))?;
    writer.section(bytemuck::cast_slice(&links.upper))?;
    writer.section(bytemuck::cast_slice(&duplicates))?;
    for chunk in codes.chunks() {
        writer.section(bytemuck::cast_slice(CacheLine::codes(chunk)))?;
    }
    writer.finish(space, counts)
}

/// Writes sections in blocks and collects the checksums of the blocks.
struct BlockWriter<'a> {
    file: &'a mut File,
    checksums: Vec<u32>,
}

impl BlockWriter<'_> {
    fn section(&mut self, bytes: &[u8]) -> io::Result<()> {
        for block in bytes.chunks(BLOCK) {
            self.checksums.push(crc32fast::hash(block));
            self.file.write_all(block)?;
            // The padding is a hole in the file and reads as zeros.
            self.file.seek_relative((BLOCK - block.len()) as i64)?;
        }
        Ok(())
    }

    fn finish(self, space: &SpaceId, counts: SectionCounts) -> io::Result<()> {
        let table: &[u8] = bytemuck::cast_slice(&self.checksums);
        self.file.write_all(table)?;
        self.file
            .write_all(trailer(VERSION, space, counts, crc32fast::hash(table)).as_slice())
    }
}

/// The trailer page. If the name of the space doesn't fit, it is cut off and the page never matches when read.
fn trailer(version: u32, space: &SpaceId, counts: SectionCounts, table: u32) -> Box<[u8; PAGE]> {
    let text = space.to_string();
    let mut page = Box::new([0; PAGE]);
    page[..8].copy_from_slice(MAGIC);
    let numbers = [
        version.to_le_bytes(),
        BYTE_ORDER.to_ne_bytes(),
        table.to_le_bytes(),
        (text.len() as u32).to_le_bytes(),
    ];
    page[8..COUNTS_AT].copy_from_slice(numbers.as_flattened());
    let SectionCounts {
        rows,
        upper,
        duplicates,
        chunks,
        len,
        entry,
    } = counts;
    let counts = [rows, upper, duplicates, chunks, len, entry].map(u64::to_le_bytes);
    page[COUNTS_AT..COUNTS_AT + 48].copy_from_slice(counts.as_flattened());
    let fits = text.len().min(PAGE - 4 - SPACE_AT);
    page[SPACE_AT..SPACE_AT + fits].copy_from_slice(&text.as_bytes()[..fits]);
    let checksum = crc32fast::hash(&page[..PAGE - 4]);
    page[PAGE - 4..].copy_from_slice(&checksum.to_le_bytes());
    page
}

impl Snapshot {
    /// Loads the snapshot of `space`; `None` if it is missing, invalid, or of another space.
    pub(crate) fn load(directory: &Path, space: &SpaceId) -> Option<Self> {
        match read(&directory.join(FILE_NAME), space) {
            Ok(snapshot) => Some(snapshot),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::info!(directory = %directory.display(), %error, "ignoring the saved graph");
                None
            }
        }
    }
}

fn read(path: &Path, space: &SpaceId) -> io::Result<Snapshot> {
    let file = PositionedFile::new(File::open(path)?);
    let (counts, checksums) = read_trailer(&file, space)?;
    let mut reader = BlockReader {
        file: &file,
        checksums,
        next: 0,
    };
    let rows = size(counts.rows)?;
    let mut images = vec![[0; 32]; rows];
    reader.section(images.as_flattened_mut())?;
    let mut links = Links {
        base: CacheLine::zeros(rows * BASE_LINES),
        upper_offsets: vec![0; rows],
        upper: vec![[0; M_MAX]; size(counts.upper)?],
    };
    reader.section(bytemuck::cast_slice_mut(CacheLine::codes_mut(&mut links.base)))?;
    reader.section(bytemuck::cast_slice_mut(&mut links.upper_offsets))?;
    reader.section(bytemuck::cast_slice_mut(&mut links.upper))?;
    let mut duplicates = vec![[0; 2]; size(counts.duplicates)?];
    reader.section(bytemuck::cast_slice_mut(&mut duplicates))?;
    let mut chunks = Vec::new();
    for _ in 0..counts.chunks {
        let mut chunk = CacheLine::zeros(Codes::chunk_lines(space.dimension));
        reader.section(bytemuck::cast_slice_mut(CacheLine::codes_mut(&mut chunk)))?;
        chunks.push(chunk);
    }
    let entry = counts.entry.checked_sub(1).map(|entry| entry as u32);
    let graph = Graph::from_parts(links, entry, &duplicates, size(counts.len)?);
    let graph = graph.filter(|_| chunks.len() * CHUNK_ROWS >= rows);
    Ok(Snapshot {
        codes: Codes::from_chunks(space.dimension, chunks),
        graph: graph.ok_or_else(|| invalid("its sections are inconsistent"))?,
        images,
    })
}

/// The sizes in the trailer page, checked against the length of the file, and the checksums of all blocks.
fn read_trailer(file: &PositionedFile, space: &SpaceId) -> io::Result<(SectionCounts, Vec<u32>)> {
    let length = file.len()?;
    let page_at = length
        .checked_sub(PAGE as u64)
        .ok_or_else(|| invalid("it is truncated"))?;
    let mut found = Box::new([0; PAGE]);
    file.read_exact_at(found.as_mut_slice(), page_at)?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| found[at + byte]));
    let [rows, upper, duplicates, chunks, len, entry] = std::array::from_fn(|at| number(COUNTS_AT + 8 * at));
    let counts = SectionCounts {
        rows,
        upper,
        duplicates,
        chunks,
        len,
        entry,
    };
    let table_crc = number(16) as u32;
    // Comparing with the page that these sizes would give checks space, version, byte order and checksum at once.
    let is_of = |version| *found == *trailer(version, space, counts, table_crc);
    let is_usable = is_of(VERSION) || counts.duplicates == 0 && is_of(FIRST_VERSION);
    if !is_usable {
        return Err(invalid(
            "it is damaged, or of another space, version or byte order",
        ));
    }
    let blocks = counts
        .blocks(space.dimension)
        .ok_or_else(|| invalid("its sizes overflow"))?;
    if blocks
        .checked_mul(BLOCK as u64 + 4)
        .and_then(|bytes| bytes.checked_add(PAGE as u64))
        != Some(length)
    {
        return Err(invalid("its length does not match its sizes"));
    }
    let mut checksums = vec![0_u32; size(blocks)?];
    file.read_exact_at(bytemuck::cast_slice_mut(&mut checksums), blocks * BLOCK as u64)?;
    if crc32fast::hash(bytemuck::cast_slice(&checksums)) != table_crc {
        return Err(invalid("checksum mismatch in its checksum table"));
    }
    Ok((counts, checksums))
}

impl SectionCounts {
    /// Number of blocks of all sections; `None` on overflow.
    fn blocks(&self, dimension: usize) -> Option<u64> {
        let chunk = size_of::<CacheLine>().checked_mul(Codes::chunk_lines(dimension))? as u64;
        let blocks = |count: u64, bytes: u64| Some(count.checked_mul(bytes)?.div_ceil(BLOCK as u64));
        let sections = [
            blocks(self.rows, 32)?,
            blocks(self.rows, (BASE_LINES * size_of::<CacheLine>()) as u64)?,
            blocks(self.rows, 4)?,
            blocks(self.upper, 4 * M_MAX as u64)?,
            blocks(self.duplicates, 8)?,
            self.chunks.checked_mul(blocks(1, chunk)?)?,
        ];
        sections
            .iter()
            .try_fold(0_u64, |sum, &blocks| sum.checked_add(blocks))
    }
}

/// Reads sections in the order in which they were written.
struct BlockReader<'f> {
    file: &'f PositionedFile,
    checksums: Vec<u32>,
    next: usize,
}

impl BlockReader<'_> {
    /// Fills `bytes` with the next section, on all threads.
    fn section(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        let first = self.next;
        self.next += bytes.len().div_ceil(BLOCK);
        bytes
            .par_chunks_mut(BLOCK)
            .enumerate()
            .try_for_each(|(at, block)| {
                let number = first + at;
                self.file.read_exact_at(block, (number * BLOCK) as u64)?;
                if self.checksums.get(number) == Some(&crc32fast::hash(block)) {
                    Ok(())
                } else {
                    Err(invalid("checksum mismatch"))
                }
            })
    }
}

fn size(count: u64) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| invalid("it is too large for this address space"))
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
