//! Feedback on hits, and calibration from it.

use eidetic_catalog::{Catalog, Feedback, FeedbackKey, FeedbackKind, FeedbackStore};
use eidetic_confidence::calibration::{CalibrationScope, ImageTextPair, LabeledPair};
use eidetic_confidence::profile::{Criticality, MatchContext, NamedProfile};
use eidetic_confidence::{Level, MATCH_THRESHOLD, QueryKind};
use eidetic_domain::ImageId;
use eidetic_search::SearchError;
use eidetic_vectors::VectorIndex;

use crate::calibration::now;
use crate::{Library, LibraryError, RefitOutcome, Space};

/// Number of answers of a kind since its last calibration after which it is re-fitted.
pub const FEEDBACK_NEEDED: usize = 50;
/// After a re-fit that changed nothing, for example since all answers were the same, the number of further answers.
const FEEDBACK_BETWEEN: usize = 10;

/// The query whose hits are rated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Words.
    Text(String),
    /// An image of the library.
    Image(ImageId),
}

/// Number of stored answers of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerCount {
    /// The kind, or the profile in whose review they were given.
    pub scope: CalibrationScope,
    /// All that are stored.
    pub answers: usize,
    /// Whether [`Library::refit_from_feedback`] is due.
    pub due: bool,
}

impl Subject {
    /// The kind of query.
    pub const fn kind(&self) -> QueryKind {
        match self {
            Self::Text(_) => QueryKind::Text,
            Self::Image(_) => QueryKind::Image,
        }
    }

    /// The query as it is stored, with white space normalized.
    fn query(&self) -> String {
        match self {
            Self::Text(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Self::Image(image) => image.to_string(),
        }
    }
}

impl Library {
    /// Stores whether `image` matches the query, in place of an earlier answer; `None` removes that. The answer survives
    /// power loss once this returns. An answer in the review of a profile counts for this profile only.
    ///
    /// Errors: an unknown image, an empty text, a profile for a query that is an image.
    pub fn put_feedback(
        &self,
        subject: &Subject,
        profile: Option<&NamedProfile>,
        image: ImageId,
        right: Option<bool>,
    ) -> Result<AnswerCount, LibraryError> {
        let (kind, query) = (subject.kind(), subject.query());
        let scope = CalibrationScope {
            kind,
            profile: profile.map(|profile| profile.name.clone()),
        };
        if query.is_empty() {
            return Err(SearchError::EmptyQuery.into());
        }
        if let Subject::Image(like) = subject {
            self.image(like)?;
        }
        let path = self.image(&image)?.paths.swap_remove(0);
        let (stored, query) = (stored_kind(kind), query.as_str());
        if let Some(right) = right {
            let expected = self.active().expects_match(subject, profile, &image)?;
            self.catalog.add_feedback(&[Feedback {
                at_ms: i64::try_from(now()).unwrap_or(i64::MAX),
                kind: stored,
                profile: scope.profile.clone(),
                query: query.to_owned(),
                image,
                path,
                right,
                expected,
            }])?;
        } else {
            self.catalog.remove_feedback(&FeedbackKey {
                kind: stored,
                profile: scope.profile.as_deref(),
                query,
                image,
            })?;
        }
        self.count_feedback(scope)
    }

    /// Every stored answer of a scope, the oldest first, at most 10,000. Paths are the current ones of images that are
    /// still in the library.
    pub fn feedback(&self, scope: impl Into<CalibrationScope>) -> Result<Vec<Feedback>, LibraryError> {
        let scope = scope.into();
        let mut answers = self.catalog.feedback()?;
        answers.retain(|answer| is_of(answer, &scope));
        let images: Vec<ImageId> = answers.iter().map(|answer| answer.image).collect();
        for (answer, record) in answers.iter_mut().zip(self.catalog.get_many(&images)?) {
            if let Some(path) = record.and_then(|record| record.paths.into_iter().next()) {
                answer.path = path;
            }
        }
        Ok(answers)
    }

    /// Moves the calibration of `scope` towards all its answers; see [`Space::refit`](crate::Space::refit) for the bounds.
    /// Answers on images that were removed are ignored.
    pub fn refit_from_feedback(
        &self,
        scope: impl Into<CalibrationScope>,
    ) -> Result<RefitOutcome, LibraryError> {
        let scope = scope.into();
        let space = self.active();
        let answers = self.feedback(&scope)?;
        let pairs = answers.iter().enumerate().map(|(n, answer)| LabeledPair {
            pair: ImageTextPair {
                image: answer.image.to_string(),
                text: answer.query.clone(),
            },
            matches: answer.right,
            line: n + 1,
        });
        let pairs: Vec<LabeledPair> = pairs.collect();
        space.refit(&scope, &space.score_pairs(&scope, &pairs, &())?)
    }

    fn count_feedback(&self, scope: CalibrationScope) -> Result<AnswerCount, LibraryError> {
        let mut given: Vec<i64> = self
            .catalog
            .feedback()?
            .iter()
            .filter(|answer| is_of(answer, &scope))
            .map(|answer| answer.at_ms)
            .collect();
        let answers = given.len();
        if let Some(made) = self.active().calibration(&scope)? {
            given.retain(|at_ms| u64::try_from(*at_ms).is_ok_and(|at| at > made.origin.made_at));
        }
        let new = given.len();
        Ok(AnswerCount {
            scope,
            answers,
            due: new >= FEEDBACK_NEEDED && (new - FEEDBACK_NEEDED).is_multiple_of(FEEDBACK_BETWEEN),
        })
    }
}

impl Space {
    /// Whether the image counts as a match of the query now: it reaches a level of the profile, or is more probable
    /// than not. `None` where no model is loaded, or the query says nothing.
    fn expects_match(
        &self,
        subject: &Subject,
        profile: Option<&NamedProfile>,
        image: &ImageId,
    ) -> Result<Option<bool>, LibraryError> {
        let Some(vector) = self.read_vectors().vector(image) else {
            return Ok(None);
        };
        if !self.has_encoder() {
            return Ok(None);
        }
        let model = self.confidence_model_under(profile.map(|profile| profile.name.as_str()))?;
        let Subject::Text(text) = subject else {
            let Subject::Image(like) = subject else {
                return Ok(None);
            };
            let Some(like) = self.read_vectors().vector(like) else {
                return Ok(None);
            };
            let found = model.confidences(QueryKind::Image, &like, std::slice::from_ref(&vector));
            let confidence = found.and_then(|mut found| found.pop());
            return Ok(confidence.map(|p| p >= MATCH_THRESHOLD));
        };
        let found = self.match_vector_with(&model, &vector, &[text.as_str()])?;
        let Some(profile) = profile else {
            let known = found.first().filter(|found| found.confidence.is_some());
            return Ok(known.map(|found| found.level >= Level::Medium));
        };
        let calibration = self.calibration_under(&profile.name)?;
        let purpose = profile.purpose(Criticality::Normal, calibration.as_ref());
        let resolved = purpose.resolve(MatchContext {
            candidates: 1,
            complexity: None,
        });
        let verdicts = resolved.verdicts(&found);
        Ok(verdicts
            .first()
            .and_then(|verdict| profile.profile.reaches(verdict)))
    }
}

/// Whether an answer belongs to a scope.
fn is_of(answer: &Feedback, scope: &CalibrationScope) -> bool {
    answer.kind == stored_kind(scope.kind) && answer.profile == scope.profile
}

const fn stored_kind(kind: QueryKind) -> FeedbackKind {
    match kind {
        QueryKind::Text => FeedbackKind::Text,
        QueryKind::Image => FeedbackKind::Image,
    }
}
