//! What another model would bring: said once to the owner of a library that was made with a weaker one.

use eidetic_hub::{KnownModel, MEASURE, ModelRef, default_model, known_model};
use eidetic_inference::this_machine;

use crate::Library;
use crate::manifest::Manifest;

impl Library {
    /// What a switch to the default model of this machine would bring, if its published figure is better than that of the
    /// active model, as a sentence. It is given once: the library remembers it, so that one that cannot be changed gives
    /// none. A library that is made with a model of its owner's choice counts as told.
    pub fn note_of_better_model(&self) -> Option<String> {
        if self.read_only().is_some() || self.read_manifest().told_of.is_some() {
            return None;
        }
        let better = known_model(default_model(&this_machine()).model)?;
        let note = note(&self.read_manifest(), better)?;
        let told = self.change_manifest(|manifest| manifest.told_of = Some(better.id.clone()));
        told.ok().map(|()| note)
    }
}

/// The sentence; `None` where the active model is not worse, has no comparable figure, or is being left anyway.
fn note(manifest: &Manifest, better: &KnownModel) -> Option<String> {
    if manifest.switch.is_some() {
        return None;
    }
    let figure = better.figure()?;
    let used = match manifest.active.model.parse() {
        Ok(ModelRef::Builtin) => {
            "the built-in model, which knows everyday objects and simple scenes only".to_owned()
        }
        Ok(ModelRef::Hub { id, .. }) => {
            let known = known_model(&id)?;
            let own = known.figure().filter(|own| *own < figure)?;
            format!("{id} ({MEASURE} {own:.1}, {})", known.languages_in_words())
        }
        _ => return None,
    };
    Some(format!(
        "this library uses {used}; {} finds more ({MEASURE} {figure:.1}, {}). To embed its pictures again, while the old \
         vectors stay in use: eidetic space switch default",
        better.id,
        better.languages_in_words()
    ))
}

#[cfg(test)]
mod tests {
    use eidetic_domain::SpaceId;
    use eidetic_encoder::Encoder;
    use eidetic_encoder::fake::FakeEncoder;

    use super::*;
    use crate::manifest::FILE_NAME;
    use crate::{CreateOptions, ModelSource, Owner, PreviousSpace};

    fn owner() -> Owner {
        Owner::this_process("a test")
    }

    fn space() -> SpaceId {
        FakeEncoder::new(8).space().clone()
    }

    fn note_for(model: &str) -> Option<String> {
        let better = known_model("google/siglip2-base-patch32-256").unwrap();
        note(&Manifest::new(model.to_owned(), space()), better)
    }

    #[test]
    fn note_names_both_models_with_figures() {
        let note = note_for("openai/clip-vit-base-patch32").unwrap();
        for part in [
            "openai/clip-vit-base-patch32",
            "30.4",
            "English",
            "google/siglip2-base-patch32-256",
            "47.2",
            "109 languages",
            "eidetic space switch default",
        ] {
            assert!(note.contains(part), "{part}: {note}");
        }
        assert!(note_for("openai/clip-vit-base-patch32@refs/pr/15").is_some());
        assert!(note_for("builtin").unwrap().contains("everyday objects"));
    }

    #[test]
    fn no_note_for_better_or_unknown_models() {
        for model in [
            "google/siglip2-base-patch32-256",
            "google/siglip2-base-patch16-224",
            "OFA-Sys/chinese-clip-vit-base-patch16",
            "someone/model",
            "/models/clip",
            "fake",
        ] {
            assert_eq!(note_for(model), None, "{model}");
        }
        let mut switching = Manifest::new("builtin".to_owned(), space());
        switching.plan_switch("other".to_owned(), &space(), PreviousSpace::Keep);
        assert_eq!(
            note(
                &switching,
                known_model("google/siglip2-base-patch32-256").unwrap()
            ),
            None
        );
    }

    /// A library of an earlier build.
    fn write_old_library(folder: &std::path::Path) {
        std::fs::create_dir_all(folder).unwrap();
        let manifest = r#"{"format":1,"model":"builtin","space":{"model":"builtin","revision":"r","preprocessing":"p","dimension":4},"sources":[],"precisions":["f32"]}"#;
        std::fs::write(folder.join(FILE_NAME), manifest).unwrap();
    }

    #[test]
    fn owner_of_old_library_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library");
        write_old_library(&path);
        let library = Library::open(&path, &owner()).unwrap();
        assert!(library.note_of_better_model().is_some());
        assert_eq!(library.note_of_better_model(), None);
        drop(library);
        let again = Library::open(&path, &owner()).unwrap();
        assert_eq!(again.note_of_better_model(), None);
    }

    #[test]
    fn chosen_model_needs_no_note() {
        let folder = tempfile::tempdir().unwrap();
        let options = CreateOptions {
            model: ModelSource::Named(ModelRef::Builtin),
            precision: Some(eidetic_domain::Precision::F32),
            load: eidetic_inference::LoadOptions::default(),
        };
        let path = folder.path().join("library");
        let (library, fallback) = Library::open_or_create(&path, &options, &owner(), &()).unwrap();
        assert!(fallback.is_none());
        assert_eq!(library.note_of_better_model(), None);
    }
}
