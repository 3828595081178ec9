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
    /// Largest number of pixels (width × height) of an image that is decoded in full.
    pub pixels: u64,
    /// The same for an image that is decoded at a reduced size. Memory does not grow with it, but time does.
    pub reduced_pixels: u64,
    /// Most memory in bytes that decoding may take at its peak.
    pub memory: u64,
}

impl DecodeLimits {
    /// The default of [`for_megapixels`](Self::for_megapixels): phone cameras have up to 108, or 200 in files that
    /// are decoded at a reduced size.
    pub const MEGAPIXELS: u32 = 120;

    /// Limits by which images of `megapixels` million pixels, with 8 bits per channel, are decoded in full: they take
    /// three and a half bytes a pixel. By default two decodings at a time then stay below 1.1 GB in the worst case,
    /// files included, which leaves room for an encoder in 1.5 GB.
    ///
    /// Larger images are decoded at a reduced size up to a thousand million pixels: as many as a file of the greatest
    /// size has, if each takes a bit. A file that unpacks to more is no photo.
    pub fn for_megapixels(megapixels: u32) -> Self {
        const LEAST_MEMORY: u64 = 400 << 20;
        let pixels = u64::from(megapixels) * 1_000_000;
        Self {
            file_bytes: 128 << 20,
            pixels,
            reduced_pixels: pixels.max(1_000_000_000),
            memory: LEAST_MEMORY.max(LEAST_MEMORY / u64::from(Self::MEGAPIXELS) * u64::from(megapixels)),
        }
    }
}

impl Default for DecodeLimits {
    /// 128 MiB per file, 120 million pixels in full and a thousand million at a reduced size, 400 MiB of memory.
    fn default() -> Self {
        Self::for_megapixels(Self::MEGAPIXELS)
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
    fn memory_grows_with_megapixels_only_upwards() {
        let memory = |megapixels| DecodeLimits::for_megapixels(megapixels).memory;
        assert_eq!(memory(10), 400 << 20);
        assert_eq!(memory(DecodeLimits::MEGAPIXELS), 400 << 20);
        assert!((1_700_000_000..1_800_000_000).contains(&memory(500)));
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
