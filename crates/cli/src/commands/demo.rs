use std::path::Path;
use std::sync::Arc;

use eidetic_hub::ModelRef;
use eidetic_indexer::{CancelToken, IndexingOptions, RunContext};
use eidetic_library::{CreateOptions, Library, Loading, ModelSource, Owner};
use eidetic_search::Query;
use eidetic_server::ServeOptions;

use super::search::print_answer;
use super::serve::serve;
use crate::Outcome;
use crate::arguments::{Demo, Global, Precision};
use crate::failure::Failure;
use crate::gallery;
use crate::progress::IndexBar;

/// `eidetic demo`
pub(crate) fn run(global: &Global, arguments: &Demo) -> Result<Outcome, Failure> {
    let temporary = tempfile::Builder::new()
        .prefix("eidetic-demo-")
        .tempdir()
        .map_err(|error| Failure::could_not_run(format!("no temporary directory can be made: {error}")))?;
    let library = make_library(temporary.path(), arguments.precision)?;
    match &arguments.query {
        None => serve(Arc::new(library), ServeOptions::new(arguments.listen)),
        Some(text) => {
            let query = Query {
                k: arguments.k.into(),
                ..Query::text(text.as_str())
            };
            print_answer(global, &(&library.active().search(&query)?).into())?;
            Ok(Outcome::Done)
        }
    }
}

/// The bundled gallery, indexed with the built-in model: no network, a second or two.
fn make_library(folder: &Path, precision: Precision) -> Result<Library, Failure> {
    let pictures = folder.join("gallery");
    std::fs::create_dir(&pictures)
        .and_then(|()| gallery::unpack(&pictures))
        .map_err(|error| Failure::could_not_run(format!("{}: {error}", pictures.display())))?;
    let options = CreateOptions {
        model: ModelSource::Named(ModelRef::Builtin),
        precision: Some(precision.into()),
        loading: Loading::default(),
    };
    let owner = Owner::this_process("eidetic demo");
    let (library, _) = Library::open_or_create(&folder.join("library"), &options, &owner, &())?;
    library.index(
        &[pictures],
        &IndexingOptions::default(),
        &RunContext::new(&IndexBar::new(), &CancelToken::default()),
    )?;
    Ok(library)
}
