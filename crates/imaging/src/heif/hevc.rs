//! Pictures coded by HEVC (ITU-T H.265), decoded by heic-decoder.
//!
//! The decoder takes whole files, assembles grids in memory of twelve bytes a pixel and more, and reports the size of
//! what is shown rather than of what is coded. It is therefore given one coded picture at a time, in a file of its
//! own, whose coded size has been checked.

use heic_decoder::HeifError;

use super::planes::{Chroma, Planes, Samples};
use super::properties::CodePoints;
use crate::boxes::Reader;
use crate::color::Cicp;

/// Type of sequence parameter sets among NAL units.
const SPS: u8 = 33;

/// Width and height in luma samples of the greatest picture that `configuration`, an `hvcC` property, allows.
pub fn coded_size(configuration: &[u8]) -> Option<(u32, u32)> {
    const FIXED: usize = 22;
    let mut reader = Reader::new(configuration.get(FIXED..)?);
    let mut greatest: Option<(u32, u32)> = None;
    for _ in 0..reader.u8()? {
        let kind = reader.u8()? & 0x3F;
        for _ in 0..reader.u16()? {
            let length = usize::from(reader.u16()?);
            let unit = reader.bytes(length)?;
            if kind == SPS {
                let (width, height) = sequence_size(unit)?;
                let (w, h) = greatest.unwrap_or_default();
                greatest = Some((width.max(w), height.max(h)));
            }
        }
    }
    greatest
}

/// Width and height in a sequence parameter set (ITU-T H.265, 7.3.2.2).
fn sequence_size(unit: &[u8]) -> Option<(u32, u32)> {
    let bytes = without_emulation_prevention(unit.get(2..)?);
    let mut bits = Bits {
        bytes: &bytes,
        position: 4,
    };
    let sub_layers = bits.take(3)?;
    bits.take(1)?;
    // General profile and level, then whether each sub-layer has its own.
    bits.skip(88)?;
    bits.skip(8)?;
    let mut present = [(0, 0); 8];
    for layer in present.iter_mut().take(sub_layers as usize) {
        *layer = (bits.take(1)?, bits.take(1)?);
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(88 * profile as usize + 8 * level as usize)?;
    }
    bits.golomb()?;
    if bits.golomb()? == 3 {
        bits.take(1)?;
    }
    Some((bits.golomb()?, bits.golomb()?))
}

/// Removes the 3 of each 0, 0, 3.
fn without_emulation_prevention(unit: &[u8]) -> Vec<u8> {
    let (mut result, mut zeros) = (Vec::with_capacity(unit.len()), 0);
    for &byte in unit {
        if byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        result.push(byte);
    }
    result
}

struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.position / 8)?;
            number = number << 1 | u32::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Some(number)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.position += count;
        (self.position <= self.bytes.len() * 8).then_some(())
    }

    /// An Exp-Golomb code (ITU-T H.265, 9.2).
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }
}

/// Decodes one coded picture: `configuration` is its `hvcC` property.
pub fn decode(configuration: &[u8], data: &[u8]) -> Result<Planes, HeifError> {
    let image = heic_decoder::decode(&single_picture_file(configuration, data))?;
    Ok(planes_of(image))
}

/// The planes of a decoded picture.
pub fn planes_of(image: heic_decoder::DecodedImage) -> Planes {
    let code_points = image.color_info.map(|info| CodePoints {
        cicp: Cicp {
            primaries: u8::try_from(info.color_primaries).unwrap_or(0),
            transfer: u8::try_from(info.transfer_characteristics).unwrap_or(0),
        },
        matrix: u8::try_from(info.matrix_coefficients).unwrap_or(2),
        full_range: info.full_range,
    });
    let subsampled = |horizontal, vertical| Chroma::Subsampled { horizontal, vertical };
    let chroma = match image.chroma_format_idc {
        0 => Chroma::None,
        // A rotated picture has chroma of another shape than its format says, but nothing is rotated here.
        1 => subsampled(2, 2),
        2 => subsampled(2, 1),
        _ => subsampled(1, 1),
    };
    let limited = CodePoints {
        cicp: Cicp {
            primaries: 2,
            transfer: 2,
        },
        matrix: 2,
        full_range: false,
    };
    Planes {
        width: image.width,
        height: image.height,
        depth: image.bit_depth_luma,
        chroma,
        // A sequence without usability information is of limited range (ITU-T H.265, E.3.1).
        code_points: code_points.or(Some(limited)),
        samples: Samples::Hevc([image.y, image.cb, image.cr]),
    }
}

/// A HEIF file of one `hvc1` item without further properties.
fn single_picture_file(configuration: &[u8], data: &[u8]) -> Vec<u8> {
    let file_type = boxed(*b"ftyp", &[b"heic\0\0\0\0mif1heic"]);
    let handler = boxed(*b"hdlr", &[&[0; 8], b"pict", &[0; 13]]);
    let primary = boxed(*b"pitm", &[&[0; 4], &[0, 1]]);
    let entry = boxed(*b"infe", &[&[2, 0, 0, 0], &[0, 1, 0, 0], b"hvc1\0"]);
    let information = boxed(*b"iinf", &[&[0; 4], &[0, 1], &entry]);
    let container = boxed(*b"ipco", &[&boxed(*b"hvcC", &[configuration])]);
    let association = boxed(*b"ipma", &[&[0; 4], &[0, 0, 0, 1], &[0, 1, 1, 0x81]]);
    let properties = boxed(*b"iprp", &[&container, &association]);
    let before_location = [handler, primary].concat();
    let after_location = [information, properties].concat();
    let location = |offset: u32| {
        let (offset, length) = (offset.to_be_bytes(), (data.len() as u32).to_be_bytes());
        let item = [&[0, 1, 0, 0, 0, 1][..], &offset, &length].concat();
        boxed(*b"iloc", &[&[0; 4], &[0x44, 0, 0, 1], &item])
    };
    let meta = |offset| {
        boxed(
            *b"meta",
            &[&[0; 4], &before_location, &location(offset), &after_location],
        )
    };
    let offset = file_type.len() + meta(0).len() + 8;
    [file_type, meta(offset as u32), boxed(*b"mdat", &[data])].concat()
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let header = ((length + 8) as u32).to_be_bytes();
    [&header[..], &kind]
        .into_iter()
        .chain(parts.iter().copied())
        .flatten()
        .copied()
        .collect()
}
