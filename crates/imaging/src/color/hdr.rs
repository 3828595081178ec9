//! Tone mapping of PQ and HLG (ITU-R BT.2100) to sRGB.

use moxcms::ColorProfile;

/// Luminance of the white that sRGB's white stands for, in cd/m² (ITU-R BT.2408).
const DIFFUSE_WHITE: f32 = 203.0;

/// Peak of the screen that HLG is decoded for, in cd/m².
const HLG_PEAK: f32 = 1000.0;

/// Values up to this are kept; brighter ones are compressed into the rest.
const KNEE: f32 = 0.8;

/// A transfer function of BT.2100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    Pq,
    Hlg,
}

/// An HDR color space: transfer function and primaries.
#[derive(Debug, Clone, Copy)]
pub struct Hdr {
    transfer: Transfer,
    /// From linear RGB to linear sRGB, row by row.
    to_srgb: [[f32; 3]; 3],
}

impl Hdr {
    /// With the primaries of `profile`.
    pub fn new(transfer: Transfer, profile: &ColorProfile) -> Self {
        let matrix = profile.transform_matrix(&ColorProfile::new_srgb());
        Self {
            transfer,
            to_srgb: matrix.v.map(|row| row.map(|value| value as f32)),
        }
    }

    /// The sRGB color of coded values in 0..=1.
    ///
    /// Midtones keep the brightness that they have on an HDR screen beside text in diffuse white; the highlights
    /// above approach white. All three channels are scaled alike, so that hues are kept.
    pub fn to_srgb(self, coded: [f32; 3]) -> [u8; 3] {
        let linear = self.linear(coded);
        let rgb = self
            .to_srgb
            .map(|row| (row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]).max(0.0));
        let brightest = rgb[0].max(rgb[1]).max(rgb[2]);
        let gain = if brightest > KNEE {
            shoulder(brightest) / brightest
        } else {
            1.0
        };
        rgb.map(|value| crate::pixels::srgb_encode(value * gain))
    }

    /// Linear light, in which 1 is diffuse white.
    fn linear(self, coded: [f32; 3]) -> [f32; 3] {
        match self.transfer {
            Transfer::Pq => coded.map(|value| pq(value) / DIFFUSE_WHITE),
            Transfer::Hlg => {
                let scene = coded.map(hlg);
                let luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2];
                let gain = luminance.max(1e-6).powf(0.2) * HLG_PEAK / DIFFUSE_WHITE;
                scene.map(|value| value * gain)
            }
        }
    }
}

/// Continues the identity at [`KNEE`] with the same slope and approaches 1.
fn shoulder(value: f32) -> f32 {
    KNEE + (1.0 - KNEE) * (1.0 - ((KNEE - value) / (1.0 - KNEE)).exp())
}

/// SMPTE ST 2084 to cd/m².
fn pq(coded: f32) -> f32 {
    const M1: f32 = 0.159_301_76;
    const M2: f32 = 78.84375;
    const C1: f32 = 0.835_937_5;
    const C2: f32 = 18.851_563;
    const C3: f32 = 18.6875;
    let power = coded.clamp(0.0, 1.0).powf(1.0 / M2);
    10_000.0 * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// The inverse of HLG's opto-electronic transfer function.
fn hlg(coded: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    let coded = coded.clamp(0.0, 1.0);
    if coded <= 0.5 {
        coded * coded / 3.0
    } else {
        (((coded - C) / A).exp() + B) / 12.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PQ of diffuse white, and of the greatest luminance.
    #[test]
    fn white_stays_bright_and_highlights_fit() {
        let hdr = Hdr::new(Transfer::Pq, &ColorProfile::new_srgb());
        let diffuse = hdr.to_srgb([0.58; 3]);
        assert!(
            diffuse.iter().all(|&value| (230..=250).contains(&value)),
            "{diffuse:?}"
        );
        assert_eq!(hdr.to_srgb([1.0; 3]), [255; 3]);
        assert_eq!(hdr.to_srgb([0.0; 3]), [0; 3]);
    }

    #[test]
    fn hlg_white_is_three_quarters_of_signal() {
        let hdr = Hdr::new(Transfer::Hlg, &ColorProfile::new_srgb());
        let diffuse = hdr.to_srgb([0.75; 3]);
        assert!(
            diffuse.iter().all(|&value| (230..=250).contains(&value)),
            "{diffuse:?}"
        );
    }

    #[test]
    fn brightness_is_monotonic() {
        for transfer in [Transfer::Pq, Transfer::Hlg] {
            let hdr = Hdr::new(transfer, &ColorProfile::new_bt2020());
            let gray: Vec<u8> = (0..=100)
                .map(|step| hdr.to_srgb([step as f32 / 100.0; 3])[1])
                .collect();
            assert!(gray.is_sorted(), "{gray:?}");
        }
    }
}
