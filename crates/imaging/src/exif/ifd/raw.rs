//! Values of a directory in any of the types that TIFF 6.0 and EXIF have.

use super::{ByteOrder, Ifd};

/// A value as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct RawValue<'a> {
    kind: u16,
    order: ByteOrder,
    /// All its items, one after the other.
    pub bytes: &'a [u8],
}

impl<'a> Ifd<'a> {
    /// The value of `tag`; none where it is not in the block as a whole.
    pub fn raw(&self, tag: u16) -> Option<RawValue<'a>> {
        let (kind, bytes) = self.stored(tag, item_size)?;
        Some(RawValue {
            kind,
            order: self.order,
            bytes,
        })
    }

    /// The item at `index` of `tag` as a number.
    pub fn number(&self, tag: u16, index: usize) -> Option<f64> {
        self.raw(tag)?.number(index)
    }

    /// Whether the block's least significant bytes come first.
    pub const fn is_little_endian(&self) -> bool {
        matches!(self.order, ByteOrder::Little)
    }
}

impl RawValue<'_> {
    /// The item at `index` as a number; a fraction with denominator 0 is none.
    pub fn number(&self, index: usize) -> Option<f64> {
        let size = item_size(self.kind)?;
        let bytes = self.bytes.get(index.checked_mul(size)?..)?.get(..size)?;
        let unsigned = |bytes: &[u8]| self.order.u32(bytes);
        Some(match self.kind {
            1 => f64::from(bytes[0]),
            6 => f64::from(bytes[0] as i8),
            3 => f64::from(self.order.u16(bytes)?),
            8 => f64::from(self.order.u16(bytes)? as i16),
            4 | 13 => f64::from(unsigned(bytes)?),
            9 => f64::from(unsigned(bytes)? as i32),
            5 => fraction(unsigned(&bytes[..4])?.into(), unsigned(&bytes[4..])?.into())?,
            10 => fraction(
                f64::from(unsigned(&bytes[..4])? as i32),
                f64::from(unsigned(&bytes[4..])? as i32),
            )?,
            11 => f64::from(f32::from_bits(unsigned(bytes)?)),
            12 => f64::from_bits(self.order.u64(bytes)?),
            16 | 18 => self.order.u64(bytes)? as f64,
            _ => return None,
        })
        .filter(|number: &f64| number.is_finite())
    }

    /// Whether it is a text, or bytes that may be one.
    pub const fn may_be_text(&self) -> bool {
        matches!(self.kind, 1 | 2 | 7)
    }
}

fn fraction(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator != 0.0).then(|| numerator / denominator)
}

fn item_size(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 18 => 8,
        _ => return None,
    })
}
