//! Signatures of unsupported images and of other files, with the messages for them.
//!
//! Sources: the formats' specifications, and the magic database of the `file` program for older formats.

use eidetic_domain::ImageFormat;

use super::FileKind;

/// The end of every message for an unsupported format.
pub const NOT_SUPPORTED: &str = " images are not supported; convert to JPEG or PNG";

/// The message for an unsupported format; it ends with [`NOT_SUPPORTED`].
macro_rules! unsupported {
    ($name:literal) => {
        concat!($name, " images are not supported; convert to JPEG or PNG")
    };
}

/// Signatures of unsupported image formats.
const UNSUPPORTED_IMAGES: &[(&[u8], &str)] = &[
    (b"II\xBC", unsupported!("JPEG XR")),
    (b"\x76\x2F\x31\x01", unsupported!("OpenEXR")),
    (b"DDS ", unsupported!("DDS")),
    (b"icns", unsupported!("Apple icon (ICNS)")),
    (b"gimp xcf", unsupported!("GIMP (XCF)")),
    (b"SIMPLE  =", unsupported!("FITS")),
    (b"AT&TFORM", unsupported!("DjVu")),
    (b"farbfeld", unsupported!("farbfeld")),
    (b"FLIF", unsupported!("FLIF")),
    (b"BPG\xFB", unsupported!("BPG")),
    (b"BLP1", unsupported!("BLP")),
    (b"BLP2", unsupported!("BLP")),
    (b"\x8AMNG", unsupported!("MNG")),
    (b"\x8BJNG", unsupported!("JNG")),
    (b"\x59\xA6\x6A\x95", unsupported!("Sun raster")),
    (b"\x01\xDA\x00\x01", unsupported!("SGI")),
    (b"\x01\xDA\x00\x02", unsupported!("SGI")),
    (b"\x01\xDA\x01\x01", unsupported!("SGI")),
    (b"\x01\xDA\x01\x02", unsupported!("SGI")),
    (b"/* XPM */", unsupported!("XPM")),
    (b"PF\n", unsupported!("PFM")),
    (b"Pf\n", unsupported!("PFM")),
    (b"\xC5\xD0\xD3\xC6", unsupported!("EPS")),
    (b"P7 332", unsupported!("XV thumbnail")),
];

/// Signatures of files other than images.
const OTHER_CONTENT: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "an archive or office document"),
    (b"\x1A\x45\xDF\xA3", "a Matroska or WebM video"),
    (b"\0\0\x01\xBA", "an MPEG video"),
    (b"\0\0\x01\xB3", "an MPEG video"),
    (b"OggS", "an Ogg audio file"),
    (b"ID3", "an MP3 audio file"),
    (b"fLaC", "a FLAC audio file"),
    (b"\x7FELF", "a program"),
    (b"\x1F\x8B", "a compressed file"),
    (b"SQLite format 3\0", "a database"),
];

/// The message for an image of a known, unsupported format.
pub(crate) fn unsupported_content(head: &[u8]) -> Option<&'static str> {
    lookup(UNSUPPORTED_IMAGES, head)
}

/// Names content that is known and not an image, such as "a PDF document".
pub(crate) fn other_content(head: &[u8]) -> Option<&'static str> {
    if media_brands(head).is_some() {
        return Some("a video");
    }
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => Some("a video"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', ..] => Some("an audio file"),
        _ => lookup(OTHER_CONTENT, head),
    }
}

fn lookup(table: &[(&[u8], &'static str)], head: &[u8]) -> Option<&'static str> {
    table
        .iter()
        .find(|(beginning, _)| head.starts_with(beginning))
        .map(|&(_, meaning)| meaning)
}

/// The brands of an ISO media file (ISO/IEC 14496-12, `ftyp`): major brand, version, compatible brands.
fn media_brands(head: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
    let content = &head[..head.len().min(length.max(8))];
    content.get(4..)?.strip_prefix(b"ftyp")
}

/// The format of a HEIF file by its brands (ISO/IEC 23008-12, 10). None for a video.
pub fn heif_format(head: &[u8]) -> Option<ImageFormat> {
    let brands = media_brands(head)?;
    let has_brand = |wanted: &[&[u8]]| brands.chunks(4).any(|brand| wanted.contains(&brand));
    if has_brand(&[b"avif", b"avis"]) {
        Some(ImageFormat::Avif)
    } else if has_brand(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1",
    ]) {
        Some(ImageFormat::Heif)
    } else {
        None
    }
}

/// The type of file that a lower-case extension stands for.
pub fn by_extension(extension: &str) -> FileKind {
    if let Some(format) = supported_extension(extension) {
        return FileKind::Image(format);
    }
    unsupported_extension(extension).map_or(FileKind::NotImage, FileKind::UnsupportedImage)
}

fn supported_extension(extension: &str) -> Option<ImageFormat> {
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
        "heic" | "heif" | "hif" | "heics" | "heifs" => ImageFormat::Heif,
        "avif" | "avifs" => ImageFormat::Avif,
        "jxl" => ImageFormat::Jxl,
        "psd" | "psb" => ImageFormat::Psd,
        "svg" | "svgz" => ImageFormat::Svg,
        "3fr" | "arw" | "cr2" | "cr3" | "crw" | "dcr" | "dng" | "erf" | "fff" | "gpr" | "iiq" | "k25"
        | "kdc" | "mef" | "mos" | "mrw" | "nef" | "nrw" | "orf" | "pef" | "raf" | "raw" | "rw2" | "rwl"
        | "sr2" | "srf" | "srw" | "x3f" => ImageFormat::Raw,
        "jp2" | "j2k" | "jpf" | "jpx" | "j2c" | "jpc" => ImageFormat::Jp2,
        _ => return None,
    })
}

fn unsupported_extension(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "jxr" | "wdp" | "hdp" => unsupported!("JPEG XR"),
        "eps" | "epsf" | "epsi" => unsupported!("EPS"),
        "ai" => unsupported!("Adobe Illustrator"),
        "exr" => unsupported!("OpenEXR"),
        "dds" => unsupported!("DDS"),
        "xcf" => unsupported!("GIMP (XCF)"),
        "icns" => unsupported!("Apple icon (ICNS)"),
        "cur" => unsupported!("cursor (CUR)"),
        "sgi" | "rgb" | "rgba" | "bw" => unsupported!("SGI"),
        "pcx" | "dcx" => unsupported!("PCX"),
        "pfm" => unsupported!("PFM"),
        "pcd" => unsupported!("Photo CD"),
        "fli" | "flc" => unsupported!("FLI animation"),
        "fits" => unsupported!("FITS"),
        "xbm" => unsupported!("XBM"),
        "xpm" => unsupported!("XPM"),
        "ras" => unsupported!("Sun raster"),
        "blp" => unsupported!("BLP"),
        _ => return None,
    })
}
