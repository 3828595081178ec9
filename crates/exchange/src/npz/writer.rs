//! Writes archives of arrays.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use eidetic_domain::ImageId;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{EMBEDDINGS, IDS, PATHS, SPACE};
use crate::npy::write_header;
use crate::{ExchangeError, ExportInfo, FORMAT_VERSION, RowColumns, VectorRow, VectorWriter};

/// `NumPy`'s value for no date.
const NOT_A_TIME: i64 = i64::MIN;

/// Writes an archive. Embeddings are written as they come; the other arrays are held until the end, which takes the length of its
/// path for each image.
pub struct Writer<'a> {
    archive: ZipWriter<BufWriter<&'a mut File>>,
    info: ExportInfo,
    ids: Vec<ImageId>,
    paths: Texts,
    metadata: Metadata,
}

#[derive(Default)]
struct Metadata {
    taken: Vec<i64>,
    widths: Vec<i32>,
    heights: Vec<i32>,
    tags: Texts,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut File, info: &ExportInfo) -> Result<Self, ExchangeError> {
        let mut archive = ZipWriter::new(BufWriter::with_capacity(1 << 20, out));
        // Directions of unit vectors do not become smaller.
        begin(&mut archive, EMBEDDINGS, CompressionMethod::Stored)?;
        write_header(&mut archive, "<f4", &[info.rows, info.space.dimension as u64])?;
        Ok(Self {
            archive,
            info: info.clone(),
            ids: Vec::new(),
            paths: Texts::default(),
            metadata: Metadata::default(),
        })
    }
}

impl VectorWriter for Writer<'_> {
    fn write(&mut self, rows: &[VectorRow]) -> Result<(), ExchangeError> {
        for row in rows {
            self.archive
                .write_all(&little_endian(row.embedding.as_slice(), f32::to_le_bytes))?;
            self.ids.push(row.image);
            let path = row.paths.first().map(|path| path.as_os_str().as_encoded_bytes());
            self.paths.push(path.unwrap_or_default());
            if self.info.columns == RowColumns::Metadata {
                self.metadata.push(row);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExchangeError> {
        let count = self.ids.len() as u64;
        if count != self.info.rows {
            return Err(ExchangeError::invalid("the number of pictures changed meanwhile"));
        }
        let archive = &mut self.archive;
        begin(archive, IDS, CompressionMethod::Stored)?;
        write_header(archive, "|S64", &[count])?;
        for id in &self.ids {
            archive.write_all(id.to_string().as_bytes())?;
        }
        self.paths.write(archive, PATHS)?;
        if self.info.columns == RowColumns::Metadata {
            self.metadata.write(archive)?;
        }
        let space = self.info.space.to_string();
        begin(archive, SPACE, CompressionMethod::Stored)?;
        let characters: Vec<u32> = space.chars().map(u32::from).collect();
        write_header(archive, &format!("<U{}", characters.len()), &[])?;
        archive.write_all(&little_endian(&characters, u32::to_le_bytes))?;
        begin(archive, "format_version.npy", CompressionMethod::Stored)?;
        write_header(archive, "<i4", &[])?;
        archive.write_all(&FORMAT_VERSION.to_le_bytes())?;
        self.archive.finish()?.flush()?;
        Ok(())
    }
}

impl Metadata {
    fn push(&mut self, row: &VectorRow) {
        let details = &row.details;
        let taken = details
            .taken
            .and_then(|taken| taken.to_zoned(jiff::tz::TimeZone::UTC).ok());
        self.taken
            .push(taken.map_or(NOT_A_TIME, |taken| taken.timestamp().as_second()));
        self.widths.push(details.width as i32);
        self.heights.push(details.height as i32);
        self.tags.push(details.tags.join("\n").as_bytes());
    }

    fn write(&self, archive: &mut ZipWriter<impl Write + Seek>) -> Result<(), ExchangeError> {
        let count = self.taken.len() as u64;
        begin(archive, "taken.npy", CompressionMethod::Deflated)?;
        write_header(archive, "<M8[s]", &[count])?;
        archive.write_all(&little_endian(&self.taken, i64::to_le_bytes))?;
        for (name, sizes) in [("width.npy", &self.widths), ("height.npy", &self.heights)] {
            begin(archive, name, CompressionMethod::Deflated)?;
            write_header(archive, "<i4", &[count])?;
            archive.write_all(&little_endian(sizes, i32::to_le_bytes))?;
        }
        self.tags.write(archive, "tags.npy")
    }
}

/// Texts of different lengths, in one piece.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    longest: usize,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        self.longest = self.longest.max(text.len());
    }

    /// Writes them as an array, padded to the longest one; compressed, which takes the padding away.
    fn write(&self, archive: &mut ZipWriter<impl Write + Seek>, name: &str) -> Result<(), ExchangeError> {
        let length = self.longest.max(1);
        begin(archive, name, CompressionMethod::Deflated)?;
        write_header(archive, &format!("|S{length}"), &[self.ends.len() as u64])?;
        let mut out = BufWriter::with_capacity(1 << 16, archive);
        let (mut start, padding) = (0, vec![0; length]);
        for &end in &self.ends {
            let text = &self.bytes[start..end];
            out.write_all(text)?;
            out.write_all(&padding[text.len()..])?;
            start = end;
        }
        Ok(out.flush()?)
    }
}

fn begin(
    archive: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    method: CompressionMethod,
) -> Result<(), ExchangeError> {
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .large_file(true);
    Ok(archive.start_file(name, options)?)
}

fn little_endian<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}
