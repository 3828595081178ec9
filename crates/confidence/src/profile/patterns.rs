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
    /// How harmful that is.
    pub risk: Risk,
}

/// Why a file of patterns is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternsError {
    /// A line is not `text<TAB>risk`.
    #[error(
        "line {line}: expected a text of at most {MAX_TEXT_BYTES} bytes, a tab, and one of low, medium, high"
    )]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The file has only empty lines and comments.
    #[error("the file has no patterns; expected lines of a text, a tab, and one of low, medium, high")]
    Empty,
    /// The file has too many patterns.
    #[error("more than {MAX_PATTERNS} patterns; split the file")]
    TooMany,
}

impl Risk {
    /// The factor on the share of matches that may be missed.
    pub(super) const fn factor(self) -> f64 {
        match self {
            Self::Low => 2.0,
            Self::Medium => 1.0,
            Self::High => 0.5,
        }
    }
}

impl Pattern {
    /// The bundled patterns.
    pub fn builtin() -> Vec<Self> {
        parse_patterns(BUILTIN).expect("a test parses the bundled file")
    }
}

/// Reads lines of `text<TAB>low|medium|high`. Empty lines and lines that begin with `#` are skipped. Of
/// equal texts one is kept, with the highest risk.
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
    let (text, risk) = line.split_once('\t')?;
    let text = text.trim();
    let risk = match risk.trim() {
        "low" => Risk::Low,
        "medium" => Risk::Medium,
        "high" => Risk::High,
        _ => return None,
    };
    let fits = !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
    fits.then(|| Pattern {
        text: text.to_owned(),
        risk,
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
    fn errors_name_line() {
        for bad in ["a gun", "a gun\tawful", "\thigh", "a\tb\thigh"] {
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
