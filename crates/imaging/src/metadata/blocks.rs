//! Where the metadata lie in a file, whatever its format.

use std::borrow::Cow;

use super::{boxes, gif, iptc, jpeg, png, tiff, webp};

/// The blocks of metadata in one file.
#[derive(Debug, Default)]
pub struct Blocks<'a> {
    /// A block that begins with a TIFF header, perhaps after `Exif\0\0`.
    pub exif: Option<Cow<'a, [u8]>>,
    /// XMP packets, the main one first.
    pub xmp: Vec<Cow<'a, [u8]>>,
    /// IPTC records.
    pub iptc: Option<Cow<'a, [u8]>>,
    /// Texts with their names, as PNG has them.
    pub texts: Vec<(String, String)>,
}

impl<'a> Blocks<'a> {
    /// The blocks in the file `bytes`; none where its format has none.
    pub fn find(bytes: &'a [u8]) -> Self {
        match bytes {
            [0xFF, 0xD8, ..] => jpeg::blocks(bytes),
            [0x89, b'P', b'N', b'G', ..] => png::blocks(bytes),
            [b'G', b'I', b'F', b'8', ..] => gif::blocks(bytes),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::blocks(bytes),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => tiff::blocks(bytes),
            [b'8', b'B', b'P', b'S', ..] => photoshop_file(bytes),
            [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', ..] => fuji_raw(bytes),
            _ if boxes::has_boxes(bytes) => boxes::blocks(bytes),
            _ => Self::default(),
        }
    }

    /// The blocks among Photoshop's image resources.
    pub fn add_resources(&mut self, resources: &'a [u8]) {
        if self.iptc.is_none() {
            self.iptc = iptc::resource(resources, iptc::IPTC).map(Cow::Borrowed);
        }
        if self.exif.is_none() {
            self.exif = iptc::resource(resources, iptc::EXIF).map(Cow::Borrowed);
        }
        self.xmp
            .extend(iptc::resource(resources, iptc::XMP).map(Cow::Borrowed));
    }
}

/// A Photoshop file: a header, color data and the image resources.
fn photoshop_file(bytes: &[u8]) -> Blocks<'_> {
    const HEADER: usize = 26;
    let mut blocks = Blocks::default();
    let section = |start: usize| {
        let (length, rest) = bytes.get(start..)?.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        Some((length, rest.get(..length.min(rest.len()))?))
    };
    if let Some((colors, _)) = section(HEADER)
        && let Some((_, resources)) = colors.checked_add(HEADER + 4).and_then(section)
    {
        blocks.add_resources(resources);
    }
    blocks
}

/// A raw file by Fujifilm, whose metadata are those of its JPEG preview.
fn fuji_raw(bytes: &[u8]) -> Blocks<'_> {
    const PREVIEW_OFFSET: usize = 84;
    let offset = bytes
        .get(PREVIEW_OFFSET..)
        .and_then(|rest| rest.first_chunk::<4>());
    let preview = offset.and_then(|offset| bytes.get(u32::from_be_bytes(*offset) as usize..));
    match preview {
        Some(preview @ [0xFF, 0xD8, ..]) => jpeg::blocks(preview),
        _ => Blocks::default(),
    }
}
