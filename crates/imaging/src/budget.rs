//! DecodeLimits held against what a header claims, before any memory is taken for it.

use crate::{DecodeLimits, ImagingError};

/// Pictures of more pixels come at half their size in each direction: no encoder, thumbnail or screen shows the
/// difference, and turning one upright then needs no second buffer of hundreds of megabytes.
pub const HALVED_ABOVE: u64 = 50_000_000;

/// What decoding a picture will take, as its header claims.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Width in pixels as stored.
    pub width: u32,
    /// Height in pixels as stored.
    pub height: u32,
    /// Bytes that the decoder holds for each pixel at its peak, its own buffers and the RGB result together.
    pub bytes_per_pixel: u64,
}

impl Claim {
    /// Refuses a picture beyond `limits`, or without pixels.
    pub fn check(&self, format: &'static str, limits: &DecodeLimits) -> Result<(), ImagingError> {
        let Self { width, height, .. } = self;
        if *width == 0 || *height == 0 {
            return Err(ImagingError::damaged(
                format,
                format_args!("it claims {width} × {height} pixels"),
            ));
        }
        if self.pixels() > limits.pixels {
            return Err(ImagingError::TooLarge(format!(
                "{width} × {height} pixels, where {} million are allowed",
                limits.pixels / 1_000_000
            )));
        }
        if self.memory() > limits.memory {
            return Err(ImagingError::TooLarge(format!(
                "decoding {width} × {height} pixels takes {} MiB, where {} are allowed",
                self.memory() >> 20,
                limits.memory >> 20
            )));
        }
        Ok(())
    }

    /// Width × height.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The peak in bytes: of the decoder, or of turning its result upright, which holds it twice unless it is halved.
    fn memory(&self) -> u64 {
        let decoding = self.pixels().saturating_mul(self.bytes_per_pixel);
        let turning = if self.pixels() > HALVED_ABOVE { 3 } else { 6 };
        decoding.max(self.pixels().saturating_mul(turning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(width: u32, height: u32, bytes_per_pixel: u64) -> Claim {
        Claim {
            width,
            height,
            bytes_per_pixel,
        }
    }

    #[test]
    fn a_telephones_108_megapixels_pass_in_eight_bits() {
        assert!(
            claim(12_000, 9_000, 3)
                .check("JPEG", &DecodeLimits::default())
                .is_ok()
        );
    }

    #[test]
    fn bombs_are_refused_by_pixels_or_by_memory() {
        let limits = DecodeLimits::default();
        let refused = |claim: Claim| claim.check("PNG", &limits).unwrap_err();
        assert!(matches!(
            refused(claim(60_000, 60_000, 3)),
            ImagingError::TooLarge(_)
        ));
        assert!(matches!(
            refused(claim(9_000, 9_000, 11)),
            ImagingError::TooLarge(_)
        ));
        assert!(matches!(
            refused(claim(u32::MAX, u32::MAX, u64::MAX)),
            ImagingError::TooLarge(_)
        ));
        assert!(matches!(refused(claim(0, 5, 3)), ImagingError::Damaged { .. }));
    }
}
