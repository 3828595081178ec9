//! Tensors as they are kept in memory: 16-bit numbers stay 16-bit, packed for products part by part.

use std::collections::HashMap;

use eidetic_domain::Precision;
use eidetic_kernels::matrix::{HalfFormat, PackedWeights, WeightFormat};
use safetensors::Dtype;

use super::linear::{self, Factor, Linear};
use crate::error::LoadError;
use crate::layers::embedding_table::Table;
use crate::layers::weights::each_tensor;
use eidetic_hub::Shards;

/// A model's tensors by the names that [`canonical`] gives them, to be taken out.
#[derive(Default)]
pub struct Tensors {
    kept: HashMap<String, (Vec<usize>, Kept)>,
    /// Names and types of those that hold no numbers that can be read.
    others: HashMap<String, String>,
}

/// What a tensor is used for decides how it is kept.
pub enum Kept {
    Values(Vec<f32>),
    Parts(Vec<Factor>),
    Table(Table),
}

/// What a tensor is used for, by its name and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Values,
    Parts,
    Table,
}

/// Numbers as a file holds them.
pub enum Numbers {
    F32(Vec<f32>),
    Half(Vec<u16>, HalfFormat),
}

impl Tensors {
    /// Reads all files, feeding their bytes to `hasher`. At no time is more held than what is kept and one tensor twice.
    pub fn read(
        shards: &Shards,
        precision: Precision,
        hasher: &mut blake3::Hasher,
    ) -> Result<Self, LoadError> {
        if precision == Precision::Int8 {
            return Err(LoadError::Config(
                "models of the Qwen families cannot be run in int8; f32 and bf16 can be had".into(),
            ));
        }
        let mut tensors = Self::default();
        for file in shards.open() {
            let (mut file, length) = file?;
            each_tensor(&mut file, length, hasher, &mut |name, info, bytes| {
                tensors.add(&name, info.dtype, &info.shape, bytes, precision);
                Ok(())
            })?;
        }
        Ok(tensors)
    }

    fn add(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>, precision: Precision) {
        let Some(name) = canonical(name) else { return };
        let Some(numbers) = Numbers::from_bytes(dtype, &bytes) else {
            self.others.insert(name, format!("{dtype:?}").to_lowercase());
            return;
        };
        drop(bytes);
        let kept = match Use::of(&name, shape) {
            Use::Values => Kept::Values(numbers.widened()),
            Use::Parts => Kept::Parts(numbers.in_precision(precision).parts(shape)),
            Use::Table => Kept::Table(numbers.in_precision(precision).into_table()),
        };
        self.insert(name, shape.to_vec(), kept);
    }

    /// Adds a tensor in the form that [`Use::of`] asks for.
    pub fn insert(&mut self, name: String, shape: Vec<usize>, kept: Kept) {
        self.kept.insert(name, (shape, kept));
    }

    /// Plain numbers of this shape.
    pub fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        match self.take(name, shape)? {
            Kept::Values(values) => Ok(values),
            _ => Err(misused(name)),
        }
    }

    /// The table of embeddings.
    pub fn table(&mut self, name: &str, shape: &[usize; 2]) -> Result<Table, LoadError> {
        match self.take(name, shape)? {
            Kept::Table(table) => Ok(table),
            _ => Err(misused(name)),
        }
    }

    /// `NAME.weight` without a bias.
    pub fn linear(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, LoadError> {
        let parts = self.parts(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Linear::new(parts, vec![0.0; outputs], inputs))
    }

    /// `NAME.weight` and `NAME.bias`.
    pub fn biased(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, LoadError> {
        let bias = self.values(&format!("{name}.bias"), &[outputs])?;
        let parts = self.parts(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Linear::new(parts, bias, inputs))
    }

    /// A convolution whose windows do not overlap, as a product; the first of `shape` are the outputs.
    pub fn convolution(
        &mut self,
        name: &str,
        shape: &[usize; 5],
        bias: Option<&str>,
    ) -> Result<Linear, LoadError> {
        let (outputs, inputs) = (shape[0], shape[1..].iter().product());
        let bias = match bias {
            Some(name) => self.values(name, &[outputs])?,
            None => vec![0.0; outputs],
        };
        Ok(Linear::new(self.parts(name, shape)?, bias, inputs))
    }

    fn parts(&mut self, name: &str, shape: &[usize]) -> Result<Vec<Factor>, LoadError> {
        match self.take(name, shape)? {
            Kept::Parts(parts) => Ok(parts),
            _ => Err(misused(name)),
        }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Kept, LoadError> {
        match self.kept.remove(name) {
            Some((found, kept)) if found == shape => Ok(kept),
            Some((found, _)) => Err(LoadError::TensorShape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found,
            }),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> LoadError {
        let name = name.to_owned();
        match self.others.get(&name).cloned() {
            Some(found) => LoadError::TensorType { name, found },
            None => LoadError::TensorMissing { name },
        }
    }
}

impl Use {
    /// Matrices are for products, but for tables of embeddings and of positions.
    pub fn of(name: &str, shape: &[usize]) -> Self {
        if name.ends_with("embed_tokens.weight") {
            Self::Table
        } else if shape.len() < 2 || name.ends_with("pos_embed.weight") {
            Self::Values
        } else {
            Self::Parts
        }
    }
}

impl Numbers {
    /// None for other numbers than f32, f16 and bf16.
    pub fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        let halves = || {
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| u16::from_le_bytes(*b))
                .collect()
        };
        match dtype {
            Dtype::F32 => Some(Self::F32(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f32::from_le_bytes(*b))
                    .collect(),
            )),
            Dtype::F16 => Some(Self::Half(halves(), HalfFormat::F16)),
            Dtype::BF16 => Some(Self::Half(halves(), HalfFormat::Bf16)),
            _ => None,
        }
    }

    pub fn widened(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            Self::Half(halves, half) => halves.into_iter().map(|bits| half.to_f32(bits)).collect(),
        }
    }

    /// In bf16, f32 is rounded to it; what has 16 bits already stays as it is.
    fn in_precision(self, precision: Precision) -> Self {
        match self {
            Self::F32(values) if precision == Precision::Bf16 => Self::Half(
                values.into_iter().map(|x| HalfFormat::Bf16.from_f32(x)).collect(),
                HalfFormat::Bf16,
            ),
            other => other,
        }
    }

    /// Packed for products; the first of `shape` are the outputs.
    pub fn parts(self, shape: &[usize]) -> Vec<Factor> {
        // Where this saturates there are no numbers: another part of the shape is 0.
        let inputs = shape[1..]
            .iter()
            .fold(1_usize, |all, side| all.saturating_mul(*side));
        let size = inputs.max(1).saturating_mul(linear::PART);
        match self {
            Self::F32(values) => {
                let pack =
                    |part: &[f32]| PackedWeights::pack(part, WeightFormat::F32, part.len() / inputs, inputs);
                values
                    .chunks(size)
                    .map(|part| Factor::Packed(pack(part)))
                    .collect()
            }
            Self::Half(halves, half) => {
                let pack = |part: &[u16]| PackedWeights::pack_half(part, half, part.len() / inputs, inputs);
                halves
                    .chunks(size)
                    .map(|part| Factor::Packed(pack(part)))
                    .collect()
            }
        }
    }

    pub fn into_table(self) -> Table {
        match self {
            Self::F32(values) => Table::F32(values),
            Self::Half(halves, half) => Table::Half(halves, half),
        }
    }
}

/// One name for each tensor, whatever program wrote the file: `layers.*`, `embed_tokens`, `norm`, `visual.*`. None for those
/// that embeddings do not need.
fn canonical(name: &str) -> Option<String> {
    let mut name = name;
    for prefix in ["model.", "language_model.", "model."] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let unneeded = name.starts_with("lm_head.") || name.ends_with("inv_freq");
    (!unneeded).then(|| name.to_owned())
}

fn misused(name: &str) -> LoadError {
    LoadError::Weights(format!("the tensor {name} is kept for another use"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_programs_names_become_one() {
        for (name, expected) in [
            (
                "model.layers.0.mlp.up_proj.weight",
                Some("layers.0.mlp.up_proj.weight"),
            ),
            ("model.language_model.norm.weight", Some("norm.weight")),
            ("language_model.model.norm.weight", Some("norm.weight")),
            ("model.visual.pos_embed.weight", Some("visual.pos_embed.weight")),
            ("visual.merger.ln_q.bias", Some("visual.merger.ln_q.bias")),
            ("embed_tokens.weight", Some("embed_tokens.weight")),
            ("lm_head.weight", None),
        ] {
            assert_eq!(canonical(name).as_deref(), expected);
        }
    }
}
