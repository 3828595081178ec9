//! Whether a model fits into memory, told before its weights are read: a model that does not fit otherwise ends with the
//! system killing the program, or with hours of swapping.

mod available;
mod needed;

use std::path::Path;

use crate::device::Device;
use crate::engine::Engine;
use crate::error::LoadError;

/// Whether a model that does not seem to fit is loaded nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryLimit {
    /// What the system has left.
    #[default]
    Available,
    /// None: the estimate is not made.
    Ignored,
}

/// An error that names both figures, if the model in `folder`, called `model`, needs more memory than there is.
///
/// Where nothing can be told, of the model or of the system, nothing is refused.
pub fn check(folder: &Path, model: &str, engine: Engine) -> Result<(), LoadError> {
    if matches!(engine, Engine::Device(device) if device != Device::Cpu) {
        // The weights go to the device's own memory, of which its driver keeps account.
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

/// Bytes as people read them: two digits are all that an estimate is good for.
pub fn readable(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else {
        format!("{:.0} MiB", gib * 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::Precision;

    #[test]
    fn both_figures_and_the_way_out_are_named() {
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
