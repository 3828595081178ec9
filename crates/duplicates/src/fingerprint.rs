//! What is stored of an image to compare it with others.

use image::RgbImage;

use crate::cosine::Cosines;
use crate::features::{FEATURE_SIDE, Feature, MAX_FEATURES, features};
use crate::orientation::Orientation;
use crate::plane::Plane;

/// Pixels of a side of the small gray picture.
pub(crate) const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;
/// Bits of the hash of the whole picture.
pub(crate) const HASH_BITS: u32 = 63;
/// Side of the square of which the hash is computed.
const HASH_SIDE: usize = 16;
/// Bytes of a stored feature: position, scale, signs.
const FEATURE_BYTES: usize = 3 + 6;
const ASPECT_BYTES: usize = 4;
/// Longest picture relative to its shorter side that has features.
const MAX_ASPECT: f32 = 8.0;

/// A small gray picture of an image and its local features: enough to recognize it turned, resized, cropped or framed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprint {
    /// Width divided by height.
    pub(crate) aspect: f32,
    /// The whole image, squeezed into a square.
    pub(crate) pixels: Box<[u8; PIXELS]>,
    pub(crate) features: Vec<Feature>,
}

impl Fingerprint {
    /// Bytes of a stored fingerprint.
    pub const BYTES: usize = ASPECT_BYTES + PIXELS + 1 + MAX_FEATURES * FEATURE_BYTES;

    /// Changes with what fingerprints are computed from; those of other versions cannot be compared.
    pub const VERSION: u8 = 1;

    /// The fingerprint of an upright image, which may have any size; none where it has no pixels.
    pub fn of(image: &RgbImage) -> Option<Self> {
        let (width, height) = (image.width() as f32, image.height() as f32);
        if width < 1.0 || height < 1.0 {
            return None;
        }
        let squeezed = Plane::of(image, SIDE, SIDE);
        let mut pixels = Box::new([0; PIXELS]);
        for (target, value) in pixels.iter_mut().zip(&squeezed.values) {
            *target = value.round().clamp(0.0, 255.0) as u8;
        }
        let aspect = width / height;
        let features = if (1.0 / MAX_ASPECT..=MAX_ASPECT).contains(&aspect) {
            let scale = FEATURE_SIDE as f32 / width.max(height);
            let side = |length: f32| ((length * scale).round() as usize).max(1);
            features(&Plane::of(image, side(width), side(height)))
        } else {
            Vec::new()
        };
        Some(Self {
            aspect,
            pixels,
            features,
        })
    }

    /// The bytes to store, always [`BYTES`](Self::BYTES).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend_from_slice(&self.aspect.to_le_bytes());
        bytes.extend_from_slice(self.pixels.as_slice());
        bytes.push(self.features.len() as u8);
        for feature in &self.features {
            bytes.extend_from_slice(&[feature.x, feature.y, feature.scale]);
            bytes.extend_from_slice(&feature.signs.to_le_bytes()[..6]);
        }
        bytes.resize(Self::BYTES, 0);
        bytes
    }

    /// The fingerprint of bytes from [`to_bytes`](Self::to_bytes); none if they are no fingerprint.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (aspect, rest) = bytes.split_first_chunk::<ASPECT_BYTES>()?;
        let (pixels, rest) = rest.split_first_chunk::<PIXELS>()?;
        let (count, rest) = rest.split_first()?;
        let aspect = f32::from_le_bytes(*aspect);
        if bytes.len() != Self::BYTES
            || usize::from(*count) > MAX_FEATURES
            || !aspect.is_normal()
            || aspect < 0.0
        {
            return None;
        }
        let stored = rest.as_chunks::<FEATURE_BYTES>().0;
        let features = stored
            .iter()
            .take(usize::from(*count))
            .map(|[x, y, scale, signs @ ..]| {
                let mut all = [0; 8];
                all[..signs.len()].copy_from_slice(signs);
                Feature {
                    x: *x,
                    y: *y,
                    scale: *scale,
                    signs: u64::from_le_bytes(all),
                }
            });
        Some(Self {
            aspect,
            pixels: Box::new(*pixels),
            features: features.collect(),
        })
    }

    /// The hash of the picture in each [`Orientation`], by its number.
    pub(crate) fn hashes(&self, cosines: &Cosines) -> [u64; 8] {
        let step = SIDE / HASH_SIDE;
        let mut square = [0.0; HASH_SIDE * HASH_SIDE];
        for (at, value) in self.pixels.iter().enumerate() {
            let (x, y) = (at % SIDE / step, at / SIDE / step);
            square[y * HASH_SIDE + x] += f32::from(*value);
        }
        let amplitudes = cosines.amplitudes(&square);
        let mut hashes = [0; 8];
        for orientation in Orientation::all() {
            hashes[usize::from(orientation.number())] = cosines.signs_by(HASH_BITS, |frequencies| {
                orientation.amplitude(&amplitudes, frequencies)
            });
        }
        hashes
    }

    /// The hashes of the upper and of the lower three quarters, for pictures with a caption in the rest.
    pub(crate) fn partial_hashes(&self, cosines: &Cosines) -> [u64; 2] {
        const ROWS: usize = SIDE / 4 * 3;
        [0, SIDE - ROWS].map(|top| {
            let mut square = [0.0; HASH_SIDE * HASH_SIDE];
            for (at, value) in self.pixels[top * SIDE..(top + ROWS) * SIDE].iter().enumerate() {
                let (x, row, value) = (at % SIDE * HASH_SIDE / SIDE, at / SIDE, f32::from(*value));
                // Three rows make two.
                let targets = match row % 3 {
                    0 => [(row / 3 * 2, value), (row / 3 * 2, 0.0)],
                    1 => [(row / 3 * 2, 0.5 * value), (row / 3 * 2 + 1, 0.5 * value)],
                    _ => [(row / 3 * 2 + 1, value), (row / 3 * 2 + 1, 0.0)],
                };
                for (y, part) in targets {
                    square[y * HASH_SIDE + x] += part;
                }
            }
            cosines.signs(&square, HASH_BITS)
        })
    }

    /// The cosines that [`hashes`](Self::hashes) needs.
    pub(crate) fn hash_cosines() -> Cosines {
        Cosines::new(HASH_SIDE)
    }

    /// Standard deviation of the small picture in levels of gray.
    pub(crate) fn contrast(&self) -> f32 {
        let mean = self.pixels.iter().map(|value| f32::from(*value)).sum::<f32>() / PIXELS as f32;
        let squares = self.pixels.iter().map(|value| (f32::from(*value) - mean).powi(2));
        (squares.sum::<f32>() / PIXELS as f32).sqrt()
    }
}
