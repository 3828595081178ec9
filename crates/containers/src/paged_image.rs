//! The pages of a TIFF file after the first, which is the file's own picture.

use eidetic_domain::{ImageId, PartPath, PartPosition, page_name};
use eidetic_imaging::{DecodeLimits, ImagingError, decode_page, page_count, read_details};

use crate::bounds::MOST_PAGES;
use crate::{ContainerError, EachPart, FoundPart, PartImage, PartProblem};

pub fn for_each(bytes: &[u8], limits: &DecodeLimits, each: EachPart<'_>) {
    let pages = page_count(bytes).min(MOST_PAGES);
    if pages < 2 {
        return;
    }
    let file = ImageId::of(bytes);
    for number in 2..=pages as u32 {
        let part = FoundPart {
            name: page_name(number),
            content: page(bytes, &file, number, limits)
                .map_err(|error| PartProblem::Failed(error.to_string())),
        };
        if each(part).is_break() {
            break;
        }
    }
}

pub fn read(bytes: &[u8], part: &PartPath, limits: &DecodeLimits) -> Result<PartImage, ContainerError> {
    match part.position() {
        PartPosition::Page(number) if number >= 2 => {
            let image = page(bytes, &ImageId::of(bytes), number, limits);
            image.map_err(|error| ContainerError::Unreadable(error.to_string()))
        }
        _ => Err(ContainerError::NoSuchPart),
    }
}

/// Page `number`, counted from 1.
fn page(bytes: &[u8], file: &ImageId, number: u32, limits: &DecodeLimits) -> Result<PartImage, ImagingError> {
    let decoded = decode_page(bytes, number as usize - 1, limits)?;
    let details = read_details(bytes);
    Ok(PartImage::rendered(file, &page_name(number), decoded, details))
}
