use super::MemoryCatalog;
use crate::{CatalogError, FEEDBACK_KEPT, Feedback, FeedbackQuestion, FeedbackStore};

impl FeedbackStore for MemoryCatalog {
    fn add_feedback(&self, answers: &[Feedback]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for answer in answers {
            tables
                .feedback
                .retain(|earlier| earlier.question() != answer.question());
            tables.feedback.push(answer.clone());
        }
        let surplus = tables.feedback.len().saturating_sub(FEEDBACK_KEPT);
        tables.feedback.drain(..surplus);
        Ok(())
    }

    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError> {
        Ok(self.read().feedback.clone())
    }

    fn withdraw_feedback(&self, question: &FeedbackQuestion<'_>) -> Result<bool, CatalogError> {
        let mut tables = self.write();
        let before = tables.feedback.len();
        tables.feedback.retain(|answer| answer.question() != *question);
        Ok(tables.feedback.len() < before)
    }
}
