//! The primary picture of a file: one coded picture, a grid of them, or an overlay, with its opacity.

use std::fmt::Display;

use image::DynamicImage;
use image::metadata::Orientation;

use super::canvas::{Canvas, Opacity, Use};
use super::container::Container;
use super::planes::Planes;
use super::properties::{self, ItemColor};
use super::{av1, hevc};
use crate::boxes::Reader;
use crate::color::{Cicp, ColorSpace};
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

mod overlay;
mod reduced;

/// Bytes that a decoder of a coded picture takes per pixel: samples of four bytes in the worst case, twice while they
/// are moved, and what it notes of blocks.
const CODED_BYTES_PER_PIXEL: u64 = 12;

/// A decoded picture before orientation.
pub struct DecodedPicture {
    pub image: DynamicImage,
    pub color: ColorSpace,
    pub orientation: Orientation,
}

/// Decodes the primary picture of `container`. `format` is for messages.
pub fn decode_primary(
    container: &Container,
    format: &'static str,
    limits: &DecodeLimits,
) -> Result<DecodedPicture, ImagingError> {
    decode_item(container, container.primary, format, limits)
}

/// Decodes a picture of `container`, such as its thumbnail. `format` is for messages.
pub fn decode_item(
    container: &Container,
    item: u32,
    format: &'static str,
    limits: &DecodeLimits,
) -> Result<DecodedPicture, ImagingError> {
    let decoder = PictureDecoder {
        container,
        format,
        limits,
    };
    decoder.whole(item, false)
}

/// Decodes the primary picture at a reduced size that is within `limits`, and returns its full size with it; none where that is
/// impossible.
pub fn decode_primary_reduced(
    container: &Container,
    format: &'static str,
    limits: &DecodeLimits,
) -> Option<(DecodedPicture, (u32, u32))> {
    let decoder = PictureDecoder {
        container,
        format,
        limits,
    };
    decoder.reduced_grid(container.primary)
}

/// Decodes items of a file.
pub struct PictureDecoder<'a> {
    pub container: &'a Container<'a>,
    /// For messages.
    pub format: &'static str,
    pub limits: &'a DecodeLimits,
}

/// The coded pictures of an item: one, or those of a grid from left to right, then from top to bottom.
struct Layout {
    parts: Vec<u32>,
    columns: usize,
    /// Width and height that a grid states.
    size: Option<(u32, u32)>,
}

struct Assembled {
    canvas: Canvas,
    width: u32,
    height: u32,
    cicp: Option<Cicp>,
}

impl PictureDecoder<'_> {
    fn damaged(&self, reason: impl Display) -> ImagingError {
        ImagingError::damaged(self.format, reason)
    }

    /// Decodes an item of any kind, but no overlay if it `is_part` of one.
    pub fn whole(&self, item: u32, is_part: bool) -> Result<DecodedPicture, ImagingError> {
        let chain = self.container.identity_chain(item);
        let source = *chain.last().unwrap_or(&item);
        let orientation = properties::orientation(self.container, &chain);
        if self.container.kind(source) == Some(b"iovl") && !is_part {
            let (image, color) = self.overlay(source)?;
            let crop = properties::crop(self.container, &chain, image.width(), image.height());
            return Ok(DecodedPicture {
                image: match crop {
                    Some(crop) => image.crop_imm(crop.left, crop.top, crop.width, crop.height),
                    None => image,
                },
                color,
                orientation,
            });
        }
        let layout = self.layout(source)?;
        let stated = self.color(&chain, &layout);
        let picture = self.picture(&layout, &stated, None)?;
        let alpha = self.opacity(&chain, &layout)?;
        let crop = properties::crop(self.container, &chain, picture.width, picture.height);
        let color = stated.icc.or_else(|| picture.cicp.map(ColorSpace::from_cicp));
        let image = picture.canvas.into_image(crop, alpha.as_ref());
        Ok(DecodedPicture {
            image: image.ok_or_else(|| self.damaged("wrong number of pixels"))?,
            color: color.unwrap_or_default(),
            orientation,
        })
    }

    fn layout(&self, item: u32) -> Result<Layout, ImagingError> {
        if self.container.kind(item) != Some(b"grid") {
            return Ok(Layout {
                parts: vec![item],
                columns: 1,
                size: None,
            });
        }
        let content = self.container.bytes(item);
        let grid = content.and_then(|content| {
            let mut reader = Reader::new(&content);
            let [_, flags, rows, columns] = reader.array()?;
            let mut side = || reader.narrow_or_wide(flags & 1 != 0);
            Some((
                usize::from(rows) + 1,
                usize::from(columns) + 1,
                (side()?, side()?),
            ))
        });
        let parts = self.container.targets(item, *b"dimg");
        match grid {
            Some((rows, columns, size)) if rows * columns == parts.len() => Ok(Layout {
                parts: parts.to_vec(),
                columns,
                size: Some(size),
            }),
            _ => Err(self.damaged("the grid of its parts is incomplete")),
        }
    }

    /// What the items of `chain` state, and parts where they state nothing.
    fn color(&self, chain: &[u32], layout: &Layout) -> ItemColor {
        let color = ItemColor::of(self.container, chain);
        let of_parts = ItemColor::of(self.container, layout.parts.get(..1).unwrap_or_default());
        ItemColor {
            icc: color.icc.or(of_parts.icc),
            code_points: color.code_points.or(of_parts.code_points),
        }
    }

    /// The opacity of the first item of `chain` that has one, else that of the parts of `colors`, if all have one.
    fn opacity(&self, chain: &[u32], colors: &Layout) -> Result<Option<Opacity>, ImagingError> {
        let found = chain
            .iter()
            .find_map(|&item| Some((item, self.container.alpha(item)?)));
        let parts = || colors.parts.iter().map(|&part| self.container.alpha(part));
        let (item, layout) = match (found, parts().collect::<Option<Vec<_>>>()) {
            (Some((item, alpha)), _) => (item, self.layout(alpha)?),
            (None, Some(parts)) if colors.size.is_some() => (colors.parts[0], Layout { parts, ..*colors }),
            _ => return Ok(None),
        };
        let stated = ItemColor::default();
        let picture = self.picture(&layout, &stated, Some(Use::Opacity))?;
        let premultiplied = self.container.targets(item, *b"prem");
        let is_premultiplied = self
            .container
            .alpha(item)
            .is_some_and(|alpha| premultiplied.contains(&alpha));
        Ok(picture.canvas.into_opacity().map(|values| Opacity {
            values,
            is_premultiplied,
        }))
    }

    fn picture(
        &self,
        layout: &Layout,
        stated: &ItemColor,
        used_for: Option<Use>,
    ) -> Result<Assembled, ImagingError> {
        let first = *layout
            .parts
            .first()
            .ok_or_else(|| self.damaged("it has no pixels"))?;
        if let Some(size) = layout.size {
            self.check(size, 3)?;
        }
        let planes = self.part(first)?;
        let part_size = (planes.width, planes.height);
        let (width, height) = layout.size.unwrap_or((part_size.0 as u32, part_size.1 as u32));
        let code_points = stated.code_points;
        let cicp = code_points.or(planes.code_points).map(|points| points.cicp);
        let used_for = used_for.unwrap_or_else(|| match cicp {
            Some(cicp) if cicp.is_hdr() && stated.icc.is_none() => Use::Color16,
            _ => Use::Color8,
        });
        let canvas_bytes = if used_for == Use::Color16 { 6 + 3 } else { 3 };
        self.check((width, height), canvas_bytes)?;
        let mut canvas = Canvas::new(width, height, used_for);
        let place = |planes: &Planes, left, top| canvas.write(planes, code_points, left, top);
        self.for_each_part(layout, (width, height), planes, place)?;
        Ok(Assembled {
            canvas,
            width,
            height,
            cicp,
        })
    }

    /// Hands over one part after the other with its place in a picture of `size`. `planes` are those of the first part.
    fn for_each_part(
        &self,
        layout: &Layout,
        (width, height): (u32, u32),
        mut planes: Planes,
        mut place: impl FnMut(&Planes, usize, usize),
    ) -> Result<(), ImagingError> {
        let part_size = (planes.width, planes.height);
        for (index, &part) in layout.parts.iter().enumerate() {
            let left = index % layout.columns * part_size.0;
            let top = index / layout.columns * part_size.1;
            if left >= width as usize || top >= height as usize {
                continue;
            }
            if index > 0 {
                drop(planes);
                planes = self.part(part)?;
            }
            if (planes.width, planes.height) != part_size {
                return Err(self.damaged("the parts of its grid differ in size"));
            }
            place(&planes, left, top);
        }
        Ok(())
    }

    fn check(&self, (width, height): (u32, u32), bytes_per_pixel: u64) -> Result<(), ImagingError> {
        let declared = DeclaredSize {
            width,
            height,
            bytes_per_pixel,
        };
        declared.check(self.format, self.limits)
    }

    /// Decodes one coded picture.
    fn part(&self, item: u32) -> Result<Planes, ImagingError> {
        let kind = self.container.kind(item);
        let data = self.container.bytes(item);
        let data = data.ok_or_else(|| ImagingError::truncated(self.format))?;
        let configuration = |property: &[u8; 4]| {
            let found = self.container.property(item, *property);
            found.ok_or_else(|| self.damaged("the decoder's configuration is missing"))
        };
        match kind {
            Some(b"hvc1") => {
                let configuration = configuration(b"hvcC")?;
                let size = hevc::coded_size(configuration);
                let size = size.ok_or_else(|| self.damaged("the header of its coded picture is invalid"))?;
                self.check(size, CODED_BYTES_PER_PIXEL)?;
                hevc::decode(configuration, &data).map_err(|error| self.hevc_error(&error))
            }
            Some(b"av01") => {
                let most = (self.limits.memory / CODED_BYTES_PER_PIXEL).min(self.limits.pixels);
                if let Some(size) = self.container.stated_size(item) {
                    self.check(size, CODED_BYTES_PER_PIXEL)?;
                }
                let configuration = configuration(b"av1C").unwrap_or_default();
                av1::decode(configuration, &data, most).map_err(|error| self.damaged(error))
            }
            Some(kind) => {
                let name = String::from_utf8_lossy(kind).into_owned();
                Err(ImagingError::unsupported_feature(
                    self.format,
                    format_args!("pictures coded as \"{}\"", name.trim()),
                ))
            }
            None => Err(self.damaged("a part of the picture is missing")),
        }
    }

    fn hevc_error(&self, error: &heic_decoder::HeifError) -> ImagingError {
        use heic_decoder::HeifError;
        match error {
            HeifError::Truncated { .. } => ImagingError::truncated(self.format),
            HeifError::Unsupported(feature) => ImagingError::unsupported_feature(self.format, feature),
            HeifError::LimitExceeded(_) => ImagingError::out_of_memory_limit(),
            HeifError::CabacDesync(_) => self.damaged("the coded picture is damaged"),
            other => self.damaged(other),
        }
    }
}
