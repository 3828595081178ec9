//! Weights in the order in which products read them.

use super::PANEL;
use super::elementwise::round_half_even as round;

/// Inputs of one output that whole-number products take at once.
pub(crate) const QUAD: usize = 4;

/// Largest number of inputs of an [`PackedInt8`]: sums of 255 · 127 that fit 31 bits.
const MOST_INPUTS: usize = 1 << 16;

/// One input's weights for the outputs of a panel.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct F32PanelRow(pub(crate) [f32; PANEL]);

/// Four inputs' weights for the outputs of a panel, output by output.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Int8PanelRow(pub(crate) [i8; QUAD * PANEL]);

/// f32 weights, packed: panels of 32 outputs, each input by input. Missing outputs of the last panel are zero.
#[derive(Debug, Clone, Default)]
pub struct PackedF32 {
    steps: Vec<F32PanelRow>,
    outputs: usize,
    inputs: usize,
}

/// 8-bit weights, packed: panels of 32 outputs, each by groups of four inputs. The numbers of an output have one scale,
/// by which the greatest of them is 127.
#[derive(Debug, Clone)]
pub struct PackedInt8 {
    steps: Vec<Int8PanelRow>,
    scales: Vec<[f32; PANEL]>,
    sums: Vec<[i32; PANEL]>,
    outputs: usize,
    inputs: usize,
}

/// One panel of a [`PackedF32`].
pub(crate) struct F32Panel<'a> {
    pub(crate) steps: &'a [F32PanelRow],
    /// The next panel's; of the last one, its own.
    pub(crate) next: &'a [F32PanelRow],
}

/// One panel of an [`PackedInt8`].
pub(crate) struct Int8Panel<'a> {
    pub(crate) steps: &'a [Int8PanelRow],
    /// The next panel's; of the last one, its own.
    pub(crate) next: &'a [Int8PanelRow],
    /// What one step of each output is worth.
    pub(crate) scales: &'a [f32; PANEL],
    /// The sum of each output's numbers.
    pub(crate) sums: &'a [i32; PANEL],
}

impl PackedF32 {
    /// Packs `weights` (outputs × inputs, row by row: as model files hold them).
    ///
    /// # Panics
    /// If `weights.len()` is not `outputs · inputs`.
    pub fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert_eq!(
            Some(weights.len()),
            outputs.checked_mul(inputs),
            "weights of another shape"
        );
        let mut packed = Self::default();
        packed.repack(weights, inputs, outputs, inputs);
        packed
    }

    /// Packs `weights` (outputs × inputs, rows `stride` apart) into the memory that is there already.
    pub(crate) fn repack(&mut self, weights: &[f32], stride: usize, outputs: usize, inputs: usize) {
        self.reshape(outputs, inputs);
        if inputs == 0 {
            return;
        }
        for (number, panel) in self.steps.chunks_exact_mut(inputs).enumerate() {
            let count = PANEL.min(outputs - number * PANEL);
            for column in 0..count {
                let row = &weights[(number * PANEL + column) * stride..][..inputs];
                for (step, weight) in panel.iter_mut().zip(row) {
                    step.0[column] = *weight;
                }
            }
        }
    }

    /// Packs `weights` (inputs × outputs, rows `stride` apart) into the memory that is there already.
    pub(crate) fn repack_transposed(
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
        for (number, panel) in self.steps.chunks_exact_mut(inputs).enumerate() {
            let first = number * PANEL;
            let count = PANEL.min(outputs - first);
            for (input, step) in panel.iter_mut().enumerate() {
                let row = &weights[input * stride + first..][..count];
                // Of known length almost always, which spares a call.
                match <&[f32; PANEL]>::try_from(row) {
                    Ok(row) => step.0 = *row,
                    Err(_) => step.0[..count].copy_from_slice(row),
                }
            }
        }
    }

    fn reshape(&mut self, outputs: usize, inputs: usize) {
        (self.outputs, self.inputs) = (outputs, inputs);
        // Without clearing, lanes beyond the outputs would keep older numbers; those are computed and thrown away.
        self.steps
            .resize(outputs.div_ceil(PANEL) * inputs, F32PanelRow([0.0; PANEL]));
    }

    /// Columns of a product.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of the rows that it is multiplied with.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) const fn panel_count(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    pub(crate) fn panel(&self, number: usize) -> F32Panel<'_> {
        let depth = self.inputs;
        F32Panel {
            steps: &self.steps[number * depth..][..depth],
            next: &self.steps[(number + 1).min(self.panel_count() - 1) * depth..][..depth],
        }
    }
}

impl PackedInt8 {
    /// Rounds and packs `weights` (outputs × inputs, row by row). An output with a weight that is not finite gives NaN.
    ///
    /// # Panics
    /// If `weights.len()` is not `outputs · inputs`, or `inputs` exceeds 65,536, beyond which sums could overflow.
    pub fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert_eq!(
            Some(weights.len()),
            outputs.checked_mul(inputs),
            "weights of another shape"
        );
        assert!(inputs <= MOST_INPUTS, "sums of {inputs} products could overflow");
        let (panels, depth) = (outputs.div_ceil(PANEL), inputs.div_ceil(QUAD));
        let mut packed = Self {
            steps: vec![Int8PanelRow([0; QUAD * PANEL]); panels * depth],
            scales: vec![[0.0; PANEL]; panels],
            sums: vec![[0; PANEL]; panels],
            outputs,
            inputs,
        };
        for output in 0..outputs {
            packed.set(output, &weights[output * inputs..][..inputs]);
        }
        packed
    }

    #[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
    fn set(&mut self, output: usize, weights: &[f32]) {
        let (panel, column) = (output / PANEL, output % PANEL);
        let depth = self.inputs.div_ceil(QUAD);
        let steps = &mut self.steps[panel * depth..][..depth];
        let greatest = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        let finite = weights.iter().all(|w| w.is_finite());
        let inverse = if greatest > 0.0 && finite {
            127.0 / greatest
        } else {
            0.0
        };
        let mut sum = 0;
        for (step, quad) in steps.iter_mut().zip(weights.chunks(QUAD)) {
            for (code, weight) in step.0[column * QUAD..].iter_mut().zip(quad) {
                *code = round(weight * inverse).clamp(-127.0, 127.0) as i8;
                sum += i32::from(*code);
            }
        }
        self.scales[panel][column] = if finite { greatest / 127.0 } else { f32::NAN };
        self.sums[panel][column] = sum;
    }

    /// Columns of a product.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of the codes that it is multiplied with.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) const fn panel_count(&self) -> usize {
        self.scales.len()
    }

    pub(crate) fn panel(&self, number: usize) -> Int8Panel<'_> {
        let depth = self.inputs.div_ceil(QUAD);
        Int8Panel {
            steps: &self.steps[number * depth..][..depth],
            next: &self.steps[(number + 1).min(self.panel_count() - 1) * depth..][..depth],
            scales: &self.scales[number],
            sums: &self.sums[number],
        }
    }
}
