//! AVIF pictures: HEIF with AV1.

use super::{ScaledDecoder, Unoriented, heif};
use crate::{DecodeLimits, ImagingError};

pub(super) const SCALED: ScaledDecoder = ScaledDecoder {
    memory: heif::thumbnail_memory,
    decode: |bytes, limits, size| heif::decode_thumbnail("AVIF", bytes, limits, size),
};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    heif::decode_container("AVIF", bytes, limits)
}
