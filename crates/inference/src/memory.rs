//! Checks whether a model fits into memory before its weights are read: otherwise the system kills the program, or swaps
//! for hours.

pub mod available;
mod needed;

use std::path::Path;

use crate::device::Device;
use crate::engine::Engine;
use crate::error::LoadError;

/// The limit for the memory that a model needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryLimit {
    /// The memory that the system has available.
    #[default]
    Available,
    /// No limit: nothing is estimated.
    Ignored,
}

/// Errors: the model in `folder`, which the error names `model`, needs more memory than is available. Without an estimate of
/// either there is no error.
pub fn check(folder: &Path, model: &str, engine: Engine) -> Result<(), LoadError> {
    if matches!(engine, Engine::Device(device) if device != Device::Cpu) {
        // The weights go to the memory of the GPU, whose driver reports if it is too small.
        return Ok(());
    }
    let (Some(needed), Some(available)) = (needed::in_folder(folder, engine), available::now()) else {
        return Ok(());
    };
    compare(model, engine, needed, available)
}

fn compare(model: &str, engine: Engine, needed: u64, available: u64) -> Result<(), LoadError> {
    if needed <= available {
        return Ok(());
    }
    Err(LoadError::TooLarge {
        model: model.to_owned(),
        precision: engine.precision(),
        needed,
        available,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::Precision;

    #[test]
    fn error_names_figures_and_way_out() {
        let f32 = Engine::Cpu(Precision::F32);
        compare("a/b", f32, 5 << 30, 5 << 30).unwrap();
        let error = compare("a/b", f32, 9 << 30, 5 << 29).unwrap_err().to_string();
        for part in [
            "a/b",
            "9.0 GiB",
            "2.5 GiB",
            "int8",
            "smaller model",
            "--ignore-memory",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let error = compare("a/b", Engine::Cpu(Precision::Int8), 300 << 20, 5).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("300 MiB") && !error.contains("--precision"),
            "{error}"
        );
    }
}
