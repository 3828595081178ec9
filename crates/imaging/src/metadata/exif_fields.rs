//! EXIF beyond orientation: texts, exposure, dates and position (CIPA DC-008, and the tags that Windows adds).

use eidetic_domain::{Camera, Details};

use self::dates::taken;
use self::exposure::exposure;
pub use self::position::on_earth;
use self::position::{altitude, position};
use self::rating::rating;
pub use self::rating::{percent_to_stars, stars};
use self::tags::{main_tag, photo_tag};
use super::text;
use crate::exif::{Ifd, RawValue, tag};

mod dates;
mod exposure;
mod position;
mod rating;
mod tags;
#[cfg(test)]
mod tests;

/// What cameras write as the description of every picture.
const NO_DESCRIPTIONS: [&str; 12] = [
    "OLYMPUS DIGITAL CAMERA",
    "MINOLTA DIGITAL CAMERA",
    "KONICA MINOLTA DIGITAL CAMERA",
    "KODAK DIGITAL STILL CAMERA",
    "SONY DSC",
    "EXIF_JPEG_PICTURE",
    "DIGITAL CAMERA",
    "DCIM\\100MEDIA",
    "DEFAULT",
    "SAMSUNG DIGITAL CAMERA",
    "SAMSUNG",
    "<DIGIMAX>",
];

/// What the EXIF block says. It begins with a TIFF header, optionally after `Exif\0\0`.
pub fn read(block: &[u8]) -> Details {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let main = Ifd::first(block);
    let sub_ifd = |tag| main?.sub_ifd(tag);
    of_directories(main, sub_ifd(tag::EXIF), sub_ifd(tag::GPS))
}

/// What three directories say: the main one, the photo's, and the position's. Without a main one there is no EXIF.
pub fn of_directories(main: Option<Ifd<'_>>, photo: Option<Ifd<'_>>, gps: Option<Ifd<'_>>) -> Details {
    let Some(main) = &main else {
        return Details::default();
    };
    Details {
        title: xp_text(main, main_tag::XP_TITLE).or_else(|| xp_text(main, main_tag::XP_SUBJECT)),
        description: description(main, photo.as_ref()),
        keywords: xp_list(main, main_tag::XP_KEYWORDS),
        rating: rating(main),
        creators: creators(main),
        copyright: copyright(main),
        software: main_text(main, main_tag::SOFTWARE),
        altitude: gps.as_ref().and_then(altitude),
        exposure: photo.as_ref().map(exposure).unwrap_or_default(),
        taken: taken(main, photo.as_ref(), gps.as_ref()),
        camera: camera(main),
        position: gps.as_ref().and_then(position),
        ..Details::default()
    }
}

fn main_text(directory: &Ifd<'_>, tag: u16) -> Option<String> {
    text::short(&decoded(directory, tag)?)
}

fn decoded(directory: &Ifd<'_>, tag: u16) -> Option<String> {
    let value = directory.raw(tag).filter(RawValue::may_be_text)?;
    Some(text::decode(value.bytes))
}

fn xp_text(main: &Ifd<'_>, tag: u16) -> Option<String> {
    let value = main.raw(tag).filter(RawValue::may_be_text)?;
    text::long(&text::utf16(value.bytes, u16::from_le_bytes))
}

fn xp_list(main: &Ifd<'_>, tag: u16) -> Vec<String> {
    let list = xp_text(main, tag).unwrap_or_default();
    text::distinct(list.split(';').map(ToOwned::to_owned))
}

fn description(main: &Ifd<'_>, photo: Option<&Ifd<'_>>) -> Option<String> {
    let written = decoded(main, main_tag::IMAGE_DESCRIPTION).and_then(|text| text::long(&text));
    written
        .filter(|text| !NO_DESCRIPTIONS.contains(&text.to_ascii_uppercase().as_str()))
        .or_else(|| user_comment(photo?))
        .or_else(|| xp_text(main, main_tag::XP_COMMENT))
}

/// A comment after eight bytes that name its encoding.
fn user_comment(photo: &Ifd<'_>) -> Option<String> {
    let value = photo.raw(photo_tag::USER_COMMENT)?;
    let (code, comment) = value.bytes.split_first_chunk::<8>()?;
    let text = match code {
        b"UNICODE\0" => text::utf16(comment, utf16_order(comment, photo)),
        b"ASCII\0\0\0" => text::decode(comment),
        // Without a code, only what cannot be anything but a text.
        [0, 0, 0, 0, 0, 0, 0, 0] => std::str::from_utf8(comment).ok()?.to_owned(),
        // Some programs begin the text where the code should be.
        code if !code.contains(&0) => std::str::from_utf8(value.bytes).ok()?.to_owned(),
        _ => return None,
    };
    let text = text::long(&text)?;
    text.chars().any(char::is_alphanumeric).then_some(text)
}

/// Programs do not agree on whose order holds: in Latin texts, the zeros tell.
fn utf16_order(comment: &[u8], photo: &Ifd<'_>) -> fn([u8; 2]) -> u16 {
    let (pairs, _) = comment.as_chunks::<2>();
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let little = match zeros(1).cmp(&zeros(0)) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => photo.is_little_endian(),
    };
    if little {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    }
}

fn creators(main: &Ifd<'_>) -> Vec<String> {
    let artist = main_text(main, main_tag::ARTIST);
    match artist {
        Some(artist) => text::distinct(artist.split(';').map(ToOwned::to_owned)),
        None => xp_list(main, main_tag::XP_AUTHOR),
    }
}

/// The notices of the photographer and of the editor, which a NUL separates.
fn copyright(main: &Ifd<'_>) -> Option<String> {
    let written = decoded(main, main_tag::COPYRIGHT)?;
    let notices: Vec<String> = written.split('\0').take(2).filter_map(text::short).collect();
    text::short(&notices.join("; "))
}

fn camera(main: &Ifd<'_>) -> Option<Camera> {
    let make = main_text(main, tag::MAKE);
    let model = main_text(main, tag::MODEL);
    (make.is_some() || model.is_some()).then_some(Camera { make, model })
}
