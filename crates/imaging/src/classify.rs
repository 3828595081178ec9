//! Recognizes the type of a file by its first bytes, and by its name where the bytes have no signature.

use std::path::Path;

use eidetic_domain::ImageFormat;

use crate::raw;

mod signatures;
mod svg;

pub(crate) use signatures::{other_content, unsupported_content};

/// Number of first bytes that [`classify`] reads. More are ignored; with fewer a format may not be
/// recognized.
pub const HEAD_LENGTH: usize = 64;

/// Apparent type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An image of a format that [`decode`](crate::decode) supports, or a damaged file that is named like
    /// one.
    Image(ImageFormat),
    /// An image of a format that is not supported, with the message to report.
    UnsupportedImage(&'static str),
    /// Anything else, such as a text or a video. Not worth a report.
    NotImage,
}

/// Classifies the file at `path` by its first [`HEAD_LENGTH`] bytes, `head`.
///
/// The content decides. The extension of `path` decides only if the content has no signature: an empty file
/// named `x.jpg` is a (damaged) image, the same bytes named `x.txt` are not. Many raw camera files have the
/// signature of TIFF and are recognized by their extension.
pub fn classify(head: &[u8], path: &Path) -> FileKind {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_ascii_lowercase)
        .unwrap_or_default();
    if let Some(format) = image_content(head) {
        let by_name = signatures::by_extension(&extension);
        let is_raw = format == ImageFormat::Tiff && by_name == FileKind::Image(ImageFormat::Raw);
        return FileKind::Image(if is_raw { ImageFormat::Raw } else { format });
    }
    if let Some(reason) = unsupported_content(head) {
        return FileKind::UnsupportedImage(reason);
    }
    // A container of anything, of which the name says that it holds an image.
    let decides_by_name = match head {
        [0x1F, 0x8B, ..] => extension == "svgz",
        _ => head.starts_with(b"%!PS") && matches!(extension.as_str(), "eps" | "epsf" | "epsi" | "ai"),
    };
    if other_content(head).is_some() && !decides_by_name {
        return FileKind::NotImage;
    }
    signatures::by_extension(&extension)
}

/// The format that an [`UnsupportedImage`](FileKind::UnsupportedImage)'s message is about, such as `HEIC`; `None` for
/// any other text.
pub fn unsupported_format(message: &str) -> Option<&str> {
    message.strip_suffix(signatures::NOT_SUPPORTED)
}

/// The supported format whose signature `head` begins with. TGA has none at its start; see [`format_of`].
fn image_content(head: &[u8]) -> Option<ImageFormat> {
    Some(match head {
        _ if raw::has_raw_signature(head) => ImageFormat::Raw,
        [0xFF, 0xD8, 0xFF, ..] => ImageFormat::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => ImageFormat::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ImageFormat::Gif,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ImageFormat::WebP,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => ImageFormat::Tiff,
        [b'8', b'B', b'P', b'S', 0, 1 | 2, ..] => ImageFormat::Psd,
        [b'q', b'o', b'i', b'f', ..] => ImageFormat::Qoi,
        [0xFF, 0x0A, ..] => ImageFormat::Jxl,
        _ if head.starts_with(b"\0\0\0\x0CJXL \r\n\x87\n") => ImageFormat::Jxl,
        [0xFF, 0x4F, 0xFF, 0x51, ..] => ImageFormat::Jp2,
        _ if head.starts_with(b"\0\0\0\x0CjP  ") => ImageFormat::Jp2,
        _ if head.starts_with(b"#?RADIANCE") || head.starts_with(b"#?RGBE") => ImageFormat::Hdr,
        _ if is_bmp(head) => ImageFormat::Bmp,
        _ if is_ico(head) => ImageFormat::Ico,
        _ if is_pnm(head) => ImageFormat::Pnm,
        _ if svg::is_svg(head) => ImageFormat::Svg,
        _ => return signatures::heif_format(head),
    })
}

/// The format of a whole file's content.
pub(crate) fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    if image_content(bytes) == Some(ImageFormat::Tiff) && raw::is_raw_tiff(bytes) {
        return Some(ImageFormat::Raw);
    }
    image_content(bytes).or_else(|| {
        if svg::is_svgz(bytes) {
            return Some(ImageFormat::Svg);
        }
        let is_tga = bytes.ends_with(b"TRUEVISION-XFILE.\0")
            || (is_tga_header(bytes)
                && unsupported_content(bytes).is_none()
                && other_content(bytes).is_none());
        is_tga.then_some(ImageFormat::Tga)
    })
}

/// TGA of version 1 has no signature, so every field of its header must be plausible.
fn is_tga_header(bytes: &[u8]) -> bool {
    let Some(&[_, has_map, kind, ref rest @ ..]) = bytes.first_chunk::<18>() else {
        return false;
    };
    let [map_start, map_length, _, _, width, height] =
        [0, 2, 5, 7, 9, 11].map(|at| u16::from_le_bytes([rest[at], rest[at + 1]]));
    let (map_bits, bits, descriptor) = (rest[4], rest[13], rest[14]);
    let is_mapped = matches!(kind, 1 | 9);
    let has_plausible_map = match has_map {
        0 => !is_mapped && (map_start, map_length) == (0, 0),
        1 => map_length > 0 && map_length <= 4096 && matches!(map_bits, 15 | 16 | 24 | 32),
        _ => false,
    };
    let alpha_bits = descriptor & 15;
    let has_plausible_pixels = match kind {
        1 | 9 => matches!((bits, alpha_bits), (8 | 16, 0 | 8)),
        2 | 10 => matches!((bits, alpha_bits), (15 | 24, 0) | (16, 0 | 1 | 8) | (32, 0 | 8)),
        3 | 11 => matches!((bits, alpha_bits), (8 | 16, 0 | 8)),
        _ => false,
    };
    has_plausible_map && has_plausible_pixels && descriptor & 0xC0 == 0 && width > 0 && height > 0
}

/// Texts may begin with "BM", so the size of the header that follows must be a valid one.
fn is_bmp(head: &[u8]) -> bool {
    head.starts_with(b"BM")
        && head
            .get(14..18)
            .is_some_and(|size| matches!(size, [12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// The signature of icons is mostly zeros, so the first directory entry must be plausible too.
fn is_ico(head: &[u8]) -> bool {
    let Some((&[0, 0, 1, 0, low, high], entry)) = head.split_first_chunk::<6>() else {
        return false;
    };
    (low, high) != (0, 0)
        && entry.len() >= 8
        && matches!(entry[3], 0 | 255)
        && matches!(entry[4..6], [0 | 1, 0])
        && matches!(entry[6..8], [0 | 1 | 4 | 8 | 16 | 24 | 32, 0])
}

/// `P1` to `P6`, white space, then a number or a comment; or `P7` and the first line of a PAM header.
fn is_pnm(head: &[u8]) -> bool {
    match head {
        [b'P', b'1'..=b'6', space, next, ..] => {
            space.is_ascii_whitespace()
                && (next.is_ascii_digit() || next.is_ascii_whitespace() || *next == b'#')
        }
        [b'P', b'7', b'\n', rest @ ..] => rest.starts_with(b"WIDTH") || rest.starts_with(b"#"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(head: &[u8], path: &str) -> FileKind {
        classify(head, Path::new(path))
    }

    #[test]
    fn content_takes_precedence_over_name() {
        let jpeg = [0xFF, 0xD8, 0xFF, 0xE0];
        assert_eq!(kind(&jpeg, "notes.txt"), FileKind::Image(ImageFormat::Jpeg));
        assert_eq!(kind(&jpeg, "a.heic"), FileKind::Image(ImageFormat::Jpeg));
        assert_eq!(kind(b"GIF89a", "a"), FileKind::Image(ImageFormat::Gif));
        assert_eq!(kind(b"%PDF-1.7", "a.jpg"), FileKind::NotImage);
    }

    #[test]
    fn name_decides_without_signature() {
        assert_eq!(kind(b"", "a.JPG"), FileKind::Image(ImageFormat::Jpeg));
        assert_eq!(kind(b"garbage", "a.png"), FileKind::Image(ImageFormat::Png));
        assert_eq!(kind(b"", "notes.txt"), FileKind::NotImage);
        assert_eq!(kind(b"", "jpg"), FileKind::NotImage);
        assert_eq!(kind(&[0; 18], "a.tga"), FileKind::Image(ImageFormat::Tga));
    }

    #[test]
    fn texts_resembling_signatures_are_not_images() {
        assert_eq!(
            kind(b"BMW is a maker of cars and bikes", "a.txt"),
            FileKind::NotImage
        );
        assert_eq!(kind(b"P5 is a process node", "a.txt"), FileKind::NotImage);
        assert_eq!(kind(&[0, 0, 1, 0xBA, 0x44, 0, 4, 0], "a.mpg"), FileKind::NotImage);
        assert_eq!(kind(b"#?not radiance", "a.txt"), FileKind::NotImage);
    }

    #[test]
    fn unsupported_formats_are_named() {
        let named = |head: &[u8], path: &str, name: &str| match kind(head, path) {
            FileKind::UnsupportedImage(reason) => assert!(reason.contains(name), "{reason}"),
            other => panic!("{path}: {other:?}"),
        };
        named(b"DDS \x7C\0\0\0", "a", "DDS");
        named(b"", "a.jxr", "JPEG XR");
        named(b"%!PS-Adobe-3.1 EPSF-3.0", "a.eps", "EPS");
        named(b"\xC5\xD0\xD3\xC6\x20\0\0\0", "a", "EPS");
        named(b"%!PS-Adobe-3.0", "a.AI", "Adobe Illustrator");
        assert_eq!(kind(b"%!PS-Adobe-3.0", "a.ps"), FileKind::NotImage);
        assert_eq!(kind(b"%PDF-1.5", "a.ai"), FileKind::NotImage);
    }

    #[test]
    fn svg_is_recognized_by_content_or_name() {
        let svg = FileKind::Image(ImageFormat::Svg);
        assert_eq!(kind(b"<svg xmlns=\"http://www.w3.org/2000/svg\">", "a"), svg);
        assert_eq!(
            kind(b"<?xml version=\"1.0\"?>\n<!-- a drawing -->\n<svg ", "a.xml"),
            svg
        );
        assert_eq!(
            kind(b"<?xml version=\"1.0\"?>\n<!-- a long comment", "a.svg"),
            svg
        );
        assert_eq!(kind(&[0x1F, 0x8B, 8], "a.svgz"), svg);
        assert_eq!(kind(&[0x1F, 0x8B, 8], "a.gz"), FileKind::NotImage);
        assert_eq!(kind(b"<!DOCTYPE html><p><svg>", "a.html"), FileKind::NotImage);
    }

    #[test]
    fn newer_formats_are_recognized_by_content() {
        let format = |head: &[u8]| match kind(head, "a.jpg") {
            FileKind::Image(format) => format,
            other => panic!("{other:?}"),
        };
        assert_eq!(format(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), ImageFormat::Heif);
        assert_eq!(format(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"), ImageFormat::Avif);
        assert_eq!(format(b"\0\0\0\x0CjP  \r\n\x87\n"), ImageFormat::Jp2);
        assert_eq!(format(&[0xFF, 0x4F, 0xFF, 0x51]), ImageFormat::Jp2);
        assert_eq!(format(&[0xFF, 0x0A, 0, 0]), ImageFormat::Jxl);
        assert_eq!(format(b"8BPS\0\x01"), ImageFormat::Psd);
    }

    #[test]
    fn raw_files_are_told_from_tiff() {
        let raw = FileKind::Image(ImageFormat::Raw);
        assert_eq!(kind(b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "a"), raw);
        assert_eq!(kind(b"II*\0\x08\0\0\0\0\0", "a.NEF"), raw);
        assert_eq!(
            kind(b"II*\0\x08\0\0\0\0\0", "a.tif"),
            FileKind::Image(ImageFormat::Tiff)
        );
        assert_eq!(kind(b"II*\0\x10\0\0\0CR\x02\0", "a"), raw);
        assert_eq!(kind(b"", "a.rw2"), raw);
    }

    #[test]
    fn videos_and_documents_are_not_images() {
        assert_eq!(
            kind(b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "a.mp4"),
            FileKind::NotImage
        );
        assert_eq!(kind(b"PK\x03\x04", "a.zip"), FileKind::NotImage);
        assert_eq!(kind(b"", "a.mov"), FileKind::NotImage);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(head in prop::collection::vec(any::<u8>(), 0..80), path in "[a-z.]{0,8}") {
            let _ = classify(&head, Path::new(&path));
            let _ = format_of(&head);
        }
    }
}
