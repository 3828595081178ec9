//! What files say about their pictures: EXIF, XMP, IPTC and PNG texts, side-car files and file names.
//!
//! Readers borrow the file, follow no chains, and keep bounded parts of what they find. Damaged fields are none.

mod blocks;
mod boxes;
mod exif_fields;
mod file_name;
mod gif;
mod heif_items;
mod iptc;
mod jpeg;
mod moment;
mod picasa;
mod png;
#[cfg(test)]
mod samples;
mod side_car;
mod takeout;
#[cfg(test)]
mod tests;
mod text;
mod tiff;
mod webp;
mod xmp;

use eidetic_domain::Details;

pub use file_name::taken_by_name;
pub use side_car::{MAX_SIDE_CAR, SideCarKind, combine, read_side_car};

use blocks::Blocks;

use crate::raw;

/// Most XMP packets of one file that are read.
const MAX_PACKETS: usize = 4;

/// What the file `bytes` says about its picture.
///
/// Where several blocks know a field, texts are taken from XMP, then IPTC, EXIF and the texts of PNG; keywords and
/// people from all of them; camera, exposure, software and position from EXIF first. Of the dates, the most reliable
/// one is taken. Texts are cut after 20,000 characters (descriptions) or 1,000 (others); of keywords and the like,
/// the first 1,000 are kept.
pub fn read_details(bytes: &[u8]) -> Details {
    let blocks = Blocks::find(bytes);
    let mut exif = match raw::canon_directories(bytes) {
        Some([main, photo, gps]) => exif_fields::of_directories(main, photo, gps),
        None => blocks.exif.as_deref().map(exif_fields::read).unwrap_or_default(),
    };
    let mut details = Details {
        software: exif.software.take(),
        altitude: exif.altitude.take(),
        exposure: std::mem::take(&mut exif.exposure),
        camera: exif.camera.take(),
        position: exif.position.take(),
        ..Details::default()
    };
    for packet in blocks.xmp.iter().take(MAX_PACKETS) {
        details.add(xmp::read(packet));
    }
    details.add(blocks.iptc.as_deref().map(iptc::read).unwrap_or_default());
    details.add(exif);
    details.add(png::read_texts(&blocks.texts));
    finish(details)
}

/// The orientation that XMP gives, for files without one in EXIF: 1 to 8.
pub fn xmp_orientation(bytes: &[u8]) -> Option<u8> {
    let blocks = Blocks::find(bytes);
    let mut packets = blocks.xmp.iter().take(MAX_PACKETS);
    packets.find_map(|packet| xmp::orientation(packet))
}

/// Whether `head`, the first bytes of a file, holds all that [`read_details`] would find in the whole file.
pub fn has_all_details(head: &[u8]) -> bool {
    head.starts_with(&[0xFF, 0xD8]) && jpeg::is_header_whole(head)
}

/// Lists from several blocks together, none of their items twice in any case of letters.
pub fn finish(details: Details) -> Details {
    Details {
        keywords: text::distinct(details.keywords),
        hierarchical_keywords: text::distinct(details.hierarchical_keywords),
        people: text::distinct(details.people),
        ..details
    }
}
