//! What a file is, from its first bytes; the name helps only where the bytes say nothing.

use std::path::Path;

use eidetic_domain::ImageFormat;

mod signatures;

pub(crate) use signatures::{RAW, other_content, unsupported_content};

/// How many first bytes [`classify`] looks at. More do no harm, fewer may hide a format.
pub const HEAD_LENGTH: usize = 64;

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A format that [`decode`](crate::decode) reads, or a file that is named as if it were one and is damaged.
    Image(ImageFormat),
    /// A picture that cannot be read, with the sentence to report.
    UnsupportedImage(&'static str),
    /// Anything else: a text, a film, a folder's database. Nothing to report.
    NotImage,
}

/// Tells pictures from other files by the first [`HEAD_LENGTH`] bytes, `head`, of the file at `path`.
///
/// Content decides. The extension of `path` decides only where content is silent: an empty file named `x.jpg` is a
/// picture (a damaged one), the same bytes named `x.txt` are not. Raw camera files carry TIFF's signature, so there
/// the extension tells them apart.
pub fn classify(head: &[u8], path: &Path) -> FileKind {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_ascii_lowercase)
        .unwrap_or_default();
    if let Some(format) = picture_content(head) {
        return tell_raw_from_tiff(format, &extension);
    }
    if let Some(reason) = unsupported_content(head) {
        return FileKind::UnsupportedImage(reason);
    }
    if other_content(head).is_some() {
        return FileKind::NotImage;
    }
    signatures::by_extension(&extension)
}

fn tell_raw_from_tiff(format: ImageFormat, extension: &str) -> FileKind {
    match signatures::by_extension(extension) {
        FileKind::UnsupportedImage(reason) if format == ImageFormat::Tiff && reason == RAW => {
            FileKind::UnsupportedImage(reason)
        }
        _ => FileKind::Image(format),
    }
}

/// The readable format whose signature `head` carries. TGA has none at its start; see [`format_of`].
fn picture_content(head: &[u8]) -> Option<ImageFormat> {
    Some(match head {
        [0xFF, 0xD8, 0xFF, ..] => ImageFormat::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => ImageFormat::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ImageFormat::Gif,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ImageFormat::WebP,
        [b'I', b'I', 42 | 43, 0, rest @ ..] | [b'M', b'M', 0, 42 | 43, rest @ ..]
            if !signatures::is_canon_raw(rest) =>
        {
            ImageFormat::Tiff
        }
        [b'q', b'o', b'i', b'f', ..] => ImageFormat::Qoi,
        _ if head.starts_with(b"#?RADIANCE") || head.starts_with(b"#?RGBE") => ImageFormat::Hdr,
        _ if is_bmp(head) => ImageFormat::Bmp,
        _ if is_ico(head) => ImageFormat::Ico,
        _ if is_pnm(head) => ImageFormat::Pnm,
        _ => return None,
    })
}

/// The format of a whole file's content.
pub(crate) fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    picture_content(bytes).or_else(|| {
        bytes
            .ends_with(b"TRUEVISION-XFILE.\0")
            .then_some(ImageFormat::Tga)
    })
}

/// "BM" begins many a text, so the size of the header that follows must be one that exists.
fn is_bmp(head: &[u8]) -> bool {
    head.starts_with(b"BM")
        && head
            .get(14..18)
            .is_some_and(|size| matches!(size, [12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// An icon's signature is nearly all zeros, so its first directory entry must look like one too.
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

/// `P1` to `P6`, white space, then a number or a comment; `P7` and the first line of a PAM header.
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
    fn content_wins_over_the_name() {
        let jpeg = [0xFF, 0xD8, 0xFF, 0xE0];
        assert_eq!(kind(&jpeg, "notes.txt"), FileKind::Image(ImageFormat::Jpeg));
        assert_eq!(kind(&jpeg, "a.heic"), FileKind::Image(ImageFormat::Jpeg));
        assert_eq!(kind(b"GIF89a", "a"), FileKind::Image(ImageFormat::Gif));
        assert_eq!(kind(b"%PDF-1.7", "a.jpg"), FileKind::NotImage);
    }

    #[test]
    fn the_name_decides_where_content_is_silent() {
        assert_eq!(kind(b"", "a.JPG"), FileKind::Image(ImageFormat::Jpeg));
        assert_eq!(kind(b"garbage", "a.png"), FileKind::Image(ImageFormat::Png));
        assert_eq!(kind(b"", "notes.txt"), FileKind::NotImage);
        assert_eq!(kind(b"", "jpg"), FileKind::NotImage);
        assert_eq!(kind(&[0; 18], "a.tga"), FileKind::Image(ImageFormat::Tga));
    }

    #[test]
    fn texts_with_a_signatures_letters_are_no_pictures() {
        assert_eq!(
            kind(b"BMW is a maker of cars and bikes", "a.txt"),
            FileKind::NotImage
        );
        assert_eq!(kind(b"P5 is a process node", "a.txt"), FileKind::NotImage);
        assert_eq!(kind(&[0, 0, 1, 0xBA, 0x44, 0, 4, 0], "a.mpg"), FileKind::NotImage);
        assert_eq!(kind(b"#?not radiance", "a.txt"), FileKind::NotImage);
    }

    #[test]
    fn unsupported_pictures_are_named() {
        let named = |head: &[u8], path: &str, name: &str| match kind(head, path) {
            FileKind::UnsupportedImage(reason) => assert!(reason.contains(name), "{reason}"),
            other => panic!("{path}: {other:?}"),
        };
        named(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a.jpg", "HEIC");
        named(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "a", "AVIF");
        named(b"\0\0\0\x0CjP  \r\n\x87\n", "a", "JPEG 2000");
        named(&[0xFF, 0x0A, 0, 0], "a", "JPEG XL");
        named(b"8BPS\0\x01", "a", "Photoshop");
        named(b"II*\0\x08\0\0\0\0\0", "a.NEF", "raw");
        named(b"II*\0\x10\0\0\0CR\x02\0", "a", "raw");
        named(b"<svg xmlns=\"http://www.w3.org/2000/svg\">", "a", "SVG");
        named(b"", "a.heif", "HEIC");
    }

    #[test]
    fn films_and_documents_are_passed_over() {
        assert_eq!(
            kind(b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "a.mp4"),
            FileKind::NotImage
        );
        assert_eq!(kind(b"PK\x03\x04", "a.zip"), FileKind::NotImage);
        assert_eq!(kind(b"", "a.mov"), FileKind::NotImage);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(head in prop::collection::vec(any::<u8>(), 0..80), path in "[a-z.]{0,8}") {
            let _ = classify(&head, Path::new(&path));
            let _ = format_of(&head);
        }
    }
}
