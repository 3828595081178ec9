//! JPEG decoded at an eighth, a quarter or half of its size, for those who look at no more.
//!
//! What costs in a full decode is undoing the transform of every block and making 12 million pixels. Here each block gives
//! 1, 4 or 16 samples; the bits of finer coefficients are passed over, several at a look-up. Only plain files are decoded
//! (Huffman codes, one pass, eight bits, grey or luminance and colour differences, nothing odd in them to the last bit);
//! everything else, damage above all, is left to the full decoder, whose verdict counts. See
//! `docs/decisions/0012-scaled-decode.md`.

use image::RgbImage;

use crate::exif::Facts;

mod bits;
mod colour;
mod header;
mod huffman;
mod inverse;
mod scan;

use header::{Frame, Header, Next};
use scan::Plane;

/// How much of a picture its users look at: what a decode must keep at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeSize {
    /// Pixels of the short_side side.
    pub short_side: u32,
    /// Pixels of the long_side side.
    pub long_side: u32,
}

impl DecodeSize {
    /// Every pixel.
    pub const FULL: Self = Self {
        short_side: u32::MAX,
        long_side: u32::MAX,
    };

    /// What a thumbnail of `long_side` pixels shows.
    pub const fn for_thumbnail(long_side: u32) -> Self {
        Self {
            short_side: 1,
            long_side: long_side,
        }
    }

    /// What a model sees that resizes the short_side side to `side` pixels, and a thumbnail for the page beside it; `None` for
    /// a model that reads every pixel.
    pub const fn for_model(side: Option<u32>) -> Self {
        match side {
            None => Self::FULL,
            Some(side) => Self {
                short_side: side.saturating_mul(3).div_ceil(2),
                long_side: crate::ThumbnailStore::LONG_SIDE,
            },
        }
    }
}

/// By how much a decode shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Half,
    Quarter,
    Eighth,
}

impl Scale {
    /// The smallest scale that keeps `detail`.
    fn for_detail(width: usize, height: usize, detail: DecodeSize) -> Option<Self> {
        let keeps = |scale: &Self| {
            let (width, height) = (scale.of(width), scale.of(height));
            width.min(height) >= detail.short_side as usize && width.max(height) >= detail.long_side as usize
        };
        [Self::Eighth, Self::Quarter, Self::Half].into_iter().find(keeps)
    }

    /// A side at this scale. Of a last block that is not whole, what does not fill a pixel is left out.
    fn of(self, side: usize) -> usize {
        side * self.points() / 8
    }

    /// Samples across a block of luminance.
    fn points(self) -> usize {
        match self {
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// A picture that was decoded at a scale.
pub struct Scaled {
    /// The pixels as stored, not turned.
    pub image: RgbImage,
    /// Width and height of the whole picture as stored.
    pub size: (u32, u32),
    pub facts: Facts,
}

/// Decodes `bytes` at the smallest scale that keeps `detail`; none if none does, or if the full decoder has to judge.
pub fn decode(bytes: &[u8], pixels: u64, detail: DecodeSize) -> Option<Scaled> {
    let (mut header, mut at) = (Header::default(), 2);
    bytes.strip_prefix(&[0xFF, 0xD8])?;
    let Next::Scan(mut coded) = header.read(bytes, &mut at)? else {
        return None;
    };
    let frame = header.frame.clone()?;
    let scale = Scale::for_detail(frame.width, frame.height, detail)?;
    if frame.width as u64 * frame.height as u64 > pixels || !(frame.components.len() == 1 || header.is_ycc())
    {
        return None;
    }
    let (grid, mut planes) = scan::planes(&frame, scale)?;
    loop {
        scan::decode(&header, &coded, grid, &mut planes, bytes, &mut at)?;
        match header.read(bytes, &mut at)? {
            Next::Scan(next) => coded = next,
            Next::End => break,
        }
    }
    if !planes.iter().all(|plane| plane.is_done) {
        return None;
    }
    Some(Scaled {
        image: assemble(&frame, scale, &planes)?,
        size: (frame.width as u32, frame.height as u32),
        facts: header.exif.map(Facts::read).unwrap_or_default(),
    })
}

/// Width and height of the picture that [`decode`] would give if the file is plain, from its header alone.
pub fn size(bytes: &[u8], detail: DecodeSize) -> Option<(usize, usize)> {
    let mut header = Header::default();
    bytes.strip_prefix(&[0xFF, 0xD8])?;
    header.read(bytes, &mut 2)?;
    let frame = header.frame?;
    let scale = Scale::for_detail(frame.width, frame.height, detail)?;
    Some((scale.of(frame.width), scale.of(frame.height)))
}

fn assemble(frame: &Frame, scale: Scale, planes: &[Plane]) -> Option<RgbImage> {
    let (width, height) = (scale.of(frame.width), scale.of(frame.height));
    let mut image = RgbImage::new(width as u32, height as u32);
    let (pixels, _) = image.as_chunks_mut::<3>();
    for (y, row) in pixels.chunks_exact_mut(width).enumerate() {
        let samples = |plane: &'_ Plane| y * plane.stride..y * plane.stride + width;
        match planes {
            [grey] => {
                let samples = grey.samples.get(samples(grey))?;
                row.iter_mut()
                    .zip(samples)
                    .for_each(|(pixel, &level)| *pixel = [level; 3]);
            }
            [luminance, blue, red] => colour::row_to_rgb(
                luminance.samples.get(samples(luminance))?,
                blue.samples.get(samples(blue))?,
                red.samples.get(samples(red))?,
                row,
            ),
            _ => return None,
        }
    }
    Some(image)
}
