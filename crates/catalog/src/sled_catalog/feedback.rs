use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::SledCatalog;
use crate::edit::Outcome;
use crate::records::{State, StoredFeedback, unseal};
use crate::{CatalogError, Feedback, FeedbackKey, FeedbackStore, MAX_FEEDBACK, keys};

impl SledCatalog {
    /// Every answer under its number; answers given later have greater ones.
    fn numbered_feedback(&self) -> Result<BTreeMap<u64, Feedback>, CatalogError> {
        let range = (
            Bound::Included(keys::feedback(0)),
            Bound::Included(keys::feedback(u64::MAX)),
        );
        let page = self.store.page(range, usize::MAX)?;
        let answer = |(key, sealed): &(sled::IVec, sled::IVec)| {
            let damaged = || self.store.damaged("the record of an answer".into());
            let number = keys::number_of_feedback(key).ok_or_else(damaged)?;
            let stored: StoredFeedback = unseal(key, sealed).ok_or_else(damaged)?;
            Ok((number, stored.into_feedback()))
        };
        page.iter().map(answer).collect()
    }

    fn write_feedback(
        &self,
        state: &mut State,
        added: &[(u64, &Feedback)],
        gone: &BTreeSet<u64>,
    ) -> Result<(), CatalogError> {
        let mut writes = sled::Batch::default();
        for number in gone {
            writes.remove(keys::feedback(*number));
        }
        for (number, answer) in added {
            let stored = StoredFeedback::new(answer);
            self.store
                .insert(&mut writes, &keys::feedback(*number), &stored)?;
        }
        let outcome = Outcome {
            writes,
            counts: state.counts(),
            forgotten: Vec::new(),
        };
        self.commit(state, outcome).map(drop)
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
        let answered_anew = |number: &u64| questions.contains(&known[number].key());
        let (mut gone, staying): (BTreeSet<u64>, BTreeSet<u64>) =
            known.keys().partition(|n| answered_anew(n));
        let surplus = (staying.len() + added.len()).saturating_sub(MAX_FEEDBACK);
        gone.extend(staying.iter().take(surplus));
        added.drain(..surplus.saturating_sub(staying.len()));
        self.write_feedback(&mut state, &added, &gone)
    }

    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError> {
        let _no_writer = self.reading();
        Ok(self.numbered_feedback()?.into_values().collect())
    }

    fn remove_feedback(&self, key: &FeedbackKey<'_>) -> Result<bool, CatalogError> {
        let mut state = self.writing();
        let gone: BTreeSet<u64> = self
            .numbered_feedback()?
            .into_iter()
            .filter(|(_, answer)| answer.key() == *key)
            .map(|(number, _)| number)
            .collect();
        if gone.is_empty() {
            return Ok(false);
        }
        self.write_feedback(&mut state, &[], &gone)?;
        Ok(true)
    }
}

/// The last answer to each key, in the order in which these were given.
fn last_answers(answers: &[Feedback]) -> Vec<&Feedback> {
    let mut answered = BTreeSet::new();
    let mut last: Vec<&Feedback> = answers
        .iter()
        .rev()
        .filter(|answer| answered.insert(answer.key()))
        .collect();
    last.reverse();
    last
}
