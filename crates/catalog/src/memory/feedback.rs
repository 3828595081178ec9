//! Feedback in the catalog in memory.

use super::MemoryCatalog;
use crate::{CatalogError, Feedback, FeedbackKey, FeedbackStore, MAX_FEEDBACK};

impl FeedbackStore for MemoryCatalog {
    fn add_feedback(&self, answers: &[Feedback]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for answer in answers {
            tables.feedback.retain(|earlier| earlier.key() != answer.key());
            tables.feedback.push(answer.clone());
        }
        let surplus = tables.feedback.len().saturating_sub(MAX_FEEDBACK);
        tables.feedback.drain(..surplus);
        Ok(())
    }

    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError> {
        Ok(self.read().feedback.clone())
    }

    fn remove_feedback(&self, key: &FeedbackKey<'_>) -> Result<bool, CatalogError> {
        let mut tables = self.write();
        let before = tables.feedback.len();
        tables.feedback.retain(|answer| answer.key() != *key);
        Ok(tables.feedback.len() < before)
    }
}
