//! Overlays: pictures placed on a canvas (ISO/IEC 23008-12, 6.6.2.2).

use image::{DynamicImage, Rgba, RgbaImage, imageops};

use super::{DecodedPicture, PictureDecoder};
use crate::ImagingError;
use crate::boxes::Reader;
use crate::color::ColorSpace;

/// Each part is decoded whole, however little of it shows.
const MAX_PARTS: usize = 64;

/// What the content of an overlay item says.
struct Overlay {
    fill: Rgba<u8>,
    size: (u32, u32),
    /// Left and top of each part.
    places: Vec<(i64, i64)>,
}

impl PictureDecoder<'_> {
    /// Draws the parts of `item` in their order. The first one's color space is taken for that of all.
    pub(super) fn overlay(&self, item: u32) -> Result<(DynamicImage, ColorSpace), ImagingError> {
        let parts = self.container.targets(item, *b"dimg");
        let content = self.container.bytes(item);
        let overlay = content.and_then(|content| Overlay::read(&content, parts.len()));
        let overlay = overlay
            .filter(|overlay| !overlay.places.is_empty())
            .ok_or_else(|| self.damaged("the overlay of its parts is incomplete"))?;
        self.check(overlay.size, 8)?;
        let mut canvas = RgbaImage::from_pixel(overlay.size.0, overlay.size.1, overlay.fill);
        let mut color_of_all = None;
        for (&part, &(left, top)) in parts.iter().zip(&overlay.places) {
            let DecodedPicture {
                mut image,
                color,
                orientation,
            } = self.whole(part, true)?;
            image.apply_orientation(orientation);
            imageops::overlay(&mut canvas, &image.into_rgba8(), left, top);
            color_of_all.get_or_insert(color);
        }
        Ok((DynamicImage::ImageRgba8(canvas), color_of_all.unwrap_or_default()))
    }
}

impl Overlay {
    fn read(content: &[u8], parts: usize) -> Option<Self> {
        let mut reader = Reader::new(content);
        let [_, flags] = reader.array()?;
        let is_wide = flags & 1 != 0;
        // 16 bits of each channel.
        let [r, _, g, _, b, _, alpha, _] = reader.array()?;
        let size = (reader.narrow_or_wide(is_wide)?, reader.narrow_or_wide(is_wide)?);
        let mut offset = || {
            let number = reader.narrow_or_wide(is_wide)?;
            Some(if is_wide {
                i64::from(number.cast_signed())
            } else {
                i64::from((number as u16).cast_signed())
            })
        };
        let places = (0..parts).map(|_| Some((offset()?, offset()?)));
        Some(Self {
            fill: Rgba([r, g, b, alpha]),
            size,
            places: places
                .collect::<Option<Vec<_>>>()
                .filter(|places| places.len() <= MAX_PARTS)?,
        })
    }
}
