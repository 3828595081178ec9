//! Reads one image file directory (IFD) of TIFF 6.0, section 2, or of `BigTIFF`.

mod raw;

pub use raw::RawValue;

/// Numbers of the tags in use.
pub mod tag {
    pub const SUBFILE_TYPE: u16 = 0x00FE;
    pub const PHOTOMETRIC_INTERPRETATION: u16 = 0x0106;
    pub const MAKE: u16 = 0x010F;
    pub const MODEL: u16 = 0x0110;
    pub const ORIENTATION: u16 = 0x0112;
    pub const DATE_TIME: u16 = 0x0132;
    pub const EXTRA_SAMPLES: u16 = 0x0152;
    pub const SUB_IFDS: u16 = 0x014A;
    pub const EXIF: u16 = 0x8769;
    pub const GPS: u16 = 0x8825;
    pub const DATE_TIME_ORIGINAL: u16 = 0x9003;
    pub const DATE_TIME_DIGITIZED: u16 = 0x9004;
    pub const COLOR_SPACE: u16 = 0xA001;
    pub const INTEROPERABILITY: u16 = 0xA005;
    pub const DNG_VERSION: u16 = 0xC612;
    /// In the directory of interoperability.
    pub const INTEROPERABILITY_INDEX: u16 = 1;
    /// In the GPS directory.
    pub const LATITUDE_REF: u16 = 1;
    /// In the GPS directory.
    pub const LATITUDE: u16 = 2;
    /// In the GPS directory.
    pub const LONGITUDE_REF: u16 = 3;
    /// In the GPS directory.
    pub const LONGITUDE: u16 = 4;
}

/// Longer texts are cut.
const MAX_TEXT_BYTES: usize = 128;

/// A directory, and the block that its offsets refer to.
#[derive(Debug, Clone, Copy)]
pub struct Ifd<'a> {
    block: &'a [u8],
    order: ByteOrder,
    width: Width,
    entries: &'a [u8],
}

/// How long offsets and numbers of items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// TIFF 6.0: 4 bytes.
    Classic,
    /// `BigTIFF`: 8 bytes.
    Big,
}

#[derive(Debug, Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldType {
    Byte,
    Ascii,
    Short,
    Long,
    /// Eight bytes.
    Long8,
    Rational,
    /// An integer of this many bytes.
    Signed(usize),
}

struct FieldValue<'a> {
    kind: FieldType,
    bytes: &'a [u8],
}

impl<'a> Ifd<'a> {
    /// The first directory of a block that begins with a TIFF header.
    pub fn first(block: &'a [u8]) -> Option<Self> {
        let (order, width) = match block.get(..4)? {
            // Olympus and Panasonic write other numbers than 42.
            b"II*\0" | b"IIRO" | b"IIRS" | b"IIU\0" => (ByteOrder::Little, Width::Classic),
            b"MM\0*" | b"MMOR" => (ByteOrder::Big, Width::Classic),
            b"II+\0" => (ByteOrder::Little, Width::Big),
            b"MM\0+" => (ByteOrder::Big, Width::Big),
            _ => return None,
        };
        let offset = match width {
            Width::Classic => order.u32(block.get(4..8)?)?.into(),
            Width::Big => order.u64(block.get(8..16)?)?,
        };
        Self::at(block, order, width, offset)
    }

    /// Entries beyond the end of the block are ignored.
    fn at(block: &'a [u8], order: ByteOrder, width: Width, offset: u64) -> Option<Self> {
        let rest = block.get(usize::try_from(offset).ok()?..)?;
        let (count, entries) = match width {
            Width::Classic => (order.u16(rest)?.into(), &rest[2..]),
            Width::Big => (usize::try_from(order.u64(rest)?).ok()?, &rest[8..]),
        };
        let length = count.saturating_mul(width.entry()).min(entries.len());
        Some(Self {
            block,
            order,
            width,
            entries: &entries[..length],
        })
    }

    /// The directory that `tag` points to.
    pub fn sub_ifd(&self, tag: u16) -> Option<Self> {
        Self::at(self.block, self.order, self.width, self.unsigned(tag)?.into())
    }

    /// Whether the directory has `tag`.
    pub fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }

    /// The first number of `tag`.
    pub fn unsigned(&self, tag: u16) -> Option<u32> {
        let value = self.value(tag)?;
        match value.kind {
            FieldType::Byte => value.bytes.first().map(|&byte| byte.into()),
            FieldType::Short => self.order.u16(value.bytes.get(..2)?).map(u32::from),
            FieldType::Long => self.order.u32(value.bytes.get(..4)?),
            FieldType::Long8 => u32::try_from(self.order.u64(value.bytes.get(..8)?)?).ok(),
            FieldType::Signed(size) => self.signed(size, value.bytes),
            FieldType::Ascii | FieldType::Rational => None,
        }
    }

    /// A signed number, which some programs write where an unsigned one is meant.
    fn signed(&self, size: usize, bytes: &[u8]) -> Option<u32> {
        let number = match size {
            1 => i32::from(bytes.first()?.cast_signed()),
            2 => i32::from(self.order.u16(bytes.get(..2)?)?.cast_signed()),
            _ => self.order.u32(bytes.get(..4)?)?.cast_signed(),
        };
        u32::try_from(number).ok()
    }

    /// The text of `tag` up to its first NUL, trimmed; none if it is empty then.
    pub fn text(&self, tag: u16) -> Option<String> {
        let value = self.value(tag).filter(|value| value.kind == FieldType::Ascii)?;
        let bytes = &value.bytes[..value.bytes.len().min(MAX_TEXT_BYTES)];
        let until = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        let text = String::from_utf8_lossy(&bytes[..until]);
        let text = text.replace(char::is_control, "");
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The first `N` fractions of `tag`; a fraction with denominator 0 is none.
    pub fn rationals<const N: usize>(&self, tag: u16) -> Option<[Option<f64>; N]> {
        let value = self
            .value(tag)
            .filter(|value| value.kind == FieldType::Rational)?;
        let (fractions, _) = value.bytes.as_chunks::<8>();
        let mut result = [None; N];
        for (result, fraction) in result.iter_mut().zip(fractions.get(..N)?) {
            let numerator = self.order.u32(&fraction[..4])?;
            let denominator = self.order.u32(&fraction[4..])?;
            *result = (denominator != 0).then(|| f64::from(numerator) / f64::from(denominator));
        }
        Some(result)
    }

    fn entry(&self, tag: u16) -> Option<&'a [u8]> {
        self.entries
            .chunks_exact(self.width.entry())
            .find(|entry| self.order.u16(entry) == Some(tag))
    }

    fn value(&self, tag: u16) -> Option<FieldValue<'a>> {
        let (kind, bytes) = self.stored(tag, |kind| FieldType::of(kind).map(FieldType::size))?;
        Some(FieldValue {
            kind: FieldType::of(kind)?,
            bytes,
        })
    }

    /// The type of a value and its bytes, which are in the entry itself if they fit there, else at the offset in the
    /// entry. `item_size`: bytes of an item of each type.
    fn stored(&self, tag: u16, item_size: impl Fn(u16) -> Option<usize>) -> Option<(u16, &'a [u8])> {
        let (kind, entry) = self.entry(tag)?.get(2..)?.split_at_checked(2)?;
        let (count, field) = entry.split_at_checked(self.width.offset())?;
        let kind = self.order.u16(kind)?;
        let length = item_size(kind)?.checked_mul(self.offset(count)?)?;
        let bytes = if length <= field.len() {
            &field[..length]
        } else {
            self.block.get(self.offset(field)?..)?.get(..length)?
        };
        Some((kind, bytes))
    }

    fn offset(&self, bytes: &[u8]) -> Option<usize> {
        match self.width {
            Width::Classic => Some(self.order.u32(bytes)? as usize),
            Width::Big => usize::try_from(self.order.u64(bytes)?).ok(),
        }
    }
}

impl Width {
    const fn offset(self) -> usize {
        match self {
            Self::Classic => 4,
            Self::Big => 8,
        }
    }

    /// Bytes of an entry: tag, type, number of items, and the items or their offset.
    const fn entry(self) -> usize {
        4 + 2 * self.offset()
    }
}

impl ByteOrder {
    fn u16(self, bytes: &[u8]) -> Option<u16> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn u32(self, bytes: &[u8]) -> Option<u32> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    fn u64(self, bytes: &[u8]) -> Option<u64> {
        let bytes = *bytes.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        })
    }
}

impl FieldType {
    fn of(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Byte,
            2 => Self::Ascii,
            3 => Self::Short,
            // 13 is a long that holds the offset of a directory (TIFF technical note 1).
            4 | 13 => Self::Long,
            5 => Self::Rational,
            // 18 is one that holds the offset of a directory.
            16 | 18 => Self::Long8,
            6 => Self::Signed(1),
            8 => Self::Signed(2),
            9 => Self::Signed(4),
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::Byte | Self::Ascii => 1,
            Self::Short => 2,
            Self::Long => 4,
            Self::Long8 | Self::Rational => 8,
            Self::Signed(size) => size,
        }
    }
}
