//! Limits of decoding, checked against the size that a header declares before memory is allocated.

use crate::ImagingError;

/// Images of more pixels are returned at half their size in each direction: no encoder, thumbnail or screen
/// shows the difference, and orienting them then takes no second buffer of hundreds of megabytes.
pub const HALVE_ABOVE_PIXELS: u64 = 50_000_000;

/// Limits of one decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest file in bytes.
    pub file_bytes: u64,
    /// Largest number of pixels (width × height).
    pub pixels: u64,
    /// Most memory in bytes that decoding may take at its peak.
    pub memory: u64,
}

impl Default for DecodeLimits {
    /// 128 MiB per file, 120 million pixels, 400 MiB of memory.
    ///
    /// 120 million pixels admit phone cameras of 108 megapixels; 400 MiB hold them with 8 bits per channel.
    /// Two decodings at a time then stay below 1.1 GB in the worst case, files included, which leaves room
    /// for an encoder in 1.5 GB.
    fn default() -> Self {
        Self {
            file_bytes: 128 << 20,
            pixels: 120_000_000,
            memory: 400 << 20,
        }
    }
}

/// The size that a header declares, and what decoding it will take.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredSize {
    /// Width in pixels as stored.
    pub width: u32,
    /// Height in pixels as stored.
    pub height: u32,
    /// Bytes per pixel at the decoder's peak: its own buffers and the RGB result together.
    pub bytes_per_pixel: u64,
}

impl DeclaredSize {
    /// Fails for an image beyond `limits` or without pixels.
    pub fn check(&self, format: &'static str, limits: &DecodeLimits) -> Result<(), ImagingError> {
        let Self { width, height, .. } = self;
        if *width == 0 || *height == 0 {
            return Err(ImagingError::damaged(
                format,
                format_args!("the header declares {width} × {height} pixels"),
            ));
        }
        let too_large = |reason| {
            Err(ImagingError::TooLarge {
                reason,
                memory: Some(self.memory()),
            })
        };
        if self.pixels() > limits.pixels {
            return too_large(format!(
                "the image has {width} × {height} pixels; the limit is {} million",
                limits.pixels / 1_000_000
            ));
        }
        if self.memory() > limits.memory {
            return too_large(format!(
                "decoding {width} × {height} pixels takes {} MiB; the limit is {} MiB",
                self.memory() >> 20,
                limits.memory >> 20
            ));
        }
        Ok(())
    }

    /// Width × height.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The peak in bytes of decoding, or of orienting the result, which needs two buffers of its size
    /// unless it is halved.
    fn memory(&self) -> u64 {
        let decoding = self.pixels().saturating_mul(self.bytes_per_pixel);
        let orienting = if self.pixels() > HALVE_ABOVE_PIXELS { 3 } else { 6 };
        decoding.max(self.pixels().saturating_mul(orienting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(width: u32, height: u32, bytes_per_pixel: u64) -> DeclaredSize {
        DeclaredSize {
            width,
            height,
            bytes_per_pixel,
        }
    }

    #[test]
    fn phone_image_of_108_megapixels_is_allowed() {
        assert!(
            declared(12_000, 9_000, 3)
                .check("JPEG", &DecodeLimits::default())
                .is_ok()
        );
    }

    #[test]
    fn bombs_are_refused_by_pixels_or_memory() {
        let limits = DecodeLimits::default();
        let refused = |declared: DeclaredSize| declared.check("PNG", &limits).unwrap_err();
        assert!(matches!(
            refused(declared(60_000, 60_000, 3)),
            ImagingError::TooLarge { .. }
        ));
        assert!(matches!(
            refused(declared(9_000, 9_000, 11)),
            ImagingError::TooLarge { .. }
        ));
        assert!(matches!(
            refused(declared(u32::MAX, u32::MAX, u64::MAX)),
            ImagingError::TooLarge { .. }
        ));
        assert!(matches!(refused(declared(0, 5, 3)), ImagingError::Damaged { .. }));
    }
}
