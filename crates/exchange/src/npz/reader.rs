//! Reads archives of arrays.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use eidetic_domain::ImageId;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::{EMBEDDINGS, IDS, PATHS, SPACE};
use crate::npy::{Element, cut_short, read_header};
use crate::path_text::from_bytes;
use crate::{ExchangeError, FileInfo, ImportedRow, VectorReader, block_rows};

/// Most members of an archive.
const MAX_MEMBERS: usize = 1000;
/// Longest name of a space.
const MAX_SPACE: usize = 4096;

/// Reads an archive: its arrays side by side.
pub struct Reader {
    info: FileInfo,
    embeddings: Matrix,
    ids: Option<TextArray>,
    paths: Option<TextArray>,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, ExchangeError> {
        let embeddings = member(path, EMBEDDINGS)?
            .ok_or_else(|| ExchangeError::invalid("it has no array `embeddings`"))?;
        let embeddings = Matrix::new(embeddings)?;
        let list = |name| -> Result<Option<TextArray>, ExchangeError> {
            let array = member(path, name)?.map(TextArray::new).transpose()?;
            match &array {
                Some(array) if array.left != embeddings.left => Err(ExchangeError::invalid(format!(
                    "it has {} embeddings, but `{}` has {} rows",
                    embeddings.left,
                    name.trim_end_matches(".npy"),
                    array.left
                ))),
                _ => Ok(array),
            }
        };
        Ok(Self {
            ids: list(IDS)?,
            paths: list(PATHS)?,
            info: FileInfo {
                space: space(path)?,
                dimension: embeddings.dimension,
                rows: Some(embeddings.left),
            },
            embeddings,
        })
    }
}

impl VectorReader for Reader {
    fn info(&self) -> &FileInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Vec<ImportedRow>, ExchangeError> {
        let embeddings = self.embeddings.next_rows()?;
        let rows = embeddings.into_iter().map(|components| {
            let text = |array: &mut Option<TextArray>| array.as_mut().map(TextArray::next).transpose();
            let id = text(&mut self.ids)?.flatten();
            let path = text(&mut self.paths)?.flatten();
            Ok(ImportedRow {
                image: id.and_then(|id| -> Option<ImageId> { std::str::from_utf8(&id).ok()?.parse().ok() }),
                path: path.and_then(|path| from_bytes(&path)),
                components,
            })
        });
        rows.collect()
    }
}

/// The stored text of the space; of another program there is none.
fn space(path: &Path) -> Result<Option<String>, ExchangeError> {
    let Some(mut array) = member(path, SPACE)? else {
        return Ok(None);
    };
    let header = read_header(&mut array)?;
    if !header.shape.is_empty() || header.element.size() > MAX_SPACE {
        return Err(ExchangeError::invalid("its array `space` is no text"));
    }
    let mut bytes = vec![0; header.element.size()];
    array.read_exact(&mut bytes).map_err(cut_short)?;
    Ok(header
        .element
        .text(&bytes)
        .and_then(|text| String::from_utf8(text).ok()))
}

/// What a member of an archive holds; `None` where there is no such member.
fn member(path: &Path, name: &str) -> Result<Option<Box<dyn Read>>, ExchangeError> {
    let mut archive = ZipArchive::new(BufReader::with_capacity(1 << 18, File::open(path)?))?;
    if archive.len() > MAX_MEMBERS {
        return Err(ExchangeError::invalid(format!(
            "it has {} members; at most {MAX_MEMBERS} are read",
            archive.len()
        )));
    }
    let Some(number) = archive.index_for_name(name) else {
        return Ok(None);
    };
    let found = archive.by_index_raw(number)?;
    let start = found
        .data_start()
        .ok_or_else(|| ExchangeError::invalid("its list of members is damaged"))?;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let packed = BufReader::with_capacity(1 << 18, file.take(found.compressed_size()));
    let input: Box<dyn Read> = match found.compression() {
        CompressionMethod::Stored => Box::new(packed),
        CompressionMethod::Deflated => {
            Box::new(BufReader::with_capacity(1 << 18, DeflateDecoder::new(packed)))
        }
        other => {
            return Err(ExchangeError::invalid(format!(
                "its arrays are compressed by {other}, which is not read; save them with numpy.savez_compressed"
            )));
        }
    };
    Ok(Some(Box::new(Checked {
        input,
        checksum: Crc::new(),
        expected: found.crc32(),
    })))
}

/// A member whose checksum is verified once it was read to its end.
struct Checked {
    input: Box<dyn Read>,
    checksum: Crc,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(bytes)?;
        self.checksum.update(&bytes[..length]);
        if length == 0 && !bytes.is_empty() && self.checksum.sum() != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a checksum does not match",
            ));
        }
        Ok(length)
    }
}

/// A matrix of numbers that is read row by row.
pub struct Matrix {
    input: Box<dyn Read>,
    element: Element,
    pub dimension: usize,
    /// Rows that are left.
    pub left: u64,
}

impl Matrix {
    pub fn new(mut input: Box<dyn Read>) -> Result<Self, ExchangeError> {
        let header = read_header(&mut input)?;
        let (rows, dimension) = header.matrix()?;
        Ok(Self {
            input,
            element: header.element,
            dimension,
            left: rows,
        })
    }

    /// Some further rows; none at the end.
    pub fn next_rows(&mut self) -> Result<Vec<Vec<f32>>, ExchangeError> {
        let rows = self.left.min(block_rows(self.dimension) as u64);
        self.left -= rows;
        if rows == 0 {
            // What comes here is the end, at which a checksum is verified.
            let _ = self.input.read(&mut [0]).map_err(cut_short)?;
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; self.dimension * self.element.size()];
        let row = |_| {
            self.input.read_exact(&mut bytes).map_err(cut_short)?;
            Ok(self.element.numbers(&bytes))
        };
        (0..rows).map(row).collect()
    }
}

/// A list of texts that is read one by one.
struct TextArray {
    input: Box<dyn Read>,
    element: Element,
    bytes: Vec<u8>,
    left: u64,
}

impl TextArray {
    fn new(mut input: Box<dyn Read>) -> Result<Self, ExchangeError> {
        let header = read_header(&mut input)?;
        Ok(Self {
            left: header.texts()?,
            input,
            bytes: vec![0; header.element.size()],
            element: header.element,
        })
    }

    /// The next text; nothing where it is no text.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ExchangeError> {
        self.input.read_exact(&mut self.bytes).map_err(cut_short)?;
        Ok(self.element.text(&self.bytes))
    }
}
