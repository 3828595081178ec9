//! The names `small`, `default` and `best`: what they stand for on a machine, by the limits in `data/models/catalogue.toml`.

use std::cmp::Ordering;

use serde::Serialize;

use crate::known_models::{Choice, KnownModel, Modality, choices, known_models};
use crate::model_ref::ModelRef;
use crate::pull::{OnDisk, on_disk};
use crate::settings::HubSettings;

/// The measure by which models are compared: most models have a published figure of it.
pub const MEASURE: &str = "COCO text→image R@1";
/// The name of the model of a new library.
const DEFAULT: &str = "default";
/// The name of the built-in model.
const BUILTIN: &str = "builtin";
/// Memory besides the weights: tokenizer, images and activations, measured while indexing.
const WORKING: u64 = 400_000_000;

/// What models are chosen by: the machine that is to run them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Bytes of memory that are available; `None`: unknown, and no limit.
    pub available_memory: Option<u64>,
    /// Billions of floating-point operations a second that models run at here, by its cores and their instruction set.
    pub gflops: f64,
}

/// What a name stands for on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// The name.
    pub name: &'static str,
    /// The model: a Hub id or `builtin`.
    pub model: &'static str,
    /// Why this one.
    pub reason: String,
}

impl Chosen {
    /// The model as a reference.
    pub fn reference(&self) -> ModelRef {
        reference(self.model)
    }
}

/// What all names stand for on this machine.
pub fn chosen(machine: &Machine) -> Vec<Chosen> {
    choices().iter().map(|choice| choice.on(machine)).collect()
}

/// What `name` stands for on this machine; `None` where it is none of the names.
pub fn chosen_as(name: &str, machine: &Machine) -> Option<Chosen> {
    let choice = choices().iter().find(|choice| choice.name == name)?;
    Some(choice.on(machine))
}

/// The model of a new library on this machine.
pub fn default_model(machine: &Machine) -> Chosen {
    chosen_as(DEFAULT, machine).expect("a test looks up the name in the catalogue")
}

/// The models that this machine can run and that are complete in the Hub's cache, the best first. Makes no connection.
pub fn usable_on_disk(settings: &HubSettings, machine: &Machine) -> Vec<&'static KnownModel> {
    let is_complete =
        |model: &&KnownModel| matches!(on_disk(&model.id, None, settings), OnDisk::Complete { .. });
    // `best` has no limit but those of the machine.
    let usable = |model: &&'static KnownModel| {
        choices()
            .iter()
            .any(|choice| choice.allows(model) && choice.suits(model, machine))
    };
    let mut models: Vec<_> = candidates().filter(usable).filter(is_complete).collect();
    models.sort_by(|a, b| by_figure(b, a));
    models
}

/// How to load a known model.
pub fn reference(id: &str) -> ModelRef {
    match id {
        BUILTIN => ModelRef::Builtin,
        id => ModelRef::Hub {
            id: id.to_owned(),
            revision: None,
        },
    }
}

impl Choice {
    fn on(&'static self, machine: &Machine) -> Chosen {
        let suiting = candidates().filter(|model| self.allows(model) && self.suits(model, machine));
        let name = self.name.as_str();
        match suiting.max_by(|a, b| by_figure(a, b)) {
            Some(model) => Chosen {
                name,
                model: &model.id,
                reason: self.reason(model, machine),
            },
            // Where even the default model is slow, so is every other.
            None if name != DEFAULT => Chosen {
                name,
                ..default_model(machine)
            },
            None => Chosen {
                name,
                model: BUILTIN,
                reason: format!("no other fits into {}", memory(machine)),
            },
        }
    }

    /// Whether a model is within the limits that are the same on every machine.
    fn allows(&self, model: &KnownModel) -> bool {
        let within = |limit: Option<f64>, size: Option<f64>| {
            limit.is_none_or(|limit| size.is_some_and(|size| size <= limit))
        };
        within(self.max_megabytes, model.megabytes()) && within(self.max_image_gflops, model.image_gflops)
    }

    /// Whether this machine can run a model, fast enough.
    fn suits(&self, model: &KnownModel, machine: &Machine) -> bool {
        let fits = machine
            .available_memory
            .is_none_or(|available| model.memory().is_some_and(|needed| needed <= available));
        let is_fast = self
            .min_images_per_hour
            .is_none_or(|least| images_per_hour(model, machine).is_some_and(|speed| speed >= least));
        fits && is_fast
    }

    /// Such as `R@1 47.2, the best up to 1600 MB and 12 gflops a picture that fits into 5.1 GB`.
    fn reason(&self, model: &KnownModel, machine: &Machine) -> String {
        let mut limits = Vec::new();
        if let Some(most) = self.max_megabytes {
            limits.push(format!("of at most {most} MB"));
        }
        if let Some(most) = self.max_image_gflops {
            limits.push(format!("of at most {most} gflops a picture"));
        }
        if let Some(least) = self.min_images_per_hour {
            limits.push(format!("at {least} pictures an hour or more here"));
        }
        format!(
            "finds {:.1}, the best {} with {}",
            model.figure().unwrap_or_default(),
            limits.join(" and "),
            memory(machine)
        )
    }
}

/// Models of images and texts with a figure and a license for any use.
fn candidates() -> impl Iterator<Item = &'static KnownModel> {
    known_models().iter().filter(|model| {
        model.reads == Modality::ImageText && model.restriction.is_none() && model.figure().is_some()
    })
}

fn by_figure(a: &KnownModel, b: &KnownModel) -> Ordering {
    let figure = |model: &KnownModel| model.figure().unwrap_or_default();
    // Of equal ones the smaller.
    let size = |model: &KnownModel| model.image_gflops.unwrap_or(f64::INFINITY);
    figure(a).total_cmp(&figure(b)).then(size(b).total_cmp(&size(a)))
}

fn images_per_hour(model: &KnownModel, machine: &Machine) -> Option<f64> {
    Some(3600.0 * machine.gflops / model.image_gflops?)
}

fn memory(machine: &Machine) -> String {
    machine.available_memory.map_or_else(
        || "any memory".to_owned(),
        |bytes| format!("{:.1} GB of memory available", bytes as f64 / 1e9),
    )
}

impl KnownModel {
    /// Its published figure of [`MEASURE`], in percent.
    pub fn figure(&self) -> Option<f64> {
        let figure = self.retrieval.iter().find(|figure| figure.benchmark == MEASURE)?;
        Some(figure.percent)
    }

    /// Megabytes to download: as listed, else its parameters in 32 bits.
    fn megabytes(&self) -> Option<f64> {
        let listed = self.download_megabytes.map(f64::from);
        listed.or_else(|| Some(4.0 * self.parameters_millions?))
    }

    /// Bytes of memory that it takes in f32: all parameters but the table of tokens, which stays in its file.
    fn memory(&self) -> Option<u64> {
        let held = self.parameters_millions? - self.token_table_millions.unwrap_or(0.0);
        Some((4e6 * held) as u64 + WORKING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Machine = Machine {
        available_memory: Some(64_000_000_000),
        gflops: 100_000.0,
    };

    fn model(name: &str, machine: &Machine) -> &'static str {
        chosen_as(name, machine).unwrap().model
    }

    #[test]
    fn names_stand_for_expected_models() {
        assert_eq!(model("small", &LARGE), "laion/CLIP-ViT-B-32-laion2B-s34B-b79K");
        assert_eq!(model("default", &LARGE), "google/siglip2-base-patch32-256");
        assert_eq!(model("best", &LARGE), "google/siglip2-giant-opt-patch16-384");
        assert_eq!(default_model(&LARGE).model, "google/siglip2-base-patch32-256");
        assert_eq!(chosen_as("builtin", &LARGE), None);
    }

    #[test]
    fn best_is_fast_enough_here() {
        let slow = Machine {
            gflops: 140.0,
            ..LARGE
        };
        let best = chosen_as("best", &slow).unwrap();
        assert_eq!(best.model, "google/siglip2-base-patch16-256", "{}", best.reason);
        assert!(
            best.reason.contains("an hour") && best.reason.contains("53.2"),
            "{}",
            best.reason
        );
        let slowest = Machine { gflops: 1.0, ..LARGE };
        for name in ["default", "best"] {
            assert_eq!(model(name, &slowest), "google/siglip2-base-patch32-256");
        }
    }

    #[test]
    fn chosen_model_fits_into_memory() {
        let with = |bytes| Machine {
            available_memory: Some(bytes),
            ..LARGE
        };
        assert_eq!(
            model("best", &with(3_000_000_000)),
            "google/siglip2-large-patch16-384"
        );
        assert_eq!(
            model("default", &with(1_000_000_000)),
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
        );
        let tiny = chosen_as("default", &with(500_000_000)).unwrap();
        assert_eq!(tiny.model, "builtin");
        assert!(tiny.reason.contains("0.5 GB"), "{}", tiny.reason);
        let unknown = Machine {
            available_memory: None,
            ..LARGE
        };
        assert_eq!(model("best", &unknown), "google/siglip2-giant-opt-patch16-384");
    }

    #[test]
    fn restricted_licenses_are_never_chosen() {
        for model in candidates() {
            assert!(model.restriction.is_none(), "{}", model.id);
            assert!(
                model.image_gflops.is_some() && model.memory().is_some(),
                "{} cannot be chosen",
                model.id
            );
        }
    }

    #[test]
    fn cache_without_models_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let settings = HubSettings {
            cache: folder.path().to_owned(),
            ..HubSettings::from_env()
        };
        assert!(usable_on_disk(&settings, &LARGE).is_empty());
    }
}
