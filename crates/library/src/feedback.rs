//! Feedback on hits, and calibration from it.

use eidetic_catalog::{Catalog, Feedback, FeedbackKey, FeedbackKind, FeedbackStore};
use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{ImageTextPair, LabeledPair};
use eidetic_domain::ImageId;
use eidetic_search::SearchError;

use crate::calibration::now;
use crate::{Library, LibraryError, RefitOutcome};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCount {
    /// The kind.
    pub kind: QueryKind,
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
    /// power loss once this returns.
    ///
    /// Errors: an unknown image, an empty text.
    pub fn put_feedback(
        &self,
        subject: &Subject,
        image: ImageId,
        right: Option<bool>,
    ) -> Result<AnswerCount, LibraryError> {
        let (kind, query) = (subject.kind(), subject.query());
        if query.is_empty() {
            return Err(SearchError::EmptyQuery.into());
        }
        if let Subject::Image(like) = subject {
            self.image(like)?;
        }
        let path = self.image(&image)?.paths.swap_remove(0);
        let (stored, query) = (stored_kind(kind), query.as_str());
        if let Some(right) = right {
            self.catalog.add_feedback(&[Feedback {
                at_ms: i64::try_from(now()).unwrap_or(i64::MAX),
                kind: stored,
                query: query.to_owned(),
                image,
                path,
                right,
            }])?;
        } else {
            self.catalog.remove_feedback(&FeedbackKey {
                kind: stored,
                query,
                image,
            })?;
        }
        self.count_feedback(kind)
    }

    /// Every stored answer of a kind, the oldest first, at most 10,000. Paths are the current ones of images that are still
    /// in the library.
    pub fn feedback(&self, kind: QueryKind) -> Result<Vec<Feedback>, LibraryError> {
        let mut answers = self.catalog.feedback()?;
        answers.retain(|answer| answer.kind == stored_kind(kind));
        let images: Vec<ImageId> = answers.iter().map(|answer| answer.image).collect();
        for (answer, record) in answers.iter_mut().zip(self.catalog.get_many(&images)?) {
            if let Some(path) = record.and_then(|record| record.paths.into_iter().next()) {
                answer.path = path;
            }
        }
        Ok(answers)
    }

    /// Moves the calibration of `kind` towards all its answers; see [`Space::refit`](crate::Space::refit) for the bounds.
    /// Answers on images that were removed are ignored.
    pub fn refit_from_feedback(&self, kind: QueryKind) -> Result<RefitOutcome, LibraryError> {
        let space = self.active();
        let answers = self.feedback(kind)?;
        let pairs = answers.iter().enumerate().map(|(n, answer)| LabeledPair {
            pair: ImageTextPair {
                image: answer.image.to_string(),
                text: answer.query.clone(),
            },
            matches: answer.right,
            line: n + 1,
        });
        let pairs: Vec<LabeledPair> = pairs.collect();
        space.refit(kind, &space.score_pairs(kind, &pairs, &())?)
    }

    fn count_feedback(&self, kind: QueryKind) -> Result<AnswerCount, LibraryError> {
        let mut given: Vec<i64> = self
            .catalog
            .feedback()?
            .iter()
            .filter(|answer| answer.kind == stored_kind(kind))
            .map(|answer| answer.at_ms)
            .collect();
        let answers = given.len();
        if let Some(made) = self.active().calibration(kind)? {
            given.retain(|at_ms| u64::try_from(*at_ms).is_ok_and(|at| at > made.origin.made_at));
        }
        let new = given.len();
        Ok(AnswerCount {
            kind,
            answers,
            due: new >= FEEDBACK_NEEDED && (new - FEEDBACK_NEEDED).is_multiple_of(FEEDBACK_BETWEEN),
        })
    }
}

const fn stored_kind(kind: QueryKind) -> FeedbackKind {
    match kind {
        QueryKind::Text => FeedbackKind::Text,
        QueryKind::Image => FeedbackKind::Image,
    }
}
