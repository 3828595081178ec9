//! Compares images with texts, with the library, with a model alone, or through the server.

use std::path::Path;

use eidetic_confidence::TextMatch;
use eidetic_confidence::calibration::Calibration;
use eidetic_confidence::profile::{Criticality, MatchContext, NamedProfile, edge_density};
use eidetic_confidence::{ConfidenceModel, QueryKind};
use eidetic_domain::Embedding;
use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::DecodeSize;
use eidetic_library::{Library, LibraryError, Owner};
use eidetic_search::{Matcher, TextCache};
use eidetic_server::responses::{MatchResponse, MatchResult};
use rayon::prelude::*;

use crate::arguments::{Global, MatchArgs, StatusArgs};
use crate::commands::{Access, directory, profile, redirect_to_server, reject_model_options, warn_of_damage};
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;
use crate::read_image::read_image;
use crate::remote::{self, RemoteServer};

/// Compares images with texts, with a profile's verdicts if one was chosen.
pub(super) struct ImageMatcher {
    backend: Backend,
    profile: Option<ChosenProfile>,
}

/// The profile that the command line names.
struct ChosenProfile {
    profile: NamedProfile,
    criticality: Criticality,
    /// Whether it comes from the user's file, which a server does not know.
    is_custom: bool,
}

enum Backend {
    /// The library's model and calibration.
    Library(Box<Library>),
    /// A model without a library.
    Model(Box<ModelOnly>),
    /// The server that owns the library.
    Server(RemoteServer),
}

/// A model with the confidences that ship with it.
struct ModelOnly {
    encoder: Box<dyn Encoder>,
    confidence_model: ConfidenceModel,
    text_cache: TextCache,
}

/// An image and the texts to compare it with.
pub(super) struct MatchJob<'a> {
    pub(super) image: &'a Path,
    pub(super) texts: Vec<&'a str>,
    /// Whether the texts are candidates for one image, rather than pairs of their own.
    pub(super) compete: bool,
}

struct EmbeddedImage {
    embedding: Embedding,
    /// Edge density, for profiles.
    complexity: Option<f32>,
}

/// The results of one image, or why it could not be read.
type ImageResults = Result<Vec<MatchResult>, String>;

impl ImageMatcher {
    pub(super) fn open(global: &Global, arguments: &MatchArgs) -> Result<Self, Failure> {
        let profile = arguments
            .profile
            .as_deref()
            .map(|name| ChosenProfile::read(name, arguments))
            .transpose()?;
        let backend = Backend::open(global, arguments)?;
        if let (Backend::Server(_), Some(ChosenProfile { is_custom: true, .. })) = (&backend, &profile) {
            return Err(Failure::could_not_run(
                "a server owns the library; restart it with --profiles to use your own profiles",
            ));
        }
        Ok(Self { backend, profile })
    }

    /// Whether results have a profile's verdict.
    pub(super) const fn has_profile(&self) -> bool {
        self.profile.is_some()
    }

    /// The patterns of the profile, to use if no texts are given.
    pub(super) fn patterns(&self) -> Vec<&str> {
        let patterns = self.profile.iter().flat_map(|chosen| &chosen.profile.patterns);
        patterns.map(|pattern| pattern.text.as_str()).collect()
    }

    /// The space of the embeddings.
    pub(super) fn space(&self) -> Result<String, Failure> {
        match &self.backend {
            Backend::Library(library) => Ok(library.active().id().to_string()),
            Backend::Model(model) => Ok(model.encoder.space().to_string()),
            Backend::Server(server) => Ok(remote::status(server, &StatusArgs::default())?.space),
        }
    }

    /// Results per job, in order. An unreadable image fails its own job only.
    pub(super) fn run(&self, jobs: &[MatchJob]) -> Result<Vec<ImageResults>, Failure> {
        match &self.backend {
            Backend::Server(server) => jobs.iter().map(|job| self.run_remotely(server, job)).collect(),
            Backend::Library(library) => {
                let calibration = match &self.profile {
                    Some(_) => library.active().calibration(QueryKind::Text)?,
                    None => None,
                };
                let active = library.active();
                self.run_locally(jobs, active.encoder()?, calibration.as_ref(), |image, texts| {
                    Ok(library.active().match_vector(image, texts)?)
                })
            }
            Backend::Model(model) => self.run_locally(jobs, model.encoder.as_ref(), None, |image, texts| {
                model.match_texts(image, texts)
            }),
        }
    }

    fn run_remotely(&self, server: &RemoteServer, job: &MatchJob) -> Result<ImageResults, Failure> {
        let profile = self
            .profile
            .as_ref()
            .map(|chosen| (chosen.profile.name.as_str(), chosen.criticality));
        match remote::match_texts(server, job.image, &job.texts, profile) {
            Ok(answer) => Ok(Ok(answer.results)),
            Err(Failure::Arguments(reason)) => Ok(Err(reason)),
            Err(failure) => Err(failure),
        }
    }

    fn run_locally(
        &self,
        jobs: &[MatchJob],
        encoder: &dyn Encoder,
        calibration: Option<&Calibration>,
        match_texts: impl Fn(&Embedding, &[&str]) -> Result<Vec<TextMatch>, Failure>,
    ) -> Result<Vec<ImageResults>, Failure> {
        let purpose = self
            .profile
            .as_ref()
            .map(|chosen| chosen.profile.purpose(chosen.criticality, calibration));
        let results = |job: &MatchJob, image: EmbeddedImage| {
            let matches = match_texts(&image.embedding, &job.texts)?;
            let context = MatchContext {
                candidates: if job.compete { matches.len() } else { 1 },
                complexity: image.complexity,
            };
            Ok(MatchResponse::results(matches, purpose.as_ref(), context))
        };
        let images = self.embed_images(encoder, jobs)?;
        jobs.iter()
            .zip(images)
            .map(|(job, image)| match image {
                Ok(image) => results(job, image).map(Ok),
                Err(reason) => Ok(Err(reason)),
            })
            .collect()
    }

    /// Decodes the images in parallel and embeds them in one batch.
    fn embed_images(
        &self,
        encoder: &dyn Encoder,
        jobs: &[MatchJob],
    ) -> Result<Vec<Result<EmbeddedImage, String>>, Failure> {
        let size = DecodeSize::for_model(encoder.shorter_side());
        let decoded: Vec<Result<(Pixels, Option<f32>), String>> = jobs
            .par_iter()
            .map(|job| {
                let decoded = read_image(job.image, size)
                    .map_err(|reason| format!("{}: {reason}", output::path(job.image)))?;
                let complexity = self.has_profile().then(|| edge_density(&decoded.image));
                Ok((encoder.preprocess(&decoded.image), complexity))
            })
            .collect();
        let pixels: Vec<Pixels> = decoded
            .iter()
            .flatten()
            .map(|(pixels, _)| pixels.clone())
            .collect();
        let embeddings = encoder.encode_pixels(&pixels).map_err(anyhow::Error::from)?;
        let mut embeddings = embeddings.into_iter();
        let embedded = decoded.into_iter().map(|decoded| {
            decoded.map(|(_, complexity)| EmbeddedImage {
                embedding: embeddings.next().expect("one embedding per decoded image"),
                complexity,
            })
        });
        Ok(embedded.collect())
    }
}

impl ChosenProfile {
    fn read(name: &str, arguments: &MatchArgs) -> Result<Self, Failure> {
        let file = arguments.profile_options.profiles.as_deref();
        Ok(Self {
            profile: profile::named(name, file)?,
            criticality: arguments.profile_options.criticality.into(),
            is_custom: file.is_some(),
        })
    }
}

impl Backend {
    fn open(global: &Global, arguments: &MatchArgs) -> Result<Self, Failure> {
        if arguments.model.is_some() {
            return Self::model_only(arguments);
        }
        match Library::open(&directory(global)?, &Owner::this_process("eidetic match")) {
            Ok(library) => {
                warn_of_damage(&library);
                arguments.options.apply_to(&library);
                Ok(Self::Library(Box::new(library)))
            }
            // Matching needs a model, but no images of a library.
            Err(LibraryError::Missing { .. }) => Self::model_only(arguments),
            Err(error) => match redirect_to_server(error)? {
                Access::Local(library) => Ok(Self::Library(library)),
                Access::Remote(server) => {
                    reject_model_options(&arguments.options)?;
                    Ok(Self::Server(server))
                }
            },
        }
    }

    fn model_only(arguments: &MatchArgs) -> Result<Self, Failure> {
        let encoder = ModelLoader::new(&arguments.options).named_or_default(arguments.model.as_ref())?;
        let confidence_model = ConfidenceModel::shipped(encoder.as_ref()).map_err(anyhow::Error::from)?;
        Ok(Self::Model(Box::new(ModelOnly {
            encoder,
            confidence_model,
            text_cache: TextCache::default(),
        })))
    }
}

impl ModelOnly {
    fn match_texts(&self, image: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, Failure> {
        let matcher = Matcher {
            encoder: self.encoder.as_ref(),
            text_cache: &self.text_cache,
            confidence_model: &self.confidence_model,
        };
        Ok(matcher.match_texts(image, texts).map_err(anyhow::Error::from)?)
    }
}
