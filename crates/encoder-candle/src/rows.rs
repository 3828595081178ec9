//! What happens between matrix products, on whole rows and in place: candle's own steps make a new tensor each.

use candle_core::{CpuStorage, CustomOp3, InplaceOp2, InplaceOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::activation::Activation;

/// Rows that one task handles: enough that starting it costs nothing beside it.
const ROWS_A_TASK: usize = 16;

/// Adds `bias` (width) to every row of `rows` (n × width), in place.
pub fn add_bias(rows: &Tensor, bias: &Tensor) -> Result<()> {
    rows.inplace_op2(bias, &AddBias)
}

/// Adds `bias` (width) to every row of `rows` (n × width), then applies `activation`, in place.
pub fn activate_with_bias(rows: &Tensor, bias: &Tensor, activation: Activation) -> Result<()> {
    rows.inplace_op2(bias, &ActivateWithBias(activation))
}

/// Adds `bias` (width) and the same row of `residual` (n × width) to every row of `rows` (n × width), in place.
pub fn add_bias_and_residual(rows: &Tensor, bias: &Tensor, residual: &Tensor) -> Result<()> {
    rows.inplace_op3(bias, residual, &AddBiasAndResidual)
}

/// Scales every row of `rows` (n × width) to mean 0 and variance 1, then by `weight`, plus `bias` (width each).
///
/// Mean and variance take two passes, so that rows far from zero lose no digits.
pub fn layer_norm(rows: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f32) -> Result<Tensor> {
    rows.apply_op3_no_bwd(weight, bias, &LayerNorm { epsilon })
}

struct AddBias;
struct ActivateWithBias(Activation);
struct AddBiasAndResidual;
struct LayerNorm {
    epsilon: f32,
}

impl InplaceOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(
        &self,
        rows: &mut CpuStorage,
        rows_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<()> {
        let bias = values(bias, bias_layout)?;
        each_row(values_mut(rows, rows_layout)?, bias.len(), |row| {
            row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
        });
        Ok(())
    }
}

impl InplaceOp2 for ActivateWithBias {
    fn name(&self) -> &'static str {
        "activate-with-bias"
    }

    fn cpu_fwd(
        &self,
        rows: &mut CpuStorage,
        rows_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<()> {
        let bias = values(bias, bias_layout)?;
        each_row(values_mut(rows, rows_layout)?, bias.len(), |row| {
            self.0.apply_with_bias(row, bias);
        });
        Ok(())
    }
}

impl InplaceOp3 for AddBiasAndResidual {
    fn name(&self) -> &'static str {
        "add-bias-and-residual"
    }

    fn cpu_fwd(
        &self,
        rows: &mut CpuStorage,
        rows_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<()> {
        let (bias, residual) = (values(bias, bias_layout)?, values(residual, residual_layout)?);
        let task = bias.len() * ROWS_A_TASK;
        values_mut(rows, rows_layout)?
            .par_chunks_mut(task)
            .zip(residual.par_chunks(task))
            .for_each(|(rows, residual)| {
                for (row, residual) in rows
                    .chunks_exact_mut(bias.len())
                    .zip(residual.chunks_exact(bias.len()))
                {
                    for ((x, r), b) in row.iter_mut().zip(residual).zip(bias) {
                        *x += r + b;
                    }
                }
            });
        Ok(())
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm-in-two-passes"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        rows_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (weight, bias) = (values(weight, weight_layout)?, values(bias, bias_layout)?);
        let mut result = values(rows, rows_layout)?.to_vec();
        each_row(&mut result, weight.len(), |row| self.normalise(row, weight, bias));
        Ok((CpuStorage::F32(result), rows_layout.shape().clone()))
    }
}

impl LayerNorm {
    fn normalise(&self, row: &mut [f32], weight: &[f32], bias: &[f32]) {
        let mean = sum(row, |x| x) / row.len() as f32;
        let variance = sum(row, |x| (x - mean) * (x - mean)) / row.len() as f32;
        let scale = 1.0 / (variance + self.epsilon).sqrt();
        for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
            *x = (*x - mean) * scale * w + b;
        }
    }
}

/// A sum in sixteen strands, which compilers turn into vector additions and which rounds less than one strand.
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (groups, rest) = row.as_chunks::<16>();
    let mut strands = [0.0_f32; 16];
    for group in groups {
        for (strand, x) in strands.iter_mut().zip(group) {
            *strand += term(*x);
        }
    }
    strands.iter().sum::<f32>() + rest.iter().map(|x| term(*x)).sum::<f32>()
}

fn each_row(rows: &mut [f32], width: usize, change: impl Fn(&mut [f32]) + Sync) {
    rows.par_chunks_mut(width * ROWS_A_TASK)
        .for_each(|rows| rows.chunks_exact_mut(width).for_each(&change));
}

fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("rows must be contiguous f32"),
    }
}

fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => bail!("rows must be contiguous f32"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn layer_norm_keeps_digits_far_from_zero() {
        let row: Vec<f32> = (0..37).map(|i| 5000.0 + i as f32 * 0.25).collect();
        let mean = 5000.0 + 18.0 * 0.25;
        let variance = row.iter().map(|x| f64::from(x - mean).powi(2)).sum::<f64>() / 37.0;
        let rows = Tensor::from_vec(row.clone(), (1, 37), &Device::Cpu).unwrap();
        let ones = Tensor::ones(37, candle_core::DType::F32, &Device::Cpu).unwrap();
        let zeros = ones.zeros_like().unwrap();
        let got = layer_norm(&rows, &ones, &zeros, 1e-5)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        for (x, got) in row.iter().zip(&got[0]) {
            let expected = f64::from(x - mean) / (variance + 1e-5).sqrt();
            assert!(
                (f64::from(*got) - expected).abs() < 1e-3,
                "{got} is not {expected}"
            );
        }
    }
}
