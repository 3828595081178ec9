//! Several views of how well a text describes an image, fused into one score.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Level;

/// From this value on a view supports a match; below [`AGAINST`] it speaks against one.
const FOR: f32 = 0.5;
const AGAINST: f32 = 0.2;

/// The views of one pair, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// How well the text describes the image: the confidence, or else the position of the score in the model's range.
    pub direct: f32,
    /// How well the image fits the text among other images: by the model's answer to the reverse instruction, or else
    /// the share of the library's images that the text fits less. `None` without either.
    pub reverse: Option<f32>,
    /// Share of the text's words that tags, captions and names of the image have; `None` where it has none of them.
    pub keywords: Option<f32>,
    /// The weighted mean of the views that are known.
    pub fused: f32,
}

/// How much each view counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakdownWeights {
    /// Of [`Breakdown::direct`].
    pub direct: f32,
    /// Of [`Breakdown::reverse`].
    pub reverse: f32,
    /// Of [`Breakdown::keywords`].
    pub keywords: f32,
}

impl Default for BreakdownWeights {
    fn default() -> Self {
        Self {
            direct: 0.6,
            reverse: 0.3,
            keywords: 0.1,
        }
    }
}

impl BreakdownWeights {
    /// Parses TOML with the numbers `direct`, `reverse` and `keywords`, none negative, and one positive.
    ///
    /// Errors name the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let weights: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        let all = [weights.direct, weights.reverse, weights.keywords];
        if all.iter().all(|weight| weight.is_finite() && *weight >= 0.0) && all.iter().sum::<f32>() > 0.0 {
            return Ok(weights);
        }
        Err("expected weights that are not negative, one of them positive".to_owned())
    }

    /// Fuses the views.
    pub fn fuse(&self, direct: f32, reverse: Option<f32>, keywords: Option<f32>) -> Breakdown {
        let views = [
            (self.direct, Some(direct)),
            (self.reverse, reverse),
            (self.keywords, keywords),
        ];
        let known = || {
            views
                .into_iter()
                .filter_map(|(weight, view)| Some((weight, view?)))
        };
        let total: f32 = known().map(|(weight, _)| weight).sum();
        let sum: f32 = known().map(|(weight, view)| weight * view).sum();
        Breakdown {
            direct,
            reverse,
            keywords,
            fused: if total > 0.0 { sum / total } else { direct },
        }
    }
}

impl Breakdown {
    /// `level`, one higher where every other view supports a match, one lower where one speaks against it. A text
    /// whose words no view has is not raised.
    pub fn adjust(&self, level: Level) -> Level {
        let others: Vec<f32> = [self.reverse, self.keywords].into_iter().flatten().collect();
        let supported = !others.is_empty() && others.iter().all(|view| *view >= FOR);
        let against = self.reverse.is_some_and(|view| view < AGAINST);
        match level {
            Level::High if against => Level::Medium,
            Level::Medium if against => Level::Low,
            Level::Low if against => Level::None,
            Level::Medium if supported => Level::High,
            Level::Low if supported => Level::Medium,
            level => level,
        }
    }
}

/// Share of the words of `text` that are among the words of `others`, such as tags, captions and file names. `None` if
/// either has no words. `is_link` says which words only join others.
pub fn keyword_overlap<'a>(
    text: &str,
    others: impl IntoIterator<Item = &'a str>,
    is_link: impl Fn(&str) -> bool,
) -> Option<f32> {
    let wanted = words(text, &is_link);
    let known: BTreeSet<String> = others
        .into_iter()
        .flat_map(|other| words(other, &is_link))
        .collect();
    if wanted.is_empty() || known.is_empty() {
        return None;
    }
    let found = wanted.iter().filter(|word| is_among(word, &known)).count();
    Some(found as f32 / wanted.len() as f32)
}

fn words(text: &str, is_link: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let content =
        words.filter(|word| !word.is_empty() && !is_link(word) && !word.chars().all(|c| c.is_ascii_digit()));
    content.map(|word| singular(word).to_owned()).collect()
}

/// Chinese is not divided into words: there, a part is enough.
fn is_among(word: &str, known: &BTreeSet<String>) -> bool {
    if word.is_ascii() {
        return known.contains(word);
    }
    known
        .iter()
        .any(|other| other.contains(word) || word.contains(other.as_str()))
}

fn singular(word: &str) -> &str {
    let stem = word
        .strip_suffix('s')
        .filter(|stem| stem.len() > 2 && !stem.ends_with('s'));
    stem.unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_unknown_views_go_to_others() {
        let weights = BreakdownWeights::default();
        let close = |a: f32, b: f32| (a - b).abs() < 1e-6;
        assert!(close(weights.fuse(0.5, Some(1.0), Some(0.0)).fused, 0.6));
        assert!(close(weights.fuse(0.5, None, Some(1.0)).fused, (0.3 + 0.1) / 0.7));
        assert!(close(weights.fuse(0.4, None, None).fused, 0.4));
    }

    #[test]
    fn agreement_moves_level_by_one() {
        let level = |level, reverse, keywords| {
            BreakdownWeights::default()
                .fuse(0.5, reverse, keywords)
                .adjust(level)
        };
        assert_eq!(level(Level::Medium, Some(0.9), Some(1.0)), Level::High);
        assert_eq!(level(Level::Medium, Some(0.9), Some(0.3)), Level::Medium);
        assert_eq!(level(Level::High, Some(0.1), Some(1.0)), Level::Medium);
        assert_eq!(level(Level::Medium, None, None), Level::Medium);
        assert_eq!(level(Level::None, Some(1.0), Some(1.0)), Level::None);
    }

    #[test]
    fn words_of_tags_and_names_count() {
        let is_link = |word: &str| ["a", "on", "the"].contains(&word);
        let overlap = |text: &str, others: &[&str]| keyword_overlap(text, others.iter().copied(), is_link);
        assert_eq!(
            overlap("two red apples on the table", &["red-apple_01.jpg"]),
            Some(0.5)
        );
        assert_eq!(overlap("a dog", &["cat", "/photos/IMG_0001.jpg"]), Some(0.0));
        assert_eq!(overlap("红苹果", &["苹果"]), Some(1.0));
        assert_eq!(overlap("on the", &["cat"]), None);
        assert_eq!(overlap("a dog", &["0001"]), None);
    }

    #[test]
    fn weights_are_read_from_toml() {
        let parsed = BreakdownWeights::parse("direct = 1.0\nreverse = 0\nkeywords = 0.5").unwrap();
        assert!((parsed.keywords - 0.5).abs() < 1e-6);
        for wrong in [
            "direct = 1",
            "direct = -1\nreverse = 0\nkeywords = 0",
            "direct = 0\nreverse = 0\nkeywords = 0",
            "x = 1",
        ] {
            assert!(BreakdownWeights::parse(wrong).is_err(), "{wrong}");
        }
    }
}
