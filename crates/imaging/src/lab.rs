//! CIE L*a*b* of D50 to sRGB (TIFF 6.0, section 23; ICC.1, 6.3.4).

/// How a* and b* are stored in 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabKind {
    /// As signed numbers.
    Cie,
    /// Plus 128.
    Icc,
}

/// Converts 8-bit L*a*b* to 8-bit sRGB.
pub struct LabToSrgb {
    kind: LabKind,
    /// The sRGB code of each linear value.
    codes: Vec<u8>,
}

/// Linear values are distinguished so finely that the darkest codes, of 1/3295 each, differ.
const STEPS: usize = 16_383;

/// XYZ of D50 to linear sRGB, with Bradford's adaptation to D65.
const TO_SRGB: [[f32; 3]; 3] = [
    [3.133_856, -1.616_867, -0.490_615],
    [-0.978_768, 1.916_142, 0.033_454],
    [0.071_945, -0.228_991, 1.405_243],
];

impl LabToSrgb {
    pub fn new(kind: LabKind) -> Self {
        let code = |step: usize| crate::pixels::srgb_encode(step as f32 / STEPS as f32);
        Self {
            kind,
            codes: (0..=STEPS).map(code).collect(),
        }
    }

    pub fn convert(&self, [lightness, green_red, blue_yellow]: [u8; 3]) -> [u8; 3] {
        let signed = |stored: u8| match self.kind {
            LabKind::Cie => f32::from(stored.cast_signed()),
            LabKind::Icc => f32::from(stored) - 128.0,
        };
        let y = (f32::from(lightness) * (100.0 / 255.0) + 16.0) / 116.0;
        let x = y + signed(green_red) / 500.0;
        let z = y - signed(blue_yellow) / 200.0;
        let xyz = [decoded(x) * 0.964_22, decoded(y), decoded(z) * 0.825_21];
        TO_SRGB.map(|row| {
            let linear: f32 = row.iter().zip(xyz).map(|(factor, value)| factor * value).sum();
            self.codes[(linear.clamp(0.0, 1.0) * STEPS as f32 + 0.5) as usize]
        })
    }
}

fn decoded(value: f32) -> f32 {
    const LIMIT: f32 = 6.0 / 29.0;
    if value > LIMIT {
        value * value * value
    } else {
        3.0 * LIMIT * LIMIT * (value - 4.0 / 29.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colors_are_converted() {
        let near = |lab, rgb: [u8; 3]| {
            let result = LabToSrgb::new(LabKind::Cie).convert(lab);
            assert!(
                result.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 3),
                "{result:?}"
            );
        };
        near([255, 0, 0], [255, 255, 255]);
        near([0, 0, 0], [0, 0, 0]);
        // sRGB red and blue in D50: L* 54.3, a* 80.8, b* 69.9; L* 29.6, a* 68.3, b* −112.
        near([138, 81, 70], [255, 0, 0]);
        near([75, 68, 144], [0, 0, 255]);
        let icc = LabToSrgb::new(LabKind::Icc).convert([138, 209, 198]);
        assert_eq!(icc, LabToSrgb::new(LabKind::Cie).convert([138, 81, 70]));
    }
}
