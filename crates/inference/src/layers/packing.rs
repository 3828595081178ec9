//! The form in which each tensor of a file is held: values, a table of embeddings, or weights packed for products.

use eidetic_domain::Precision;
use eidetic_kernels::matrix::{HalfFormat, PackedWeights, WeightFormat};

use super::embedding_table::EmbeddingTable;
use super::gguf_blocks::Blocks;
use super::linear_format::LinearFormat;
use super::tensor_data::{TensorData, TensorValues, widened};
use super::weights::Weights;
use crate::error::LoadError;
use crate::two_tower::fastvit_weights::IntoValues;

/// Largest number of inputs of an int8 product, beyond which its sums could overflow.
const MAX_INT8_INPUTS: usize = 1 << 16;

/// A tensor of a file, in the form that its use needs.
pub enum PackedTensor {
    Values(Vec<f32>),
    Linear(LinearWeights),
    Table(EmbeddingTable),
}

/// What a tensor is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorUse {
    /// Biases, norms, positions: f32 in any precision.
    Values,
    /// Weights of a product, outputs first.
    Linear(Exactness),
    /// Weights of a convolution (outputs, inputs, rows, columns) that is computed as a product of unfolded positions,
    /// all channels of a position side by side.
    Convolution(Exactness),
    /// Rows that are looked up.
    Table,
}

/// Whether a product follows the model's precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// Its weights are in the model's precision.
    Rounded,
    /// Its weights are f32 in any precision.
    Exact,
}

/// How a family's tensors are packed.
#[derive(Debug, Clone, Copy)]
pub struct PackOptions {
    /// What a tensor of this name and shape is used for.
    pub use_of: fn(&str, &[usize]) -> TensorUse,
    pub precision: Precision,
    /// What [`Precision::F32`] makes of 16-bit weights.
    pub halves: HalfWeights,
    /// Outputs of a part of a matrix. Parts are what the threads of one product share; a family whose threads take
    /// different rows needs one part only.
    pub part: usize,
}

/// What f32 precision makes of 16-bit weights. Both give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfWeights {
    /// Widened when read: fastest.
    Widened,
    /// Widened whenever they are multiplied: half the memory.
    Kept,
}

/// The weights of a product: a matrix cut into parts of equally many outputs.
pub struct LinearWeights {
    parts: Vec<PackedPart>,
    /// Outputs of each part but the last.
    part: usize,
    outputs: usize,
    inputs: usize,
    format: LinearFormat,
}

/// Some outputs' weights.
pub enum PackedPart {
    Packed(PackedWeights),
    Gguf(Blocks),
}

impl PackOptions {
    /// The type of the weights of products.
    pub const fn linear_format(&self) -> LinearFormat {
        match (self.precision, self.halves) {
            (Precision::F32, HalfWeights::Widened) => LinearFormat::F32,
            (Precision::F32, HalfWeights::Kept) => LinearFormat::AsInFile,
            (Precision::Bf16, _) => LinearFormat::Bf16,
            (Precision::Int8, _) => LinearFormat::Int8,
        }
    }

    /// Whether a tensor of this name and shape is a table whose rows are looked up.
    pub fn is_table(&self, name: &str, shape: &[usize]) -> bool {
        (self.use_of)(name, shape) == TensorUse::Table
    }
}

/// Packs a tensor for its use, which its name and shape decide.
pub fn pack(name: &str, data: TensorData, options: &PackOptions) -> Result<PackedTensor, LoadError> {
    let format = |exactness| match exactness {
        Exactness::Rounded => options.linear_format(),
        Exactness::Exact => LinearFormat::F32,
    };
    let linear = |data, exactness| {
        LinearWeights::pack(data, format(exactness), options.part)
            .map_err(|error| error.in_tensor(name))
            .map(PackedTensor::Linear)
    };
    match (options.use_of)(name, &data.shape) {
        TensorUse::Values => Ok(PackedTensor::Values(data.into_f32()?)),
        TensorUse::Table => Ok(PackedTensor::Table(EmbeddingTable::pack(
            data,
            options.linear_format(),
        )?)),
        TensorUse::Linear(exactness) => linear(data, exactness),
        TensorUse::Convolution(exactness) => match data.permuted(&[0, 2, 3, 1]) {
            Some(data) => linear(data, exactness),
            None => linear(data, exactness),
        },
    }
}

/// Why weights cannot be packed.
#[derive(Debug)]
pub enum PackError {
    /// More inputs than an int8 product can sum.
    TooManyInputs(usize),
    /// Quantized blocks that are damaged.
    Blocks(LoadError),
}

impl PackError {
    /// The error of loading the tensor `name`.
    pub fn in_tensor(self, name: &str) -> LoadError {
        match self {
            Self::TooManyInputs(inputs) => LoadError::Config(format!(
                "{name} has {inputs} inputs, and int8 supports at most {MAX_INT8_INPUTS}; use f32 or bf16"
            )),
            Self::Blocks(error) => error,
        }
    }
}

impl LinearWeights {
    /// Packs a matrix in parts of `part` outputs. The first axis is the outputs, all others together are the inputs.
    /// Quantized blocks stay as they are in any format.
    pub fn pack(data: TensorData, format: LinearFormat, part: usize) -> Result<Self, PackError> {
        let outputs = data.rows().unwrap_or(1);
        // Where this saturates the tensor is empty: another part of the shape is 0.
        let sides = data.shape.iter().skip(1);
        let inputs = sides.fold(1_usize, |all, side| all.saturating_mul(*side));
        if format == LinearFormat::Int8 && inputs > MAX_INT8_INPUTS {
            return Err(PackError::TooManyInputs(inputs));
        }
        let size = inputs.max(1).saturating_mul(part);
        let parts = match data.values {
            TensorValues::F32(values) => {
                let chunks = values.chunks(size);
                chunks
                    .map(|chunk| PackedPart::from_f32(chunk, format, inputs))
                    .collect()
            }
            TensorValues::Half(halves, half) => {
                let chunks = halves.chunks(size);
                chunks
                    .map(|chunk| PackedPart::from_half(chunk, half, format, inputs))
                    .collect()
            }
            TensorValues::Gguf(kind, bytes) => {
                let blocks = Blocks::cut(kind, &bytes, inputs, part).map_err(PackError::Blocks)?;
                blocks.into_iter().map(PackedPart::Gguf).collect()
            }
            TensorValues::OnDisk(_) => {
                let shape = data.shape.clone();
                let values = TensorValues::F32(data.into_f32().map_err(PackError::Blocks)?);
                return Self::pack(TensorData { shape, values }, format, part);
            }
        };
        Ok(Self {
            parts,
            part,
            outputs,
            inputs,
            format,
        })
    }

    pub fn parts(&self) -> &[PackedPart] {
        &self.parts
    }

    /// Outputs of each part but the last.
    pub const fn part(&self) -> usize {
        self.part
    }

    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    pub const fn format(&self) -> LinearFormat {
        self.format
    }
}

impl PackedPart {
    fn from_f32(values: &[f32], format: LinearFormat, inputs: usize) -> Self {
        let format = match format {
            LinearFormat::F32 | LinearFormat::AsInFile => WeightFormat::F32,
            LinearFormat::Bf16 => WeightFormat::Half(HalfFormat::Bf16),
            LinearFormat::Int8 => WeightFormat::Int8,
        };
        Self::Packed(PackedWeights::pack(values, format, values.len() / inputs, inputs))
    }

    fn from_half(halves: &[u16], half: HalfFormat, format: LinearFormat, inputs: usize) -> Self {
        match (format, half) {
            (LinearFormat::AsInFile, _) | (LinearFormat::Bf16, HalfFormat::Bf16) => {
                let outputs = halves.len() / inputs;
                Self::Packed(PackedWeights::pack_half(halves, half, outputs, inputs))
            }
            _ => Self::from_f32(&widened(halves, half), format, inputs),
        }
    }

    pub const fn outputs(&self) -> usize {
        match self {
            Self::Packed(weights) => weights.outputs(),
            Self::Gguf(weights) => weights.outputs(),
        }
    }

    /// Bytes that the weights take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Packed(weights) => weights.bytes(),
            Self::Gguf(weights) => weights.bytes(),
        }
    }
}

impl IntoValues for PackedTensor {
    fn into_values(self) -> Result<Vec<f32>, LoadError> {
        match self {
            Self::Values(values) => Ok(values),
            _ => Err(other_use("of a fused block")),
        }
    }
}

impl Weights<PackedTensor> {
    /// Values of this shape.
    pub fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        match self.take(name, shape)? {
            PackedTensor::Values(values) => Ok(values),
            _ => Err(other_use(name)),
        }
    }

    /// The weights of a product; the first part of the shape is the outputs.
    pub fn linear(&mut self, name: &str, shape: &[usize]) -> Result<LinearWeights, LoadError> {
        match self.take(name, shape)? {
            PackedTensor::Linear(weights) => Ok(weights),
            _ => Err(other_use(name)),
        }
    }

    /// A table of embeddings, rows × width.
    pub fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<EmbeddingTable, LoadError> {
        match self.take(name, &shape)? {
            PackedTensor::Table(table) => Ok(table),
            _ => Err(other_use(name)),
        }
    }
}

/// The rules that name a tensor's use contradict the model's structure.
pub fn other_use(name: &str) -> LoadError {
    LoadError::Weights(format!("the tensor {name} was packed for another use"))
}
