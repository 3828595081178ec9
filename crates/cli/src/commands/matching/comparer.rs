use std::path::Path;

use eidetic_domain::Embedding;
use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::Detail;
use eidetic_library::{Library, LibraryError, LoadedModel, ModelSource, Owner, Status};
use eidetic_search::confidence::Judge;
use eidetic_search::{Matcher, TextCache, TextMatch};
use eidetic_server::json::MatchResult;
use rayon::prelude::*;

use crate::arguments::{Global, Match};
use crate::commands::{
    Access, compute_in, directory, servers_precision, through_its_server, warn_of_damage, warn_of_fallback,
};
use crate::failure::Failure;
use crate::progress::DownloadBar;
use crate::{pictures, remote};

/// What compares: a model here, or the server that has the library.
pub(super) enum Comparer {
    /// The library's model, with the library's calibration.
    Library(Box<Library>),
    /// A model without a library.
    Model(Box<Bare>),
    /// The server's address.
    Server(String),
}

/// A model with what is known of its scores.
pub(super) struct Bare {
    encoder: Box<dyn Encoder>,
    judge: Judge,
    texts: TextCache,
}

/// A picture and the texts to hold against it.
pub(super) struct Asked<'a> {
    pub(super) image: &'a Path,
    pub(super) texts: Vec<&'a str>,
}

/// One picture's results, or why it has none.
type Results = Result<Vec<MatchResult>, String>;

impl Comparer {
    pub(super) fn open(global: &Global, arguments: &Match) -> Result<Self, Failure> {
        if let Some(reference) = &arguments.model {
            return Self::of_model(&ModelSource::Named(reference.clone()), arguments);
        }
        match Library::open(&directory(global)?, &Owner::this_process("eidetic match")) {
            Ok(library) => {
                warn_of_damage(&library);
                compute_in(&library, arguments.precision);
                Ok(Self::Library(Box::new(library)))
            }
            // Nothing is looked for in the library, so none is needed.
            Err(LibraryError::Missing { .. }) => Self::of_model(&ModelSource::BestAvailable, arguments),
            Err(error) => match through_its_server(error)? {
                Access::Own(library) => Ok(Self::Library(library)),
                Access::Through(address) => {
                    servers_precision(arguments.precision)?;
                    Ok(Self::Server(address))
                }
            },
        }
    }

    fn of_model(source: &ModelSource, arguments: &Match) -> Result<Self, Failure> {
        let precision = arguments.precision.map_or_else(Default::default, Into::into);
        let model =
            LoadedModel::load(source, precision, &DownloadBar::default()).map_err(anyhow::Error::from)?;
        warn_of_fallback(model.fallback);
        let judge = Judge::shipped(model.encoder.as_ref()).map_err(anyhow::Error::from)?;
        Ok(Self::Model(Box::new(Bare {
            encoder: model.encoder,
            judge,
            texts: TextCache::default(),
        })))
    }

    /// The space in which pictures and texts are compared.
    pub(super) fn space(&self) -> Result<String, Failure> {
        match self {
            Self::Library(library) => Ok(library.space().to_string()),
            Self::Model(bare) => Ok(bare.encoder.space().to_string()),
            Self::Server(address) => {
                let status: Status = remote::status(address, &crate::arguments::Status { recall: false })?;
                Ok(status.space)
            }
        }
    }

    /// One answer a picture, in order. A picture that cannot be read has its reason for an answer; only what would keep
    /// all others from being compared too is an error.
    pub(super) fn results(&self, asked: &[Asked]) -> Result<Vec<Results>, Failure> {
        match self {
            Self::Server(address) => asked
                .iter()
                .map(
                    |asked| match remote::matches(address, asked.image, &asked.texts) {
                        Ok(answer) => Ok(Ok(answer.results)),
                        Err(Failure::Arguments(reason)) => Ok(Err(reason)),
                        Err(failure) => Err(failure),
                    },
                )
                .collect(),
            Self::Library(library) => {
                let active = library.active();
                let embedded = embeddings(active.encoder()?, asked)?;
                answered(asked, embedded, |picture, texts| {
                    Ok(library.match_vector(picture, texts)?)
                })
            }
            Self::Model(bare) => {
                let embedded = embeddings(bare.encoder.as_ref(), asked)?;
                answered(asked, embedded, |picture, texts| bare.held(picture, texts))
            }
        }
    }
}

impl Bare {
    fn held(&self, picture: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, Failure> {
        let matcher = Matcher {
            encoder: self.encoder.as_ref(),
            texts: &self.texts,
            judge: &self.judge,
        };
        Ok(matcher.texts_of(picture, texts).map_err(anyhow::Error::from)?)
    }
}

/// The pictures' vectors, or why there is none. They are read on all processors, and go through the model together.
fn embeddings(encoder: &dyn Encoder, asked: &[Asked]) -> Result<Vec<Result<Embedding, String>>, Failure> {
    let detail = Detail::of_model(encoder.shorter_side());
    let read: Vec<Result<Pixels, String>> = asked
        .par_iter()
        .map(|asked| {
            let named = |reason: String| format!("{}: {reason}", asked.image.display());
            let decoded = pictures::read(asked.image, detail).map_err(named)?;
            Ok(encoder.preprocess(&decoded.image))
        })
        .collect();
    let whole: Vec<Pixels> = read.iter().flatten().cloned().collect();
    let encoded = encoder.encode_pixels(&whole).map_err(anyhow::Error::from)?;
    let mut encoded = encoded.into_iter();
    let with_vector = |read: Result<Pixels, String>| {
        read.map(|_| encoded.next().expect("one vector a picture that was read"))
    };
    Ok(read.into_iter().map(with_vector).collect())
}

fn answered(
    asked: &[Asked],
    embedded: Vec<Result<Embedding, String>>,
    held: impl Fn(&Embedding, &[&str]) -> Result<Vec<TextMatch>, Failure>,
) -> Result<Vec<Results>, Failure> {
    let answer = |asked: &Asked, picture: Embedding| {
        let found = held(&picture, &asked.texts)?;
        Ok(found.into_iter().map(MatchResult::from).collect())
    };
    asked
        .iter()
        .zip(embedded)
        .map(|(asked, picture)| match picture {
            Ok(picture) => answer(asked, picture).map(Ok),
            Err(reason) => Ok(Err(reason)),
        })
        .collect()
}
