//! Weights in the order in which the inner loops of products read them.
//!
//! Weights are split into panels of [`PANEL`] outputs. A panel is a sequence of rows, each a few inputs
//! deep, so that an inner loop reads a panel from start to end. Outputs that are missing in the last panel,
//! and inputs that are missing in the last row, have weights of zero.

use super::elementwise::round_half_even;
use super::{HalfFormat, PANEL};

/// Inputs that a row of an int8 panel holds.
pub(super) const QUAD: usize = 4;

/// The largest number of inputs of int8 weights: sums of this many products of 255 and 127 fit 31 bits.
const MAX_INT8_INPUTS: usize = 1 << 16;

/// The number format of [`PackedWeights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point; products accumulate in f32.
    Half(HalfFormat),
    /// Integers from −127 to 127 with one scale per output; products are exact in i32.
    Int8,
}

/// The right operand of a matrix product, packed once when a model is loaded.
#[derive(Debug, Clone)]
pub struct PackedWeights {
    panels: Panels,
    outputs: usize,
    inputs: usize,
}

/// The panels of each format.
#[derive(Debug, Clone)]
pub(super) enum Panels {
    F32(F32Panels),
    /// Rows of two inputs, in pairs output by output: what `vdpbf16ps` multiplies at once.
    Bf16(Vec<PanelRow<[[u16; 2]; PANEL]>>),
    F16(Vec<PanelRow<[u16; PANEL]>>),
    Int8(Int8Panels),
}

/// One row of a panel, aligned to cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct PanelRow<T>(pub(super) T);

/// A panel as an inner loop reads it.
#[derive(Debug)]
pub(super) struct Panel<'a, T> {
    pub(super) rows: &'a [PanelRow<T>],
    /// The next panel, to be prefetched; for the last one, itself.
    pub(super) next: &'a [PanelRow<T>],
    /// Steps of the product: groups of a row of the left operand.
    pub(super) depth: usize,
}

/// Weights in f32, which attention packs again for each head.
#[derive(Debug, Clone, Default)]
pub(super) struct F32Panels {
    rows: Vec<PanelRow<[f32; PANEL]>>,
    outputs: usize,
    inputs: usize,
}

/// Weights in int8 with what converts sums back to f32.
#[derive(Debug, Clone)]
pub(super) struct Int8Panels {
    rows: Vec<PanelRow<[[i8; QUAD]; PANEL]>>,
    /// The value of 1 for each output of a panel.
    scales: Vec<[f32; PANEL]>,
    /// The sum of the weights of each output of a panel.
    sums: Vec<[i32; PANEL]>,
}

impl PackedWeights {
    /// Rounds `weights` to `format` and packs them.
    ///
    /// `weights` is `outputs` × `inputs`, stored row by row, as model files have them. In
    /// [`WeightFormat::Int8`] the scale of an output maps its largest magnitude to 127; an output with a
    /// weight that is not finite yields NaN.
    ///
    /// # Panics
    /// If `weights.len()` is not `outputs · inputs`, or if `inputs` exceeds 65,536 in [`WeightFormat::Int8`].
    pub fn pack(weights: &[f32], format: WeightFormat, outputs: usize, inputs: usize) -> Self {
        check_shape(weights.len(), outputs, inputs);
        let panels = match format {
            WeightFormat::F32 => {
                let mut panels = F32Panels::default();
                panels.repack(weights, inputs, outputs, inputs);
                Panels::F32(panels)
            }
            WeightFormat::Half(half) => {
                let halves: Vec<u16> = weights.iter().map(|x| half.from_f32(*x)).collect();
                return Self::pack_half(&halves, half, outputs, inputs);
            }
            WeightFormat::Int8 => Panels::Int8(Int8Panels::pack(weights, outputs, inputs)),
        };
        Self {
            panels,
            outputs,
            inputs,
        }
    }

    /// Packs weights that are 16-bit numbers already, in the layout of [`pack`](Self::pack).
    ///
    /// # Panics
    /// If `weights.len()` is not `outputs · inputs`.
    pub fn pack_half(weights: &[u16], format: HalfFormat, outputs: usize, inputs: usize) -> Self {
        check_shape(weights.len(), outputs, inputs);
        let panels = match format {
            HalfFormat::Bf16 => {
                let depth = inputs.div_ceil(2);
                let mut rows = vec![PanelRow([[0; 2]; PANEL]); outputs.div_ceil(PANEL) * depth];
                for_each_weight(weights, inputs, |output, input, weight| {
                    rows[output / PANEL * depth + input / 2].0[output % PANEL][input % 2] = weight;
                });
                Panels::Bf16(rows)
            }
            HalfFormat::F16 => {
                let mut rows = vec![PanelRow([0; PANEL]); outputs.div_ceil(PANEL) * inputs];
                for_each_weight(weights, inputs, |output, input, weight| {
                    rows[output / PANEL * inputs + input].0[output % PANEL] = weight;
                });
                Panels::F16(rows)
            }
        };
        Self {
            panels,
            outputs,
            inputs,
        }
    }

    /// Columns of a product.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of the left operand of a product.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number format of the weights.
    pub const fn format(&self) -> WeightFormat {
        match self.panels {
            Panels::F32(_) => WeightFormat::F32,
            Panels::Bf16(_) => WeightFormat::Half(HalfFormat::Bf16),
            Panels::F16(_) => WeightFormat::Half(HalfFormat::F16),
            Panels::Int8(_) => WeightFormat::Int8,
        }
    }

    /// Bytes of memory that the packed weights occupy.
    pub const fn bytes(&self) -> usize {
        match &self.panels {
            Panels::F32(panels) => size_of::<PanelRow<[f32; PANEL]>>() * panels.rows.len(),
            Panels::Bf16(rows) => size_of::<PanelRow<[[u16; 2]; PANEL]>>() * rows.len(),
            Panels::F16(rows) => size_of::<PanelRow<[u16; PANEL]>>() * rows.len(),
            Panels::Int8(panels) => {
                size_of::<PanelRow<[[i8; QUAD]; PANEL]>>() * panels.rows.len()
                    + (size_of::<[f32; PANEL]>() + size_of::<[i32; PANEL]>()) * panels.scales.len()
            }
        }
    }

    pub(super) const fn panels(&self) -> &Panels {
        &self.panels
    }
}

fn check_shape(count: usize, outputs: usize, inputs: usize) {
    assert_eq!(
        Some(count),
        outputs.checked_mul(inputs),
        "weights must be outputs × inputs"
    );
}

/// Calls `set(output, input, weight)` for each weight.
fn for_each_weight(weights: &[u16], inputs: usize, mut set: impl FnMut(usize, usize, u16)) {
    for (output, row) in weights.chunks_exact(inputs.max(1)).enumerate() {
        for (input, weight) in row.iter().enumerate() {
            set(output, input, *weight);
        }
    }
}

impl<T> Clone for Panel<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Panel<'_, T> {}

impl<'a, T> Panel<'a, T> {
    /// Panel number `index` of a matrix whose panels have `height` rows and `depth` steps.
    pub(super) fn new(rows: &'a [PanelRow<T>], index: usize, height: usize, depth: usize) -> Self {
        let (_, from_here) = rows.split_at(index * height);
        let (rows, rest) = from_here.split_at(height);
        Self {
            rows,
            next: rest.get(..height).unwrap_or(rows),
            depth,
        }
    }
}

impl F32Panels {
    pub(super) const fn outputs(&self) -> usize {
        self.outputs
    }

    pub(super) const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Packs `weights` (outputs × inputs, rows `stride` apart), reusing the memory.
    pub(super) fn repack(&mut self, weights: &[f32], stride: usize, outputs: usize, inputs: usize) {
        self.reshape(outputs, inputs);
        if inputs == 0 {
            return;
        }
        for (index, panel) in self.rows.chunks_exact_mut(inputs).enumerate() {
            let first = index * PANEL;
            for column in 0..PANEL.min(outputs - first) {
                let source = &weights[(first + column) * stride..][..inputs];
                for (row, weight) in panel.iter_mut().zip(source) {
                    row.0[column] = *weight;
                }
            }
        }
    }

    /// Packs `weights` (inputs × outputs, rows `stride` apart), reusing the memory.
    pub(super) fn repack_transposed(
        &mut self,
        weights: &[f32],
        stride: usize,
        outputs: usize,
        inputs: usize,
    ) {
        self.reshape(outputs, inputs);
        if inputs == 0 {
            return;
        }
        for (index, panel) in self.rows.chunks_exact_mut(inputs).enumerate() {
            let first = index * PANEL;
            let count = PANEL.min(outputs - first);
            for (input, row) in panel.iter_mut().enumerate() {
                let source = &weights[input * stride + first..][..count];
                // A copy of constant length is not a call, and all panels but the last have it.
                match <&[f32; PANEL]>::try_from(source) {
                    Ok(source) => row.0 = *source,
                    Err(_) => row.0[..count].copy_from_slice(source),
                }
            }
        }
    }

    fn reshape(&mut self, outputs: usize, inputs: usize) {
        (self.outputs, self.inputs) = (outputs, inputs);
        // Lanes beyond the outputs keep old numbers. Their sums are computed and discarded.
        self.rows
            .resize(outputs.div_ceil(PANEL) * inputs, PanelRow([0.0; PANEL]));
    }

    pub(super) fn panel(&self, index: usize) -> Panel<'_, [f32; PANEL]> {
        Panel::new(&self.rows, index, self.inputs, self.inputs)
    }
}

impl Int8Panels {
    fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert!(
            inputs <= MAX_INT8_INPUTS,
            "int8 sums of {inputs} products could overflow; at most {MAX_INT8_INPUTS} inputs are supported"
        );
        let (count, depth) = (outputs.div_ceil(PANEL), inputs.div_ceil(QUAD));
        let mut panels = Self {
            rows: vec![PanelRow([[0; QUAD]; PANEL]); count * depth],
            scales: vec![[0.0; PANEL]; count],
            sums: vec![[0; PANEL]; count],
        };
        for output in 0..outputs {
            panels.quantize(output, depth, &weights[output * inputs..][..inputs]);
        }
        panels
    }

    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i8 first")]
    fn quantize(&mut self, output: usize, depth: usize, weights: &[f32]) {
        let (panel, column) = (output / PANEL, output % PANEL);
        let greatest = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        let finite = weights.iter().all(|w| w.is_finite());
        let inverse = if greatest > 0.0 && finite {
            127.0 / greatest
        } else {
            0.0
        };
        let mut sum = 0;
        for (row, quad) in self.rows[panel * depth..].iter_mut().zip(weights.chunks(QUAD)) {
            for (code, weight) in row.0[column].iter_mut().zip(quad) {
                *code = round_half_even(weight * inverse).clamp(-127.0, 127.0) as i8;
                sum += i32::from(*code);
            }
        }
        self.scales[panel][column] = if finite { greatest / 127.0 } else { f32::NAN };
        self.sums[panel][column] = sum;
    }

    pub(super) fn panel(&self, index: usize, depth: usize) -> Panel<'_, [[i8; QUAD]; PANEL]> {
        Panel::new(&self.rows, index, depth, depth)
    }

    pub(super) fn scales(&self, index: usize) -> &[f32; PANEL] {
        &self.scales[index]
    }

    pub(super) fn sums(&self, index: usize) -> &[i32; PANEL] {
        &self.sums[index]
    }
}
