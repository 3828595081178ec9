//! The pages of PDF documents.

use std::panic::{AssertUnwindSafe, catch_unwind};

use eidetic_domain::{Details, ImageFormat, ImageId, PartPath, PartPosition, page_name};
use eidetic_imaging::DecodedImage;
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::RgbImage;

use crate::bounds::MOST_PAGES;
use crate::{ContainerError, EachPart, FoundPart, PartImage, PartProblem, picture};

/// Pixels of the longer side of a rendered page: enough to read most of it on a screen.
const LONG_SIDE: f32 = 1_600.0;

pub fn for_each(bytes: Vec<u8>, each: EachPart<'_>) -> Result<(), ContainerError> {
    let file = ImageId::of(&bytes);
    let document = open(bytes)?;
    let cache = RenderCache::new();
    for (number, page) in (1..).zip(document.pages().iter().take(MOST_PAGES)) {
        let name = page_name(number);
        let content = match render_page(page, &cache) {
            Some(decoded) => Ok(PartImage::rendered(&file, &name, decoded, Details::default())),
            None => Err(PartProblem::Failed("the page cannot be rendered".into())),
        };
        if each(FoundPart { name, content }).is_break() {
            break;
        }
    }
    Ok(())
}

pub fn read(bytes: Vec<u8>, part: &PartPath) -> Result<PartImage, ContainerError> {
    let PartPosition::Page(number) = part.position() else {
        return Err(ContainerError::NoSuchPart);
    };
    let file = ImageId::of(&bytes);
    let document = open(bytes)?;
    let page = (number as usize)
        .checked_sub(1)
        .and_then(|index| document.pages().get(index))
        .ok_or(ContainerError::NoSuchPart)?;
    let decoded = render_page(page, &RenderCache::new());
    let decoded = decoded.ok_or_else(|| ContainerError::Unreadable("the page cannot be rendered".into()))?;
    Ok(PartImage::rendered(
        &file,
        &part.part,
        decoded,
        Details::default(),
    ))
}

fn open(bytes: Vec<u8>) -> Result<Pdf, ContainerError> {
    let opened = catch_unwind(|| Pdf::new(bytes));
    match opened {
        Ok(Ok(document)) => Ok(document),
        Ok(Err(LoadPdfError::Decryption(_))) => Err(ContainerError::Unreadable(
            "it is encrypted; save it without a password".into(),
        )),
        Ok(Err(LoadPdfError::Invalid)) | Err(_) => {
            Err(ContainerError::Unreadable("damaged PDF document".into()))
        }
    }
}

/// The page on white; none where it has no size or the renderer panics, which shares nothing but caches of glyphs.
fn render_page<'a>(page: &'a Page<'a>, cache: &RenderCache<'a>) -> Option<DecodedImage> {
    let (width, height) = page.render_dimensions();
    let long_side = width.max(height);
    if !(long_side.is_finite() && width.min(height) > 0.0) {
        return None;
    }
    // A narrow page keeps at least a pixel.
    let scale = LONG_SIDE / long_side;
    let settings = PixmapSettings {
        x_scale: scale.max(1.0 / width),
        y_scale: scale.max(1.0 / height),
        bg_color: WHITE,
    };
    let draw = || {
        render(
            page,
            cache,
            &InterpreterSettings::default(),
            &RenderSettings::default(),
            &settings,
        )
    };
    let pixmap = catch_unwind(AssertUnwindSafe(draw)).ok()?;
    // Everything is opaque on white, so premultiplied values are the colors.
    let (pixels, _) = pixmap.data_as_u8_slice().as_chunks::<4>();
    let rgb: Vec<u8> = pixels
        .iter()
        .flat_map(|&[red, green, blue, _]| [red, green, blue])
        .collect();
    let image = RgbImage::from_raw(pixmap.width().into(), pixmap.height().into(), rgb)?;
    let size = image.dimensions();
    Some(picture(image, size, ImageFormat::Pdf))
}
