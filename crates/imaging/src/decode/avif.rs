//! AVIF pictures: HEIF with AV1.

use super::{Unoriented, heif};
use crate::{DecodeLimits, ImagingError};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    heif::decode_container("AVIF", bytes, limits)
}
