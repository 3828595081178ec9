//! Text chunks of PNG files (PNG 3, 11.3.3), and the profiles that some programs write as texts.

use std::borrow::Cow;

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

/// A text as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub keyword: &'a [u8],
    content: &'a [u8],
    is_compressed: bool,
}

impl<'a> Text<'a> {
    /// The text in a chunk; none of other kinds of chunks.
    pub fn read(kind: [u8; 4], chunk: &'a [u8]) -> Option<Self> {
        let (keyword, rest) = split_at_nul(chunk)?;
        let (is_compressed, content) = match &kind {
            b"tEXt" => (false, rest),
            // A byte for the method, of which there is one.
            b"zTXt" => (true, rest.get(1..)?),
            b"iTXt" => {
                let (&[is_compressed, _method], rest) = rest.split_first_chunk()?;
                let (_language, rest) = split_at_nul(rest)?;
                let (_translated_keyword, text) = split_at_nul(rest)?;
                (is_compressed != 0, text)
            }
            _ => return None,
        };
        Some(Self {
            keyword,
            content,
            is_compressed,
        })
    }

    /// The text, or what can be unpacked of it, up to `most` bytes.
    pub fn unpacked(&self, most: usize) -> Cow<'a, [u8]> {
        if !self.is_compressed {
            return Cow::Borrowed(self.content);
        }
        Cow::Owned(match decompress_to_vec_zlib_with_limit(self.content, most) {
            Ok(unpacked) => unpacked,
            Err(error) => error.output,
        })
    }
}

fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(0, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// A profile as `ImageMagick` writes it: its name and its length on lines of their own, then hexadecimal digits.
pub fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text.trim_ascii_start().splitn(3, |&byte| byte == b'\n');
    let digits = lines.nth(2)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let digits: Vec<u8> = digits.iter().filter_map(digit).collect();
    let (pairs, _) = digits.as_chunks::<2>();
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_profile_is_read_from_digits() {
        assert_eq!(
            raw_profile(b"\nexif\n       4\n4d4D\n002a\n"),
            Some(b"MM\0*".to_vec())
        );
        assert_eq!(raw_profile(b"exif"), None);
    }
}
