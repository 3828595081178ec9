//! Patterns: texts that no image should match, with their risks.

use serde::{Deserialize, Serialize};
use thiserror::Error;

const BUILTIN: &str = include_str!("../../../../data/match/moderation-patterns.tsv");
/// Every image is compared with every pattern, so their number is limited.
const MAX_PATTERNS: usize = 10_000;
const MAX_TEXT_BYTES: usize = 1_000;

/// How harmful the content of a pattern is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Unwanted in some places.
    Low,
    /// Unwanted in most.
    Medium,
    /// Must not be missed.
    High,
}

/// A text that no image should match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// What an image must not show.
    pub text: String,
    /// How harmful that is; medium if it is not stated.
    pub risk: Risk,
    /// The strictest level that it gives: a pattern of the level `flag` never blocks. `None`: any.
    pub level: Option<String>,
}

/// Why a file of patterns is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternsError {
    /// A line is not a text, or a text with a risk, a level, or both.
    #[error(
        "line {line}: expected a text of at most {MAX_TEXT_BYTES} bytes, alone or followed by a tab and its risk (low, medium or \
         high) or a level of the profile, or both"
    )]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The file has only empty lines and comments.
    #[error("the file has no patterns; expected a text on each line")]
    Empty,
    /// The file has too many patterns.
    #[error("more than {MAX_PATTERNS} patterns; split the file")]
    TooMany,
}

impl Risk {
    /// The name in files and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|risk| risk.name() == name)
    }

    /// The power of the profile's factor on the share of matches that may be missed.
    pub(super) const fn exponent(self) -> f64 {
        match self {
            Self::Low => 1.0,
            Self::Medium => 0.0,
            Self::High => -1.0,
        }
    }
}

impl Pattern {
    /// The bundled patterns.
    pub fn builtin() -> Vec<Self> {
        parse_patterns(BUILTIN).expect("a test parses the bundled file")
    }
}

/// Reads lines of a text, alone or followed by tabs and its risk (`low`, `medium`, `high`), the strictest level that it
/// gives, or both. Empty lines and lines that begin with `#` are skipped. Of equal texts one is kept, with the highest risk
/// and the level of the first.
pub fn parse_patterns(file: &str) -> Result<Vec<Pattern>, PatternsError> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let mut found: Vec<Pattern> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    let lines = file.lines().enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        let pattern = parse_line(line).ok_or(PatternsError::Line { line: at + 1 })?;
        let position = *positions.entry(pattern.text.clone()).or_insert(found.len());
        match found.get_mut(position) {
            Some(known) => known.risk = known.risk.max(pattern.risk),
            None => found.push(pattern),
        }
        if found.len() > MAX_PATTERNS {
            return Err(PatternsError::TooMany);
        }
    }
    if found.is_empty() {
        Err(PatternsError::Empty)
    } else {
        Ok(found)
    }
}

fn parse_line(line: &str) -> Option<Pattern> {
    let mut columns = line.split('\t').map(str::trim);
    let text = columns.next()?;
    let (mut risk, mut level) = (None, None);
    for column in columns.filter(|column| !column.is_empty()) {
        let taken = match Risk::named(column) {
            Some(named) => risk.replace(named).is_some(),
            None => level.replace(column.to_owned()).is_some(),
        };
        if taken {
            return None;
        }
    }
    let fits = !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
    fits.then(|| Pattern {
        text: text.to_owned(),
        risk: risk.unwrap_or(Risk::Medium),
        level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_patterns_keep_highest_risk() {
        let found = parse_patterns("# comment\n\na gun\tlow\r\n a knife \tmedium\na gun\thigh\n").unwrap();
        let found: Vec<_> = found.iter().map(|p| (p.text.as_str(), p.risk)).collect();
        assert_eq!(found, [("a gun", Risk::High), ("a knife", Risk::Medium)]);
        assert!(Pattern::builtin().len() >= 30);
    }

    #[test]
    fn risk_and_level_are_optional() {
        let found =
            parse_patterns("a gun\na knife\tflag\na bomb\thigh\tblock\na fire\tblock\tlow\na cat\t\thigh")
                .unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|pattern| (pattern.text.as_str(), pattern.level.as_deref(), pattern.risk))
            .collect();
        assert_eq!(
            found,
            [
                ("a gun", None, Risk::Medium),
                ("a knife", Some("flag"), Risk::Medium),
                ("a bomb", Some("block"), Risk::High),
                ("a fire", Some("block"), Risk::Low),
                ("a cat", None, Risk::High),
            ]
        );
    }

    #[test]
    fn errors_name_line() {
        for bad in ["\thigh", "a\tblock\tflag", "a\tlow\thigh"] {
            assert_eq!(
                parse_patterns(&format!("a knife\tlow\n{bad}\n")),
                Err(PatternsError::Line { line: 2 })
            );
        }
        let long = format!("{}\thigh", "x".repeat(1_001));
        assert_eq!(parse_patterns(&long), Err(PatternsError::Line { line: 1 }));
        assert_eq!(parse_patterns("# nothing\n"), Err(PatternsError::Empty));
    }
}
