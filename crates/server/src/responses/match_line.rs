use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MatchResult;

/// One line of a batch of pairs: its result, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchLine {
    /// The line in the request, from 1.
    pub line: usize,
    /// The image, as the line names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How well the text fits.
    #[serde(flatten)]
    pub result: Option<MatchResult>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl MatchLine {
    /// The names of [`tsv`](Self::tsv)'s columns.
    pub const COLUMNS: &'static str = "line\timage\ttext\tscore\tnormalized\tconfidence\tlevel\terror";

    /// A line without result.
    pub fn failed(line: usize, error: impl Into<String>) -> Self {
        Self {
            line,
            image: None,
            result: None,
            error: Some(error.into()),
        }
    }

    /// The line as a row of a table; what it lacks is empty.
    pub fn tsv(&self) -> String {
        let image = self.image.as_deref().unwrap_or_default();
        let result = self.result.as_ref().map(|found| {
            let confidence = found.confidence.map_or_else(String::new, |p| format!("{p:.4}"));
            format!(
                "{}\t{:.4}\t{:.4}\t{confidence}\t{}",
                found.text,
                found.score,
                found.normalized,
                found.level.name()
            )
        });
        let result = result.unwrap_or_else(|| "\t\t\t\t".to_owned());
        let error = self.error.as_deref().unwrap_or_default();
        format!("{}\t{image}\t{result}\t{error}", self.line)
    }
}
