//! The response to a match: of one image, or of many pairs line by line.

use eidetic_confidence::profile::{
    LevelThreshold, MatchContext, NamedProfile, ProfileAction, ProfileVerdict, Purpose,
};
use eidetic_confidence::{Breakdown, Level, TextMatch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An image compared with texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchResponse {
    /// The space in which they were compared.
    pub space: String,
    /// The image: its path where the request gave one, its id where it is in the library, else null.
    pub image: Option<String>,
    /// One entry for each text, the most probable first.
    pub results: Vec<MatchResult>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub took_ms: f64,
}

/// One text compared with the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchResult {
    /// The text.
    pub text: String,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// The score's position in the model's range of scores, 0 to 1.
    pub normalized: f32,
    /// Probability that the text, as far as the model knows its words, describes the image; null where the text says
    /// nothing that an image could show.
    pub confidence: Option<f32>,
    /// `high` from 0.8, `medium` from 0.5, `low` from 0.2, else `none`; at most `low` where `unknown_words` has any.
    #[schema(value_type = String, pattern = "^(high|medium|low|none)$")]
    pub level: Level,
    /// Words of the text that the model does not know; it was compared without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_words: Vec<String>,
    /// The views of the match, where the request asks for them: `{"direct":…,"reverse":…,"keywords":…,"fused":…}`, each
    /// from 0 to 1 or null where it is unknown. Their agreement is part of `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"direct": 0.8, "reverse": 0.97, "keywords": 0.5, "fused": 0.82}))]
    pub breakdown: Option<Breakdown>,
    /// The profile's verdict, where the request names a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<MatchVerdict>,
}

/// A profile's verdict on a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchVerdict {
    /// The profile's level, or its default level below all thresholds; `unknown` where a confidence is
    /// needed and missing.
    #[schema(example = "review")]
    pub level: String,
    /// What to do.
    #[schema(value_type = String, pattern = "^(adopt|check_by_hand|improve_text|improve_picture|replace)$")]
    pub action: ProfileAction,
    /// The threshold that was reached: `{"score": …}` or `{"confidence": …}`; null where none was.
    #[schema(value_type = Option<Object>, example = json!({"score": 0.31}))]
    pub bar: Option<LevelThreshold>,
    /// Why, such as `score 0.2812 ≥ 0.2790, for precision 0.95`.
    #[serde(default)]
    pub reason: String,
}

/// The profiles of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfilesResponse {
    /// By name.
    pub profiles: Vec<ProfileSummary>,
}

/// One profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileSummary {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its levels, the strictest first, and its default level.
    pub levels: Vec<String>,
    /// Number of its patterns; one without any cannot screen.
    pub patterns: usize,
}

impl ProfilesResponse {
    /// The profiles in their order.
    pub fn new(profiles: &[NamedProfile]) -> Self {
        let summary = |profile: &NamedProfile| {
            let levels = profile.profile.levels.iter().map(|rule| rule.name.clone());
            let default = profile.profile.default_level.name.clone();
            ProfileSummary {
                name: profile.name.clone(),
                description: profile.profile.description.clone(),
                levels: levels.chain(std::iter::once(default)).collect(),
                patterns: profile.patterns.len(),
            }
        };
        Self {
            profiles: profiles.iter().map(summary).collect(),
        }
    }
}

/// One line of a batch of pairs: its result or its error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchLine {
    /// The line of the request, from 1.
    pub line: usize,
    /// The image, as named on the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How well the text matches.
    #[serde(flatten)]
    pub result: Option<MatchResult>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<ProfileVerdict> for MatchVerdict {
    fn from(verdict: ProfileVerdict) -> Self {
        Self {
            level: verdict.level,
            action: verdict.action,
            bar: verdict.threshold,
            reason: verdict.reason,
        }
    }
}

impl From<TextMatch> for MatchResult {
    fn from(found: TextMatch) -> Self {
        Self {
            text: found.text,
            score: found.score,
            normalized: found.normalized,
            confidence: found.confidence,
            level: found.level,
            unknown_words: found.unknown_words,
            breakdown: None,
            verdict: None,
        }
    }
}

impl MatchResult {
    /// The result with its views, whose agreement raises or lowers the level; levels of texts with unknown words are not
    /// raised.
    #[must_use]
    pub fn with_breakdown(mut self, breakdown: Breakdown) -> Self {
        let adjusted = breakdown.adjust(self.level);
        self.level = if self.unknown_words.is_empty() {
            adjusted
        } else {
            adjusted.min(self.level)
        };
        self.breakdown = Some(breakdown);
        self
    }
}

impl MatchResponse {
    /// The results of `matches`, with the verdicts of `purpose`, and with views if there are any.
    pub fn results(
        matches: Vec<TextMatch>,
        purpose: Option<&Purpose>,
        context: MatchContext,
        breakdowns: Vec<Breakdown>,
    ) -> Vec<MatchResult> {
        let verdicts = purpose.map(|purpose| purpose.resolve(context).verdicts(&matches));
        let mut results: Vec<MatchResult> = matches.into_iter().map(MatchResult::from).collect();
        for (result, verdict) in results.iter_mut().zip(verdicts.into_iter().flatten()) {
            result.verdict = Some(verdict.into());
        }
        let mut breakdowns = breakdowns.into_iter();
        let with_views = |result: MatchResult| match breakdowns.next() {
            Some(breakdown) => result.with_breakdown(breakdown),
            None => result,
        };
        results.into_iter().map(with_views).collect()
    }
}

impl MatchLine {
    /// The column names of [`tsv`](Self::tsv).
    pub const COLUMNS: &'static str =
        "line\timage\ttext\tscore\tnormalized\tconfidence\tlevel\terror\tverdict\taction\treason";

    /// A line without a result.
    pub fn failed(line: usize, error: impl Into<String>) -> Self {
        Self {
            line,
            image: None,
            result: None,
            error: Some(error.into()),
        }
    }

    /// The line as tab-separated values; missing ones are empty.
    pub fn tsv(&self) -> String {
        let image = self.image.as_deref().unwrap_or_default();
        let result = self.result.as_ref().map(|found| {
            let confidence = found.confidence.map_or_else(String::new, |p| format!("{p:.4}"));
            format!(
                "{}\t{:.4}\t{:.4}\t{confidence}\t{}",
                found.text.replace('\t', " "),
                found.score,
                found.normalized,
                found.level.name()
            )
        });
        let result = result.unwrap_or_else(|| "\t\t\t\t".to_owned());
        let error = self.error.as_deref().unwrap_or_default();
        let verdict = self.result.as_ref().and_then(|found| found.verdict.as_ref());
        let verdict = verdict.map_or_else(
            || "\t\t".to_owned(),
            |verdict| format!("{}\t{}\t{}", verdict.level, verdict.action.name(), verdict.reason),
        );
        let row = format!("{image}\t{result}\t{error}\t{verdict}").replace(['\r', '\n'], " ");
        format!("{}\t{row}", self.line)
    }
}
