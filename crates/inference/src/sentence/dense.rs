//! The module `Dense`: a linear layer on the pooled vector. sentence-transformers' `dense.py`.

use eidetic_domain::Precision;
use eidetic_hub::SentenceModule;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::EpilogueOp;

use super::folder::ModelFolder;
use super::json_file::JsonFile;
use crate::error::LoadError;
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::packing::{Exactness, HalfWeights, PackOptions, TensorUse};

/// Largest width that is taken seriously.
const LARGEST: usize = 1 << 20;

/// A linear layer, and a function of each of its outputs.
pub struct Dense {
    linear: Linear,
    activation: DenseActivation,
}

#[derive(Debug, Clone, Copy)]
enum DenseActivation {
    Identity,
    Tanh,
}

impl Dense {
    /// Reads `config.json` and the weights in the module's folder, for vectors of `inputs` components.
    pub fn load(
        folder: &mut ModelFolder<'_>,
        module: &SentenceModule,
        inputs: usize,
    ) -> Result<Self, LoadError> {
        let name = module.file("config.json");
        let file = JsonFile::parse(&name, &folder.read(&name)?)?;
        let found: usize = file.required("in_features")?;
        if found != inputs {
            return Err(file.invalid(format!(
                "in_features is {found}, and the vector has {inputs} components"
            )));
        }
        let outputs: usize = file.required("out_features")?;
        if !(1..=LARGEST).contains(&outputs) {
            return Err(file.invalid(format!("out_features {outputs} is not within 1 to {LARGEST}")));
        }
        check(&file)?;
        let activation = activation(&file)?;
        let mut weights = folder.weights(&module.folder, &pack_options())?;
        let shape = [outputs, inputs];
        let linear = match file.optional("bias")? {
            Some(false) => Linear::load_unbiased(&mut weights, "linear", shape)?,
            _ => Linear::load(&mut weights, "linear", shape)?,
        };
        Ok(Self { linear, activation })
    }

    /// Components of a result.
    pub const fn outputs(&self) -> usize {
        self.linear.outputs()
    }

    /// The layer's results for each row, which replace them.
    pub fn apply(&self, kernel: Kernel, rows: &mut Matrix) {
        let mut out = Matrix::default();
        self.linear
            .forward_parallel(kernel, rows, EpilogueOp::Store, &mut out);
        if let DenseActivation::Tanh = self.activation {
            for x in out.values_mut() {
                *x = x.tanh();
            }
        }
        *rows = out;
    }
}

/// A vector a text costs little, so its products are exact in every precision.
const fn pack_options() -> PackOptions {
    PackOptions {
        use_of: |_, shape| match shape.len() {
            2 => TensorUse::Linear(Exactness::Exact),
            _ => TensorUse::Values,
        },
        precision: Precision::F32,
        halves: HalfWeights::Widened,
        part: usize::MAX,
    }
}

/// An error for a variant that is not supported.
fn check(file: &JsonFile) -> Result<(), LoadError> {
    if file.optional("use_residual")? == Some(true) {
        return Err(file.invalid("use_residual is true, which is not supported".into()));
    }
    for field in ["module_input_name", "module_output_name"] {
        let found: Option<String> = file.optional(field)?;
        if let Some(other) = found.filter(|name| name != "sentence_embedding") {
            let reason = format!("{field} {other:?} is not supported; expected \"sentence_embedding\"");
            return Err(file.invalid(reason));
        }
    }
    Ok(())
}

/// Python's name of the function, with its package; sentence-transformers' default is tanh.
fn activation(file: &JsonFile) -> Result<DenseActivation, LoadError> {
    let name: Option<String> = file.optional("activation_function")?;
    match name
        .as_deref()
        .map(|name| name.rsplit('.').next().unwrap_or(name))
    {
        None | Some("Tanh") => Ok(DenseActivation::Tanh),
        Some("Identity") => Ok(DenseActivation::Identity),
        Some(other) => Err(file.invalid(format!(
            "activation_function {other:?} is not supported; expected Tanh or Identity"
        ))),
    }
}
