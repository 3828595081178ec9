//! Streams within other files, which say themselves what the components mean.

use super::FORMAT;
use super::color::ColorModel;
use super::common_file::CommonFile;
use super::decoder;
use super::segments::Segments;
use crate::{DecodeLimits, ImagingError};

/// What becomes of the components of a stream, whatever it says of them itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamColors {
    /// They are kept as they are stored.
    Stored,
    /// They are YCbCr, and become RGB.
    YCbCrToRgb,
}

/// The samples of a stream.
pub struct Samples {
    pub width: usize,
    /// Those of the components of each pixel, side by side.
    pub content: Vec<u8>,
}

/// Decodes a stream of `components` components and at most `most_pixels` pixels. What is missing of a damaged one is gray.
pub fn decode_stream(
    bytes: &[u8],
    components: usize,
    most_pixels: u64,
    colors: StreamColors,
) -> Result<Samples, ImagingError> {
    check_components(bytes, components)?;
    let limits = DecodeLimits {
        pixels: most_pixels,
        memory: u64::MAX,
        ..DecodeLimits::default()
    };
    if let Some(common) = CommonFile::find(bytes) {
        common.declared.check(FORMAT, &limits)?;
        let content = match colors {
            StreamColors::Stored => common.stored(bytes),
            StreamColors::YCbCrToRgb => common.rgb(bytes),
        };
        if let Some(content) = content {
            let width = common.declared.width as usize;
            return Ok(Samples { width, content });
        }
    }
    let decoded = decoder::decode(bytes, &limits)?;
    Ok(Samples {
        width: decoded.width(),
        content: match colors {
            StreamColors::Stored => decoded.stored(),
            StreamColors::YCbCrToRgb => decoded.rgb(ColorModel::YCbCr).into_raw(),
        },
    })
}

/// Before memory is allocated for them.
fn check_components(bytes: &[u8], expected: usize) -> Result<(), ImagingError> {
    let mut segments = Segments::new(bytes);
    segments.next_scan()?;
    match segments.frame {
        Some(frame) if frame.components.len() == expected => Ok(()),
        Some(frame) => Err(ImagingError::damaged(
            FORMAT,
            format_args!(
                "it has {} components instead of {expected}",
                frame.components.len()
            ),
        )),
        None => Err(ImagingError::damaged(FORMAT, "no frame header")),
    }
}
