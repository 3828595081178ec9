//! `eidetic models list|pull|path`

mod table;

use std::path::Path;

use eidetic_hub::{
    Checksum, Chosen, HubSettings, KnownModel, ModelRef, Network, OnDisk, Pulled, chosen, known_model,
    known_models, on_disk, pull,
};
use eidetic_inference::this_machine;
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{Global, ModelsAction, ModelsArgs, ModelsPullArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::DownloadBar;

/// The JSON of `eidetic models`.
#[derive(Debug, Serialize)]
struct ModelsAnswer {
    /// What `small`, `default` and `best` stand for on this machine.
    names: Vec<Chosen>,
    models: Vec<ModelRow>,
}

#[derive(Debug, Serialize)]
struct ModelRow {
    #[serde(flatten)]
    model: &'static KnownModel,
    on_disk: &'static str,
    bytes_on_disk: u64,
    folder: Option<String>,
}

/// `eidetic models`
pub(crate) fn run(global: &Global, arguments: &ModelsArgs) -> Result<Outcome, Failure> {
    match &arguments.action {
        None | Some(ModelsAction::List) => list(global),
        Some(ModelsAction::Pull(arguments)) => pull_model(global, arguments),
        Some(ModelsAction::Path(arguments)) => print_path(global, &arguments.model),
    }
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let hub = HubSettings::from_env();
    let models: Vec<ModelRow> = known_models().iter().map(|model| row(model, &hub)).collect();
    let names = chosen(&this_machine());
    if global.json {
        output::json(&ModelsAnswer { names, models })?;
    } else {
        output::line(&table::format(&models))?;
        output::line(&table::names(&names))?;
    }
    Ok(Outcome::Done)
}

fn row(model: &'static KnownModel, hub: &HubSettings) -> ModelRow {
    let row = |on_disk, bytes_on_disk, folder: Option<&Path>| ModelRow {
        model,
        on_disk,
        bytes_on_disk,
        folder: folder.map(|folder| folder.display().to_string()),
    };
    if model.id == "builtin" {
        return row("complete", 0, None);
    }
    match on_disk(&model.id, None, hub) {
        OnDisk::Nothing => row("no", 0, None),
        OnDisk::Partial { bytes } => row("partly", bytes, None),
        OnDisk::Complete { folder, bytes } => row("complete", bytes, Some(&folder)),
    }
}

/// The hub id and revision of a model; others cannot be downloaded.
fn hub_id(model: &ModelRef) -> Result<(&str, Option<&str>), Failure> {
    match model {
        ModelRef::Hub { id, revision } => Ok((id, revision.as_deref())),
        ModelRef::Shortened { model, .. } => hub_id(model),
        ModelRef::Builtin => Err(Failure::could_not_run(
            "the built-in model is part of the program; there is nothing to download",
        )),
        ModelRef::Directory(path) => Err(Failure::arguments(format!(
            "{} is a directory; expected a Hub id such as google/siglip2-base-patch32-256",
            path.display()
        ))),
    }
}

/// The JSON of `eidetic models pull`.
#[derive(Debug, Serialize)]
struct PullAnswer<'a> {
    model: &'a str,
    revision: &'a str,
    folder: String,
    bytes: u64,
    downloaded: u64,
    files: Vec<PulledFile<'a>>,
}

#[derive(Debug, Serialize)]
struct PulledFile<'a> {
    file: &'a str,
    bytes: u64,
    /// `null` if the hub publishes no checksum.
    sha256_equal: Option<bool>,
}

fn pull_model(global: &Global, arguments: &ModelsPullArgs) -> Result<Outcome, Failure> {
    let (id, revision) = hub_id(&arguments.model)?;
    warn_of_restriction(id);
    let mut hub = HubSettings::from_env();
    if arguments.offline {
        hub.network = Network::Off;
    }
    let pulled = pull(id, revision, &hub, &DownloadBar::default()).map_err(anyhow::Error::from)?;
    let bytes = pulled.files.iter().map(|file| file.bytes).sum();
    if global.json {
        output::json(&answer(id, &pulled, bytes))?;
    } else {
        output::line(&describe(id, &pulled, bytes))?;
    }
    Ok(Outcome::Done)
}

fn answer<'a>(model: &'a str, pulled: &'a Pulled, bytes: u64) -> PullAnswer<'a> {
    let files = pulled.files.iter().map(|file| PulledFile {
        file: &file.name,
        bytes: file.bytes,
        sha256_equal: (file.checksum == Checksum::Verified).then_some(true),
    });
    PullAnswer {
        model,
        revision: &pulled.revision,
        folder: pulled.folder.display().to_string(),
        bytes,
        downloaded: pulled.downloaded,
        files: files.collect(),
    }
}

fn describe(model: &str, pulled: &Pulled, bytes: u64) -> String {
    let revision = if pulled.revision == "main" {
        String::new()
    } else {
        format!(", revision {}", pulled.revision)
    };
    let checked = pulled
        .files
        .iter()
        .filter(|file| file.checksum == Checksum::Verified);
    let checked: Vec<&str> = checked.map(|file| file.name.as_str()).collect();
    let checked = match checked.as_slice() {
        [] => "the hub publishes no checksums".to_owned(),
        [one] => format!("SHA-256 of {one} verified"),
        several => format!("SHA-256 of {} files verified", several.len()),
    };
    format!(
        "{model}{revision}: {} files, {}, {} of it downloaded now; {checked}\n{}",
        pulled.files.len(),
        output::bytes(bytes),
        output::bytes(pulled.downloaded),
        pulled.folder.display()
    )
}

/// Warns about a restricted license before anything is downloaded.
fn warn_of_restriction(id: &str) {
    let known = known_model(id).and_then(|model| Some((model, model.restriction.as_ref()?)));
    if let Some((model, restriction)) = known {
        eprintln!("eidetic: the license of {id} is {}: {restriction}", model.license);
    }
}

fn print_path(global: &Global, model: &ModelRef) -> Result<Outcome, Failure> {
    let folder = match model {
        ModelRef::Directory(path) => path
            .canonicalize()
            .map_err(|error| Failure::could_not_run(format!("{}: {error}", path.display())))?,
        model => {
            let (id, revision) = hub_id(model)?;
            match on_disk(id, revision, &HubSettings::from_env()) {
                OnDisk::Complete { folder, .. } => folder,
                OnDisk::Partial { bytes } => {
                    let present = output::bytes(bytes);
                    return Err(not_on_disk(&format!("only partly on disk ({present})"), model));
                }
                OnDisk::Nothing => return Err(not_on_disk("not on disk", model)),
            }
        }
    };
    if global.json {
        output::json(&serde_json::json!({ "model": model.to_string(), "folder": folder }))?;
    } else {
        output::line(&folder.display().to_string())?;
    }
    Ok(Outcome::Done)
}

fn not_on_disk(state: &str, model: &ModelRef) -> Failure {
    Failure::could_not_run(format!(
        "{model} is {state}; download it with: eidetic models pull {model}"
    ))
}
