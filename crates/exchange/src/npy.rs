//! The header of `NumPy`'s arrays (NEP 1, versions 1 to 3), and their elements.
//!
//! A header is one line of Python: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 512), }`. Only arrays that lie row by
//! row and whose elements are numbers or texts of a fixed length are read.

use std::io::{Read, Write};

use half::f16;

use crate::{ExchangeError, MAX_DIMENSION, MAX_PATH};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read.
const MAX_HEADER: usize = 1 << 16;
/// Data begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// What an array consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Half,
    Single,
    Double,
    /// So many bytes, padded with zeros.
    Bytes(usize),
    /// So many characters of four bytes, padded with zeros.
    Unicode(usize),
}

impl Element {
    /// Size in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Half => 2,
            Self::Single => 4,
            Self::Double => 8,
            Self::Bytes(length) => length,
            Self::Unicode(length) => 4 * length,
        }
    }

    pub const fn is_number(self) -> bool {
        matches!(self, Self::Half | Self::Single | Self::Double)
    }

    fn parse(descr: &str) -> Result<Self, ExchangeError> {
        let unknown =
            || ExchangeError::invalid(format!("its arrays have elements {descr:?}, which are not read"));
        let length = |digits: &str| match digits.parse::<usize>() {
            Ok(length) if length <= MAX_PATH => Ok(length),
            _ => Err(unknown()),
        };
        match descr {
            "<f2" => return Ok(Self::Half),
            "<f4" => return Ok(Self::Single),
            "<f8" => return Ok(Self::Double),
            _ => {}
        }
        match (descr.get(..2), descr.get(2..)) {
            (Some("|S"), Some(digits)) => length(digits).map(Self::Bytes),
            (Some("<U"), Some(digits)) => length(digits).map(Self::Unicode),
            _ => Err(unknown()),
        }
    }

    /// The numbers in `bytes`, which are whole elements.
    pub fn numbers(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Half => {
                let halves = bytes.as_chunks().0.iter();
                halves.map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
            }
            Self::Single => {
                let singles = bytes.as_chunks().0.iter();
                singles.map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            Self::Double => {
                let doubles = bytes.as_chunks().0.iter();
                doubles.map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()
            }
            Self::Bytes(_) | Self::Unicode(_) => Vec::new(),
        }
    }

    /// The text in the bytes of one element, as UTF-8 or as it is; `None` where it has characters that do not exist.
    pub fn text(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(_) => {
                let end = bytes
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |last| last + 1);
                Some(bytes[..end].to_vec())
            }
            Self::Unicode(_) => {
                let codes = bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
                let text: Option<String> = codes.map(char::from_u32).collect();
                text.map(|text| text.trim_end_matches('\0').as_bytes().to_vec())
            }
            Self::Half | Self::Single | Self::Double => None,
        }
    }
}

/// The element type and the shape of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub element: Element,
    pub shape: Vec<u64>,
}

impl Header {
    /// Rows and components of a matrix of numbers.
    pub fn matrix(&self) -> Result<(u64, usize), ExchangeError> {
        match (self.shape.as_slice(), self.element.is_number()) {
            ([rows, dimension], true) => match usize::try_from(*dimension) {
                Ok(dimension) if dimension <= MAX_DIMENSION => Ok((*rows, dimension)),
                _ => Err(ExchangeError::invalid(format!(
                    "its embeddings have {dimension} components; at most {MAX_DIMENSION} are read"
                ))),
            },
            _ => Err(ExchangeError::invalid(
                "its embeddings are no matrix of numbers with one row for each picture",
            )),
        }
    }

    /// Number of texts in a list of them.
    pub fn texts(&self) -> Result<u64, ExchangeError> {
        match (self.shape.as_slice(), self.element.is_number()) {
            ([rows], false) => Ok(*rows),
            _ => Err(ExchangeError::invalid("its ids or paths are no list of texts")),
        }
    }
}

/// Writes the header of an array that lies row by row.
pub fn write_header(out: &mut dyn Write, descr: &str, shape: &[u64]) -> std::io::Result<()> {
    let sizes: Vec<String> = shape.iter().map(u64::to_string).collect();
    // A tuple of one has a comma.
    let comma = if shape.len() == 1 { "," } else { "" };
    let sizes = sizes.join(", ") + comma;
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let length = MAGIC.len() + 4 + text.len() + 1;
    text.extend(std::iter::repeat_n(
        ' ',
        length.next_multiple_of(ALIGNMENT) - length,
    ));
    text.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    let length = u16::try_from(text.len()).map_err(std::io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(text.as_bytes())
}

/// Reads the header of an array; the elements follow.
pub fn read_header(input: &mut dyn Read) -> Result<Header, ExchangeError> {
    let mut start = [0; 8];
    input.read_exact(&mut start).map_err(cut_short)?;
    if &start[..6] != MAGIC {
        return Err(ExchangeError::invalid(
            "it has no array of NumPy where one is expected",
        ));
    }
    let length = if start[6] == 1 {
        let mut length = [0; 2];
        input.read_exact(&mut length).map_err(cut_short)?;
        u16::from_le_bytes(length).into()
    } else {
        let mut length = [0; 4];
        input.read_exact(&mut length).map_err(cut_short)?;
        u32::from_le_bytes(length) as usize
    };
    if length > MAX_HEADER {
        return Err(ExchangeError::invalid(format!(
            "the header of an array declares {length} bytes"
        )));
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text).map_err(cut_short)?;
    let text = std::str::from_utf8(&text).ok();
    let header = text.and_then(Dictionary::parse);
    let header = header.ok_or_else(|| ExchangeError::invalid("the header of an array is damaged"))?;
    if header.is_by_column && header.shape.len() > 1 {
        return Err(ExchangeError::invalid(
            "its embeddings lie column by column; save them with numpy.ascontiguousarray",
        ));
    }
    Ok(Header {
        element: Element::parse(&header.descr)?,
        shape: header.shape,
    })
}

/// A file that ends too early is damaged; other errors are those of the system.
pub fn cut_short(error: std::io::Error) -> ExchangeError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => ExchangeError::invalid("it ends before its arrays do"),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
            ExchangeError::invalid(format!("its arrays are damaged: {error}"))
        }
        _ => error.into(),
    }
}

/// The values of a header.
struct Dictionary {
    descr: String,
    is_by_column: bool,
    shape: Vec<u64>,
}

impl Dictionary {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = Rest(text.trim());
        let (mut descr, mut is_by_column, mut shape) = (None, None, None);
        rest.take("{")?;
        while rest.take("}").is_none() {
            let key = rest.quoted()?;
            rest.take(":")?;
            match key {
                "descr" => descr = Some(rest.quoted()?.to_owned()),
                "fortran_order" => is_by_column = Some(rest.boolean()?),
                "shape" => shape = Some(rest.tuple()?),
                _ => return None,
            }
            // The last comma may be left out.
            if rest.take(",").is_none() && !rest.0.starts_with('}') {
                return None;
            }
        }
        Some(Self {
            descr: descr?,
            is_by_column: is_by_column?,
            shape: shape?,
        })
    }
}

/// What is left of the text of a header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(token)?.trim_start();
        Some(())
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let quote = self.0.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = self.0[1..].split_once(quote)?;
        self.0 = rest.trim_start();
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        let is_true = self.take("True").is_some();
        (is_true || self.take("False").is_some()).then_some(is_true)
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        self.take("(")?;
        let (inside, rest) = self.0.split_once(')')?;
        self.0 = rest.trim_start();
        let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
        // Python 2 wrote 3L.
        sizes
            .map(|size| size.trim_end_matches('L').parse().ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(text: &str) -> Result<Header, ExchangeError> {
        let mut bytes = [MAGIC.as_slice(), &[1, 0], &(text.len() as u16).to_le_bytes()].concat();
        bytes.extend_from_slice(text.as_bytes());
        read_header(&mut bytes.as_slice())
    }

    #[test]
    fn header_is_as_numpy_writes_it() {
        let mut bytes = Vec::new();
        write_header(&mut bytes, "<f4", &[3, 512]).unwrap();
        assert_eq!(bytes.len(), 128);
        assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 512), } "));
        assert_eq!(bytes.last(), Some(&b'\n'));
        let mut list = Vec::new();
        write_header(&mut list, "|S64", &[7]).unwrap();
        assert!(list[10..].starts_with(b"{'descr': '|S64', 'fortran_order': False, 'shape': (7,), }"));
        let mut scalar = Vec::new();
        write_header(&mut scalar, "<i4", &[]).unwrap();
        assert!(scalar[10..].starts_with(b"{'descr': '<i4', 'fortran_order': False, 'shape': (), }"));
    }

    #[test]
    fn headers_of_other_writers_are_read() {
        let found = header("{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f2\"}\n").unwrap();
        assert_eq!((found.element, found.matrix().unwrap()), (Element::Half, (2, 3)));
        let found = header("{'descr': '<U5', 'fortran_order': True, 'shape': (2L,), }").unwrap();
        assert_eq!((found.element, found.texts().unwrap()), (Element::Unicode(5), 2));
    }

    #[test]
    fn unusable_headers_are_errors() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'more': 1}",
            "{'descr': '|S99999999', 'fortran_order': False, 'shape': (2,)}",
        ] {
            assert!(header(text).is_err(), "{text}");
        }
        let declared = [MAGIC.as_slice(), &[2, 0], &u32::MAX.to_le_bytes()].concat();
        assert!(read_header(&mut declared.as_slice()).is_err());
    }

    #[test]
    fn texts_end_at_padding() {
        assert_eq!(Element::Bytes(4).text(b"a\0b\0"), Some(b"a\0b".to_vec()));
        let wide: Vec<u8> = ['é', '\0']
            .iter()
            .flat_map(|c| u32::from(*c).to_le_bytes())
            .collect();
        assert_eq!(Element::Unicode(2).text(&wide), Some("é".as_bytes().to_vec()));
        assert_eq!(Element::Unicode(1).text(&0xd800_u32.to_le_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = header(&text);
            let _ = read_header(&mut bytes.as_slice());
        }

        #[test]
        fn written_header_is_read_back(shape in prop::collection::vec(any::<u64>(), 0..3), length in 1_usize..1000) {
            let mut bytes = Vec::new();
            write_header(&mut bytes, &format!("|S{length}"), &shape).unwrap();
            prop_assert_eq!(bytes.len() % ALIGNMENT, 0);
            let expected = Header { element: Element::Bytes(length), shape };
            prop_assert_eq!(read_header(&mut bytes.as_slice()).unwrap(), expected);
        }
    }
}
