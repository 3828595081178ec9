//! Goes through strips and tiles, a few rows at a time, so that a strip of any height takes little memory.

use std::borrow::Cow;

use super::chunks::Location;
use super::layout::{Layout, Photometric, Predictor};
use super::predictor;
use super::source::{ChunkShape, Compression, Source, ZSTD_WINDOW, stored_bytes};
use crate::ImagingError;

/// Bytes of a band unless a row is longer: fits into the second cache.
const BAND_BYTES: usize = 64 << 10;

/// Some rows of a chunk, decompressed and with the predictor undone.
pub struct Band<'a> {
    /// One buffer for each sample (planar), or one for all.
    pub planes: &'a [Vec<u8>],
    /// Bytes of a row of each plane.
    pub row_bytes: &'a [usize],
    /// Number of rows. For subsampled YCbCr a row is as high as the subsampling.
    pub rows: usize,
    /// Position of the first pixel in the image.
    pub x: u32,
    pub y: u32,
    /// Pixels of a row that are within the image.
    pub width: u32,
    /// Pixels of a row.
    pub chunk_width: u32,
}

/// How much of an image was read.
#[derive(Debug, Default)]
pub struct Coverage {
    pub pixels: u64,
    /// Why the first chunk that was not read completely was not.
    pub error: Option<ImagingError>,
}

/// The chunks of an image.
pub struct Bands<'a> {
    layout: &'a Layout<'a>,
    chunk: (u32, u32),
    /// Pixel rows that are coded together.
    unit_height: u32,
    row_bytes: Vec<usize>,
}

impl<'a> Bands<'a> {
    pub fn new(layout: &'a Layout<'a>) -> Self {
        let chunk = if layout.compression == Compression::OldJpeg {
            (layout.width, layout.height)
        } else {
            (layout.chunks.width, layout.chunks.height)
        };
        let is_subsampled = layout.decoded_photometric() == Photometric::YCbCr;
        let (across, down) = if is_subsampled { layout.subsampling } else { (1, 1) };
        let chroma = chunk.0.div_ceil(across as u32) as usize;
        let row_bytes = match (is_subsampled, layout.is_planar) {
            (true, true) => vec![chunk.0 as usize * down, chroma, chroma],
            (true, false) => vec![chroma * (across * down + 2 + layout.samples - 3)],
            (false, true) => vec![layout.row_bytes(chunk.0) as usize; used_planes(layout)],
            (false, false) => vec![layout.row_bytes(chunk.0) as usize],
        };
        Self {
            layout,
            chunk,
            unit_height: down as u32,
            row_bytes,
        }
    }

    /// Bytes that reading takes at its peak.
    pub fn memory(&self) -> u64 {
        let rows: u64 = self.row_bytes.iter().map(|&bytes| bytes as u64).sum();
        let units = u64::from(self.chunk.1.div_ceil(self.unit_height));
        let chunks = rows.saturating_mul(units);
        let band = (2 * rows).max(chunks.min(2 * BAND_BYTES as u64));
        let history = if self.layout.compression == Compression::Zstd {
            ZSTD_WINDOW
        } else {
            0
        };
        band.saturating_add(chunks.saturating_mul(self.layout.compression.memory_per_byte()))
            .saturating_add(history)
    }

    /// Calls `paint` for each band of each chunk.
    pub fn for_each(&self, mut paint: impl FnMut(&Band)) -> Coverage {
        let layout = self.layout;
        let mut coverage = Coverage::default();
        let across = layout.width.div_ceil(self.chunk.0);
        let mut buffers = Vec::new();
        for index in 0..across * layout.height.div_ceil(self.chunk.1) {
            let origin = (index % across * self.chunk.0, index / across * self.chunk.1);
            let result = self.chunk_bands(index as usize, origin, &mut buffers, &mut paint);
            let complete = self.visible(origin);
            match result {
                Ok(pixels) => {
                    coverage.pixels += pixels;
                    if pixels < complete && coverage.error.is_none() {
                        coverage.error = Some(ImagingError::truncated(super::layout::FORMAT));
                    }
                }
                Err(error) => coverage.error = coverage.error.or(Some(error)),
            }
        }
        coverage
    }

    /// Opens `index`, one stream for each plane.
    pub fn with_sources<T>(
        &self,
        index: usize,
        height: u32,
        read: impl FnOnce(&mut [Source]) -> T,
    ) -> Result<T, ImagingError> {
        let layout = self.layout;
        let shape = |plane: usize| ChunkShape {
            width: self.chunk.0,
            height: self.chunk.1,
            samples: layout.chunk_samples(),
            row_bytes: self.row_bytes[plane],
        };
        let locate = |plane: usize| {
            let rows = u64::from(height.div_ceil(self.unit_height));
            let expected = self.row_bytes[plane] as u64 * rows;
            layout.locate(plane * layout.chunk_count() + index, expected)
        };
        let locations: Vec<Location> = (0..self.row_bytes.len()).map(locate).collect();
        // The parts of the older JPEG are found by other tags.
        if layout.compression != Compression::OldJpeg && locations.contains(&Location::Missing) {
            return Err(ImagingError::truncated(super::layout::FORMAT));
        }
        let stored: Vec<Cow<[u8]>> = locations
            .iter()
            .map(|&location| stored_bytes(layout, layout.compression, location))
            .collect();
        let mut sources = Vec::with_capacity(stored.len());
        for (plane, bytes) in stored.iter().enumerate() {
            sources.push(match locations[plane] {
                Location::Sparse => Source::Zeros,
                _ => Source::open(layout, layout.compression, bytes, shape(plane))?,
            });
        }
        Ok(read(&mut sources))
    }

    /// The number of pixels read.
    fn chunk_bands(
        &self,
        index: usize,
        (x, y): (u32, u32),
        buffers: &mut Vec<Vec<u8>>,
        paint: &mut impl FnMut(&Band),
    ) -> Result<u64, ImagingError> {
        let layout = self.layout;
        let height = self.chunk.1.min(layout.height - y);
        let width = self.chunk.0.min(layout.width - x);
        let units = height.div_ceil(self.unit_height) as usize;
        let longest = self.row_bytes.iter().copied().max().unwrap_or(1).max(1);
        let units_per_band = (BAND_BYTES / longest).clamp(1, units);
        buffers.resize(self.row_bytes.len(), Vec::new());
        for (buffer, row_bytes) in buffers.iter_mut().zip(&self.row_bytes) {
            buffer.resize(row_bytes * units_per_band, 0);
        }
        self.with_sources(index, height, |sources| {
            let mut done = 0;
            while done < units {
                let wanted = units_per_band.min(units - done);
                let rows = self.fill(sources, buffers, wanted);
                paint(&Band {
                    planes: buffers,
                    row_bytes: &self.row_bytes,
                    rows,
                    x,
                    y: y + done as u32 * self.unit_height,
                    width,
                    chunk_width: self.chunk.0,
                });
                done += rows;
                if rows < wanted {
                    break;
                }
            }
            let rows = (done as u64 * u64::from(self.unit_height)).min(height.into());
            rows * u64::from(width)
        })
    }

    /// The number of rows that all planes have.
    fn fill(&self, sources: &mut [Source], buffers: &mut [Vec<u8>], wanted: usize) -> usize {
        let mut rows = wanted;
        for ((source, buffer), &row_bytes) in sources.iter_mut().zip(buffers).zip(&self.row_bytes) {
            let buffer = &mut buffer[..wanted * row_bytes];
            let filled = source.fill(buffer) / row_bytes.max(1);
            undo_predictor(self.layout, &mut buffer[..filled * row_bytes], row_bytes);
            rows = rows.min(filled);
        }
        rows
    }

    /// Pixels of a chunk that are within the image.
    fn visible(&self, (x, y): (u32, u32)) -> u64 {
        let width = self.chunk.0.min(self.layout.width - x);
        let height = self.chunk.1.min(self.layout.height - y);
        u64::from(width) * u64::from(height)
    }
}

/// Planes of colors and alpha; the others need not be read.
fn used_planes(layout: &Layout) -> usize {
    let colors = layout.photometric.colors(layout.samples);
    layout.samples.min(colors + 1)
}

pub fn undo_predictor(layout: &Layout, rows: &mut [u8], row_bytes: usize) {
    if !layout.compression.has_predictor() || layout.predictor == Predictor::None || row_bytes == 0 {
        return;
    }
    let order = layout.directory.file.order;
    for row in rows.chunks_exact_mut(row_bytes) {
        predictor::undo(layout.predictor, row, layout.chunk_samples(), layout.bits, order);
    }
}
