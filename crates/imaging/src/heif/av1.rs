//! Pictures coded by AV1, decoded by rav1d.

use re_rav1d::dav1d::pixel::YUVRange;
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::planes::{Chroma, Planes, Samples};
use super::properties::CodePoints;
use crate::color::Cicp;

/// Decodes the first picture of `data` if it has at most `max_pixels` pixels. `configuration` is its `av1C` property,
/// whose last part may hold the sequence header.
pub fn decode(configuration: &[u8], data: &[u8], max_pixels: u64) -> Result<Planes, Error> {
    let mut settings = Settings::new();
    // Files are decoded in parallel, so that pictures need not be.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(u32::try_from(max_pixels).unwrap_or(u32::MAX));
    settings.set_all_layers(false);
    settings.set_operating_point(0);
    let mut decoder = Decoder::with_settings(&settings)?;
    let header = configuration.get(4..).unwrap_or_default();
    let bitstream = if data.is_empty() {
        Vec::new()
    } else {
        [header, data].concat()
    };
    if bitstream.is_empty() {
        return Err(Error::InvalidArgument);
    }
    let mut sent = decoder.send_data(bitstream, None, None, None);
    loop {
        match sent {
            Ok(()) | Err(Error::Again) => {}
            Err(error) => return Err(error),
        }
        match decoder.get_picture() {
            Ok(picture) => return Ok(planes_of(&picture)),
            Err(Error::Again) if sent.is_err() => sent = decoder.send_pending_data(),
            Err(Error::Again) => return Err(Error::InvalidArgument),
            Err(error) => return Err(error),
        }
    }
}

fn planes_of(picture: &Picture) -> Planes {
    use PlanarImageComponent::{U, V, Y};
    let subsampled = |horizontal, vertical| Chroma::Subsampled { horizontal, vertical };
    let (chroma, components) = match picture.pixel_layout() {
        PixelLayout::I400 => (Chroma::None, &[Y][..]),
        PixelLayout::I420 => (subsampled(2, 2), &[Y, U, V][..]),
        PixelLayout::I422 => (subsampled(2, 1), &[Y, U, V][..]),
        PixelLayout::I444 => (subsampled(1, 1), &[Y, U, V][..]),
    };
    let code_points = CodePoints {
        cicp: Cicp {
            primaries: picture.color_primaries() as u8,
            transfer: picture.transfer_characteristic() as u8,
        },
        matrix: picture.matrix_coefficients() as u8,
        full_range: picture.color_range() == YUVRange::Full,
    };
    Planes {
        width: picture.width() as usize,
        height: picture.height() as usize,
        depth: picture.bit_depth() as u32,
        chroma,
        code_points: Some(code_points),
        samples: Samples::Av1 {
            planes: components
                .iter()
                .map(|&component| picture.plane(component))
                .collect(),
            strides: [Y, U].map(|component| picture.stride(component) as usize),
        },
    }
}
