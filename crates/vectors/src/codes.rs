//! The quantized codes of all vectors, by row. Searches compare these.

use std::sync::Arc;

use eidetic_kernels::{CacheLine, sign_bits};
use rayon::prelude::*;

use crate::quantizer::Quantizer;

/// Rows in a chunk: 8 MiB at 512 dimensions.
pub(crate) const CHUNK_ROWS: usize = 1 << 14;
/// Chunks whose signs are stored in one table: as many bytes as one chunk of codes, enough for large pages.
const SIGN_CHUNKS: usize = 8;
/// Rows whose signs are stored in one table.
const SIGN_ROWS: usize = SIGN_CHUNKS * CHUNK_ROWS;
/// From this dimension on, Hamming distances of signs separate near rows from far ones. Shorter codes are compared
/// as fast as their signs.
const MIN_SIGN_DIMENSION: usize = 384;
/// 64-bit words of a cache line.
const WORDS: usize = CacheLine::CODES / size_of::<u64>();

/// Codes in chunks of rows.
///
/// A clone shares its chunks with the original; a chunk is copied when one of them first writes to it. Growing never moves
/// existing codes.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    quantizer: Quantizer,
    /// Cache lines of a row.
    lines: usize,
    chunks: Vec<Arc<Vec<CacheLine>>>,
    /// The signs of the codes, one table per [`SIGN_ROWS`] rows: a bit per component, so a word per line of a code. Empty
    /// below [`MIN_SIGN_DIMENSION`].
    signs: Vec<Arc<Vec<CacheLine>>>,
}

impl Codes {
    /// An empty table for vectors of `dimension` ≥ 1.
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            quantizer: Quantizer::new(dimension),
            lines: dimension.div_ceil(CacheLine::CODES),
            chunks: Vec::new(),
            signs: Vec::new(),
        }
    }

    pub(crate) const fn quantizer(&self) -> &Quantizer {
        &self.quantizer
    }

    /// Cache lines of a code.
    pub(crate) const fn lines(&self) -> usize {
        self.lines
    }

    /// The code of `row`, padded with zeros to whole lines; all zeros for a row of an existing chunk that was never set.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> &[i8] {
        let row = row as usize;
        let lines = &self.chunks[row / CHUNK_ROWS][row % CHUNK_ROWS * self.lines..][..self.lines];
        CacheLine::codes(lines)
    }

    /// Sets the code of `row` to that of `vector`.
    pub(crate) fn set(&mut self, row: u32, vector: &[f32]) {
        let quantizer = self.quantizer.clone();
        quantizer.encode(vector, self.row_mut(row));
        self.update_signs(row);
    }

    /// Sets the code of `row` to one computed by [`encode`](Self::encode).
    pub(crate) fn set_code(&mut self, row: u32, code: &[CacheLine]) {
        self.row_mut(row).copy_from_slice(CacheLine::codes(code));
        self.update_signs(row);
    }

    /// Size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| size_of_val(chunk.as_slice()))
            .chain(self.signs.iter().map(|signs| size_of_val(signs.as_slice())))
            .sum()
    }

    /// Whether signs are stored.
    pub(crate) const fn has_signs(&self) -> bool {
        self.quantizer.dimension() >= MIN_SIGN_DIMENSION
    }

    /// The signs of a chunk's rows, one row after the other, a word per 64 components.
    pub(crate) fn signs(&self, chunk: usize) -> &[u64] {
        let (table, start) = (chunk / SIGN_CHUNKS, chunk % SIGN_CHUNKS * CHUNK_ROWS * self.lines);
        &CacheLine::long_words(&self.signs[table])[start..][..CHUNK_ROWS * self.lines]
    }

    /// The signs of a code.
    pub(crate) fn signs_of(code: &[i8]) -> Vec<u64> {
        let mut words = vec![0; code.len() / CacheLine::CODES];
        sign_bits(code, &mut words);
        words
    }

    fn update_signs(&mut self, row: u32) {
        if !self.has_signs() {
            return;
        }
        let (table, start) = (row as usize / SIGN_ROWS, row as usize % SIGN_ROWS * self.lines);
        let signs = Self::signs_of(self.row(row));
        let table: &mut Vec<CacheLine> = Arc::make_mut(&mut self.signs[table]);
        CacheLine::long_words_mut(table)[start..][..self.lines].copy_from_slice(&signs);
    }

    /// All chunks, in order of row.
    pub(crate) fn chunks(&self) -> &[Arc<Vec<CacheLine>>] {
        &self.chunks
    }

    /// Cache lines of a chunk.
    pub(crate) const fn chunk_lines(dimension: usize) -> usize {
        CHUNK_ROWS * dimension.div_ceil(CacheLine::CODES)
    }

    /// Takes over chunks, each of [`chunk_lines`](Self::chunk_lines) lines.
    pub(crate) fn from_chunks(dimension: usize, chunks: Vec<Vec<CacheLine>>) -> Self {
        let mut codes = Self::new(dimension);
        let lines = codes.lines;
        let signs = |chunks: &[Vec<CacheLine>]| {
            let mut table = CacheLine::zeros(SIGN_ROWS * lines / WORDS);
            let slots = CacheLine::long_words_mut(&mut table).chunks_exact_mut(CHUNK_ROWS * lines);
            for (chunk, slot) in chunks.iter().zip(slots) {
                sign_bits(CacheLine::codes(chunk), slot);
            }
            Arc::new(table)
        };
        if codes.has_signs() {
            codes.signs = chunks.par_chunks(SIGN_CHUNKS).map(signs).collect();
        }
        codes.chunks = chunks.into_iter().map(Arc::new).collect();
        codes
    }

    /// The code of `row`, for writing; grows the table if needed.
    fn row_mut(&mut self, row: u32) -> &mut [i8] {
        let (chunk, start) = (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS * self.lines);
        self.reserve(chunk + 1);
        CacheLine::codes_mut(&mut Arc::make_mut(&mut self.chunks[chunk])[start..][..self.lines])
    }

    /// Grows the table to `chunks` chunks.
    fn reserve(&mut self, chunks: usize) {
        let size = CHUNK_ROWS * self.lines;
        while self.chunks.len() < chunks {
            self.chunks.push(Arc::new(CacheLine::zeros(size)));
        }
        while self.has_signs() && self.signs.len() * SIGN_CHUNKS < chunks {
            let size = SIGN_ROWS * self.lines / WORDS;
            self.signs.push(Arc::new(CacheLine::zeros(size)));
        }
    }

    /// The code of a vector.
    pub(crate) fn encode(&self, vector: &[f32]) -> Vec<CacheLine> {
        let mut lines = Vec::with_capacity(self.lines);
        self.append_code(vector, &mut lines);
        lines
    }

    /// Appends the code of a vector to `lines`.
    pub(crate) fn append_code(&self, vector: &[f32], lines: &mut Vec<CacheLine>) {
        let start = lines.len();
        lines.resize(start + self.lines, CacheLine::ZERO);
        self.quantizer
            .encode(vector, CacheLine::codes_mut(&mut lines[start..]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::samples;

    #[test]
    fn code_products_are_within_quantization_error() {
        for dimension in [16, 64, 100, 512, 768] {
            // One component in 150,000 is outside the range of codes; the first 60 samples have one, these don't.
            let vectors = &samples(120, dimension)[60..];
            let mut codes = Codes::new(dimension);
            for (row, (_, vector)) in (0..).zip(vectors) {
                codes.set(row, vector.as_slice());
            }
            let step = f64::from((4.5 / (dimension as f32).sqrt()).min(1.0)) / 127.0;
            for a in 0..60 {
                for b in 0..60 {
                    let by_code = eidetic_kernels::dot_i8(codes.row(a), codes.row(b));
                    let (x, y) = (vectors[a as usize].1.as_slice(), vectors[b as usize].1.as_slice());
                    let product = f64::from(eidetic_kernels::dot(x, y)) / (step * step);
                    let wrong = (f64::from(by_code) - product).abs();
                    assert!(
                        wrong <= f64::from(codes.quantizer().quantization_error()),
                        "{dimension}: {wrong}"
                    );
                }
            }
        }
    }

    /// Without the rotation one large component would need most of a code's range.
    #[test]
    fn large_components_leave_precision_for_small_ones() {
        let dimension = 512;
        let spiked = |(_, vector): &(_, eidetic_domain::Embedding)| {
            let mut numbers = vector.as_slice().to_vec();
            numbers[133] = 0.7;
            eidetic_domain::Embedding::normalize(numbers).expect("not all zero")
        };
        let vectors: Vec<_> = samples(40, dimension).iter().map(spiked).collect();
        let mut codes = Codes::new(dimension);
        for (row, vector) in (0..).zip(&vectors) {
            codes.set(row, vector.as_slice());
        }
        let step = f64::from(4.5 / (dimension as f32).sqrt()) / 127.0;
        for row in 1..40_u32 {
            let by_code = eidetic_kernels::dot_i8(codes.row(0), codes.row(row));
            let product = eidetic_kernels::dot(vectors[0].as_slice(), vectors[row as usize].as_slice());
            assert!(
                (f64::from(by_code) * step * step - f64::from(product)).abs() < 3.0 * step,
                "row {row}"
            );
        }
    }

    #[test]
    fn signs_follow_codes() {
        let vectors = samples(3, 400);
        let mut codes = Codes::new(400);
        codes.set(0, vectors[0].1.as_slice());
        codes.set(5, vectors[1].1.as_slice());
        codes.set(0, vectors[2].1.as_slice());
        let again = codes.encode(vectors[1].1.as_slice());
        codes.set_code(CHUNK_ROWS as u32 + 3, &again);
        codes.set_code(SIGN_ROWS as u32 + 7, &again);
        let loaded = Codes::from_chunks(400, codes.chunks().iter().map(|chunk| chunk.to_vec()).collect());
        for row in [0, 5, CHUNK_ROWS as u32 + 3, SIGN_ROWS as u32 + 7] {
            let (chunk, place) = (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS);
            for codes in [&codes, &loaded] {
                assert_eq!(
                    codes.signs(chunk)[place * 7..][..7],
                    Codes::signs_of(codes.row(row))
                );
            }
        }
    }

    #[test]
    fn short_codes_have_no_signs() {
        let mut codes = Codes::new(100);
        codes.set(0, samples(1, 100)[0].1.as_slice());
        let loaded = Codes::from_chunks(100, codes.chunks().iter().map(|chunk| chunk.to_vec()).collect());
        for codes in [codes, loaded] {
            assert_eq!(codes.bytes(), Codes::chunk_lines(100) * size_of::<CacheLine>());
        }
    }

    #[test]
    fn clone_is_unaffected_by_writes() {
        let vectors = samples(2, 64);
        let mut codes = Codes::new(64);
        codes.set(0, vectors[0].1.as_slice());
        let before = codes.clone();
        codes.set(0, vectors[1].1.as_slice());
        codes.set(CHUNK_ROWS as u32 * 2 + 5, vectors[0].1.as_slice());
        assert_eq!(before.row(0), codes.row(CHUNK_ROWS as u32 * 2 + 5));
        assert_ne!(before.row(0), codes.row(0));
    }
}
