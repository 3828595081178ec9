//! Signatures of what cannot be read, and the sentences for it.
//!
//! Sources: the formats' specifications, and the `file` program's magic database for the older ones.

use eidetic_domain::ImageFormat;

use super::FileKind;

/// One sentence that names a kind of picture and the way out.
macro_rules! cannot_read {
    ($name:literal) => {
        concat!($name, " pictures cannot be read yet; convert to JPEG or PNG")
    };
}

/// The reason for camera files, which [`classify`](super::classify) needs to tell from TIFF.
pub const RAW: &str = cannot_read!("raw camera");

/// Unreadable picture formats by the bytes that they begin with.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\xFF\x0A", cannot_read!("JPEG XL")),
    (b"\0\0\0\x0CJXL \r\n\x87\n", cannot_read!("JPEG XL")),
    (b"\0\0\0\x0CjP  ", cannot_read!("JPEG 2000")),
    (b"\xFF\x4F\xFF\x51", cannot_read!("JPEG 2000")),
    (b"II\xBC", cannot_read!("JPEG XR")),
    (b"8BPS", cannot_read!("Photoshop (PSD)")),
    (b"\x76\x2F\x31\x01", cannot_read!("OpenEXR")),
    (b"DDS ", cannot_read!("DDS")),
    (b"icns", cannot_read!("Apple icon (ICNS)")),
    (b"gimp xcf", cannot_read!("GIMP (XCF)")),
    (b"SIMPLE  =", cannot_read!("FITS")),
    (b"AT&TFORM", cannot_read!("DjVu")),
    (b"farbfeld", cannot_read!("farbfeld")),
    (b"FLIF", cannot_read!("FLIF")),
    (b"BPG\xFB", cannot_read!("BPG")),
    (b"BLP1", cannot_read!("BLP")),
    (b"BLP2", cannot_read!("BLP")),
    (b"\x8AMNG", cannot_read!("MNG")),
    (b"\x8BJNG", cannot_read!("JNG")),
    (b"\x59\xA6\x6A\x95", cannot_read!("Sun raster")),
    (b"\x01\xDA\x00\x01", cannot_read!("SGI")),
    (b"\x01\xDA\x00\x02", cannot_read!("SGI")),
    (b"\x01\xDA\x01\x01", cannot_read!("SGI")),
    (b"\x01\xDA\x01\x02", cannot_read!("SGI")),
    (b"/* XPM */", cannot_read!("XPM")),
    (b"PF\n", cannot_read!("PFM")),
    (b"Pf\n", cannot_read!("PFM")),
    (b"P7 332", cannot_read!("XV thumbnail")),
    (b"<svg", cannot_read!("SVG")),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
    (b"\0MRM", RAW),
];

/// Contents that are no pictures at all, by their beginnings.
const OTHERS: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "an archive or office document"),
    (b"\x1A\x45\xDF\xA3", "a Matroska or WebM film"),
    (b"\0\0\x01\xBA", "an MPEG film"),
    (b"\0\0\x01\xB3", "an MPEG film"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"fLaC", "a FLAC recording"),
    (b"\x7FELF", "a program"),
    (b"\x1F\x8B", "a compressed file"),
    (b"SQLite format 3\0", "a database"),
];

/// The sentence for a picture whose content is of a known format that cannot be read.
pub(crate) fn unsupported_content(head: &[u8]) -> Option<&'static str> {
    if let Some(brands) = media_brands(head) {
        return unsupported_brand(brands);
    }
    if matches!(head, [b'I', b'I', 42, 0, rest @ ..] if is_canon_raw(rest))
        || head.get(6..14) == Some(b"HEAPCCDR")
    {
        return Some(RAW);
    }
    if is_svg_document(head) {
        return Some(cannot_read!("SVG"));
    }
    lookup(BEGINNINGS, head)
}

/// What content is, where it is known to be something other than a picture: "a PDF document".
pub(crate) fn other_content(head: &[u8]) -> Option<&'static str> {
    if media_brands(head).is_some() {
        return Some("a film");
    }
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => Some("a film"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', ..] => Some("a recording"),
        _ => lookup(OTHERS, head),
    }
}

fn lookup(table: &[(&[u8], &'static str)], head: &[u8]) -> Option<&'static str> {
    table
        .iter()
        .find(|(beginning, _)| head.starts_with(beginning))
        .map(|&(_, meaning)| meaning)
}

/// Canon's CR2 marks itself four bytes after TIFF's signature.
pub(crate) fn is_canon_raw(after_signature: &[u8]) -> bool {
    after_signature.get(4..6) == Some(b"CR")
}

/// The brands of an ISO media file (ISO/IEC 14496-12, `ftyp`): the major one, a version, then the compatible ones.
fn media_brands(head: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
    let content = &head[..head.len().min(length.max(8))];
    content.get(4..)?.strip_prefix(b"ftyp")
}

fn unsupported_brand(brands: &[u8]) -> Option<&'static str> {
    let carries = |wanted: &[&[u8]]| brands.chunks(4).any(|brand| wanted.contains(&brand));
    if carries(&[b"avif", b"avis"]) {
        Some(cannot_read!("AVIF"))
    } else if carries(&[b"crx "]) {
        Some(RAW)
    } else if carries(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1",
    ]) {
        Some(cannot_read!("HEIC"))
    } else {
        None
    }
}

/// An XML declaration alone says nothing; the root element may stand within the bytes at hand.
fn is_svg_document(head: &[u8]) -> bool {
    head.starts_with(b"<?xml") && head.windows(4).any(|window| window == b"<svg")
}

/// What a lower-case extension promises.
pub fn by_extension(extension: &str) -> FileKind {
    if let Some(format) = readable_extension(extension) {
        return FileKind::Image(format);
    }
    unreadable_extension(extension).map_or(FileKind::NotImage, FileKind::UnsupportedImage)
}

fn readable_extension(extension: &str) -> Option<ImageFormat> {
    Some(match extension {
        "jpg" | "jpeg" | "jpe" | "jfif" => ImageFormat::Jpeg,
        "png" | "apng" => ImageFormat::Png,
        "gif" => ImageFormat::Gif,
        "webp" => ImageFormat::WebP,
        "bmp" | "dib" => ImageFormat::Bmp,
        "tif" | "tiff" => ImageFormat::Tiff,
        "qoi" => ImageFormat::Qoi,
        "ico" => ImageFormat::Ico,
        "pbm" | "pgm" | "ppm" | "pnm" | "pam" => ImageFormat::Pnm,
        "tga" => ImageFormat::Tga,
        "hdr" => ImageFormat::Hdr,
        _ => return None,
    })
}

fn unreadable_extension(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "heic" | "heif" | "hif" => cannot_read!("HEIC"),
        "avif" | "avifs" => cannot_read!("AVIF"),
        "jxl" => cannot_read!("JPEG XL"),
        "jp2" | "j2k" | "jpf" | "jpx" | "j2c" => cannot_read!("JPEG 2000"),
        "jxr" | "wdp" | "hdp" => cannot_read!("JPEG XR"),
        "psd" | "psb" => cannot_read!("Photoshop (PSD)"),
        "svg" | "svgz" => cannot_read!("SVG"),
        "exr" => cannot_read!("OpenEXR"),
        "dds" => cannot_read!("DDS"),
        "xcf" => cannot_read!("GIMP (XCF)"),
        "icns" => cannot_read!("Apple icon (ICNS)"),
        "cur" => cannot_read!("cursor (CUR)"),
        "sgi" | "rgb" | "rgba" | "bw" => cannot_read!("SGI"),
        "pcx" | "dcx" => cannot_read!("PCX"),
        "pfm" => cannot_read!("PFM"),
        "pcd" => cannot_read!("Photo CD"),
        "fli" | "flc" => cannot_read!("FLI animation"),
        "fits" => cannot_read!("FITS"),
        "xbm" => cannot_read!("XBM"),
        "xpm" => cannot_read!("XPM"),
        "ras" => cannot_read!("Sun raster"),
        "blp" => cannot_read!("BLP"),
        "3fr" | "arw" | "cr2" | "cr3" | "crw" | "dcr" | "dng" | "erf" | "fff" | "gpr" | "iiq" | "k25"
        | "kdc" | "mef" | "mos" | "mrw" | "nef" | "nrw" | "orf" | "pef" | "raf" | "raw" | "rw2" | "rwl"
        | "sr2" | "srf" | "srw" | "x3f" => RAW,
        _ => return None,
    })
}
