//! What follows the encoder, as `modules.json` lists it.

use eidetic_hub::{MODULES, SentenceModule, sentence_modules};
use eidetic_kernels::Kernel;

use super::dense::Dense;
use super::folder::ModelFolder;
use super::json_file::{self, JsonFile};
use super::pooling::Pooling;
use crate::error::LoadError;
use crate::layers::matrix::Matrix;

/// The modules after the encoder.
pub struct Modules {
    pub pooling: Pooling,
    after: Vec<VectorModule>,
    dimension: usize,
}

/// A module that changes pooled vectors.
enum VectorModule {
    Dense(Dense),
    /// Scales vectors to unit length.
    Normalize,
}

impl Modules {
    /// Reads `modules.json` and the files of the modules that it lists. Without it: the mean of the hidden states, as
    /// sentence-transformers takes it. `width` is that of the hidden states.
    pub fn load(folder: &mut ModelFolder<'_>, width: usize) -> Result<Self, LoadError> {
        let Some(json) = folder.find(MODULES)? else {
            return Ok(Self {
                pooling: Pooling::default(),
                after: Vec::new(),
                dimension: width,
            });
        };
        let listed = sentence_modules(&json)?;
        let [encoder, pooling, after @ ..] = listed.as_slice() else {
            return Err(invalid("it lists no encoder and pooling"));
        };
        require(encoder, "Transformer")?;
        if !encoder.folder.is_empty() {
            let reason = format!(
                "path {:?} of the encoder is not supported; expected the model's folder",
                encoder.folder
            );
            return Err(invalid(&reason));
        }
        require(pooling, "Pooling")?;
        let name = pooling.file("config.json");
        let pooling = Pooling::read(&JsonFile::parse(&name, &folder.read(&name)?)?, width)?;
        let mut modules = Self {
            dimension: pooling.dimension(width),
            pooling,
            after: Vec::new(),
        };
        for module in after {
            modules.add(folder, module)?;
        }
        Ok(modules)
    }

    fn add(&mut self, folder: &mut ModelFolder<'_>, module: &SentenceModule) -> Result<(), LoadError> {
        match module.class.as_str() {
            "Dense" => {
                let dense = Dense::load(folder, module, self.dimension)?;
                self.dimension = dense.outputs();
                self.after.push(VectorModule::Dense(dense));
            }
            "Normalize" => self.after.push(VectorModule::Normalize),
            // Changes nothing but training.
            "Dropout" => {}
            other => {
                let reason = format!(
                    "type {other:?} is not supported; expected Dense, Normalize or Dropout after Pooling"
                );
                return Err(invalid(&reason));
            }
        }
        Ok(())
    }

    /// Components of a vector.
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// Applies the modules after pooling to one vector a row.
    pub fn finish(&self, kernel: Kernel, rows: &mut Matrix) {
        for module in &self.after {
            match module {
                VectorModule::Dense(dense) => dense.apply(kernel, rows),
                VectorModule::Normalize => {
                    for row in 0..rows.count() {
                        normalize(rows.row_mut(row));
                    }
                }
            }
        }
    }
}

/// A vector of zeros stays one.
fn normalize(row: &mut [f32]) {
    let squares: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
    let length = squares.sqrt().max(f64::MIN_POSITIVE);
    for x in row {
        *x = (f64::from(*x) / length) as f32;
    }
}

fn require(module: &SentenceModule, class: &str) -> Result<(), LoadError> {
    if module.class == class {
        return Ok(());
    }
    Err(invalid(&format!(
        "type {:?} where {class} is expected",
        module.class
    )))
}

fn invalid(reason: &str) -> LoadError {
    json_file::invalid(MODULES, reason.to_owned())
}
