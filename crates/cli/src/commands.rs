//! One file a command.

use std::path::PathBuf;

use eidetic_encoder_candle::LoadError;
use eidetic_library::{DEFAULT_MODEL, Library, LibraryError, Loading, Owner};

use crate::arguments::{Global, LoadingOptions, Precision};
use crate::failure::Failure;

pub(crate) mod align;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod demo;
pub(crate) mod embed;
pub(crate) mod feedback;
pub(crate) mod index;
pub(crate) mod matching;
pub(crate) mod models;
pub(crate) mod profile;
pub(crate) mod screen;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod space;
pub(crate) mod status;
pub(crate) mod tag;
pub(crate) mod verify;

/// A library of our own, or the server that owns it and answers in our place.
pub(crate) enum Access {
    Own(Box<Library>),
    /// The server's address.
    Through(String),
}

/// A server's model is loaded already: a precision cannot be asked for through it.
pub(crate) fn servers_precision(asked: Option<Precision>) -> Result<(), Failure> {
    match asked {
        None => Ok(()),
        Some(_) => Err(Failure::could_not_run(
            "a server has the library and computes in the precision that it was started with; leave out --precision, or start the server with it",
        )),
    }
}

/// A server's model is loaded already, on the device that the server was started with.
pub(crate) fn servers_device(asked: &LoadingOptions) -> Result<(), Failure> {
    if Loading::from(asked).device == Loading::default().device {
        return Ok(());
    }
    Err(Failure::could_not_run(
        "a server has the library, and its model runs on the device that it was started with; leave out --device, or start the server with it",
    ))
}

/// Makes the library compute in the precision asked for, if one was.
pub(crate) fn compute_in(library: &Library, asked: Option<Precision>) {
    if let Some(precision) = asked {
        library.compute_in(precision.into());
    }
}

/// The way to a library that could not be opened because a server has it; any other error stays one.
pub(crate) fn through_its_server(error: LibraryError) -> Result<Access, Failure> {
    match error {
        LibraryError::InUse {
            owner: Owner {
                address: Some(address),
                ..
            },
            ..
        } => Ok(Access::Through(address)),
        error => Err(error.into()),
    }
}

/// Opens the library for reading, if need be through the server that has it.
pub(crate) fn access(global: &Global, command: &str) -> Result<Access, Failure> {
    match Library::open(&directory(global)?, &Owner::this_process(command)) {
        Ok(library) => {
            warn_of_damage(&library);
            Ok(Access::Own(Box::new(library)))
        }
        Err(error) => through_its_server(error),
    }
}

/// The library's directory, named or default.
pub(crate) fn directory(global: &Global) -> Result<PathBuf, Failure> {
    let named = global.library.clone().or_else(eidetic_library::default_directory);
    named
        .ok_or_else(|| Failure::arguments("this system names no data directory; give one with --library DIR"))
}

/// Says that a new library got the built-in model because the full one could not be had.
pub(crate) fn warn_of_fallback(reason: Option<LoadError>) {
    let Some(reason) = reason else { return };
    eprintln!(
        "eidetic: using the small built-in model, because {DEFAULT_MODEL} cannot be had:\n  {reason}\n\
         The built-in model knows everyday objects and simple scenes only. For a full model, when there is a network:\n  \
         eidetic space switch {DEFAULT_MODEL}"
    );
}

/// Says that the library lost vectors to the disk, and the way to get them back.
pub(crate) fn warn_of_damage(library: &Library) {
    let damaged = library.damaged();
    if damaged > 0 {
        eprintln!(
            "eidetic: the vectors of {damaged} images are damaged on disk and left out; `eidetic index` embeds them anew"
        );
    }
}
