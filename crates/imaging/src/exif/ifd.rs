//! Reads one image file directory (IFD) of TIFF 6.0, section 2.

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

const ENTRY: usize = 12;

/// A directory, and the block that its offsets refer to.
#[derive(Debug, Clone, Copy)]
pub struct Ifd<'a> {
    block: &'a [u8],
    order: ByteOrder,
    entries: &'a [[u8; ENTRY]],
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
        let order = match block.get(..4)? {
            // Olympus and Panasonic write other numbers than 42.
            b"II*\0" | b"IIRO" | b"IIRS" | b"IIU\0" => ByteOrder::Little,
            b"MM\0*" | b"MMOR" => ByteOrder::Big,
            _ => return None,
        };
        let offset = order.u32(block.get(4..8)?)?;
        Self::at(block, order, offset)
    }

    /// Entries beyond the end of the block are ignored.
    fn at(block: &'a [u8], order: ByteOrder, offset: u32) -> Option<Self> {
        let rest = block.get(offset as usize..)?;
        let count = usize::from(order.u16(rest.get(..2)?)?);
        let (entries, _) = rest[2..].as_chunks();
        Some(Self {
            block,
            order,
            entries: &entries[..count.min(entries.len())],
        })
    }

    /// The directory that `tag` points to.
    pub fn sub_ifd(&self, tag: u16) -> Option<Self> {
        Self::at(self.block, self.order, self.unsigned(tag)?)
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

    fn entry(&self, tag: u16) -> Option<&'a [u8; ENTRY]> {
        self.entries
            .iter()
            .find(|entry| self.order.u16(&entry[..2]) == Some(tag))
    }

    /// The value's bytes: in the entry itself if they are at most four, else at the offset in the entry.
    fn value(&self, tag: u16) -> Option<FieldValue<'a>> {
        let entry = self.entry(tag)?;
        let kind = FieldType::of(self.order.u16(&entry[2..4])?)?;
        let length = kind.size().checked_mul(self.order.u32(&entry[4..8])? as usize)?;
        let bytes = if length <= 4 {
            &entry[8..8 + length]
        } else {
            let offset = self.order.u32(&entry[8..])? as usize;
            self.block.get(offset..)?.get(..length)?
        };
        Some(FieldValue { kind, bytes })
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
            Self::Rational => 8,
            Self::Signed(size) => size,
        }
    }
}
