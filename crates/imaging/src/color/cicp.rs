//! Code points of ITU-T H.273: primaries and transfer characteristics.

use moxcms::{CicpColorPrimaries, CicpProfile, ColorProfile, MatrixCoefficients, TransferCharacteristics};

use super::ColorSpace;
use super::hdr::{Hdr, Transfer};

/// Primaries and transfer characteristics. The matrix and the range concern decoders only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cicp {
    pub primaries: u8,
    pub transfer: u8,
}

/// Values of [`Cicp::transfer`].
mod transfer {
    pub const BT709: u8 = 1;
    pub const UNSPECIFIED: u8 = 2;
    pub const BT601: u8 = 6;
    pub const IEC61966: u8 = 11;
    pub const BT1361: u8 = 12;
    pub const SRGB: u8 = 13;
    pub const BT2020_10: u8 = 14;
    pub const BT2020_12: u8 = 15;
    pub const PQ: u8 = 16;
    pub const HLG: u8 = 18;
}

impl Cicp {
    /// Of the tag in an ICC profile.
    pub fn of_icc(profile: &CicpProfile) -> Self {
        Self {
            primaries: profile.color_primaries as u8,
            transfer: profile.transfer_characteristics as u8,
        }
    }

    /// Whether whites are brighter than those of a standard screen.
    pub fn is_hdr(self) -> bool {
        matches!(self.transfer, transfer::PQ | transfer::HLG)
    }

    pub fn color_space(self) -> ColorSpace {
        let transfer = match self.transfer {
            transfer::PQ => Transfer::Pq,
            transfer::HLG => Transfer::Hlg,
            _ => return self.standard_range(),
        };
        let primaries = self
            .profile(transfer::SRGB)
            .unwrap_or_else(ColorProfile::new_srgb);
        ColorSpace::Hdr(Hdr::new(transfer, &primaries))
    }

    /// Curves of video are shown as sRGB's: pictures that name them were made on screens that show them so, and
    /// viewers do the same.
    fn standard_range(self) -> ColorSpace {
        use transfer::{BT601, BT709, BT1361, BT2020_10, BT2020_12, IEC61966, SRGB, UNSPECIFIED};
        let is_srgb_curve = matches!(
            self.transfer,
            UNSPECIFIED | SRGB | BT709 | BT601 | BT2020_10 | BT2020_12 | IEC61966 | BT1361
        );
        let transfer = if is_srgb_curve { SRGB } else { self.transfer };
        let is_srgb = is_srgb_curve && self.primary_colors() == CicpColorPrimaries::Bt709;
        let profile = if is_srgb { None } else { self.profile(transfer) };
        profile.map_or(ColorSpace::Srgb, ColorSpace::of_profile)
    }

    /// The primaries; those that are not stated are sRGB's.
    fn primary_colors(self) -> CicpColorPrimaries {
        match CicpColorPrimaries::try_from(self.primaries) {
            Ok(CicpColorPrimaries::Reserved | CicpColorPrimaries::Unspecified) | Err(_) => {
                CicpColorPrimaries::Bt709
            }
            Ok(primaries) => primaries,
        }
    }

    /// None for a reserved curve.
    fn profile(self, transfer: u8) -> Option<ColorProfile> {
        let profile = ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: self.primary_colors(),
            transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        profile.red_trc.is_some().then_some(profile)
    }
}
