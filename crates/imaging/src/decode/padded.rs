//! Input that does not end with the file, so that decoders that know nothing of truncated files show what
//! there is.

use std::cell::Cell;
use std::io::{BufRead, Error, ErrorKind, Read, Result, Seek, SeekFrom};

/// The bytes of a file, followed by padding once it is turned on.
///
/// Read by shared reference, as a file can be, so that its state can be asked for while a decoder has it.
pub(super) struct PaddedInput<'a> {
    bytes: &'a [u8],
    padding: [u8; 512],
    at: Cell<u64>,
    /// Bytes of padding that may still be read.
    left: Cell<u64>,
    /// Bytes of padding that have been read.
    padding_read: Cell<u64>,
}

impl<'a> PaddedInput<'a> {
    /// `pattern` is repeated as padding.
    pub fn new(bytes: &'a [u8], pattern: [u8; 2]) -> Self {
        Self {
            bytes,
            padding: std::array::from_fn(|index| pattern[index % 2]),
            at: Cell::new(0),
            left: Cell::new(0),
            padding_read: Cell::new(0),
        }
    }

    /// From now on, the file is followed by `length` bytes of padding.
    pub fn turn_on(&self, length: u64) {
        self.left.set(length);
    }

    /// Whether nothing of the file is left.
    pub fn is_at_end(&self) -> bool {
        self.at.get() >= self.bytes.len() as u64
    }

    /// Number of bytes of padding that have been read.
    pub fn padding_read(&self) -> u64 {
        self.padding_read.get()
    }
}

impl Read for &PaddedInput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for &PaddedInput<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        let at = usize::try_from(self.at.get()).unwrap_or(usize::MAX);
        Ok(match self.bytes.get(at..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &self.padding[..self.left.get().min(self.padding.len() as u64) as usize],
        })
    }

    fn consume(&mut self, count: usize) {
        let count = count as u64;
        if self.is_at_end() {
            self.left.set(self.left.get().saturating_sub(count));
            self.padding_read
                .set(self.padding_read.get().saturating_add(count));
        }
        self.at.set(self.at.get().saturating_add(count));
    }
}

impl Seek for &PaddedInput<'_> {
    fn seek(&mut self, target: SeekFrom) -> Result<u64> {
        let (base, offset) = match target {
            SeekFrom::Start(at) => (0, i64::try_from(at).unwrap_or(i64::MAX)),
            SeekFrom::Current(offset) => (self.at.get(), offset),
            SeekFrom::End(offset) => (self.bytes.len() as u64, offset),
        };
        let at = base
            .checked_add_signed(offset)
            .ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        self.at.set(at);
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_follows_once_turned_on() {
        let input = PaddedInput::new(b"ab", *b"xy");
        let mut all = Vec::new();
        (&input).read_to_end(&mut all).expect("reading from memory");
        assert_eq!((all.as_slice(), input.padding_read()), (b"ab".as_slice(), 0));
        assert!(input.is_at_end());
        input.turn_on(5);
        (&input).read_to_end(&mut all).expect("reading from memory");
        assert_eq!((all.as_slice(), input.padding_read()), (b"abxyxyx".as_slice(), 5));
        (&input).seek(SeekFrom::Start(1)).expect("seeking in memory");
        assert!(!input.is_at_end());
    }
}
