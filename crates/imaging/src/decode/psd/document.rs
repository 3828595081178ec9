//! The sections of a Photoshop document before its flattened picture.

use super::FORMAT;
use crate::ImagingError;

/// A document; its parts borrow from the file.
pub struct Document<'a> {
    pub width: u32,
    pub height: u32,
    /// Bits of a sample: 1, 8, 16 or 32.
    pub depth: u16,
    pub mode: Mode,
    /// Channels that are stored: colors, then transparency and saved selections.
    pub channels: usize,
    /// PSB: lengths have eight bytes, rows four.
    pub is_large: bool,
    /// Colors of an indexed document: 256 reds, then greens, then blues.
    palette: &'a [u8],
    pub icc: Option<&'a [u8]>,
    pub exif: Option<&'a [u8]>,
    /// A JPEG file.
    pub preview: Option<&'a [u8]>,
    /// Whether a flattened picture is stored.
    pub has_composite: bool,
    /// Whether the first channel after the colors is the picture's transparency.
    has_transparency: bool,
    /// Compression method and data of the flattened picture.
    pub picture: &'a [u8],
}

/// Color modes with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Bitmap,
    /// Gray, and duotones, whose gray channel is shown.
    Gray,
    Indexed,
    Rgb,
    Cmyk,
    Lab,
}

/// Reads big-endian numbers and sections.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.take(4)?.first_chunk()?))
    }

    /// A section that begins with its length in four bytes, or in eight.
    fn section(&mut self, is_large: bool) -> Option<&'a [u8]> {
        let length = if is_large {
            usize::try_from(u64::from_be_bytes(*self.take(8)?.first_chunk()?)).ok()?
        } else {
            self.u32()? as usize
        };
        self.take(length)
    }
}

impl<'a> Document<'a> {
    /// None if the file ends within the sections or has an unknown version or mode.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes.strip_prefix(b"8BPS")?);
        let is_large = match cursor.u16()? {
            1 => false,
            2 => true,
            _ => return None,
        };
        cursor.take(6)?;
        let channels = usize::from(cursor.u16()?);
        let (height, width) = (cursor.u32()?, cursor.u32()?);
        let (depth, mode) = (cursor.u16()?, Mode::of(cursor.u16()?)?);
        let palette = cursor.section(false)?;
        let resources = cursor.section(false)?;
        let layers = cursor.section(is_large)?;
        let mut document = Self {
            width,
            height,
            depth,
            mode,
            channels,
            is_large,
            palette,
            icc: None,
            exif: None,
            preview: None,
            has_composite: true,
            has_transparency: has_transparency(layers, is_large).unwrap_or(false),
            picture: cursor.0,
        };
        document.read_resources(Cursor(resources));
        Some(document)
    }

    /// Image resources; a damaged one ends the list.
    fn read_resources(&mut self, mut cursor: Cursor<'a>) {
        while let Some((number, data)) = next_resource(&mut cursor) {
            match number {
                // A JPEG file after a header of 28 bytes.
                1036 => self.preview = data.get(28..),
                1039 => self.icc = Some(data),
                // Version, then whether the flattened picture is real.
                1057 => self.has_composite = data.get(4).is_none_or(|&real| real != 0),
                1058 => self.exif = Some(data),
                _ => {}
            }
        }
    }

    /// Number of channels to read: the colors, and transparency behind the colors of RGB.
    pub fn channels_in_use(&self) -> Result<usize, ImagingError> {
        let colors = match self.mode {
            Mode::Bitmap | Mode::Gray | Mode::Indexed => 1,
            Mode::Rgb | Mode::Lab => 3,
            Mode::Cmyk => 4,
        };
        if self.channels < colors {
            return Err(ImagingError::damaged(FORMAT, "a color channel is missing"));
        }
        let is_transparent = self.mode == Mode::Rgb && self.has_transparency && self.channels > colors;
        Ok(colors + usize::from(is_transparent))
    }

    /// RGB of palette indices.
    pub fn colors_of(&self, indices: &[u8]) -> Vec<u8> {
        let color = |&index: &u8| {
            [0, 256, 512].map(|plane| self.palette.get(plane + usize::from(index)).copied().unwrap_or(0))
        };
        indices.iter().flat_map(color).collect()
    }
}

impl Mode {
    fn of(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::Bitmap,
            1 | 8 => Self::Gray,
            2 => Self::Indexed,
            3 => Self::Rgb,
            4 => Self::Cmyk,
            9 => Self::Lab,
            _ => return None,
        })
    }
}

/// A negative number of layers says that the first channel after the colors is transparency.
fn has_transparency(layers: &[u8], is_large: bool) -> Option<bool> {
    let mut info = Cursor(Cursor(layers).section(is_large)?);
    Some((info.u16()? as i16) < 0)
}

/// Signature, number, a name of even length with its own, and data of even length.
fn next_resource<'a>(cursor: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    cursor.take(4)?;
    let number = cursor.u16()?;
    let name = usize::from(*cursor.take(1)?.first()?);
    cursor.take(name | 1)?;
    let length = cursor.u32()? as usize;
    let data = cursor.take(length)?;
    if length % 2 == 1 {
        cursor.take(1);
    }
    Some((number, data))
}
