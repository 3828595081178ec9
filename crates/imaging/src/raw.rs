//! Raw camera files: which they are, the pictures for viewing that cameras store in them, and their EXIF data.
//!
//! The mosaic of the sensor is not developed: every camera since about 2000 stores a JPEG picture beside it.

use memchr::memmem;

use crate::exif::{ExifData, Ifd, tag};

mod preview;

pub use preview::previews;

/// Signatures of raw files that are not TIFF, or TIFF under another number.
const SIGNATURES: &[&[u8]] = &[
    // Fujifilm.
    b"FUJIFILMCCD-RAW",
    // Olympus.
    b"IIRO",
    b"IIRS",
    b"MMOR",
    // Panasonic, Leica.
    b"IIU\0",
    // Sigma.
    b"FOVb",
    // Minolta.
    b"\0MRM",
];

/// Whether a file begins like a raw file. Many have the signature of TIFF: see [`is_raw_tiff`].
pub fn has_raw_signature(head: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| head.starts_with(signature))
        // Canon: CRW, CR2, CR3.
        || head.get(6..14) == Some(b"HEAPCCDR")
        || (head.starts_with(b"II*\0") && head.get(8..10) == Some(b"CR"))
        || head.get(4..12) == Some(b"ftypcrx ")
        // Phase One.
        || (matches!(head, [b'I', b'I' | b'J', ..] | [b'M', b'M', ..]) && matches!(head.get(8..12), Some(b"IIII" | b"MMMM")))
}

/// Whether a TIFF file is a raw file: DNG has a tag of its own; others have a reduced image first and the sensor data in
/// further directories, or say that samples are those of a color filter array.
pub fn is_raw_tiff(bytes: &[u8]) -> bool {
    const REDUCED: u32 = 1;
    const COLOR_FILTER_ARRAY: u32 = 32_803;
    Ifd::first(bytes).is_some_and(|ifd| {
        let is_reduced = ifd
            .unsigned(tag::SUBFILE_TYPE)
            .is_some_and(|kind| kind & REDUCED != 0);
        ifd.has(tag::DNG_VERSION)
            || (ifd.has(tag::SUB_IFDS) && is_reduced)
            || ifd.unsigned(tag::PHOTOMETRIC_INTERPRETATION) == Some(COLOR_FILTER_ARRAY)
    })
}

/// EXIF data of the file itself, which are missing from most previews.
pub fn exif(bytes: &[u8]) -> ExifData {
    match canon_directories(bytes) {
        Some([main, photo, gps]) => ExifData::of_directories(main, photo, gps),
        None => ExifData::parse(bytes),
    }
}

/// The main directory, that of the photo and that of the position of a CR3 file, which is an ISO media file with a box
/// for each of them; none for other files.
pub fn canon_directories(bytes: &[u8]) -> Option<[Option<Ifd<'_>>; 3]> {
    if bytes.get(4..12) != Some(b"ftypcrx ") {
        return None;
    }
    let directory = |name: &[u8]| {
        let start = memmem::find(bytes, name)?;
        let length = u32::from_be_bytes(*bytes.get(start.checked_sub(4)?..start)?.first_chunk()?);
        let end = start.checked_add(length as usize)?.checked_sub(4)?;
        Ifd::first(bytes.get(start + 4..end)?)
    };
    Some([directory(b"CMT1"), directory(b"CMT2"), directory(b"CMT4")])
}
