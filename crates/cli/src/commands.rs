//! One module per command, and what they share: access to the library, itself or through its server.

use std::path::PathBuf;

use eidetic_domain::counted;
use eidetic_hub::ModelRef;
use eidetic_inference::Device;
use eidetic_library::{CreateOptions, Library, LibraryError, ModelSource, Owner};

use crate::arguments::{Global, ModelOptions};
use crate::failure::Failure;
use crate::remote::RemoteServer;

pub(crate) mod align;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod duplicates;
pub(crate) mod embed;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod feedback;
pub(crate) mod index;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod map;
pub(crate) mod matching;
pub(crate) mod models;
pub(crate) mod pair_file;
pub(crate) mod profile;
pub(crate) mod screen;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod space;
pub(crate) mod status;
pub(crate) mod tag;
pub(crate) mod texts;
pub(crate) mod variants;
pub(crate) mod vectors;
pub(crate) mod verify;
pub(crate) mod watch;

/// The library, or the server that owns it.
pub(crate) enum Access {
    Local(Box<Library>),
    Remote(RemoteServer),
}

/// Opens the library for `command`, or redirects to the server that owns it.
pub(crate) fn access(global: &Global, command: &str) -> Result<Access, Failure> {
    accessed(Library::open(&directory(global)?, &Owner::this_process(command)))
}

/// Opens the library for a `command` that changes nothing, beside any process that owns it, or redirects to the server that
/// does.
pub(crate) fn access_to_read(global: &Global, command: &str) -> Result<Access, Failure> {
    let owner = Owner::this_process(command);
    accessed(Library::open_to_read(&directory(global)?, &owner))
}

/// Opens the library for a `command` that changes a little where it can; beside a process that owns it, only to read.
pub(crate) fn access_or_read(global: &Global, command: &str) -> Result<Access, Failure> {
    let owner = Owner::this_process(command);
    accessed(Library::open_or_read(&directory(global)?, &owner))
}

/// The library that was opened, or the server that owns it.
pub(crate) fn accessed(opened: Result<Library, LibraryError>) -> Result<Access, Failure> {
    match opened {
        Ok(library) => {
            warn_of_damage(&library);
            Ok(Access::Local(Box::new(library)))
        }
        Err(error) => redirect_to_server(error),
    }
}

/// How a library is created with the model that the command line names, else with the best one that can be had.
pub(crate) fn create_options(model: Option<&ModelRef>, options: &ModelOptions) -> CreateOptions {
    CreateOptions {
        model: model
            .cloned()
            .map_or(ModelSource::BestAvailable, ModelSource::Named),
        precision: options.precision.named(),
        load: options.into(),
    }
}

/// Opens the library for a command that cannot run through a server.
pub(crate) fn open_local(global: &Global, command: &str) -> Result<Library, Failure> {
    let library = Library::open(&directory(global)?, &Owner::this_process(command))?;
    warn_of_damage(&library);
    Ok(library)
}

/// The server that owns the library, if that is why it could not be opened.
pub(crate) fn redirect_to_server(error: LibraryError) -> Result<Access, Failure> {
    match error {
        LibraryError::InUse {
            path,
            owner:
                Owner {
                    address: Some(address),
                    process,
                    ..
                },
        } => Ok(Access::Remote(RemoteServer::new(address, process, &path))),
        error => Err(error.into()),
    }
}

/// Rejects model options that a server, whose model is loaded already, cannot honor.
pub(crate) fn reject_model_options(options: &ModelOptions) -> Result<(), Failure> {
    if options.precision.named().is_some() {
        return Err(Failure::could_not_run(
            "a server owns the library and has set the precision; leave out --precision, or restart the server with it",
        ));
    }
    reject_device(options)
}

/// Rejects a device that a server, whose model is loaded already, cannot change to.
pub(crate) fn reject_device(options: &ModelOptions) -> Result<(), Failure> {
    if options.device == Device::default() {
        return Ok(());
    }
    Err(Failure::could_not_run(
        "a server owns the library and has set the device; leave out --device, or restart the server with it",
    ))
}

/// The library's directory, given or default.
pub(crate) fn directory(global: &Global) -> Result<PathBuf, Failure> {
    let directory = global.library.clone().or_else(eidetic_library::default_directory);
    directory.ok_or_else(|| {
        Failure::arguments("no data directory found on this system; give the library with --library DIR")
    })
}

/// Tells the owner of a library that was made with a weaker model, once, what the default one would bring.
pub(crate) fn note_better_model(library: &Library) {
    if let Some(note) = library.note_of_better_model() {
        eprintln!("eidetic: {note}");
    }
}

/// Says how many images a run left out since their vectors are damaged.
pub(crate) fn warn_of_skipped(images: u64) {
    if images > 0 {
        eprintln!(
            "eidetic: skipped {}, of which the vectors are damaged; run `eidetic index` to embed again",
            counted(images, "image")
        );
    }
}

/// Says what is wrong with the library, with the commands that mend it.
pub(crate) fn warn_of_damage(library: &Library) {
    for warning in library.warnings() {
        eprintln!("eidetic: {warning}");
    }
}
