//! This machine, for which `small`, `default` and `best` stand for models.

use std::num::NonZero;

use eidetic_hub::{Machine, ModelRef, ParseModelRefError, chosen_as};
use eidetic_kernels::Kernel;

use crate::memory::available;

/// This machine as it is now: the memory that is available, and an estimate of the speed of models.
pub fn this_machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Machine {
        available_memory: available::now(),
        gflops: gflops_of_core(Kernel::best().name()) * cores as f64,
    }
}

/// Parses a model reference, or one of the names `small`, `default` and `best`, which become the model that they stand for
/// on this machine. A directory of such a name is `./best`.
pub fn resolve_model(text: &str) -> Result<ModelRef, ParseModelRefError> {
    match chosen_as(text, &this_machine()) {
        Some(chosen) => Ok(chosen.reference()),
        None => text.parse(),
    }
}

/// Billions of floating-point operations a second that indexing gets out of one core, in the fastest precision. Those of
/// the AVX-512 kernels are measured (docs/decisions/0028-default-model.md); others follow by the width of their registers.
fn gflops_of_core(kernel: &str) -> f64 {
    match kernel {
        "avx512-vnni" | "avx512-bf16" => 250.0,
        "avx-vnni" => 125.0,
        "avx512" => 100.0,
        "avx2" | "neon" => 50.0,
        _ => 3.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_resolve_to_real_models() {
        for name in ["small", "default", "best"] {
            let model = resolve_model(name).unwrap();
            assert_ne!(model.to_string(), name);
            // What is stored is parsed again without the names.
            assert_eq!(model.to_string().parse(), Ok(model));
        }
        assert_eq!(resolve_model("builtin"), Ok(ModelRef::Builtin));
        assert!(matches!(resolve_model("./best"), Ok(ModelRef::Directory(_))));
        assert!(resolve_model("fastest").is_err());
    }

    #[test]
    fn machine_has_speed() {
        assert!(this_machine().gflops > 0.0);
    }
}
