//! `eidetic demo`

use std::path::Path;
use std::sync::Arc;

use eidetic_hub::ModelRef;
use eidetic_indexer::{CancelToken, IndexerOptions, RunContext};
use eidetic_inference::LoadOptions;
use eidetic_library::{CreateOptions, Library, ModelSource, Owner};
use eidetic_search::Query;

use super::search::print_answer;
use super::serve::{admission, serve};
use crate::Outcome;
use crate::arguments::{DemoArgs, Global, PrecisionArg};
use crate::failure::Failure;
use crate::gallery;
use crate::output;
use crate::progress::IndexBar;

/// `eidetic demo`
pub(crate) fn run(global: &Global, arguments: &DemoArgs) -> Result<Outcome, Failure> {
    let options = admission::options(&arguments.listening)?;
    let temporary = tempfile::Builder::new()
        .prefix("eidetic-demo-")
        .tempdir()
        .map_err(|error| {
            Failure::could_not_run(format!("failed to create a temporary directory: {error}"))
        })?;
    let library = create_library(temporary.path(), arguments.precision)?;
    match &arguments.query {
        None => serve(Arc::new(library), options),
        Some(text) => {
            let query = Query {
                k: arguments.k.into(),
                ..Query::text(text.as_str())
            };
            print_answer(global, &(&library.active().search(&query)?).into(), None)?;
            Ok(Outcome::Done)
        }
    }
}

/// Indexes the bundled gallery with the built-in model, without network, in a second or two.
fn create_library(folder: &Path, precision: PrecisionArg) -> Result<Library, Failure> {
    let gallery = folder.join("gallery");
    std::fs::create_dir(&gallery)
        .and_then(|()| gallery::unpack(&gallery))
        .map_err(|error| Failure::could_not_run(format!("{}: {error}", output::path(&gallery))))?;
    let options = CreateOptions {
        model: ModelSource::Named(ModelRef::Builtin),
        precision: precision.named(),
        load: LoadOptions::default(),
    };
    let owner = Owner::this_process("eidetic demo");
    let (library, _) = Library::open_or_create(&folder.join("library"), &options, &owner, &())?;
    library.index(
        &[gallery],
        &IndexerOptions::default(),
        &RunContext::new(&IndexBar::new(), &CancelToken::default()),
    )?;
    Ok(library)
}
