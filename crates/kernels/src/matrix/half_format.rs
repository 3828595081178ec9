//! The two 16-bit floating-point formats, and conversions between them and f32.

use crate::Kernel;
use crate::multiversion::multiversion;

/// A 16-bit floating-point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HalfFormat {
    /// bfloat16, the upper half of an f32: 8 bits of exponent, 7 of fraction.
    Bf16,
    /// IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
    F16,
}

impl HalfFormat {
    /// The number with these bits. Every 16-bit number is an f32 exactly.
    pub fn to_f32(self, bits: u16) -> f32 {
        match self {
            Self::Bf16 => bf16_to_f32(bits),
            Self::F16 => f16_to_f32(bits),
        }
    }

    /// The bits of the number that is nearest to `x`; of two equally near ones, that with an even last bit.
    /// Too large numbers become infinite, NaN stays NaN.
    pub fn from_f32(self, x: f32) -> u16 {
        match self {
            Self::Bf16 => f32_to_bf16(x),
            Self::F16 => f32_to_f16(x),
        }
    }
}

impl Kernel {
    /// Converts 16-bit numbers to f32; see [`HalfFormat::to_f32`].
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn widen(self, format: HalfFormat, halves: &[u16], out: &mut [f32]) {
        assert_eq!(halves.len(), out.len(), "as many numbers out as in");
        match format {
            HalfFormat::Bf16 => widen_bf16(self, halves, out),
            HalfFormat::F16 => widen_f16(self, halves, out),
        }
    }
}

multiversion! {
    fn widen_bf16(halves: &[u16], out: &mut [f32]) = widen_bf16_body;
    fn widen_f16(halves: &[u16], out: &mut [f32]) = widen_f16_body;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn widen_bf16_body(halves: &[u16], out: &mut [f32]) {
    for (half, out) in halves.iter().zip(out) {
        *out = bf16_to_f32(*half);
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn widen_f16_body(halves: &[u16], out: &mut [f32]) {
    for (half, out) in halves.iter().zip(out) {
        *out = f16_to_f32(*half);
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Rounds to nearest even by adding just less than half a unit of the last place, and one more if that
/// place is odd.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
#[expect(clippy::cast_possible_truncation, reason = "the upper half has 16 bits")]
pub(super) fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    // The fraction of a NaN could become 0, which would make it infinite.
    let quiet = bits >> 16 | 0x40;
    (if x.is_nan() { quiet } else { rounded }) as u16
}

/// Moves exponent and fraction to their places in an f32, whose exponent is larger by 112. Scaling corrects
/// that, for subnormal numbers too. What exceeds the range of f16 was infinite or NaN.
#[inline(always)]
pub(super) fn f16_to_f32(bits: u16) -> f32 {
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(bits);
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * SCALE;
    let special = if magnitude >= 65_536.0 { 0xff << 23 } else { 0 };
    f32::from_bits(magnitude.to_bits() | special | ((bits & 0x8000) << 16))
}

#[expect(clippy::cast_possible_truncation, reason = "all parts fit 16 bits")]
fn f32_to_f16(x: f32) -> u16 {
    const INFINITY: u32 = 0x7c00;
    // The smallest magnitude that rounds to infinity: 65,520.
    const OVERFLOW: u32 = 0x477f_f000;
    // 2⁻¹⁴, the smallest normal f16.
    const NORMAL: u32 = (127 - 14) << 23;
    let sign = x.to_bits() >> 16 & 0x8000;
    let magnitude = x.to_bits() & 0x7fff_ffff;
    let bits = if x.is_nan() {
        INFINITY | 0x200
    } else if magnitude >= OVERFLOW {
        INFINITY
    } else if magnitude >= NORMAL {
        let rebased = magnitude - (112 << 23);
        (rebased + (0xfff + (rebased >> 13 & 1))) >> 13
    } else {
        // Adding ½ aligns the last place of the sum with 2⁻²⁴, the unit of subnormal numbers.
        (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5_f32.to_bits()
    };
    (sign | bits) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of an f16 by the definition of the format.
    fn f16_definition(bits: u16) -> f64 {
        let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
        sign * match exponent {
            0 => fraction * 2.0_f64.powi(-14),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1.0 + fraction) * 2.0_f64.powi(exponent - 15),
        }
    }

    #[test]
    fn all_halves_widen_to_their_value() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for kernel in Kernel::available() {
            let mut wide = vec![0.0; all.len()];
            kernel.widen(HalfFormat::F16, &all, &mut wide);
            for (bits, got) in all.iter().zip(&wide) {
                let expected = f16_definition(*bits);
                let equal = f64::from(*got).to_bits() == expected.to_bits();
                let same = equal || (got.is_nan() && expected.is_nan());
                assert!(same, "{} {bits:#06x}: {got} is not {expected}", kernel.name());
                assert_eq!(got.is_sign_negative(), *bits >= 0x8000, "{bits:#06x}");
            }
            kernel.widen(HalfFormat::Bf16, &all, &mut wide);
            let same = |(bits, got): (&u16, &f32)| got.to_bits() == u32::from(*bits) << 16;
            assert!(all.iter().zip(&wide).all(same), "{}", kernel.name());
        }
    }

    #[test]
    fn all_halves_survive_round_trip() {
        for format in [HalfFormat::Bf16, HalfFormat::F16] {
            for bits in 0..=u16::MAX {
                let wide = format.to_f32(bits);
                let got = format.from_f32(wide);
                if wide.is_nan() {
                    assert!(format.to_f32(got).is_nan(), "{format:?} {bits:#06x}");
                } else {
                    assert_eq!(got, bits, "{format:?} {wide}");
                }
            }
        }
    }

    #[test]
    fn numbers_between_halves_round_to_nearest_even() {
        for format in [HalfFormat::Bf16, HalfFormat::F16] {
            for bits in 0..0x7bff_u16 {
                let (low, high) = (format.to_f32(bits), format.to_f32(bits + 1));
                let middle = low + (high - low) / 2.0;
                let even = bits + (bits & 1);
                for sign in [0, 0x8000] {
                    let round = |x: f32| format.from_f32(if sign == 0 { x } else { -x });
                    assert_eq!(round(middle), sign | even, "{format:?} {middle}");
                    assert_eq!(round(middle.next_down()), sign | bits, "{format:?} {middle}");
                    assert_eq!(round(middle.next_up()), sign | (bits + 1), "{format:?} {middle}");
                }
            }
            assert!(format.to_f32(format.from_f32(f32::MAX)).is_infinite());
        }
        assert_eq!(HalfFormat::F16.from_f32(65_519.9), 0x7bff);
        assert_eq!(HalfFormat::F16.from_f32(65_520.0), 0x7c00);
    }

    #[test]
    fn bf16_rounding_agrees_with_known_values() {
        // Bits of f32 and of bf16: exact, below and above a midpoint, midpoints below an odd and an even
        // number, infinite.
        for (bits, expected) in [
            (0x3f80_0000, 0x3f80),
            (0x3f80_7fff, 0x3f80),
            (0x3f80_8001, 0x3f81),
            (0x3f80_8000, 0x3f80),
            (0x3f81_8000, 0x3f82),
            (0xbf80_ffff, 0xbf81),
            (0x7f7f_ffff, 0x7f80),
            (0xff80_0000, 0xff80),
        ] {
            assert_eq!(
                HalfFormat::Bf16.from_f32(f32::from_bits(bits)),
                expected,
                "{bits:#x}"
            );
        }
        for nan in [0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff] {
            for format in [HalfFormat::Bf16, HalfFormat::F16] {
                assert!(
                    format.to_f32(format.from_f32(f32::from_bits(nan))).is_nan(),
                    "{nan:#x}"
                );
            }
        }
    }
}
