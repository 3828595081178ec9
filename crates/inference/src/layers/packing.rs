//! How each tensor of a file is kept: as numbers, or packed for products in f32 or 8 bits.

use candle_core::{Storage, Tensor};
use eidetic_domain::Precision;
use eidetic_kernels::matrix::{PackedWeights, WeightFormat};

use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::fastvit_weights::{self, Numbers};

/// Largest number of inputs of a product in 8 bits.
const MOST_INPUTS: usize = 1 << 16;

/// A tensor of a file.
pub enum Stored {
    Values(Vec<f32>),
    Factor(PackedWeights),
}

impl Numbers for Stored {
    fn numbers(self) -> Result<Vec<f32>, LoadError> {
        match self {
            Self::Values(values) => Ok(values),
            Self::Factor(_) => Err(LoadError::Config("a folded tensor was packed by its name".into())),
        }
    }
}

impl Weights<Stored> {
    /// Plain numbers.
    pub fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        match self.take(name, shape)? {
            Stored::Values(values) => Ok(values),
            Stored::Factor(_) => unreachable!("{name} is a factor by its name"),
        }
    }

    /// The right side of a product; the first part of the shape are the outputs.
    pub fn factor(&mut self, name: &str, shape: &[usize]) -> Result<PackedWeights, LoadError> {
        match self.take(name, shape)? {
            Stored::Factor(factor) => Ok(factor),
            Stored::Values(_) => unreachable!("{name} is no factor by its name"),
        }
    }
}

/// Keeps a tensor in the form that its name asks for.
pub fn keep(name: &str, tensor: &Tensor, precision: Precision) -> Result<Stored, LoadError> {
    let tensor = if is_convolution(name) && tensor.rank() == 4 {
        // As unfolded: all channels of a position side by side.
        tensor.permute((0, 2, 3, 1))?.contiguous()?
    } else {
        tensor.contiguous()?
    };
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(LoadError::Config("weights must be read into main memory".into()));
    };
    let values = &storage.as_slice::<f32>()?[layout.start_offset()..][..layout.shape().elem_count()];
    let outputs = tensor.dims().first().copied().unwrap_or(1);
    let inputs = values.len().checked_div(outputs).unwrap_or(0);
    let pack = |format| Stored::Factor(PackedWeights::pack(values, format, outputs, inputs));
    Ok(match precision_of(name, precision) {
        None => Stored::Values(values.to_vec()),
        Some(Precision::F32) => pack(WeightFormat::F32),
        Some(Precision::Bf16) => {
            return Err(LoadError::Config(
                "models with two towers cannot be run in bf16; f32 and int8 can be had".into(),
            ));
        }
        Some(Precision::Int8) if inputs > MOST_INPUTS => {
            return Err(LoadError::Config(format!(
                "{name} has {inputs} inputs; in 8 bits at most {MOST_INPUTS} can be had"
            )));
        }
        Some(Precision::Int8) => pack(WeightFormat::Int8),
    })
}

/// Whether a tensor is the weight of a convolution of a convolutional tower.
fn is_convolution(name: &str) -> bool {
    ["vision_model.stem.", "vision_model.stages.", "vision_model.head."]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// The precision of the product that a tensor belongs to; `None` where it belongs to none.
///
/// The last product of a tower stays in f32: one row a picture or text, and it gives the embedding itself.
fn precision_of(name: &str, precision: Precision) -> Option<Precision> {
    const ENDS: [&str; 3] = [
        "visual_projection.weight",
        "text_projection.weight",
        "vision_model.head.mlp.fc2.weight",
    ];
    const INSIDE: [&str; 12] = [
        "patch_embedding.weight",
        "vision_model.stem.weight",
        ".q_proj.weight",
        ".k_proj.weight",
        ".v_proj.weight",
        ".out_proj.weight",
        ".fc1.weight",
        ".fc2.weight",
        ".conv1.weight",
        ".conv2.weight",
        ".shortcut.weight",
        "vision_model.head.weight",
    ];
    let ends_with = |suffix: &&str| name.ends_with(*suffix);
    if name.starts_with(fastvit_weights::PREFIX) {
        // Folded and packed by the tower itself.
        return None;
    }
    if ENDS.iter().any(ends_with) {
        Some(Precision::F32)
    } else if INSIDE.iter().any(ends_with) {
        Some(precision)
    } else {
        None
    }
}
