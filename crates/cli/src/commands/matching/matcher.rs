//! Compares images with texts, with the library, with a model alone, or through the server.

use std::path::Path;
use std::sync::Arc;

use eidetic_confidence::calibration::Calibration;
use eidetic_confidence::profile::{
    Criticality, EstimatedPrevalence, MatchContext, NamedProfile, edge_density, estimate_prevalence,
};
use eidetic_confidence::{Breakdown, BreakdownWeights, ConfidenceModel, TextMatch};
use eidetic_domain::{Embedding, ImageId};
use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode};
use eidetic_library::{Library, LibraryError, Owner, words_of_path};
use eidetic_search::{BreakdownOptions, Matcher, QueryImage, TextCache, ViewedImage};
use eidetic_server::responses::{MatchResponse, MatchResult};
use rayon::prelude::*;

use crate::arguments::{Global, MatchArgs, PrevalenceArg, StatusArgs};
use crate::commands::{
    Access, directory, profile, redirect_to_server, reject_model_options, variants, warn_of_damage,
};
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;
use crate::read_image::read_image;
use crate::remote::{self, RemoteServer};

/// Compares images with texts, with a profile's verdicts if one was chosen.
pub(super) struct ImageMatcher {
    backend: Backend,
    profile: Option<ChosenProfile>,
    /// The views to show.
    views: Option<Views>,
}

/// How the views of a match are computed.
struct Views {
    weights: BreakdownWeights,
    instruction: Option<String>,
}

/// The profile that the command line names.
struct ChosenProfile {
    profile: NamedProfile,
    criticality: Criticality,
    prevalence: Option<PrevalenceArg>,
    /// Whether it comes from the user's file, which a server does not know.
    is_custom: bool,
    /// What decides its thresholds; a server has its own.
    calibration: Option<Calibration>,
}

enum Backend {
    /// The library's model and calibration.
    Library(Box<Library>, Arc<ConfidenceModel>),
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
    /// A path, or the id of an image of the library.
    pub(super) image: &'a str,
    /// Distinct.
    pub(super) texts: Vec<&'a str>,
}

/// An image compared with texts.
pub(super) enum Scored {
    /// Without verdicts yet.
    Here {
        matches: Vec<TextMatch>,
        /// Edge density, for profiles.
        complexity: Option<f32>,
        /// The views of each match, if they are shown.
        breakdowns: Vec<Breakdown>,
    },
    /// By a server, with verdicts.
    ByServer(Vec<MatchResult>),
}

type Score<'a> = dyn Fn(&Embedding, &[&str]) -> Result<Vec<TextMatch>, Failure> + 'a;
type View<'a> =
    dyn Fn(&[TextMatch], &ViewedImage<'_>, &BreakdownOptions<'_>) -> Result<Vec<Breakdown>, Failure> + 'a;

/// What compares an image with texts here.
struct TextMatcher<'a> {
    score: &'a Score<'a>,
    view: &'a View<'a>,
}

/// An image as it is to be embedded.
enum JobImage {
    Pixels(Pixels, Option<f32>),
    Embedded(EmbeddedImage),
}

struct EmbeddedImage {
    embedding: Embedding,
    /// Edge density, for profiles.
    complexity: Option<f32>,
    /// As the model reads it, for views.
    pixels: Option<Pixels>,
    /// Its id, if it was named by it.
    id: Option<ImageId>,
}

impl ImageMatcher {
    pub(super) fn open(global: &Global, arguments: &MatchArgs) -> Result<Self, Failure> {
        let mut profile = arguments
            .profile
            .as_deref()
            .map(|name| ChosenProfile::read(name, arguments))
            .transpose()?;
        let name = profile.as_ref().map(|chosen| chosen.profile.name.as_str());
        let backend = Backend::open(global, arguments, name)?;
        match (&backend, &mut profile) {
            (Backend::Server(_), Some(ChosenProfile { is_custom: true, .. })) => {
                return Err(Failure::could_not_run(
                    "a server owns the library; restart it with --profiles to use your own profiles",
                ));
            }
            (Backend::Server(_), Some(chosen)) if chosen.prevalence == Some(PrevalenceArg::Batch) => {
                return Err(Failure::could_not_run(
                    "a server owns the library and compares one picture at a time; give --prevalence a share, or stop the server",
                ));
            }
            (Backend::Library(library, _), Some(chosen)) => {
                chosen.calibration = library.active().calibration_under(&chosen.profile.name)?;
                chosen.note_missing_labels();
            }
            (Backend::Model(_), Some(chosen)) => chosen.note_missing_labels(),
            _ => {}
        }
        let views = Views::read(arguments)?;
        if matches!(backend, Backend::Server(_)) && arguments.weights.is_some() {
            return Err(Failure::could_not_run(
                "a server owns the library; stop it to use --weights",
            ));
        }
        Ok(Self {
            backend,
            profile,
            views,
        })
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
            Backend::Library(library, _) => Ok(library.active().id().to_string()),
            Backend::Model(model) => Ok(model.encoder.space().to_string()),
            Backend::Server(server) => Ok(remote::status(server, &StatusArgs::default())?.space),
        }
    }

    /// Compares the image of each job with its texts, in order. An unreadable image fails its own job only.
    pub(super) fn score(&self, jobs: &[MatchJob]) -> Result<Vec<Result<Scored, String>>, Failure> {
        match &self.backend {
            Backend::Server(server) => jobs.iter().map(|job| self.score_remotely(server, job)).collect(),
            Backend::Library(library, model) => {
                let active = library.active();
                let matcher = TextMatcher {
                    score: &|image, texts| Ok(active.match_vector_with(model, image, texts)?),
                    view: &|matches, image, options| Ok(active.breakdowns(model, matches, image, options)?),
                };
                self.score_here(jobs, active.encoder()?, &matcher)
            }
            Backend::Model(model) => {
                let matcher = TextMatcher {
                    score: &|image, texts| model.match_texts(image, texts),
                    view: &|matches, image, options| model.breakdowns(matches, image, options),
                };
                self.score_here(jobs, model.encoder.as_ref(), &matcher)
            }
        }
    }

    /// Whether verdicts depend on the scores of all pairs, so that all must be compared first.
    pub(super) fn needs_whole_batch(&self) -> bool {
        self.profile
            .as_ref()
            .is_some_and(|chosen| chosen.calibration.is_some() && chosen.estimates_prevalence())
    }

    /// The share of matches among the pairs, where it is to be estimated and can be.
    pub(super) fn prevalence_of<'a>(
        &self,
        scored: impl Iterator<Item = &'a Scored>,
    ) -> Option<EstimatedPrevalence> {
        let chosen = self.profile.as_ref().filter(|_| self.needs_whole_batch())?;
        let scores: Vec<f64> = scored.flat_map(Scored::scores).collect();
        estimate_prevalence(&scores, chosen.calibration.as_ref()?)
    }

    /// The results of an image, with verdicts if a profile was chosen; `prevalence` replaces what the profile states.
    pub(super) fn results(&self, scored: Scored, prevalence: Option<f64>) -> Vec<MatchResult> {
        let (matches, complexity, breakdowns) = match scored {
            Scored::ByServer(results) => return results,
            Scored::Here {
                matches,
                complexity,
                breakdowns,
            } => (matches, complexity, breakdowns),
        };
        let purpose = self.profile.as_ref().map(|chosen| {
            let mut purpose = chosen
                .profile
                .purpose(chosen.criticality, chosen.calibration.as_ref());
            purpose.prevalence = prevalence.or(chosen.stated_prevalence());
            purpose
        });
        let context = MatchContext {
            candidates: matches.len(),
            complexity,
        };
        MatchResponse::results(matches, purpose.as_ref(), context, breakdowns)
    }

    fn score_remotely(
        &self,
        server: &RemoteServer,
        job: &MatchJob,
    ) -> Result<Result<Scored, String>, Failure> {
        let profile = self.profile.as_ref().map(|chosen| remote::RequestedProfile {
            name: &chosen.profile.name,
            criticality: chosen.criticality,
            prevalence: chosen.stated_prevalence(),
        });
        let views = self.views.as_ref().map(|views| remote::RequestedViews {
            instruction: views.instruction.as_deref(),
        });
        match remote::match_texts(server, job.image, &job.texts, profile.as_ref(), views.as_ref()) {
            Ok(answer) => Ok(Ok(Scored::ByServer(answer.results))),
            Err(Failure::Arguments(reason)) => Ok(Err(reason)),
            Err(failure) => Err(failure),
        }
    }

    fn score_here(
        &self,
        jobs: &[MatchJob],
        encoder: &dyn Encoder,
        matcher: &TextMatcher<'_>,
    ) -> Result<Vec<Result<Scored, String>>, Failure> {
        let images = self.embed_images(encoder, jobs)?;
        let scored = |(job, image): (&MatchJob, Result<EmbeddedImage, String>)| match image {
            Ok(image) => {
                let matches = (matcher.score)(&image.embedding, &job.texts)?;
                let breakdowns = self.breakdowns(job, &image, &matches, matcher)?;
                Ok(Ok(Scored::Here {
                    matches,
                    complexity: image.complexity,
                    breakdowns,
                }))
            }
            Err(reason) => Ok(Err(reason)),
        };
        jobs.iter().zip(images).map(scored).collect()
    }

    /// The views of each match; none where they are not shown.
    fn breakdowns(
        &self,
        job: &MatchJob,
        image: &EmbeddedImage,
        matches: &[TextMatch],
        matcher: &TextMatcher<'_>,
    ) -> Result<Vec<Breakdown>, Failure> {
        let Some(views) = &self.views else {
            return Ok(Vec::new());
        };
        let mut words = match image.id {
            Some(_) => Vec::new(),
            None => words_of_path(Path::new(job.image)),
        };
        // A file that is indexed has tags, and perhaps other names.
        let id = image
            .id
            .or_else(|| std::fs::read(job.image).ok().map(|bytes| ImageId::of(&bytes)));
        if let (Backend::Library(library, _), Some(id)) = (&self.backend, &id) {
            words.extend(library.words_about(id)?);
        }
        let viewed = ViewedImage {
            embedding: &image.embedding,
            pixels: image.pixels.as_ref(),
            words: &words,
        };
        let options = BreakdownOptions {
            weights: views.weights,
            instruction: views.instruction.as_deref(),
        };
        (matcher.view)(matches, &viewed, &options)
    }

    /// Decodes the images in parallel and embeds them in one batch; images of the library are embedded already.
    fn embed_images(
        &self,
        encoder: &dyn Encoder,
        jobs: &[MatchJob],
    ) -> Result<Vec<Result<EmbeddedImage, String>>, Failure> {
        let images: Vec<Result<JobImage, String>> = jobs
            .par_iter()
            .map(|job| match job.image.parse::<ImageId>() {
                Ok(id) if !Path::new(job.image).exists() => self.stored_image(id),
                _ => self.decoded_image(encoder, Path::new(job.image)),
            })
            .collect();
        let pixels = images.iter().flatten().filter_map(|image| match image {
            JobImage::Pixels(pixels, _) => Some(pixels.clone()),
            JobImage::Embedded(_) => None,
        });
        let pixels: Vec<Pixels> = pixels.collect();
        let embeddings = encoder.encode_pixels(&pixels).map_err(anyhow::Error::from)?;
        let mut embeddings = embeddings.into_iter();
        let embedded = images.into_iter().map(|image| {
            image.map(|image| match image {
                JobImage::Embedded(image) => image,
                JobImage::Pixels(pixels, complexity) => EmbeddedImage {
                    embedding: embeddings.next().expect("one embedding per decoded image"),
                    complexity,
                    pixels: self.views.is_some().then_some(pixels),
                    id: None,
                },
            })
        });
        Ok(embedded.collect())
    }

    fn decoded_image(&self, encoder: &dyn Encoder, path: &Path) -> Result<JobImage, String> {
        let size = DecodeSize::for_model(encoder.shorter_side());
        let limits = match &self.backend {
            Backend::Library(library, _) => library.decode_limits(),
            Backend::Model(_) | Backend::Server(_) => DecodeLimits::default(),
        };
        let decoded = read_image(path, size, &limits);
        let decoded = decoded.map_err(|reason| format!("{}: {reason}", output::path(path)))?;
        let complexity = self.has_profile().then(|| edge_density(&decoded.image));
        Ok(JobImage::Pixels(encoder.preprocess(&decoded.image), complexity))
    }

    fn stored_image(&self, id: ImageId) -> Result<JobImage, String> {
        let Backend::Library(library, _) = &self.backend else {
            return Err(format!(
                "{id}: without a library there are no image ids; name a file"
            ));
        };
        let embedding = library.active().image_vector(&QueryImage::Indexed(id));
        let embedding = embedding.map_err(|error| error.to_string())?;
        let thumbnail = self.has_profile().then(|| library.thumbnail(&id).ok()).flatten();
        let decoded = thumbnail.and_then(|jpeg| decode(&jpeg, &DecodeLimits::default()).ok());
        let complexity = decoded.map(|decoded| edge_density(&decoded.image));
        Ok(JobImage::Embedded(EmbeddedImage {
            embedding,
            complexity,
            pixels: None,
            id: Some(id),
        }))
    }
}

impl ChosenProfile {
    fn read(name: &str, arguments: &MatchArgs) -> Result<Self, Failure> {
        let file = arguments.profile_options.profiles.as_deref();
        Ok(Self {
            profile: profile::named(name, file)?,
            criticality: arguments.profile_options.criticality.into(),
            prevalence: arguments.prevalence,
            is_custom: file.is_some(),
            calibration: None,
        })
    }

    fn note_missing_labels(&self) {
        if self.prevalence.is_some() && self.calibration.is_none() {
            eprintln!(
                "eidetic: --prevalence has no effect on {:?}: its thresholds follow from labeled pairs, and there are none (eidetic calibrate PAIRS)",
                self.profile.name
            );
        }
    }

    fn estimates_prevalence(&self) -> bool {
        match self.prevalence {
            Some(PrevalenceArg::Batch) => true,
            Some(PrevalenceArg::Share(_)) => false,
            None => self.profile.profile.prevalence_from_batch,
        }
    }

    /// The share that the command line states.
    const fn stated_prevalence(&self) -> Option<f64> {
        match self.prevalence {
            Some(PrevalenceArg::Share(share)) => Some(share),
            Some(PrevalenceArg::Batch) | None => None,
        }
    }
}

impl Scored {
    fn scores(&self) -> Vec<f64> {
        match self {
            Self::Here { matches, .. } => matches.iter().map(|found| f64::from(found.score)).collect(),
            Self::ByServer(_) => Vec::new(),
        }
    }
}

impl Backend {
    fn open(global: &Global, arguments: &MatchArgs, profile: Option<&str>) -> Result<Self, Failure> {
        if arguments.model.is_some() {
            return Self::model_only(arguments);
        }
        match Library::open_to_read(&directory(global)?, &Owner::this_process("eidetic match")) {
            Ok(library) => {
                warn_of_damage(&library);
                arguments.options.apply_to(&library);
                variants::apply(&arguments.variants, &library.active())?;
                Self::library(Box::new(library), profile)
            }
            // Matching needs a model, but no images of a library.
            Err(LibraryError::Missing { .. }) => Self::model_only(arguments),
            Err(error) => match redirect_to_server(error)? {
                Access::Local(library) => Self::library(library, profile),
                Access::Remote(server) => {
                    reject_model_options(&arguments.options)?;
                    variants::reject(&arguments.variants)?;
                    Ok(Self::Server(server))
                }
            },
        }
    }

    fn library(library: Box<Library>, profile: Option<&str>) -> Result<Self, Failure> {
        let model = library.active().confidence_model_under(profile)?;
        Ok(Self::Library(library, model))
    }

    fn model_only(arguments: &MatchArgs) -> Result<Self, Failure> {
        let encoder = ModelLoader::new(&arguments.options).named_or_default(arguments.model.as_ref())?;
        let confidence_model = ConfidenceModel::shipped(encoder.as_ref()).map_err(anyhow::Error::from)?;
        Ok(Self::Model(Box::new(ModelOnly {
            encoder,
            confidence_model,
            text_cache: {
                let cache = TextCache::default();
                cache.set_variants(variants::chosen(&arguments.variants)?);
                cache
            },
        })))
    }
}

impl Views {
    fn read(arguments: &MatchArgs) -> Result<Option<Self>, Failure> {
        if !arguments.shows_views() {
            return Ok(None);
        }
        let weights = match &arguments.weights {
            None => BreakdownWeights::default(),
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| Failure::in_file(file, error))?;
                BreakdownWeights::parse(&text).map_err(|error| Failure::in_file(file, error))?
            }
        };
        Ok(Some(Self {
            weights,
            instruction: arguments.instruction.clone(),
        }))
    }
}

impl ModelOnly {
    fn breakdowns(
        &self,
        matches: &[TextMatch],
        image: &ViewedImage<'_>,
        options: &BreakdownOptions<'_>,
    ) -> Result<Vec<Breakdown>, Failure> {
        let views = self.matcher().breakdowns(matches, image, options);
        Ok(views.map_err(LibraryError::from)?)
    }

    fn matcher(&self) -> Matcher<'_> {
        Matcher {
            encoder: self.encoder.as_ref(),
            text_cache: &self.text_cache,
            confidence_model: &self.confidence_model,
        }
    }

    fn match_texts(&self, image: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, Failure> {
        Ok(self
            .matcher()
            .match_texts(image, texts)
            .map_err(anyhow::Error::from)?)
    }
}
