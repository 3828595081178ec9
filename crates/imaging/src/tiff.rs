//! TIFF 6.0 and `BigTIFF` of nearly every kind: all depths and colors that pictures have, strips and tiles,
//! samples side by side or in planes, all common compressions, several pages.
//!
//! A reader of our own, since no library in Rust reads them all; the compressions are those of well-kept
//! crates. The flow: [`directory`] finds the tags, [`layout`] checks what they say, [`bands`] goes through
//! strips and tiles, which [`source`] decompresses, and [`painter`] unpacks samples and converts colors.
//!
//! A file that is damaged or ends early is shown as far as it can be read.

use image::metadata::Orientation;

use crate::{DecodeLimits, ImagingError};

mod bands;
mod canvas;
mod ccitt;
mod chunks;
mod color;
mod directory;
mod floats;
mod jpeg;
mod layout;
mod lzw;
mod packbits;
mod page;
mod painter;
mod predictor;
mod samples;
mod source;
mod tag;
mod ycbcr;

use directory::{Directory, TiffFile};
use layout::{FORMAT, Layout};
pub use page::{Page, Pixels};

/// A TIFF file and the images in it that are pages.
pub struct TiffPages<'a> {
    pages: Vec<Directory<'a>>,
}

impl<'a> TiffPages<'a> {
    /// Reduced versions and transparency masks of other images are no pages, unless there is nothing else.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ImagingError> {
        let file = TiffFile::open(bytes).ok_or_else(|| ImagingError::truncated(FORMAT))?;
        let mut pages = file.directories();
        if pages.iter().any(|directory| !is_auxiliary(directory)) {
            pages.retain(|directory| !is_auxiliary(directory));
        }
        if pages.is_empty() {
            return Err(ImagingError::damaged(
                FORMAT,
                "it has no directory of its contents",
            ));
        }
        Ok(Self { pages })
    }

    /// Number of pages, at least 1.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Decodes page `index`, counted from 0.
    pub fn decode(&self, index: usize, limits: &DecodeLimits) -> Result<Page, ImagingError> {
        let layout = Layout::read(*self.page(index)?)?;
        page::decode(&layout, self.icc_profile(index).is_some(), limits)
    }

    /// Decodes page `index` at a reduced size that is within `limits`, and returns its full size with it; none where that is
    /// impossible.
    pub fn decode_reduced(&self, index: usize, limits: &DecodeLimits) -> Option<(Page, (u32, u32))> {
        let layout = Layout::read(*self.page(index).ok()?).ok()?;
        let page = page::decode_reduced(&layout, self.icc_profile(index).is_some(), limits)?;
        Some((page, (layout.width, layout.height)))
    }

    /// The orientation of page `index`, if it has one.
    pub fn orientation(&self, index: usize) -> Option<Orientation> {
        let number = self.pages.get(index)?.small(tag::ORIENTATION)?;
        Orientation::from_exif(u8::try_from(number).ok()?)
    }

    /// The ICC profile that the pixels of page `index` refer to. L*a*b* and floating-point pixels refer to
    /// none: they are returned as sRGB.
    pub fn icc_profile(&self, index: usize) -> Option<&'a [u8]> {
        const FLOAT: u64 = 3;
        const LAB: [u64; 2] = [8, 9];
        let page = self.pages.get(index)?;
        let refers_to_profile = page.unsigned(tag::SAMPLE_FORMAT) != Some(FLOAT)
            && page
                .unsigned(tag::PHOTOMETRIC)
                .is_none_or(|kind| !LAB.contains(&kind));
        page.bytes(tag::ICC_PROFILE).filter(|_| refers_to_profile)
    }

    fn page(&self, index: usize) -> Result<&Directory<'a>, ImagingError> {
        self.pages
            .get(index)
            .ok_or_else(|| ImagingError::damaged(FORMAT, format_args!("it has no page {}", index + 1)))
    }
}

/// Whether a directory is a reduced version or a mask of another image, or describes none.
fn is_auxiliary(directory: &Directory) -> bool {
    const REDUCED_OR_MASK: u64 = 1 | 4;
    const OLD_REDUCED: u64 = 2;
    let has_bits = directory
        .unsigned(tag::SUBFILE_TYPE)
        .is_some_and(|kind| kind & REDUCED_OR_MASK != 0);
    has_bits
        || directory.unsigned(tag::OLD_SUBFILE_TYPE) == Some(OLD_REDUCED)
        || directory.unsigned(tag::IMAGE_WIDTH).is_none()
}
