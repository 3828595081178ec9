//! Products of prepared rows with packed weights, panel by panel.

use super::epilogue::{Epilogue, Target, TileRow};
use super::input::{ProductInput, QuantizedRows};
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::packed_weights::{F32Panels, Int8Panels, Panel, Panels, QUAD};
use super::tiles::{Left, TileOutput};
#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{PANEL, PackedWeights, Rows, RowsMut, scalar};
use crate::{Isa, Kernel};

impl Kernel {
    /// Multiplies `input` (n × inputs) with the transpose of `weights` (outputs × inputs), applies
    /// `epilogue`, and writes to `out` (n × outputs).
    ///
    /// A row of the result depends on nothing but its row of the input, so products may be split by rows
    /// among threads.
    ///
    /// # Panics
    /// If `out` has another number of rows or is too narrow, if `input` has another width than the weights
    /// have inputs, or if `input` is in a form that the format of the weights does not allow: see
    /// [`ProductInput`].
    pub fn product(
        self,
        input: ProductInput<'_>,
        weights: &PackedWeights,
        epilogue: Epilogue<'_>,
        out: RowsMut<'_>,
    ) {
        let (inputs, outputs) = (weights.inputs(), weights.outputs());
        out.check(input.count(), outputs);
        epilogue.check(outputs);
        let panels = |run: &mut dyn FnMut(usize, Target<'_>)| for_each_panel(out, epilogue, outputs, run);
        match (input, weights.panels()) {
            (ProductInput::F32(rows), Panels::F32(weights)) => {
                let left = left_f32(rows, inputs);
                panels(&mut |index, mut target| f32_panel(self, &left, weights.panel(index), &mut target));
            }
            (ProductInput::F32(rows), Panels::Bf16(weights)) => {
                let left = left_f32(rows, inputs);
                let panel = |index| Panel::new(weights, index, inputs.div_ceil(2), inputs);
                panels(&mut |index, mut target| bf16_panel(self, &left, panel(index), &mut target));
            }
            (ProductInput::F32(rows), Panels::F16(weights)) => {
                let left = left_f32(rows, inputs);
                let panel = |index| Panel::new(weights, index, inputs, inputs);
                panels(&mut |index, mut target| f16_panel(self, &left, panel(index), &mut target));
            }
            (ProductInput::Bf16(rows), Panels::Bf16(weights)) => {
                assert_eq!(rows.width(), inputs, "rows of another width than the weights");
                let left = Left::new(rows.pairs(), rows.stride(), input.count());
                let panel = |index| Panel::new(weights, index, rows.stride(), rows.stride());
                panels(&mut |index, mut target| bf16_pair_panel(self, &left, panel(index), &mut target));
            }
            (ProductInput::Int8(rows), Panels::Int8(weights)) => {
                assert_eq!(rows.width(), inputs, "rows of another width than the weights");
                let left = Left::new(rows.quads(), rows.stride(), input.count());
                panels(&mut |index, target| {
                    let mut output = Dequantize::new(rows, weights, index, target);
                    int8_panel(self, &left, weights.panel(index, rows.stride()), &mut output);
                });
            }
            _ => panic!(
                "the form of the input does not fit {:?} weights; create it with `Kernel::prepare`",
                weights.format()
            ),
        }
    }

    /// The product of `rows` with weights that attention has packed, without epilogue.
    pub(super) fn f32_product(self, rows: Rows<'_>, weights: &F32Panels, out: RowsMut<'_>) {
        out.check(rows.count, weights.outputs());
        let left = left_f32(rows, weights.inputs());
        for_each_panel(
            out,
            Epilogue::none(),
            weights.outputs(),
            &mut |index, mut target| {
                f32_panel(self, &left, weights.panel(index), &mut target);
            },
        );
    }
}

/// Calls `run` for each panel of the weights, with the columns of `out` that it computes.
fn for_each_panel(
    mut out: RowsMut<'_>,
    epilogue: Epilogue<'_>,
    outputs: usize,
    run: &mut dyn FnMut(usize, Target<'_>),
) {
    for index in 0..outputs.div_ceil(PANEL) {
        run(index, Target::new(&mut out, epilogue, index, outputs));
    }
}

/// The rows as a left operand, after a check that each has `depth` numbers.
fn left_f32(rows: Rows<'_>, depth: usize) -> Left<'_, f32> {
    rows.check(depth);
    Left::new(rows.values, rows.stride, rows.count)
}

fn f32_panel(kernel: Kernel, left: &Left<'_, f32>, panel: Panel<'_, [f32; PANEL]>, out: &mut Target<'_>) {
    left.check(panel.depth);
    match kernel.isa() {
        Isa::Scalar => scalar::f32_panel(left, panel, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel exists only for an instruction set of this processor; these include AVX2, FMA
        // and F16C. `left` was checked above. The same holds for all calls below.
        Isa::Avx2 | Isa::AvxVnni => unsafe { x86::f32_avx2(left, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above, for AVX-512 F and BW.
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe { x86::f32_avx512(left, panel, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above, for NEON.
        Isa::Neon => unsafe { neon::f32(left, panel, out) },
    }
}

fn bf16_panel(
    kernel: Kernel,
    left: &Left<'_, f32>,
    panel: Panel<'_, [[u16; 2]; PANEL]>,
    out: &mut Target<'_>,
) {
    left.check(panel.depth);
    match kernel.isa() {
        Isa::Scalar => scalar::bf16_panel(left, panel, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX2 and FMA.
        Isa::Avx2 | Isa::AvxVnni => unsafe { x86::bf16_avx2(left, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX-512 F and BW.
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe { x86::bf16_avx512(left, panel, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as in `f32_panel`, for NEON.
        Isa::Neon => unsafe { neon::bf16(left, panel, out) },
    }
}

fn f16_panel(kernel: Kernel, left: &Left<'_, f32>, panel: Panel<'_, [u16; PANEL]>, out: &mut Target<'_>) {
    left.check(panel.depth);
    match kernel.isa() {
        Isa::Scalar => scalar::f16_panel(left, panel, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX2, FMA and F16C.
        Isa::Avx2 | Isa::AvxVnni => unsafe { x86::f16_avx2(left, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX-512 F and BW.
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe { x86::f16_avx512(left, panel, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as in `f32_panel`, for NEON.
        Isa::Neon => unsafe { neon::f16(left, panel, out) },
    }
}

fn bf16_pair_panel(
    kernel: Kernel,
    left: &Left<'_, [u16; 2]>,
    panel: Panel<'_, [[u16; 2]; PANEL]>,
    out: &mut Target<'_>,
) {
    left.check(panel.depth);
    match kernel.isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX-512 F, BW and BF16.
        Isa::Avx512Bf16 => unsafe { x86::bf16_pairs_avx512_bf16(left, panel, out) },
        // `Kernel::prepare` does not round rows to bf16 for these.
        _ => scalar::bf16_pair_panel(left, panel, out),
    }
}

fn int8_panel(
    kernel: Kernel,
    left: &Left<'_, [u8; QUAD]>,
    panel: Panel<'_, [[i8; QUAD]; PANEL]>,
    out: &mut Dequantize<'_>,
) {
    left.check(panel.depth);
    match kernel.isa() {
        Isa::Scalar => scalar::int8_panel(left, panel, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX2.
        Isa::Avx2 | Isa::Avx512 => unsafe { x86::int8_avx2(left, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX2 and AVX-VNNI.
        Isa::AvxVnni => unsafe { x86::int8_avx_vnni(left, panel, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `f32_panel`, for AVX-512 F, BW and VNNI.
        Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe { x86::int8_avx512_vnni(left, panel, out) },
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => {
            out.offset = neon::INT8_OFFSET;
            // SAFETY: as in `f32_panel`, for NEON.
            unsafe { neon::int8(left, panel, out) }
        }
    }
}

/// Converts sums of `(code − offset) · weight` to f32 and passes them on.
struct Dequantize<'a> {
    target: Target<'a>,
    rows: &'a QuantizedRows,
    scales: &'a [f32; PANEL],
    weight_sums: &'a [i32; PANEL],
    /// What the kernel subtracts from each code.
    offset: i32,
}

impl<'a> Dequantize<'a> {
    fn new(rows: &'a QuantizedRows, weights: &'a Int8Panels, index: usize, target: Target<'a>) -> Self {
        Self {
            target,
            rows,
            scales: weights.scales(index),
            weight_sums: weights.sums(index),
            offset: 0,
        }
    }
}

impl TileOutput<i32> for Dequantize<'_> {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "must be inlined into a function that enables the instruction set"
    )]
    fn write(&mut self, row: usize, sums: &[i32; PANEL]) {
        let scale = self.rows.scale(row);
        let zero = scale.zero - self.offset;
        let mut values = TileRow([0.0; PANEL]);
        for (column, value) in values.0.iter_mut().enumerate() {
            // Wraps for no number of inputs that can be packed.
            let sum = sums[column].wrapping_sub(zero.wrapping_mul(self.weight_sums[column]));
            *value = sum as f32 * (scale.scale * self.scales[column]);
        }
        self.target.write(row, &values.0);
    }
}
