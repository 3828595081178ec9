use serde::{Deserialize, Serialize};
use thiserror::Error;

const BUILTIN: &str = include_str!("../../../../data/match/moderation-patterns.tsv");
/// Every picture is held against every pattern.
const MOST_PATTERNS: usize = 10_000;
const MOST_TEXT_BYTES: usize = 1_000;

/// How bad it is what a pattern names.
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

/// A text that no picture should match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// What a picture would show.
    pub text: String,
    /// How bad that is.
    pub risk: Risk,
}

/// What is wrong with a file of patterns.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternsError {
    /// A line that is not `text<TAB>risk`.
    #[error(
        "line {line}: a pattern is a text of at most {MOST_TEXT_BYTES} bytes, a tab, and low, medium or high"
    )]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// Nothing but empty lines and comments.
    #[error("the file holds no patterns")]
    Empty,
    /// A file without end.
    #[error("more than {MOST_PATTERNS} patterns")]
    TooMany,
}

impl Risk {
    /// By how much the risk multiplies the part of matches that may be missed.
    pub(super) const fn factor(self) -> f64 {
        match self {
            Self::Low => 2.0,
            Self::Medium => 1.0,
            Self::High => 0.5,
        }
    }
}

impl Pattern {
    /// Those that come with the program.
    pub fn builtin() -> Vec<Self> {
        patterns(BUILTIN).expect("a test reads the bundled file")
    }
}

/// Reads `text<TAB>low|medium|high`, one a line. Empty lines and lines that begin with # are passed over; a text that
/// stands there twice is kept once, with the greater risk.
pub fn patterns(file: &str) -> Result<Vec<Pattern>, PatternsError> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let mut found: Vec<Pattern> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let lines = file.lines().enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        let pattern = pattern(line).ok_or(PatternsError::Line { line: at + 1 })?;
        let place = *places.entry(pattern.text.clone()).or_insert(found.len());
        match found.get_mut(place) {
            Some(known) => known.risk = known.risk.max(pattern.risk),
            None => found.push(pattern),
        }
        if found.len() > MOST_PATTERNS {
            return Err(PatternsError::TooMany);
        }
    }
    if found.is_empty() {
        Err(PatternsError::Empty)
    } else {
        Ok(found)
    }
}

fn pattern(line: &str) -> Option<Pattern> {
    let (text, risk) = line.split_once('\t')?;
    let text = text.trim();
    let risk = match risk.trim() {
        "low" => Risk::Low,
        "medium" => Risk::Medium,
        "high" => Risk::High,
        _ => return None,
    };
    let fits = !text.is_empty() && text.len() <= MOST_TEXT_BYTES;
    fits.then(|| Pattern {
        text: text.to_owned(),
        risk,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_kept_once_with_the_greater_risk() {
        let found = patterns("# remarks\n\na gun\tlow\r\n a knife \tmedium\na gun\thigh\n").unwrap();
        let found: Vec<_> = found.iter().map(|p| (p.text.as_str(), p.risk)).collect();
        assert_eq!(found, [("a gun", Risk::High), ("a knife", Risk::Medium)]);
        assert!(Pattern::builtin().len() >= 30);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for bad in ["a gun", "a gun\tawful", "\thigh", "a\tb\thigh"] {
            assert_eq!(
                patterns(&format!("a knife\tlow\n{bad}\n")),
                Err(PatternsError::Line { line: 2 })
            );
        }
        let long = format!("{}\thigh", "x".repeat(1_001));
        assert_eq!(patterns(&long), Err(PatternsError::Line { line: 1 }));
        assert_eq!(patterns("# nothing\n"), Err(PatternsError::Empty));
    }
}
