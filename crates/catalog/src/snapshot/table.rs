//! A sorted table of records in a file that is never changed.
//!
//! A header, blocks of records, the index with the first key of each block, and a footer that says where the index is.
//! Opening reads the index; looking a key up reads one block.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::VERSION;
use super::bytes::{Reader, put_text};
use crate::keys::Range;

const MAGIC: &[u8; 8] = b"EIDTABLE";
const END_MAGIC: &[u8; 8] = b"EIDTABEN";
const HEADER_BYTES: usize = 28;
const FOOTER_BYTES: usize = 28;
/// A block ends with the record that makes it longer than this.
const BLOCK_BYTES: usize = 16 << 10;
/// Length and checksum before a block.
const BLOCK_HEAD: usize = 8;

/// Writes a table.
pub struct TableWriter<'a> {
    out: BufWriter<&'a mut File>,
    offset: u64,
    block: Vec<u8>,
    index: Vec<u8>,
}

/// An open table.
pub struct Table {
    file: Mutex<File>,
    index: Vec<Block>,
    /// When its last commit was made, in milliseconds since 1970.
    at_ms: i64,
    /// Size of the file.
    bytes: u64,
}

struct Block {
    first_key: Vec<u8>,
    offset: u64,
    length: u32,
}

impl<'a> TableWriter<'a> {
    /// Begins a table of the records as of commit `sequence`, made at `at_ms`.
    pub fn new(file: &'a mut File, sequence: u64, at_ms: i64) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&header_of(sequence, at_ms))?;
        Ok(Self {
            out,
            offset: HEADER_BYTES as u64,
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            index: Vec::new(),
        })
    }

    /// Adds a record; keys must come in order.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if self.block.is_empty() {
            put_text(key, &mut self.index)?;
        }
        put_text(key, &mut self.block)?;
        put_text(value, &mut self.block)?;
        if self.block.len() >= BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.block.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&crc32fast::hash(&self.block).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.index.extend_from_slice(&self.offset.to_le_bytes());
        self.index.extend_from_slice(&length.to_le_bytes());
        self.offset += (BLOCK_HEAD + self.block.len()) as u64;
        self.block.clear();
        Ok(())
    }

    /// Writes the index and the footer.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.out.write_all(&self.index)?;
        let mut footer = Vec::with_capacity(FOOTER_BYTES);
        footer.extend_from_slice(&self.offset.to_le_bytes());
        footer.extend_from_slice(&(self.index.len() as u64).to_le_bytes());
        footer.extend_from_slice(&crc32fast::hash(&self.index).to_le_bytes());
        footer.extend_from_slice(END_MAGIC);
        self.out.write_all(&footer)?;
        self.out.flush()
    }
}

impl Table {
    /// Opens the table at `path`; an error of kind `InvalidData` where it is not one of commit `sequence`, or not whole.
    pub fn open(path: &Path, sequence: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut header = [0; HEADER_BYTES];
        read_at(&mut file, &mut header, 0)?;
        let at_ms = header.last_chunk().map_or(0, |time| i64::from_le_bytes(*time));
        if header != header_of(sequence, at_ms) {
            return Err(damaged());
        }
        Ok(Self {
            index: read_index(&mut file, bytes)?,
            file: Mutex::new(file),
            at_ms,
            bytes,
        })
    }

    /// When its last commit was made, in milliseconds since 1970.
    pub const fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// Size of its file.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let after = self
            .index
            .partition_point(|block| block.first_key.as_slice() <= key);
        let Some(number) = after.checked_sub(1) else {
            return Ok(None);
        };
        let block = self.block(number)?;
        let mut records = records(&block);
        let found = records.find(|(found, _)| *found == key);
        Ok(found.map(|(_, value)| value.to_vec()))
    }

    /// Passes the records of a range to `each`, in order, until it returns false.
    pub fn for_each_in(
        &self,
        range: &Range,
        mut each: impl FnMut(&[u8], &[u8]) -> io::Result<bool>,
    ) -> io::Result<()> {
        let (from, to) = range;
        let begins_before = |block: &Block| match from {
            Bound::Included(key) | Bound::Excluded(key) => block.first_key <= *key,
            Bound::Unbounded => false,
        };
        let first = self.index.partition_point(begins_before).saturating_sub(1);
        for number in first..self.index.len() {
            let block = self.block(number)?;
            for (key, value) in records(&block) {
                if is_before(key, from) {
                    continue;
                }
                if is_after(key, to) || !each(key, value)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The records of a block.
    fn block(&self, number: usize) -> io::Result<Vec<u8>> {
        let Block { offset, length, .. } = self.index[number];
        let mut block = vec![0; BLOCK_HEAD + length as usize];
        read_at(
            &mut self.file.lock().unwrap_or_else(PoisonError::into_inner),
            &mut block,
            offset,
        )?;
        let records = block.split_off(BLOCK_HEAD);
        let mut head = Reader(&block);
        let is_whole = head.u32() == Some(length) && head.u32() == Some(crc32fast::hash(&records));
        if is_whole { Ok(records) } else { Err(damaged()) }
    }
}

fn records(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut reader = Reader(block);
    std::iter::from_fn(move || Some((reader.text()?, reader.text()?)))
}

fn is_before(key: &[u8], from: &Bound<Vec<u8>>) -> bool {
    match from {
        Bound::Included(from) => key < from.as_slice(),
        Bound::Excluded(from) => key <= from.as_slice(),
        Bound::Unbounded => false,
    }
}

fn is_after(key: &[u8], to: &Bound<Vec<u8>>) -> bool {
    match to {
        Bound::Included(to) => key > to.as_slice(),
        Bound::Excluded(to) => key >= to.as_slice(),
        Bound::Unbounded => false,
    }
}

fn read_index(file: &mut File, bytes: u64) -> io::Result<Vec<Block>> {
    let footer_at = bytes
        .checked_sub(FOOTER_BYTES as u64)
        .filter(|at| *at >= HEADER_BYTES as u64)
        .ok_or_else(damaged)?;
    let mut footer = [0; FOOTER_BYTES];
    read_at(file, &mut footer, footer_at)?;
    let mut reader = Reader(&footer);
    let fields = (|| Some((reader.u64()?, reader.u64()?, reader.u32()?)))();
    let (offset, length, checksum) = fields.ok_or_else(damaged)?;
    if reader.0 != END_MAGIC || offset.checked_add(length) != Some(footer_at) {
        return Err(damaged());
    }
    let mut index = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    read_at(file, &mut index, offset)?;
    if crc32fast::hash(&index) != checksum {
        return Err(damaged());
    }
    let mut reader = Reader(&index);
    let mut blocks = Vec::new();
    while !reader.0.is_empty() {
        let block = (|| {
            let first_key = reader.text()?.to_vec();
            let (offset, length) = (reader.u64()?, reader.u32()?);
            Some(Block {
                first_key,
                offset,
                length,
            })
        })();
        blocks.push(block.ok_or_else(damaged)?);
    }
    Ok(blocks)
}

fn header_of(sequence: u64, at_ms: i64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&sequence.to_le_bytes());
    header[20..].copy_from_slice(&at_ms.to_le_bytes());
    header
}

fn read_at(file: &mut File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the snapshot for readers is damaged; `eidetic check --repair` makes it anew",
    )
}
