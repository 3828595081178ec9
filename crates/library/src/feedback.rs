//! What people answer to hits, and what is learnt from it.

use eidetic_catalog::{Catalog, Feedback, FeedbackKey, FeedbackKind, FeedbackStore};
use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{LabelledPair, Pair};
use eidetic_domain::ImageId;
use eidetic_search::SearchError;

use crate::calibration::now;
use crate::{Library, LibraryError, Refitted};

/// Confidences are fitted anew once so many answers of a kind came since they were last learnt.
pub const ANSWERS_NEEDED: usize = 50;
/// Where answers changed nothing, such as all being of one mind, so many more are waited for.
const ANSWERS_BETWEEN: usize = 10;

/// What hits were found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Words.
    Text(String),
    /// A picture of the library.
    Picture(ImageId),
}

/// How many answers of a kind the library has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCount {
    /// The kind.
    pub kind: QueryKind,
    /// All that are kept.
    pub answers: usize,
    /// Whether it is time for [`Library::learn_from_answers`].
    pub due: bool,
}

impl Subject {
    /// What kind of query it is.
    pub const fn kind(&self) -> QueryKind {
        match self {
            Self::Text(_) => QueryKind::Text,
            Self::Picture(_) => QueryKind::Picture,
        }
    }

    /// The query as it is kept; white space does not count.
    fn query(&self) -> String {
        match self {
            Self::Text(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Self::Picture(image) => image.to_string(),
        }
    }
}

impl Library {
    /// Keeps whether `image` matches what it was found by, in place of an earlier answer to that; `None` takes it back.
    /// The answer survives power loss once this returns.
    ///
    /// Errors: an image that the library does not have, a text of nothing.
    pub fn answer(
        &self,
        subject: &Subject,
        image: ImageId,
        right: Option<bool>,
    ) -> Result<AnswerCount, LibraryError> {
        let (kind, query) = (subject.kind(), subject.query());
        if query.is_empty() {
            return Err(SearchError::EmptyQuery.into());
        }
        if let Subject::Picture(like) = subject {
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
            let question = FeedbackKey {
                kind: stored,
                query,
                image,
            };
            self.catalog.remove_feedback(&question)?;
        }
        self.count_answers(kind)
    }

    /// Every answer that is kept, the oldest first, at most 10,000. Paths are where the images stand now, as far as they
    /// are still in the library.
    pub fn answers(&self, kind: QueryKind) -> Result<Vec<Feedback>, LibraryError> {
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

    /// Moves the confidences of `kind` towards all its answers; see [`Space::refit`](crate::Space::refit) for how far. Images that are gone
    /// have no say.
    pub fn learn_from_answers(&self, kind: QueryKind) -> Result<Refitted, LibraryError> {
        let space = self.active();
        let answers = self.answers(kind)?;
        let pairs = answers.iter().enumerate().map(|(n, answer)| LabelledPair {
            pair: Pair {
                image: answer.image.to_string(),
                text: answer.query.clone(),
            },
            matches: answer.right,
            line: n + 1,
        });
        let pairs: Vec<LabelledPair> = pairs.collect();
        space.refit(kind, &space.score_pairs(kind, &pairs, &())?)
    }

    fn count_answers(&self, kind: QueryKind) -> Result<AnswerCount, LibraryError> {
        let mut given: Vec<i64> = self
            .catalog
            .feedback()?
            .iter()
            .filter(|answer| answer.kind == stored_kind(kind))
            .map(|answer| answer.at_ms)
            .collect();
        let answers = given.len();
        if let Some(made) = self.calibration(kind)? {
            given.retain(|at_ms| u64::try_from(*at_ms).is_ok_and(|at| at > made.origin.made_at));
        }
        let new = given.len();
        Ok(AnswerCount {
            kind,
            answers,
            due: new >= ANSWERS_NEEDED && (new - ANSWERS_NEEDED).is_multiple_of(ANSWERS_BETWEEN),
        })
    }
}

const fn stored_kind(kind: QueryKind) -> FeedbackKind {
    match kind {
        QueryKind::Text => FeedbackKind::Text,
        QueryKind::Picture => FeedbackKind::Image,
    }
}
