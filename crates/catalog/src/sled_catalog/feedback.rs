//! Feedback in the catalog on disk.

use std::collections::{BTreeMap, BTreeSet};

use super::SledCatalog;
use crate::batch::PreparedBatch;
use crate::records::{StoreState, StoredFeedback, decode_checked};
use crate::store::Changes;
use crate::{CatalogError, Feedback, FeedbackKey, FeedbackStore, MAX_FEEDBACK, keys};

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

impl FeedbackStore for SledCatalog {
    fn add_feedback(&self, answers: &[Feedback]) -> Result<(), CatalogError> {
        if answers.is_empty() {
            return Ok(());
        }
        let mut state = self.writing();
        let known = self.numbered_feedback()?;
        let first = known.keys().next_back().map_or(0, |last| last + 1);
        let mut added: Vec<(u64, &Feedback)> = (first..).zip(last_answers(answers)).collect();
        let questions: BTreeSet<FeedbackKey> = added.iter().map(|(_, answer)| answer.key()).collect();
        let is_replaced = |number: &u64| questions.contains(&known[number].key());
        let (mut removed, remaining): (BTreeSet<u64>, BTreeSet<u64>) =
            known.keys().partition(|n| is_replaced(n));
        let surplus = (remaining.len() + added.len()).saturating_sub(MAX_FEEDBACK);
        removed.extend(remaining.iter().take(surplus));
        added.drain(..surplus.saturating_sub(remaining.len()));
        self.write_feedback(&mut state, &added, &removed)
    }

    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError> {
        let _no_writer = self.reading();
        Ok(self.numbered_feedback()?.into_values().collect())
    }

    fn remove_feedback(&self, key: &FeedbackKey<'_>) -> Result<bool, CatalogError> {
        let mut state = self.writing();
        let removed: BTreeSet<u64> = self
            .numbered_feedback()?
            .into_iter()
            .filter(|(_, answer)| answer.key() == *key)
            .map(|(number, _)| number)
            .collect();
        if removed.is_empty() {
            return Ok(false);
        }
        self.write_feedback(&mut state, &[], &removed)?;
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
