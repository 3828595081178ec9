//! `eidetic vectors export` and `eidetic vectors import`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eidetic_domain::{SpaceId, counted};
use eidetic_exchange::{FileFormat, RowColumns};
use eidetic_hub::ModelRef;
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_inference::resolve_model;
use eidetic_library::{
    Library, Owner, UnknownSpace, VectorsExport, VectorsExported, VectorsImport, VectorsImported,
};
use eidetic_server::responses::FailedFile;
use serde::Serialize;

use super::index::note_unfinished_graph;
use super::{create_options, directory, note_better_model, warn_of_damage};
use crate::arguments::{Global, VectorsAction, VectorsArgs, VectorsExportArgs, VectorsImportArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::load_model::warn_of_fallback;
use crate::output::bytes;
use crate::progress::{CopyBar, CopyUnit, DownloadBar, StageBar};
use crate::{Outcome, output};

/// `eidetic vectors`
pub(crate) fn run(global: &Global, arguments: &VectorsArgs) -> Result<Outcome, Failure> {
    match &arguments.action {
        VectorsAction::Export(arguments) => export(global, arguments),
        VectorsAction::Import(arguments) => import(global, arguments),
    }
}

/// What was written to a file, as JSON.
#[derive(Debug, Serialize)]
struct ExportResponse {
    path: String,
    space: String,
    dimension: usize,
    exported: u64,
    /// Pictures that match the filters and have no embedding, or a damaged one.
    missing: u64,
    bytes: u64,
}

fn export(global: &Global, arguments: &VectorsExportArgs) -> Result<Outcome, Failure> {
    let options = VectorsExport {
        format: format(&arguments.file, arguments.file_format)?,
        columns: if arguments.metadata {
            RowColumns::Metadata
        } else {
            RowColumns::Embeddings
        },
        filter: arguments.filter.filter()?,
        overwrite: arguments.overwrite,
    };
    let owner = Owner::this_process("eidetic vectors export");
    let library = Library::open_beside(&directory(global)?, &owner)?;
    warn_of_damage(&library);
    let space = match &arguments.space {
        None => library.active(),
        Some(name) => library.space_named(name)?,
    };
    let cancel = cancel_on_interrupt()?;
    let bar = CopyBar::new(CopyUnit::Files, "embeddings written");
    let context = RunContext::new(&bar, &cancel);
    let exported = library.export_vectors(&space, &arguments.file, &options, &context);
    bar.finish();
    print_exported(global, &arguments.file, space.id(), &exported?)?;
    Ok(Outcome::Done)
}

fn print_exported(
    global: &Global,
    file: &Path,
    space: &SpaceId,
    exported: &VectorsExported,
) -> Result<(), Failure> {
    if exported.missing > 0 {
        eprintln!(
            "eidetic: {} left out, of which there is no embedding; `eidetic index` makes it",
            counted(exported.missing, "picture")
        );
    }
    if global.json {
        return output::json(&ExportResponse {
            path: file.to_string_lossy().into_owned(),
            space: space.to_string(),
            dimension: space.dimension,
            exported: exported.exported,
            missing: exported.missing,
            bytes: exported.bytes,
        });
    }
    output::line(&format!(
        "{} of {} components in {}, {}",
        counted(exported.exported, "embedding"),
        space.dimension,
        output::path(file),
        bytes(exported.bytes)
    ))
}

/// What an import did, as JSON.
#[derive(Debug, Serialize)]
struct ImportResponse<'a> {
    path: String,
    space: &'a str,
    imported: u64,
    /// Of these, pictures that were new to the library.
    added: u64,
    present: u64,
    not_found: u64,
    changed: u64,
    refused: &'a BTreeMap<String, u64>,
    failed: Vec<FailedFile>,
    /// The comparison with the model, where the file did not name its space.
    sample: Option<SampleResponse>,
    cancelled: bool,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct SampleResponse {
    compared: usize,
    median: f64,
    least: f64,
}

fn import(global: &Global, arguments: &VectorsImportArgs) -> Result<Outcome, Failure> {
    let start = Instant::now();
    if let Err(error) = std::fs::metadata(&arguments.file) {
        return Err(Failure::in_file(&arguments.file, error));
    }
    let format = format(&arguments.file, arguments.file_format)?;
    let options = VectorsImport {
        format,
        unknown_space: if arguments.assume_space {
            UnknownSpace::Assume
        } else {
            UnknownSpace::Refuse
        },
        base: base(arguments)?,
        folders: arguments.source.clone(),
    };
    let library = open_or_create(global, arguments, format)?;
    note_better_model(&library);
    let cancel = cancel_on_interrupt()?;
    let bar = StageBar::new();
    let context = RunContext::new(&bar, &cancel);
    let imported = library.import_vectors(&arguments.file, &options, &IndexerOptions::default(), &context);
    bar.finish();
    let imported = imported?;
    if imported.imported > 0 && !imported.cancelled {
        refresh_graph(&library, &imported.space, &cancel)?;
    }
    print_imported(global, &arguments.file, &imported, start.elapsed().as_secs_f64())
}

fn base(arguments: &VectorsImportArgs) -> Result<PathBuf, Failure> {
    let base = arguments.base.as_deref().unwrap_or(Path::new("."));
    let real = base.canonicalize();
    real.map_err(|error| Failure::in_file(base, error))
}

/// With a folder of pictures, a library that does not exist is created, with the model of the file if none is named.
fn open_or_create(
    global: &Global,
    arguments: &VectorsImportArgs,
    format: FileFormat,
) -> Result<Library, Failure> {
    let directory = directory(global)?;
    let owner = Owner::this_process("eidetic vectors import");
    if arguments.source.is_empty() {
        let library = Library::open(&directory, &owner)?;
        arguments.options.apply_to(&library);
        warn_of_damage(&library);
        return Ok(library);
    }
    let model = arguments
        .model
        .clone()
        .or_else(|| model_of(&arguments.file, format));
    let options = create_options(model.as_ref(), &arguments.options);
    let (library, fallback) = Library::open_or_create(&directory, &options, &owner, &DownloadBar::default())?;
    warn_of_fallback(fallback.as_ref());
    Ok(library)
}

/// The model that a file names. That the file cannot be read is said when it is imported.
fn model_of(file: &Path, format: FileFormat) -> Option<ModelRef> {
    let reader = eidetic_exchange::open(file, format).ok()?;
    let space: SpaceId = reader.info().space.as_ref()?.parse().ok()?;
    resolve_model(&space.model).ok()
}

fn refresh_graph(
    library: &Library,
    space: &str,
    cancel: &eidetic_indexer::CancelToken,
) -> Result<(), Failure> {
    let bar = StageBar::new();
    let refreshed = library
        .space_named(space)?
        .refresh_graph(&RunContext::new(&bar, cancel));
    bar.finish();
    // The graph is derived: everything is stored, and exact search works without it.
    if let Err(error) = refreshed {
        eprintln!("eidetic: failed to store the search graph, searches will be slower: {error}");
    } else if cancel.is_cancelled() {
        note_unfinished_graph();
    }
    Ok(())
}

fn print_imported(
    global: &Global,
    file: &Path,
    imported: &VectorsImported,
    seconds: f64,
) -> Result<Outcome, Failure> {
    print_notes(imported);
    if global.json {
        output::json(&ImportResponse {
            path: file.to_string_lossy().into_owned(),
            space: &imported.space,
            imported: imported.imported,
            added: imported.added,
            present: imported.present,
            not_found: imported.not_found,
            changed: imported.changed,
            refused: &imported.refused,
            failed: imported.failures.iter().map(FailedFile::from).collect(),
            sample: imported.sample.map(|sample| SampleResponse {
                compared: sample.compared,
                median: sample.median,
                least: sample.least,
            }),
            cancelled: imported.cancelled,
            seconds,
        })?;
    } else {
        output::line(&format!(
            "{} imported, {} there already, {} not found, {} changed, {} refused, {} failed in {seconds:.1} s",
            imported.imported,
            imported.present,
            imported.not_found,
            imported.changed,
            imported.refused.values().sum::<u64>(),
            imported.failed
        ))?;
    }
    let is_complete = imported.refused.is_empty() && imported.failures.is_empty() && !imported.cancelled;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn print_notes(imported: &VectorsImported) {
    for failure in &imported.failures {
        eprintln!(
            "eidetic: {}: {}",
            output::path(&failure.path),
            output::text(&failure.reason)
        );
    }
    if let Some(sample) = imported.sample {
        eprintln!(
            "eidetic: compared {} with the model: median cosine similarity {:.4}, least {:.4}",
            counted(sample.compared as u64, "embedding"),
            sample.median,
            sample.least
        );
    }
    for (reason, count) in &imported.refused {
        eprintln!("eidetic: refused {}: {reason}", counted(*count, "embedding"));
    }
    if imported.not_found > 0 {
        eprintln!(
            "eidetic: {} of pictures that are neither in the library nor in one of its folders; add a folder with --source DIR",
            counted(imported.not_found, "embedding")
        );
    }
    if imported.changed > 0 {
        eprintln!(
            "eidetic: {} of files that hold another picture now; the model embeds those",
            counted(imported.changed, "embedding")
        );
    }
    if imported.cancelled {
        eprintln!("eidetic: interrupted; everything imported so far is kept, run the same command to resume");
    }
}

/// The format that is named, else the one that the file's name says.
fn format(file: &Path, named: Option<FileFormat>) -> Result<FileFormat, Failure> {
    named.or_else(|| FileFormat::of_path(file)).ok_or_else(|| {
        Failure::in_file(
            file,
            "its name says no format; name it *.parquet, *.npz or *.jsonl, or give one with --format",
        )
    })
}
