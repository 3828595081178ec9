//! Weights that stay in 16 bits: bf16 or f16 in memory, widened panel by panel while they are multiplied.
//!
//! Every 16-bit number is an f32 exactly, so a product with such a weights is to the last bit the product with the same
//! weights held as f32. A panel is widened once for all rows of a product into memory that the second cache holds.

use super::elementwise::for_each_isa;
use super::epilogue::Target;
use super::packed_weights::{F32Panel, F32PanelRow};
use super::{Epilogue, Isa, Kernel, PANEL, Rows, RowsMut, check_out, f32_tiles};

/// The two formats of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfFormat {
    /// The upper half of an f32: 8 bits of exponent, 7 of fraction.
    Bf16,
    /// IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
    F16,
}

/// One input's weights for the outputs of a panel: a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct HalfPanelRow([u16; PANEL]);

/// 16-bit weights, packed: panels of 32 outputs, each input by input. Missing outputs of the last panel are zero.
#[derive(Debug, Clone)]
pub struct PackedHalf {
    steps: Vec<HalfPanelRow>,
    half: HalfFormat,
    outputs: usize,
    inputs: usize,
}

/// Memory for one widened panel, used again and again.
#[derive(Debug, Default)]
pub struct HalfScratch(Vec<F32PanelRow>);

impl HalfFormat {
    /// The same number as f32.
    pub fn widened(self, bits: u16) -> f32 {
        match self {
            Self::Bf16 => from_bf16(bits),
            Self::F16 => from_f16(bits),
        }
    }
}

impl PackedHalf {
    /// Packs `weights` (outputs × inputs, row by row: as model files hold them).
    ///
    /// # Panics
    /// If `weights.len()` is not `outputs · inputs`.
    pub fn pack(weights: &[u16], half: HalfFormat, outputs: usize, inputs: usize) -> Self {
        assert_eq!(
            Some(weights.len()),
            outputs.checked_mul(inputs),
            "weights of another shape"
        );
        let mut steps = vec![HalfPanelRow([0; PANEL]); outputs.div_ceil(PANEL) * inputs];
        if inputs > 0 {
            for (output, row) in weights.chunks_exact(inputs).enumerate() {
                let panel = &mut steps[output / PANEL * inputs..][..inputs];
                for (step, weight) in panel.iter_mut().zip(row) {
                    step.0[output % PANEL] = *weight;
                }
            }
        }
        Self {
            steps,
            half,
            outputs,
            inputs,
        }
    }

    /// Columns of a product.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of the rows that it is multiplied with.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bytes of memory that the weights take.
    pub const fn bytes(&self) -> usize {
        size_of::<HalfPanelRow>() * self.steps.len()
    }
}

impl Kernel {
    /// `rows` (n × inputs) times `weights` (inputs × outputs), finished, into `out` (n × outputs).
    ///
    /// # Panics
    /// If `out` has another number of rows, or either slice is too short.
    pub fn half_product(
        self,
        rows: Rows<'_>,
        weights: &PackedHalf,
        epilogue: Epilogue<'_>,
        out: RowsMut<'_>,
        scratch: &mut HalfScratch,
    ) {
        rows.check(weights.inputs);
        check_out(&out, rows.count, weights.outputs, epilogue);
        let mut out = out;
        scratch.0.resize(weights.inputs, F32PanelRow([0.0; PANEL]));
        for number in 0..weights.outputs.div_ceil(PANEL) {
            let packed = &weights.steps[number * weights.inputs..][..weights.inputs];
            match weights.half {
                HalfFormat::Bf16 => widen_bf16(self.isa(), packed, &mut scratch.0),
                HalfFormat::F16 => widen_f16(self.isa(), packed, &mut scratch.0),
            }
            let panel = F32Panel {
                steps: &scratch.0,
                next: &scratch.0,
            };
            let mut target = Target::new(&mut out, epilogue, number, weights.outputs);
            f32_tiles::panel(self.isa(), rows, &panel, &mut target);
        }
    }

    /// Each of `halves` as f32 into `out`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn widen(self, half: HalfFormat, halves: &[u16], out: &mut [f32]) {
        assert_eq!(halves.len(), out.len(), "as many numbers out as in");
        match half {
            HalfFormat::Bf16 => widen_row_bf16(self.isa(), halves, out),
            HalfFormat::F16 => widen_row_f16(self.isa(), halves, out),
        }
    }
}

for_each_isa! {
    /// Widens a packed panel of bf16.
    fn widen_bf16(halves: &[HalfPanelRow], out: &mut [F32PanelRow]) = bf16_steps;
    /// Widens a packed panel of f16.
    fn widen_f16(halves: &[HalfPanelRow], out: &mut [F32PanelRow]) = f16_steps;
    /// Widens a row of bf16.
    fn widen_row_bf16(halves: &[u16], out: &mut [f32]) = bf16_row;
    /// Widens a row of f16.
    fn widen_row_f16(halves: &[u16], out: &mut [f32]) = f16_row;
}

macro_rules! widening {
    ($($steps:ident, $row:ident = $number:ident;)*) => {
        $(
            #[inline(always)]
            fn $steps(halves: &[HalfPanelRow], out: &mut [F32PanelRow]) {
                for (half, out) in halves.iter().zip(out) {
                    for (half, out) in half.0.iter().zip(&mut out.0) {
                        *out = $number(*half);
                    }
                }
            }

            #[inline(always)]
            fn $row(halves: &[u16], out: &mut [f32]) {
                for (half, out) in halves.iter().zip(out) {
                    *out = $number(*half);
                }
            }
        )*
    };
}

widening! {
    bf16_steps, bf16_row = from_bf16;
    f16_steps, f16_row = from_f16;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Exponent and fraction moved to their places in an f32, whose exponent counts from 112 more; the multiplication puts
/// that right for subnormal numbers too. What overflows was infinite or no number.
#[inline]
fn from_f16(bits: u16) -> f32 {
    const UP: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(bits);
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * UP;
    let special = if magnitude >= 65_536.0 { 0xff << 23 } else { 0 };
    f32::from_bits(magnitude.to_bits() | special | ((bits & 0x8000) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number that 16 bits mean, by the definition of the format.
    fn by_definition(bits: u16) -> f64 {
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
    fn every_16_bits_widen_to_their_number() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        for kernel in Kernel::available() {
            let mut wide = vec![0.0; all.len()];
            kernel.widen(HalfFormat::F16, &all, &mut wide);
            for (bits, got) in all.iter().zip(&wide) {
                let expected = by_definition(*bits);
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
}
