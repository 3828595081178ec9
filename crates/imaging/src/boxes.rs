//! Boxes of ISO base media files (ISO/IEC 14496-12, 4.2).

/// Reads big-endian numbers from the front of `rest`.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*array)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A number of 0 to 8 bytes; of none it is 0, and none of more.
    pub fn number(&mut self, bytes: u8) -> Option<u64> {
        if bytes > 8 {
            return None;
        }
        let bytes = self.bytes(usize::from(bytes))?;
        Some(
            bytes
                .iter()
                .fold(0, |number, &byte| number << 8 | u64::from(byte)),
        )
    }

    /// A number of 16 bits, or of 32 if `wide`.
    pub fn narrow_or_wide(&mut self, wide: bool) -> Option<u32> {
        if wide {
            self.u32()
        } else {
            self.u16().map(u32::from)
        }
    }

    /// Version and flags of a full box.
    pub fn version_and_flags(&mut self) -> Option<(u8, u32)> {
        let number = self.u32()?;
        Some(((number >> 24) as u8, number & 0xFF_FFFF))
    }
}

/// Type and content of each box in `content`. One that reaches beyond the end, in a file that is cut, has what is there.
pub fn boxes(content: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut reader = Reader::new(content);
    std::iter::from_fn(move || {
        let start = reader.rest.len();
        let length = reader.u32()?;
        let kind = reader.array()?;
        let length = match length {
            0 => start,
            1 => usize::try_from(reader.u64()?).ok()?,
            length => length as usize,
        };
        let header = start - reader.rest.len();
        let content = reader.bytes(length.checked_sub(header)?.min(reader.rest.len()))?;
        Some((kind, content))
    })
}

/// The content of the first box of type `kind`.
pub fn find(content: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    boxes(content)
        .find(|(found, _)| *found == kind)
        .map(|(_, content)| content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_of_all_kinds_are_read() {
        let bytes = b"\0\0\0\x0Aaaaa\x01\x02\0\0\0\x01bbbb\0\0\0\0\0\0\0\x11\x03\0\0\0\0cccc\x04";
        let found: Vec<_> = boxes(bytes).collect();
        assert_eq!(
            found,
            [(*b"aaaa", &[1, 2][..]), (*b"bbbb", &[3]), (*b"cccc", &[4])]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(boxes(&bytes).count() <= bytes.len());
        }
    }
}
