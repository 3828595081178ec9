//! The codes of all vectors, by row: what searches compare.

use std::sync::Arc;

use eidetic_kernels::{CacheLine, sign_bits};
use rayon::prelude::*;

use crate::quantizer::Quantizer;

/// Rows in a chunk: at 512 dimensions 8 MiB.
pub(crate) const CHUNK_ROWS: usize = 1 << 14;
/// Chunks whose signs lie together: as many bytes as one chunk of codes, enough for large pages.
const SIGN_CHUNKS: usize = 8;
/// Rows whose signs lie together.
const SIGN_ROWS: usize = SIGN_CHUNKS * CHUNK_ROWS;
/// From so many signs on, rows are told apart by them; shorter rows are as soon compared whole.
const SIGNS_TELL: usize = 384;
/// 64-bit words of a line.
const WORDS: usize = CacheLine::CODES / size_of::<u64>();

/// Codes in chunks of rows.
///
/// A clone shares its chunks with the original; whoever writes first copies the one chunk that it writes to. Growing
/// never moves what is there.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    quantizer: Quantizer,
    /// Lines of a row.
    lines: usize,
    chunks: Vec<Arc<Vec<CacheLine>>>,
    /// Of every [`SIGN_ROWS`] rows the signs of their codes: a bit each, a word for each line of a code. None where they
    /// do not tell near from far.
    signs: Vec<Arc<Vec<CacheLine>>>,
}

impl Codes {
    /// No codes yet, of vectors of `dimension` ≥ 1 numbers.
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

    /// The code of `row`, filled up with zeros to whole lines; zeros for a row never set within a chunk that is there.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> &[i8] {
        let row = row as usize;
        let lines = &self.chunks[row / CHUNK_ROWS][row % CHUNK_ROWS * self.lines..][..self.lines];
        CacheLine::codes(lines)
    }

    /// Replaces the code of `row` by that of `vector`.
    pub(crate) fn set(&mut self, row: u32, vector: &[f32]) {
        let quantizer = self.quantizer.clone();
        quantizer.encode(vector, self.row_mut(row));
        self.note_signs(row);
    }

    /// Replaces the code of `row` by one that [`encode`](Self::encode) gave.
    pub(crate) fn put(&mut self, row: u32, code: &[CacheLine]) {
        self.row_mut(row).copy_from_slice(CacheLine::codes(code));
        self.note_signs(row);
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| size_of_val(chunk.as_slice()))
            .chain(self.signs.iter().map(|signs| size_of_val(signs.as_slice())))
            .sum()
    }

    /// Whether vectors have so many components that their signs tell near from far.
    pub(crate) const fn signs_tell(&self) -> bool {
        self.quantizer.dimension() >= SIGNS_TELL
    }

    /// The signs of a chunk's rows, one row after the other, a word for each 64 codes.
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

    fn note_signs(&mut self, row: u32) {
        if !self.signs_tell() {
            return;
        }
        let (table, start) = (row as usize / SIGN_ROWS, row as usize % SIGN_ROWS * self.lines);
        let signs = Self::signs_of(self.row(row));
        let table: &mut Vec<CacheLine> = Arc::make_mut(&mut self.signs[table]);
        CacheLine::long_words_mut(table)[start..][..self.lines].copy_from_slice(&signs);
    }

    /// Its chunks, the first of which starts with row 0.
    pub(crate) fn chunks(&self) -> &[Arc<Vec<CacheLine>>] {
        &self.chunks
    }

    /// Lines of a chunk of codes of vectors of `dimension` numbers.
    pub(crate) const fn chunk_lines(dimension: usize) -> usize {
        CHUNK_ROWS * dimension.div_ceil(CacheLine::CODES)
    }

    /// Codes of these chunks, each of as many lines as [`chunk_lines`](Self::chunk_lines) says.
    pub(crate) fn from_chunks(dimension: usize, chunks: Vec<Vec<CacheLine>>) -> Self {
        let mut codes = Self::new(dimension);
        let lines = codes.lines;
        let signs = |chunks: &[Vec<CacheLine>]| {
            let mut table = CacheLine::zeros(SIGN_ROWS * lines / WORDS);
            let rooms = CacheLine::long_words_mut(&mut table).chunks_exact_mut(CHUNK_ROWS * lines);
            for (chunk, room) in chunks.iter().zip(rooms) {
                sign_bits(CacheLine::codes(chunk), room);
            }
            Arc::new(table)
        };
        if codes.signs_tell() {
            codes.signs = chunks.par_chunks(SIGN_CHUNKS).map(signs).collect();
        }
        codes.chunks = chunks.into_iter().map(Arc::new).collect();
        codes
    }

    /// The code of `row`, to be written; makes room for it.
    fn row_mut(&mut self, row: u32) -> &mut [i8] {
        let (chunk, start) = (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS * self.lines);
        self.reserve(chunk + 1);
        CacheLine::codes_mut(&mut Arc::make_mut(&mut self.chunks[chunk])[start..][..self.lines])
    }

    /// Makes room for `chunks` chunks.
    fn reserve(&mut self, chunks: usize) {
        let size = CHUNK_ROWS * self.lines;
        while self.chunks.len() < chunks {
            self.chunks.push(Arc::new(CacheLine::zeros(size)));
        }
        while self.signs_tell() && self.signs.len() * SIGN_CHUNKS < chunks {
            let size = SIGN_ROWS * self.lines / WORDS;
            self.signs.push(Arc::new(CacheLine::zeros(size)));
        }
    }

    /// The code of a query.
    pub(crate) fn encode(&self, vector: &[f32]) -> Vec<CacheLine> {
        let mut lines = vec![CacheLine::ZERO; self.lines];
        self.quantizer.encode(vector, CacheLine::codes_mut(&mut lines));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::samples;

    #[test]
    fn products_of_codes_are_those_of_the_vectors_to_within_the_slack() {
        for dimension in [16, 64, 100, 512, 768] {
            let vectors = samples(60, dimension);
            let mut codes = Codes::new(dimension);
            for (row, (_, vector)) in (0..).zip(&vectors) {
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
                        wrong <= f64::from(codes.quantizer().slack()),
                        "{dimension}: {wrong}"
                    );
                }
            }
        }
    }

    /// One large component would need most of a code's range if it were not spread first.
    #[test]
    fn large_components_leave_room_for_the_small_ones() {
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
    fn signs_follow_the_codes() {
        let vectors = samples(3, 400);
        let mut codes = Codes::new(400);
        codes.set(0, vectors[0].1.as_slice());
        codes.set(5, vectors[1].1.as_slice());
        codes.set(0, vectors[2].1.as_slice());
        let again = codes.encode(vectors[1].1.as_slice());
        codes.put(CHUNK_ROWS as u32 + 3, &again);
        codes.put(SIGN_ROWS as u32 + 7, &again);
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
    fn signs_that_would_not_tell_are_not_kept() {
        let mut codes = Codes::new(100);
        codes.set(0, samples(1, 100)[0].1.as_slice());
        let loaded = Codes::from_chunks(100, codes.chunks().iter().map(|chunk| chunk.to_vec()).collect());
        for codes in [codes, loaded] {
            assert_eq!(codes.bytes(), Codes::chunk_lines(100) * size_of::<CacheLine>());
        }
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
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
