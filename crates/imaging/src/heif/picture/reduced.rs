//! Grids that are too large to be held, at a reduced size.

use image::DynamicImage;

use super::{CODED_BYTES_PER_PIXEL, DecodedPicture, PictureDecoder};
use crate::color::ColorSpace;
use crate::heif::planes::Planes;
use crate::heif::properties::{self, Crop};
use crate::heif::ycbcr::RowConverter;
use crate::reduced::{Original, SquareAverages};

impl PictureDecoder<'_> {
    /// Averages squares of pixels while one part after the other is decoded, and returns the full size with the result. None
    /// for items that are no grids: a part is decoded as a whole.
    pub(super) fn reduced_grid(&self, item: u32) -> Option<(DecodedPicture, (u32, u32))> {
        let chain = self.container.identity_chain(item);
        let layout = self.layout(*chain.last()?).ok()?;
        let (width, height) = layout.size?;
        let has_opacity = chain.iter().any(|&item| self.container.alpha(item).is_some());
        let (part_width, part_height) = self.container.stated_size(*layout.parts.first()?)?;
        let original = Original {
            width,
            height,
            colors: 3,
            decoder_memory: u64::from(part_width) * u64::from(part_height) * CODED_BYTES_PER_PIXEL,
        };
        let side = original.square_side(self.limits).filter(|_| !has_opacity)?;
        let stated = self.color(&chain, &layout);
        let first = self.part(layout.parts[0]).ok()?;
        let cicp = stated.code_points.or(first.code_points).map(|points| points.cicp);
        let mut averages = SquareAverages::new(&original, side, false, 0);
        let mut row = vec![[0_u8; 3]; first.width];
        let place = |planes: &Planes, left: usize, top: usize| {
            let mut rows = RowConverter::new(planes, stated.code_points);
            for y in 0..planes.height {
                rows.rgb(y, &mut row);
                averages.add(left as u32, (top + y) as u32, row.as_flattened());
            }
        };
        self.for_each_part(&layout, (width, height), first, place).ok()?;
        let crop = properties::crop(self.container, &chain, width, height);
        let image = averages.into_image()?;
        let picture = DecodedPicture {
            image: match crop {
                Some(crop) => cropped(&image, crop, side),
                None => image,
            },
            color: stated
                .icc
                .or_else(|| cicp.map(ColorSpace::from_cicp))
                .unwrap_or_default(),
            orientation: properties::orientation(self.container, &chain),
        };
        Some((
            picture,
            crop.map_or((width, height), |crop| (crop.width, crop.height)),
        ))
    }
}

/// `image` is reduced by squares of `side` pixels, `crop` is not.
fn cropped(image: &DynamicImage, crop: Crop, side: u32) -> DynamicImage {
    let [left, top] = [crop.left, crop.top].map(|at| at / side);
    let [width, height] = [crop.width, crop.height].map(|length| (length / side).max(1));
    image.crop_imm(left, top, width, height)
}
