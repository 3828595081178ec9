//! What the values of decoded pixels mean, and their conversion to sRGB.
//!
//! A file says it by an ICC profile, by code points of ITU-T H.273 (CICP, called `nclx` in HEIF), by PNG's chunks, or
//! by EXIF's mark for Adobe RGB. Files that say nothing are sRGB. See `docs/decisions/0035-formats-and-colors.md`.

use std::sync::Arc;

use image::{DynamicImage, RgbImage};
use moxcms::ColorProfile;

use crate::exif::ExifData;
use crate::pixels;

mod cicp;
mod convert;
mod hdr;
mod jpeg;
mod png;
mod profile;
mod webp;

pub use cicp::Cicp;
use hdr::Hdr;
use profile::{Channels, Profile};

/// The color space of decoded samples.
///
/// Profiles that cannot be read, and those that change no value visibly, are [`ColorSpace::Srgb`].
#[derive(Debug, Clone, Default)]
pub enum ColorSpace {
    /// sRGB, or not stated.
    #[default]
    Srgb,
    /// Defined by a profile.
    Profile(Arc<Profile>),
    /// Brighter than a standard screen: to be tone-mapped.
    Hdr(Hdr),
}

impl ColorSpace {
    /// The color space of an ICC profile (ICC.1:2022).
    pub fn from_icc(bytes: &[u8]) -> Self {
        profile::from_icc(bytes)
    }

    /// The color space of code points of ITU-T H.273.
    pub fn from_cicp(cicp: Cicp) -> Self {
        cicp.color_space()
    }

    /// Adobe RGB (1998) if EXIF says so, else sRGB.
    pub fn of_exif(exif: &ExifData) -> Self {
        if exif.is_adobe_rgb {
            Self::of_profile(ColorProfile::new_adobe_rgb())
        } else {
            Self::Srgb
        }
    }

    /// The color space of a JPEG file.
    pub fn of_jpeg(bytes: &[u8], exif: &ExifData) -> Self {
        jpeg::color_space(bytes).unwrap_or_else(|| Self::of_exif(exif))
    }

    /// The color space of a PNG file with the ICC profile `icc`, decompressed.
    pub fn of_png(bytes: &[u8], icc: Option<&[u8]>, exif: &ExifData) -> Self {
        png::color_space(bytes, icc).unwrap_or_else(|| Self::of_exif(exif))
    }

    /// The color space of a WebP file.
    pub fn of_webp(bytes: &[u8], exif: &ExifData) -> Self {
        webp::color_space(bytes).unwrap_or_else(|| Self::of_exif(exif))
    }

    /// The color space of a profile that was put together from its parts.
    fn of_profile(profile: ColorProfile) -> Self {
        Profile::assembled(profile).map_or(Self::Srgb, |profile| Self::Profile(Arc::new(profile)))
    }

    /// Whether the samples mean something else than sRGB, so that [`Self::to_srgb`] changes them.
    pub fn differs_from_srgb(&self) -> bool {
        !matches!(self, Self::Srgb)
    }

    /// Whether the samples are amounts of four inks.
    pub fn is_for_inks(&self) -> bool {
        matches!(self, Self::Profile(profile) if profile.channels() == Channels::Inks)
    }

    /// 8-bit sRGB, with transparency composited on white. 8-bit RGB and RGBA are converted in place.
    pub fn to_srgb(&self, image: DynamicImage) -> RgbImage {
        match self {
            Self::Srgb => pixels::to_rgb(image),
            Self::Profile(profile) => convert::with_profile(profile, image),
            Self::Hdr(hdr) => convert::tone_mapped(*hdr, image),
        }
    }

    /// 8-bit sRGB from pixels of four inks (cyan, magenta, yellow, black; 0 is no ink), by their profile or, without
    /// one for inks, by multiplication, as in browsers. The result overwrites the beginning of the buffer.
    pub fn inks_to_srgb(&self, inks: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Profile(profile) => convert::inks_with_profile(profile, inks),
            Self::Srgb | Self::Hdr(_) => convert::inks_multiplied(inks),
        }
    }
}
