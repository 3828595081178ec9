//! Feedback in the catalog on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use eidetic_domain::ImageId;

use super::SledCatalog;
use crate::batch::PreparedBatch;
use crate::records::{StoreState, StoredFeedback, decode_checked};
use crate::store::Changes;
use crate::{CatalogError, Feedback, FeedbackKey, FeedbackKind, FeedbackStore, MAX_FEEDBACK, keys};

impl SledCatalog {
    /// Every answer by its number. Later answers have greater numbers.
    fn numbered_feedback(&self) -> Result<BTreeMap<u64, Feedback>, CatalogError> {
        let page = self.store.page(keys::all_feedback(), usize::MAX)?;
        let answer = |(key, value): &(sled::IVec, sled::IVec)| {
            let damaged = || self.store.damaged("the record of an answer".into());
            let number = keys::number_of_feedback(key).ok_or_else(damaged)?;
            let stored: StoredFeedback = decode_checked(key, value).ok_or_else(damaged)?;
            Ok((number, stored.into_feedback()))
        };
        page.iter().map(answer).collect()
    }

    fn write_feedback(
        &self,
        state: &mut StoreState,
        added: &[(u64, &Feedback)],
        removed: &BTreeSet<u64>,
    ) -> Result<(), CatalogError> {
        let mut writes = Changes::default();
        for number in removed {
            writes.remove(keys::feedback(*number));
        }
        for (number, answer) in added {
            let stored = StoredFeedback::new(answer);
            self.store
                .insert(&mut writes, &keys::feedback(*number), &stored)?;
        }
        let prepared = PreparedBatch {
            writes,
            counts: state.counts(),
            deleted: Vec::new(),
        };
        self.commit(state, prepared).map(drop)
    }
}

/// Which answers are stored, so that another one costs no look at all of them. Read on first use, and changed together with
/// the store, under the lock of its writer.
#[derive(Debug, Default)]
pub(super) struct AnswerIndex {
    numbers: BTreeMap<u64, Question>,
    by_question: BTreeMap<Question, u64>,
}

/// A [`FeedbackKey`] that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    kind: FeedbackKind,
    profile: Option<String>,
    query: String,
    image: ImageId,
}

impl From<FeedbackKey<'_>> for Question {
    fn from(key: FeedbackKey<'_>) -> Self {
        Self {
            kind: key.kind,
            profile: key.profile.map(str::to_owned),
            query: key.query.to_owned(),
            image: key.image,
        }
    }
}

impl AnswerIndex {
    fn insert(&mut self, number: u64, key: FeedbackKey<'_>) {
        let question = Question::from(key);
        self.by_question.insert(question.clone(), number);
        self.numbers.insert(number, question);
    }

    fn remove(&mut self, number: u64) {
        if let Some(question) = self.numbers.remove(&number) {
            // A later answer to the same question has taken its place already.
            if self.by_question.get(&question) == Some(&number) {
                self.by_question.remove(&question);
            }
        }
    }

    fn number_of(&self, key: FeedbackKey<'_>) -> Option<u64> {
        self.by_question.get(&Question::from(key)).copied()
    }
}

impl SledCatalog {
    /// The index of answers, never none. The caller holds the writer's lock.
    fn answers(&self) -> Result<MutexGuard<'_, Option<AnswerIndex>>, CatalogError> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.is_none() {
            let mut index = AnswerIndex::default();
            for (number, answer) in self.numbered_feedback()? {
                index.insert(number, answer.key());
            }
            *answers = Some(index);
        }
        Ok(answers)
    }
}

impl FeedbackStore for SledCatalog {
    fn add_feedback(&self, answers: &[Feedback]) -> Result<(), CatalogError> {
        if answers.is_empty() {
            return Ok(());
        }
        let mut state = self.writing();
        let mut known = self.answers()?;
        let known = known.get_or_insert_default();
        let first = known.numbers.keys().next_back().map_or(0, |last| last + 1);
        let mut added: Vec<(u64, &Feedback)> = (first..).zip(last_answers(answers)).collect();
        let replaced = added
            .iter()
            .filter_map(|(_, answer)| known.number_of(answer.key()));
        let mut removed: BTreeSet<u64> = replaced.collect();
        let remaining = known.numbers.len() - removed.len();
        let surplus = (remaining + added.len()).saturating_sub(MAX_FEEDBACK);
        let oldest = known.numbers.keys().filter(|number| !removed.contains(number));
        let oldest: Vec<u64> = oldest.take(surplus).copied().collect();
        removed.extend(oldest);
        added.drain(..surplus.saturating_sub(remaining));
        self.write_feedback(&mut state, &added, &removed)?;
        for number in removed {
            known.remove(number);
        }
        for (number, answer) in added {
            known.insert(number, answer.key());
        }
        Ok(())
    }

    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError> {
        let _no_writer = self.reading();
        Ok(self.numbered_feedback()?.into_values().collect())
    }

    fn remove_feedback(&self, key: &FeedbackKey<'_>) -> Result<bool, CatalogError> {
        let mut state = self.writing();
        let mut known = self.answers()?;
        let known = known.get_or_insert_default();
        let Some(number) = known.number_of(*key) else {
            return Ok(false);
        };
        self.write_feedback(&mut state, &[], &BTreeSet::from([number]))?;
        known.remove(number);
        Ok(true)
    }
}

/// The last answer of each key, in the order in which they were given.
fn last_answers(answers: &[Feedback]) -> Vec<&Feedback> {
    let mut seen = BTreeSet::new();
    let mut last: Vec<&Feedback> = answers
        .iter()
        .rev()
        .filter(|answer| seen.insert(answer.key()))
        .collect();
    last.reverse();
    last
}
