//! Thumbnails in a file that can stand for its primary picture.

use super::container::Container;
use super::picture::{DecodedPicture, decode_item};
use super::properties::{self, ItemColor};
use crate::jpeg_scaled::DecodeSize;
use crate::{DecodeLimits, ImagingError};

/// A thumbnail of the primary picture that shows the same: turned alike, of the same shape, with stated colors.
pub struct Thumbnail {
    item: u32,
    /// Its size before orientation.
    pub size: (u32, u32),
    /// That of the primary picture before orientation.
    pub full_size: (u32, u32),
}

impl Thumbnail {
    /// The smallest one that suffices for `size`.
    pub fn find(container: &Container, size: DecodeSize) -> Option<Self> {
        let primary = container.identity_chain(container.primary);
        let full_size = shown_size(container, &primary)?;
        let color = ItemColor::of(container, &primary);
        let is_hdr = color.code_points.is_some_and(|points| points.cicp.is_hdr());
        let has_opacity = primary.iter().any(|&item| container.alpha(item).is_some());
        if (is_hdr && color.icc.is_none()) || has_opacity || !is_complete(container, *primary.last()?) {
            return None;
        }
        let orientation = properties::orientation(container, &primary);
        let thumbnails = container.sources(container.primary, *b"thmb").filter_map(|item| {
            let own_color = ItemColor::of(container, &[item]);
            let is_like_primary = properties::orientation(container, &[item]) == orientation
                && own_color.icc.is_some() == color.icc.is_some();
            let thumbnail = Self {
                item,
                size: shown_size(container, &[item]).filter(|_| is_like_primary)?,
                full_size,
            };
            (thumbnail.has_shape_of_primary() && thumbnail.suffices_for(size)).then_some(thumbnail)
        });
        thumbnails.min_by_key(|thumbnail| thumbnail.size)
    }

    /// Whether a side differs by at most a pixel from that of the primary picture at this scale.
    fn has_shape_of_primary(&self) -> bool {
        let [width, height] = [self.size.0, self.size.1].map(u64::from);
        let [full_width, full_height] = [self.full_size.0, self.full_size.1].map(u64::from);
        (width * full_height).abs_diff(height * full_width) <= full_width.max(full_height)
    }

    /// Whether it has the size twice over for a model, since cameras make thumbnails in ways of their own: at three times the
    /// side that the model reads, embeddings were found to agree (decision 35).
    fn suffices_for(&self, size: DecodeSize) -> bool {
        let (width, height) = self.size;
        width.min(height) >= size.short_side.saturating_mul(2) && width.max(height) >= size.long_side
    }

    /// Decodes it. `format` is for messages.
    pub fn decode(
        &self,
        container: &Container,
        format: &'static str,
        limits: &DecodeLimits,
    ) -> Result<DecodedPicture, ImagingError> {
        decode_item(container, self.item, format, limits)
    }
}

/// Whether the file has all parts of a picture: of a truncated one the full decoder says what is missing.
fn is_complete(container: &Container, item: u32) -> bool {
    let parts = container.targets(item, *b"dimg");
    let is_there = |&item: &u32| container.bytes(item).is_some();
    is_there(&item) && parts.iter().all(is_there)
}

/// The stated size of an item, the first of `chain`, after its crop.
fn shown_size(container: &Container, chain: &[u32]) -> Option<(u32, u32)> {
    let (width, height) = chain.iter().find_map(|&item| container.stated_size(item))?;
    let crop = properties::crop(container, chain, width, height);
    Some(crop.map_or((width, height), |crop| (crop.width, crop.height)))
}
