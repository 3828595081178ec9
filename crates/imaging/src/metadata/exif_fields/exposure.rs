//! Lens and exposure.

use eidetic_domain::Exposure;

use super::main_text;
use super::tags::photo_tag;
use crate::exif::Ifd;

pub fn exposure(photo: &Ifd<'_>) -> Exposure {
    let positive = |tag| photo.number(tag, 0).filter(|number| *number > 0.0);
    let apex = |tag| photo.number(tag, 0).filter(|value| value.abs() < 30.0);
    Exposure {
        lens: main_text(photo, photo_tag::LENS_MODEL).or_else(|| lens_by_range(photo)),
        seconds: positive(photo_tag::EXPOSURE_TIME)
            .or_else(|| apex(photo_tag::SHUTTER_SPEED).map(|value| (-value).exp2())),
        f_number: positive(photo_tag::F_NUMBER)
            .or_else(|| apex(photo_tag::APERTURE).map(|value| (value / 2.0).exp2())),
        iso: iso(photo),
        focal_length: positive(photo_tag::FOCAL_LENGTH),
        focal_length_35mm: positive(photo_tag::FOCAL_LENGTH_35MM),
    }
}

/// Sensitivities beyond two bytes are in other tags.
fn iso(photo: &Ifd<'_>) -> Option<u32> {
    const TOO_LARGE: f64 = 65_535.0;
    let at = |tag| photo.number(tag, 0).filter(|iso| (1.0..=1e8).contains(iso));
    let iso = at(photo_tag::ISO).filter(|iso| *iso < TOO_LARGE);
    let iso = iso
        .or_else(|| at(photo_tag::RECOMMENDED_EXPOSURE_INDEX))
        .or_else(|| at(photo_tag::STANDARD_OUTPUT_SENSITIVITY))?;
    Some(iso.round() as u32)
}

/// `24-70mm f/2.8`, where the lens has no name.
fn lens_by_range(photo: &Ifd<'_>) -> Option<String> {
    let range = photo.raw(photo_tag::LENS_SPECIFICATION)?;
    let (shortest, longest) = (range.number(0)?, range.number(1)?);
    if shortest <= 0.0 {
        return None;
    }
    let length = if longest > shortest {
        format!("{shortest}-{longest}mm")
    } else {
        format!("{shortest}mm")
    };
    Some(match (range.number(2), range.number(3)) {
        (Some(wide), Some(long)) if wide > 0.0 && long > wide => format!("{length} f/{wide}-{long}"),
        (Some(wide), _) if wide > 0.0 => format!("{length} f/{wide}"),
        _ => length,
    })
}
