//! A decoder of all kinds of JPEG files that shows of a damaged one what is there, as libjpeg does.
//!
//! It keeps all coefficients, in whatever order scans code them. Blocks without data are gray.

use image::{DynamicImage, RgbImage};

use super::FORMAT;
use super::coefficients::{BlockPlane, Grid};
use super::color::ColorModel;
use super::lossless::{self, SamplePlane};
use super::render::{channels_of_blocks, channels_of_samples, render_rgb, render_stored};
use super::scan;
use super::segments::{Frame, Mode, Scan, Segments};
use super::upsample::Channel;
use crate::color::ColorSpace;
use crate::decode::Unoriented;
use crate::exif::ExifData;
use crate::jpeg_scaled::Component;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError, damage};

/// A decoded image before its components are joined to pixels.
pub struct Decoded<'a> {
    frame: Frame,
    channels: Vec<Channel>,
    segments: Segments<'a>,
    /// What is missing of a damaged file.
    damage: Option<String>,
}

/// Decodes `bytes`, which begin with the start of an image.
pub fn decode<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<Decoded<'a>, ImagingError> {
    let mut segments = Segments::new(bytes);
    let first = segments.next_scan()?;
    let frame = segments
        .frame
        .clone()
        .ok_or_else(|| ImagingError::damaged(FORMAT, "no frame header"))?;
    let first = first.ok_or_else(|| ImagingError::truncated(FORMAT))?;
    let frame = with_height(bytes, &segments, frame, &first);
    declared_size(&frame).check(FORMAT, limits)?;
    let (channels, damage) = if frame.mode == Mode::Lossless {
        let mut planes = SamplePlane::of_frame(&frame);
        let damage = decode_scans(
            bytes,
            &mut segments,
            &frame,
            first,
            &mut planes,
            lossless::decode_scan,
        )?;
        (channels_of_samples(&frame, planes), damage)
    } else {
        let mut planes = BlockPlane::of_frame(&frame);
        let damage = decode_scans(
            bytes,
            &mut segments,
            &frame,
            first,
            &mut planes,
            scan::decode_scan,
        )?;
        (channels_of_blocks(&frame, planes), damage)
    };
    Ok(Decoded {
        frame,
        channels,
        segments,
        damage,
    })
}

impl Decoded<'_> {
    pub const fn width(&self) -> usize {
        self.frame.width
    }

    /// The pixels in RGB, by what the file says of its components.
    pub fn into_image(self, bytes: &[u8]) -> Unoriented {
        let exif = self.segments.exif.map(ExifData::parse).unwrap_or_default();
        let model = ColorModel::find(&self.segments, &self.frame);
        Unoriented {
            image: DynamicImage::ImageRgb8(self.rgb(model)),
            color: ColorSpace::of_jpeg(bytes, &exif),
            exif,
            damage: self.damage,
        }
    }

    /// The pixels in RGB, of components that mean `model`.
    pub fn rgb(&self, model: ColorModel) -> RgbImage {
        render_rgb(&self.frame, &self.channels, model)
    }

    /// The components as they are, side by side.
    pub fn stored(&self) -> Vec<u8> {
        render_stored(&self.frame, &self.channels)
    }
}

/// The frame with the height that follows its first scan, or that its data have, where the header has none.
fn with_height(bytes: &[u8], segments: &Segments, mut frame: Frame, first: &Scan) -> Frame {
    if frame.height == 0 && frame.width > 0 {
        frame.height = segments
            .find_number_of_lines()
            .unwrap_or_else(|| scan::count_lines(bytes, segments, &frame, first));
    }
    frame
}

/// Decodes `first` and all scans after it to `planes` with `decode_scan`, which returns the number of MCUs that have data.
/// Says what is missing.
fn decode_scans<P>(
    bytes: &[u8],
    segments: &mut Segments,
    frame: &Frame,
    first: Scan,
    planes: &mut [P],
    decode_scan: impl Fn(&[u8], &mut Segments, &Frame, &Scan, &mut [P]) -> usize,
) -> Result<Option<String>, ImagingError> {
    let side = if frame.mode == Mode::Lossless { 1 } else { 8 };
    let (mut next, mut decoded, mut total) = (Some(first), 0, 0);
    while let Some(scan) = next {
        let grid = Grid::of_scan(frame, &scan, side);
        total += grid.rows * grid.columns;
        if has_data(bytes, segments.position) {
            decoded += decode_scan(bytes, segments, frame, &scan, planes);
        }
        // What comes after the damage is not worth a refusal of what came before.
        next = segments.next_scan().unwrap_or_default();
    }
    if decoded == 0 {
        return Err(ImagingError::truncated(FORMAT));
    }
    Ok(damage::of_part(decoded as u64, total as u64))
}

/// Whether entropy-coded data are at `position`: arithmetic decoders would find an image in none.
fn has_data(bytes: &[u8], position: usize) -> bool {
    !matches!(bytes.get(position..), None | Some([] | [_] | [0xFF, 0xD9, ..]))
}

/// The size that the frame declares. Two bytes are kept for each coefficient or sample and eight for each
/// block, then one for each sample and three for each pixel.
fn declared_size(frame: &Frame) -> DeclaredSize {
    const RGB: u64 = 3;
    let (horizontal, vertical) = frame.max_sampling();
    let pixels = (horizontal * vertical) as u64;
    let samples = |component: &Component| (component.horizontal * component.vertical) as u64;
    let all: u64 = frame.components.iter().map(samples).sum();
    let greatest = frame.components.iter().map(samples).max().unwrap_or(0);
    DeclaredSize {
        width: frame.width as u32,
        height: frame.height as u32,
        bytes_per_pixel: (2 * all + all / 8 + greatest)
            .max(all + RGB * pixels)
            .div_ceil(pixels),
    }
}
