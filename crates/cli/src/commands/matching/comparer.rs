use std::path::Path;

use eidetic_domain::Embedding;
use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::DecodeSize;
use eidetic_library::{Library, LibraryError, LoadedModel, ModelSource, Owner, Status};
use eidetic_search::calibration::Calibrated;
use eidetic_search::confidence::{Judge, QueryKind};
use eidetic_search::profile::{Circumstances, Criticality, NamedProfile, edge_density};
use eidetic_search::{Matcher, TextCache, TextMatch};
use eidetic_server::responses::{MatchResponse, MatchResult};
use rayon::prelude::*;

use crate::arguments::{Global, Match};
use crate::commands::{
    Access, compute_in, directory, profile, servers_device, servers_precision, through_its_server,
    warn_of_damage, warn_of_fallback,
};
use crate::failure::Failure;
use crate::progress::DownloadBar;
use crate::{pictures, remote};

/// What compares, and to which end.
pub(super) struct Comparer {
    means: Means,
    purpose: Option<Chosen>,
}

/// The profile that the command line names.
struct Chosen {
    profile: NamedProfile,
    criticality: Criticality,
    /// Whether the profile is of the user's own file, which a server does not know.
    own: bool,
}

/// A model here, or the server that has the library.
enum Means {
    /// The library's model, with the library's calibration.
    Library(Box<Library>),
    /// A model without a library.
    Model(Box<Bare>),
    /// The server's address.
    Server(String),
}

/// A model with what is known of its scores.
struct Bare {
    encoder: Box<dyn Encoder>,
    judge: Judge,
    texts: TextCache,
}

/// A picture and the texts to hold against it.
pub(super) struct Asked<'a> {
    pub(super) image: &'a Path,
    pub(super) texts: Vec<&'a str>,
    /// Whether the texts compete for the picture, rather than standing beside it in pairs of their own.
    pub(super) compete: bool,
}

/// A picture as the model sees it.
struct Seen {
    embedding: Embedding,
    complexity: Option<f32>,
}

/// One picture's results, or why it has none.
type Results = Result<Vec<MatchResult>, String>;

impl Comparer {
    pub(super) fn open(global: &Global, arguments: &Match) -> Result<Self, Failure> {
        let purpose = arguments
            .profile
            .as_deref()
            .map(|name| Chosen::read(name, arguments))
            .transpose()?;
        let means = Means::open(global, arguments)?;
        if let (Means::Server(_), Some(Chosen { own: true, .. })) = (&means, &purpose) {
            return Err(Failure::could_not_run(
                "a server has the library; start it with --profiles to use profiles of one's own",
            ));
        }
        Ok(Self { means, purpose })
    }

    /// Whether a profile judges the scores.
    pub(super) const fn has_purpose(&self) -> bool {
        self.purpose.is_some()
    }

    /// The texts to use where none are given: the profile's patterns.
    pub(super) fn patterns(&self) -> Vec<&str> {
        let patterns = self.purpose.iter().flat_map(|chosen| &chosen.profile.patterns);
        patterns.map(|pattern| pattern.text.as_str()).collect()
    }

    /// The space in which pictures and texts are compared.
    pub(super) fn space(&self) -> Result<String, Failure> {
        match &self.means {
            Means::Library(library) => Ok(library.space().to_string()),
            Means::Model(bare) => Ok(bare.encoder.space().to_string()),
            Means::Server(address) => {
                let status: Status = remote::status(address, &crate::arguments::Status { recall: false })?;
                Ok(status.space)
            }
        }
    }

    /// One answer a picture, in order. A picture that cannot be read has its reason for an answer; only what would keep
    /// all others from being compared too is an error.
    pub(super) fn results(&self, asked: &[Asked]) -> Result<Vec<Results>, Failure> {
        match &self.means {
            Means::Server(address) => asked.iter().map(|asked| self.ask(address, asked)).collect(),
            Means::Library(library) => {
                let calibration = match &self.purpose {
                    Some(_) => library.calibration(QueryKind::Text)?,
                    None => None,
                };
                let active = library.active();
                self.answered(
                    asked,
                    active.encoder()?,
                    calibration.as_ref(),
                    |picture, texts| Ok(library.match_vector(picture, texts)?),
                )
            }
            Means::Model(bare) => self.answered(asked, bare.encoder.as_ref(), None, |picture, texts| {
                bare.held(picture, texts)
            }),
        }
    }

    fn ask(&self, address: &str, asked: &Asked) -> Result<Results, Failure> {
        let purpose = self
            .purpose
            .as_ref()
            .map(|chosen| (chosen.profile.name.as_str(), chosen.criticality));
        match remote::matches(address, asked.image, &asked.texts, purpose) {
            Ok(answer) => Ok(Ok(answer.results)),
            Err(Failure::Arguments(reason)) => Ok(Err(reason)),
            Err(failure) => Err(failure),
        }
    }

    fn answered(
        &self,
        asked: &[Asked],
        encoder: &dyn Encoder,
        calibration: Option<&Calibrated>,
        held: impl Fn(&Embedding, &[&str]) -> Result<Vec<TextMatch>, Failure>,
    ) -> Result<Vec<Results>, Failure> {
        let purpose = self
            .purpose
            .as_ref()
            .map(|chosen| chosen.profile.purpose(chosen.criticality, calibration));
        let answer = |asked: &Asked, picture: Seen| {
            let found = held(&picture.embedding, &asked.texts)?;
            let circumstances = Circumstances {
                candidates: if asked.compete { found.len() } else { 1 },
                complexity: picture.complexity,
            };
            Ok(MatchResponse::results(found, purpose.as_ref(), circumstances))
        };
        let seen = see(encoder, asked, self.purpose.is_some())?;
        asked
            .iter()
            .zip(seen)
            .map(|(asked, picture)| match picture {
                Ok(picture) => answer(asked, picture).map(Ok),
                Err(reason) => Ok(Err(reason)),
            })
            .collect()
    }
}

impl Chosen {
    fn read(name: &str, arguments: &Match) -> Result<Self, Failure> {
        let file = arguments.purpose.profiles.as_deref();
        Ok(Self {
            profile: profile::named(name, file)?,
            criticality: arguments.purpose.criticality.into(),
            own: file.is_some(),
        })
    }
}

impl Means {
    fn open(global: &Global, arguments: &Match) -> Result<Self, Failure> {
        if let Some(reference) = &arguments.model {
            return Self::of_model(&ModelSource::Named(reference.clone()), arguments);
        }
        match Library::open(&directory(global)?, &Owner::this_process("eidetic match")) {
            Ok(library) => {
                warn_of_damage(&library);
                compute_in(&library, arguments.precision);
                library.load_by((&arguments.loading).into());
                Ok(Self::Library(Box::new(library)))
            }
            // Nothing is looked for in the library, so none is needed.
            Err(LibraryError::Missing { .. }) => Self::of_model(&ModelSource::BestAvailable, arguments),
            Err(error) => match through_its_server(error)? {
                Access::Own(library) => Ok(Self::Library(library)),
                Access::Through(address) => {
                    servers_precision(arguments.precision)?;
                    servers_device(&arguments.loading)?;
                    Ok(Self::Server(address))
                }
            },
        }
    }

    fn of_model(source: &ModelSource, arguments: &Match) -> Result<Self, Failure> {
        let precision = arguments.precision.map_or_else(Default::default, Into::into);
        let model = LoadedModel::load(
            source,
            precision,
            (&arguments.loading).into(),
            &DownloadBar::default(),
        )
        .map_err(anyhow::Error::from)?;
        warn_of_fallback(model.fallback);
        let judge = Judge::shipped(model.encoder.as_ref()).map_err(anyhow::Error::from)?;
        Ok(Self::Model(Box::new(Bare {
            encoder: model.encoder,
            judge,
            texts: TextCache::default(),
        })))
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

/// The pictures' vectors, and how busy they are where `complexity` is asked for; or why there is none. They are read on all
/// processors, and go through the model together.
fn see(
    encoder: &dyn Encoder,
    asked: &[Asked],
    complexity: bool,
) -> Result<Vec<Result<Seen, String>>, Failure> {
    let size = DecodeSize::for_model(encoder.shorter_side());
    let read: Vec<Result<(Pixels, Option<f32>), String>> = asked
        .par_iter()
        .map(|asked| {
            let named = |reason: String| format!("{}: {reason}", asked.image.display());
            let decoded = pictures::read(asked.image, size).map_err(named)?;
            let density = complexity.then(|| edge_density(&decoded.image));
            Ok((encoder.preprocess(&decoded.image), density))
        })
        .collect();
    let whole: Vec<Pixels> = read.iter().flatten().map(|(pixels, _)| pixels.clone()).collect();
    let encoded = encoder.encode_pixels(&whole).map_err(anyhow::Error::from)?;
    let mut encoded = encoded.into_iter();
    let seen = |read: Result<(Pixels, Option<f32>), String>| {
        read.map(|(_, complexity)| Seen {
            embedding: encoded.next().expect("one vector a picture that was read"),
            complexity,
        })
    };
    Ok(read.into_iter().map(seen).collect())
}
