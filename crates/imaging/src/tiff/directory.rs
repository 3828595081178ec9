//! The structure of a TIFF file: header, directories (IFDs) and the values of their tags, in either byte
//! order, for TIFF 6.0 and `BigTIFF`.
//!
//! Nothing is copied: values are read from the file's bytes when they are asked for, so that the declared
//! length of an array costs no memory.

use std::collections::HashSet;

/// Directories beyond this number, and entries of a directory, are ignored.
const MOST_DIRECTORIES: usize = 4096;
const MOST_ENTRIES: u64 = 4096;

/// A file with the signature of TIFF.
#[derive(Debug, Clone, Copy)]
pub struct TiffFile<'a> {
    pub bytes: &'a [u8],
    pub order: ByteOrder,
    is_big: bool,
}

/// Order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

/// One directory, which describes one image.
#[derive(Debug, Clone, Copy)]
pub struct Directory<'a> {
    pub file: TiffFile<'a>,
    entries: &'a [u8],
}

/// The values of one tag.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    kind: FieldType,
    order: ByteOrder,
    bytes: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldType {
    Unsigned(usize),
    Signed(usize),
    Rational,
    SignedRational,
    Float,
    Double,
}

impl<'a> TiffFile<'a> {
    /// None without the signature of TIFF.
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let (order, is_big) = match bytes.get(..4)? {
            b"II*\0" => (ByteOrder::Little, false),
            b"MM\0*" => (ByteOrder::Big, false),
            b"II+\0" => (ByteOrder::Little, true),
            b"MM\0+" => (ByteOrder::Big, true),
            _ => return None,
        };
        Some(Self { bytes, order, is_big })
    }

    /// The directories in the order of their chain, which ends at the first damaged link or circle.
    pub fn directories(&self) -> Vec<Directory<'a>> {
        let mut visited = HashSet::new();
        let mut directories = Vec::new();
        let mut next = self.first_offset();
        while let Some(offset) = next.filter(|&offset| offset != 0 && visited.insert(offset)) {
            let Some((directory, link)) = self.directory(offset) else {
                break;
            };
            directories.push(directory);
            if directories.len() == MOST_DIRECTORIES {
                break;
            }
            next = link;
        }
        directories
    }

    fn first_offset(&self) -> Option<u64> {
        if self.is_big {
            self.number(8, 8)
        } else {
            self.number(4, 4)
        }
    }

    /// The directory at `offset` and the offset of the next. Entries beyond the end of the file are ignored.
    fn directory(&self, offset: u64) -> Option<(Directory<'a>, Option<u64>)> {
        let (count_size, link_size) = if self.is_big { (8, 8) } else { (2, 4) };
        let count = self.number(offset, count_size)?;
        let start = offset.checked_add(count_size as u64)?;
        let rest = self.bytes.get(usize::try_from(start).ok()?..)?;
        let available = rest.len() / self.entry_size();
        let kept = count.min(MOST_ENTRIES).min(available as u64) as usize;
        let directory = Directory {
            file: *self,
            entries: &rest[..kept * self.entry_size()],
        };
        let link = count
            .checked_mul(self.entry_size() as u64)
            .and_then(|length| start.checked_add(length))
            .and_then(|at| self.number(at, link_size));
        Some((directory, link))
    }

    fn entry_size(&self) -> usize {
        if self.is_big { 20 } else { 12 }
    }

    /// The unsigned number of `size` bytes at `offset`.
    fn number(&self, offset: u64, size: usize) -> Option<u64> {
        let at = usize::try_from(offset).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        Some(self.order.unsigned(bytes))
    }
}

impl<'a> Directory<'a> {
    /// The values of `tag`; as many as the file has, if it ends within them.
    pub fn values(&self, tag: u16) -> Option<Values<'a>> {
        let file = self.file;
        let entry = self
            .entries
            .chunks_exact(file.entry_size())
            .find(|entry| file.order.unsigned(&entry[..2]) == u64::from(tag))?;
        let kind = FieldType::of(file.order.unsigned(&entry[2..4]))?;
        let (count, value) = if file.is_big {
            (file.order.unsigned(&entry[4..12]), &entry[12..])
        } else {
            (file.order.unsigned(&entry[4..8]), &entry[8..])
        };
        let length = count.saturating_mul(kind.size() as u64);
        let bytes = if length <= value.len() as u64 {
            &value[..length as usize]
        } else {
            let start = usize::try_from(file.order.unsigned(value)).ok()?;
            let rest = file.bytes.get(start..)?;
            &rest[..length.min(rest.len() as u64) as usize]
        };
        Some(Values {
            kind,
            order: file.order,
            bytes,
        })
    }

    /// The first value of `tag`, if it is a whole number.
    pub fn unsigned(&self, tag: u16) -> Option<u64> {
        self.values(tag)?.unsigned(0)
    }

    /// The first value of `tag`, if it is a whole number of at most 32 bits.
    pub fn small(&self, tag: u16) -> Option<u32> {
        u32::try_from(self.unsigned(tag)?).ok()
    }

    /// The values of `tag` as they are stored, which is of use for bytes.
    pub fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        Some(self.values(tag)?.bytes)
    }
}

impl Values<'_> {
    /// Number of whole values.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.kind.size()
    }

    /// Value `index`, if it is a whole number.
    pub fn unsigned(&self, index: usize) -> Option<u64> {
        let bytes = self.element(index)?;
        match self.kind {
            FieldType::Unsigned(_) => Some(self.order.unsigned(bytes)),
            FieldType::Signed(_) => u64::try_from(self.order.signed(bytes)).ok(),
            _ => None,
        }
    }

    /// Value `index` as a real number; none for a fraction with denominator 0.
    pub fn real(&self, index: usize) -> Option<f64> {
        let bytes = self.element(index)?;
        let order = self.order;
        Some(match self.kind {
            FieldType::Unsigned(_) => order.unsigned(bytes) as f64,
            FieldType::Signed(_) => order.signed(bytes) as f64,
            FieldType::Rational => fraction(
                order.unsigned(&bytes[..4]) as f64,
                order.unsigned(&bytes[4..]) as f64,
            )?,
            FieldType::SignedRational => {
                fraction(order.signed(&bytes[..4]) as f64, order.signed(&bytes[4..]) as f64)?
            }
            FieldType::Float => f32::from_bits(order.unsigned(bytes) as u32).into(),
            FieldType::Double => f64::from_bits(order.unsigned(bytes)),
        })
    }

    fn element(&self, index: usize) -> Option<&[u8]> {
        let size = self.kind.size();
        let start = index.checked_mul(size)?;
        self.bytes.get(start..start.checked_add(size)?)
    }
}

fn fraction(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator != 0.0).then(|| numerator / denominator)
}

impl ByteOrder {
    /// The unsigned number in up to eight bytes.
    pub fn unsigned(self, bytes: &[u8]) -> u64 {
        let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, append),
            Self::Big => bytes.iter().fold(0, append),
        }
    }

    /// The number in two's complement in one to eight bytes.
    pub fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len() as u32;
        (self.unsigned(bytes) << unused) as i64 >> unused
    }
}

impl FieldType {
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            1 | 2 | 7 => Self::Unsigned(1),
            3 => Self::Unsigned(2),
            4 | 13 => Self::Unsigned(4),
            5 => Self::Rational,
            6 => Self::Signed(1),
            8 => Self::Signed(2),
            9 => Self::Signed(4),
            10 => Self::SignedRational,
            11 => Self::Float,
            12 => Self::Double,
            16 | 18 => Self::Unsigned(8),
            17 => Self::Signed(8),
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::Unsigned(size) | Self::Signed(size) => size,
            Self::Float => 4,
            Self::Rational | Self::SignedRational | Self::Double => 8,
        }
    }
}
