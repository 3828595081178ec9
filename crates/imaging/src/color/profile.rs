//! Profiles, and which of them change colors.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ProfileClass, RenderingIntent, Transform8BitExecutor,
    Transform16BitExecutor, TransformOptions,
};

use super::{Cicp, ColorSpace};

/// Longer profiles are ignored. The longest of printing conditions have 3 MB.
pub const MAX_PROFILE_BYTES: usize = 8 << 20;

/// A profile that no sample of changes by more than this is sRGB: encoders of 8-bit profiles round that much.
const VISIBLE: u8 = 2;

/// Profiles kept with their tables, since most files of a library have one of a few.
const KEPT: usize = 8;

/// What the channels of a profile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    Gray,
    /// RGB, or CIE L*a*b*.
    Three,
    Inks,
}

/// A profile, with the tables that convert its 8-bit samples to sRGB.
pub struct Profile {
    source: ColorProfile,
    channels: Channels,
    /// Whether a gray image may have it although its channels are three: true of those put together from parts.
    serves_gray: bool,
    to_rgb8: Arc<Transform8BitExecutor>,
    to_rgb16: OnceLock<Option<Arc<Transform16BitExecutor>>>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

/// The color space of an ICC profile, from those kept if it is one of them.
pub fn from_icc(bytes: &[u8]) -> ColorSpace {
    static KNOWN: Mutex<Vec<(Vec<u8>, ColorSpace)>> = Mutex::new(Vec::new());
    if bytes.len() > MAX_PROFILE_BYTES {
        return ColorSpace::Srgb;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = known.iter().position(|(profile, _)| profile == bytes) {
        known[..=at].rotate_right(1);
        return known[0].1.clone();
    }
    drop(known);
    let color = read(bytes).unwrap_or_default();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.truncate(KEPT - 1);
    known.insert(0, (bytes.to_vec(), color.clone()));
    color
}

/// None for a profile that cannot be read or changes nothing.
fn read(bytes: &[u8]) -> Option<ColorSpace> {
    let source = ColorProfile::new_from_slice(&with_known_types(bytes)).ok()?;
    if matches!(
        source.profile_class,
        ProfileClass::DeviceLink | ProfileClass::Named | ProfileClass::Abstract
    ) {
        return None;
    }
    if let Some(code) = source.cicp.as_ref().map(Cicp::of_icc)
        && code.is_hdr()
    {
        return Some(code.color_space());
    }
    Some(ColorSpace::Profile(Arc::new(Profile::new(source, false)?)))
}

/// Replaces the types of tags that programs of Corbis and Monaco wrote for `XYZ ` and `curv`; other programs read them.
fn with_known_types(bytes: &[u8]) -> Cow<'_, [u8]> {
    const HEADER: usize = 128;
    const REPLACED: [([u8; 4], &[u8; 4]); 2] = [
        ([0x17, 0xA5, 0x05, 0xB8], b"XYZ "),
        ([0x94, 0x78, 0xEE, 0x00], b"curv"),
    ];
    let mut bytes = Cow::Borrowed(bytes);
    let tags = bytes.get(HEADER + 4..).unwrap_or_default();
    let (entries, _) = tags.as_chunks::<12>();
    let count = bytes.get(HEADER..).and_then(|rest| rest.first_chunk()).copied();
    let count = u32::from_be_bytes(count.unwrap_or_default()) as usize;
    let offsets: Vec<usize> = entries
        .iter()
        .take(count)
        .map(|entry| u32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]]) as usize)
        .collect();
    for offset in offsets {
        let found = bytes.get(offset..).and_then(|rest| rest.first_chunk::<4>());
        let replaced = REPLACED.iter().find(|(wrong, _)| Some(wrong) == found);
        if let Some((_, right)) = replaced {
            bytes.to_mut()[offset..offset + 4].copy_from_slice(*right);
        }
    }
    bytes
}

impl Profile {
    /// A profile put together from primaries and a curve.
    pub fn assembled(source: ColorProfile) -> Option<Self> {
        Self::new(source, true)
    }

    fn new(source: ColorProfile, serves_gray: bool) -> Option<Self> {
        let (channels, layout) = match source.color_space {
            DataColorSpace::Gray => (Channels::Gray, Layout::Gray),
            DataColorSpace::Rgb | DataColorSpace::Lab => (Channels::Three, Layout::Rgb),
            DataColorSpace::Cmyk => (Channels::Inks, Layout::Rgba),
            _ => return None,
        };
        let to_rgb8 = source
            .create_transform_8bit(layout, srgb(), Layout::Rgb, options())
            .ok()?;
        let profile = Self {
            source,
            channels,
            serves_gray,
            to_rgb8,
            to_rgb16: OnceLock::new(),
        };
        profile.changes_colors().then_some(profile)
    }

    pub fn channels(&self) -> Channels {
        self.channels
    }

    pub fn serves_gray(&self) -> bool {
        self.channels == Channels::Gray || self.serves_gray
    }

    /// Converts whole pixels of 8 bits to RGB. False if their numbers do not match.
    pub fn convert8(&self, samples: &[u8], rgb: &mut [u8]) -> bool {
        self.to_rgb8.transform(samples, rgb).is_ok()
    }

    /// The same for 16 bits.
    pub fn convert16(&self, samples: &[u16], rgb: &mut [u16]) -> bool {
        let transform = self.to_rgb16.get_or_init(|| {
            let layout = match self.channels {
                Channels::Gray => Layout::Gray,
                Channels::Three => Layout::Rgb,
                Channels::Inks => Layout::Rgba,
            };
            self.source
                .create_transform_16bit(layout, srgb(), Layout::Rgb, options())
                .ok()
        });
        transform
            .as_ref()
            .is_some_and(|transform| transform.transform(samples, rgb).is_ok())
    }

    /// Whether a lattice of colors becomes visibly others. Inks always do.
    fn changes_colors(&self) -> bool {
        const STEPS: u8 = 8;
        let level = |step: u8| (u16::from(step) * 255 / u16::from(STEPS)) as u8;
        let samples: Vec<u8> = match self.channels {
            Channels::Inks => return true,
            Channels::Gray => (0..=255).collect(),
            Channels::Three => {
                let lattice = (0..=STEPS).flat_map(|r| (0..=STEPS).map(move |g| (r, g)));
                let lattice = lattice.flat_map(|(r, g)| (0..=STEPS).flat_map(move |b| [r, g, b].map(level)));
                lattice.chain((0..=255).flat_map(|gray| [gray; 3])).collect()
            }
        };
        let expected: Vec<u8> = match self.channels {
            Channels::Gray => samples.iter().flat_map(|&gray| [gray; 3]).collect(),
            Channels::Three | Channels::Inks => samples.clone(),
        };
        let mut rgb = vec![0; expected.len()];
        self.convert8(&samples, &mut rgb) && expected.iter().zip(&rgb).any(|(a, b)| a.abs_diff(*b) > VISIBLE)
    }
}

fn srgb() -> &'static ColorProfile {
    static SRGB: OnceLock<ColorProfile> = OnceLock::new();
    SRGB.get_or_init(ColorProfile::new_srgb)
}

fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::Perceptual,
        ..TransformOptions::default()
    }
}
