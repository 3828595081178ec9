//! Files of profiles.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::{Criticality, LevelRule, Pattern, Profile, ProfileVerdict, Purpose};
use crate::calibration::Calibration;

const BUILTIN: &str = include_str!("../../../../data/match/profiles.toml");
/// The name of the bundled patterns in a profile.
const BUILTIN_PATTERNS: &str = "builtin";
const MAX_LEVELS: usize = 20;
/// Larger than any file written by hand.
const MAX_BYTES: usize = 1 << 20;

/// A share, between 0 and 1 exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// Profiles by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    #[serde(rename = "profile", default)]
    by_name: BTreeMap<String, Profile>,
}

/// A profile with its name and its patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedProfile {
    /// Its name.
    pub name: String,
    /// The profile.
    pub profile: Profile,
    /// Texts that every image is compared with; most profiles have none.
    pub patterns: Vec<Pattern>,
}

/// Why a profile cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// The file is not valid; the message names line and column.
    #[error("{0}")]
    Syntax(String),
    /// The file has no profile.
    #[error("the file has no profile; expected a table [profile.NAME]")]
    Empty,
    /// The file is too large.
    #[error("the file is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// No profile has this name.
    #[error("unknown profile {name:?}; expected one of {known}")]
    Unknown {
        /// The unknown name.
        name: String,
        /// The known names, separated by commas.
        known: String,
    },
    /// A pattern has a level that its profile does not have.
    #[error(
        "pattern {pattern:?} has the level {level:?}; profile {profile} has {known}, and risks are low, medium, high"
    )]
    PatternLevel {
        /// The pattern's text.
        pattern: String,
        /// Its level.
        level: String,
        /// The profile's name.
        profile: String,
        /// The profile's levels, separated by commas.
        known: String,
    },
}

impl Share {
    /// The share as a number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// `share`, clamped to the valid range; 0.5 for NaN.
    pub(super) fn clamped(share: f64) -> Self {
        Self(if share.is_nan() {
            0.5
        } else {
            share.clamp(0.001, 0.999)
        })
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if share > 0.0 && share < 1.0 {
            Ok(Self(share))
        } else {
            Err(format!(
                "invalid target {share}; expected a number between 0 and 1"
            ))
        }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl Profiles {
    /// The bundled profiles: `product`, `moderation`, `album`.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).expect("a test parses the bundled file")
    }

    /// Parses a file of profiles.
    ///
    /// Errors: the file doesn't follow docs/profiles.md; the error names the line.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        if text.len() > MAX_BYTES {
            return Err(ProfileError::TooLarge);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed: Self = toml::from_str(text)
            .map_err(|error| ProfileError::Syntax(error.to_string().trim().to_owned()))?;
        if parsed.by_name.is_empty() {
            return Err(ProfileError::Empty);
        }
        Ok(parsed)
    }

    /// Adds `more`, which replace profiles of the same name.
    #[must_use]
    pub fn with(mut self, more: Self) -> Self {
        self.by_name.extend(more.by_name);
        self
    }

    /// The profile with this name.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        self.by_name.get(name).ok_or_else(|| ProfileError::Unknown {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl NamedProfile {
    /// The bundled profiles.
    pub fn builtin() -> Vec<Self> {
        let no_files = |_: &str| Ok::<_, std::convert::Infallible>(Vec::new());
        let Ok(all) = Self::all(Profiles::builtin(), no_files);
        all
    }

    /// Every profile with its patterns; `read_patterns` reads a file of patterns.
    pub fn all<E>(
        profiles: Profiles,
        read_patterns: impl Fn(&str) -> Result<Vec<Pattern>, E>,
    ) -> Result<Vec<Self>, E> {
        let named = |(name, profile): (String, Profile)| {
            let patterns = match profile.patterns.as_deref() {
                None => Vec::new(),
                Some(BUILTIN_PATTERNS) => Pattern::builtin(),
                Some(file) => read_patterns(file)?,
            };
            Ok(Self {
                name,
                profile,
                patterns,
            })
        };
        profiles.by_name.into_iter().map(named).collect()
    }

    /// Errors: a pattern has a level that the profile does not have.
    pub fn check_patterns(&self) -> Result<(), ProfileError> {
        let levels: Vec<&str> = self
            .profile
            .levels
            .iter()
            .map(|rule| rule.name.as_str())
            .collect();
        let unknown = self.patterns.iter().find_map(|pattern| {
            let level = pattern.level.as_deref()?;
            (!levels.contains(&level)).then_some((pattern, level))
        });
        unknown.map_or(Ok(()), |(pattern, level)| {
            Err(ProfileError::PatternLevel {
                pattern: pattern.text.clone(),
                level: level.to_owned(),
                profile: self.name.clone(),
                known: levels.join(", "),
            })
        })
    }

    /// The profile with what decides its thresholds, except for the image.
    pub const fn purpose<'a>(
        &'a self,
        criticality: Criticality,
        calibration: Option<&'a Calibration>,
    ) -> Purpose<'a> {
        Purpose {
            profile: &self.profile,
            patterns: self.patterns.as_slice(),
            criticality,
            calibration,
            prevalence: None,
        }
    }
}

/// Deserializes the score of a target.
pub(super) fn score<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let score = f64::deserialize(deserializer)?;
    if (-1.0..=1.0).contains(&score) {
        return Ok(score);
    }
    Err(serde::de::Error::custom(format!(
        "invalid target score {score}; expected a number from −1 to 1"
    )))
}

/// Deserializes at least one level; their names must be distinct.
pub(super) fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LevelRule>, D::Error> {
    use serde::de::Error;
    let levels = Vec::<LevelRule>::deserialize(deserializer)?;
    if levels.is_empty() || levels.len() > MAX_LEVELS {
        return Err(D::Error::custom(format!("expected 1 to {MAX_LEVELS} levels")));
    }
    for (at, level) in levels.iter().enumerate() {
        let is_duplicate = levels[..at].iter().any(|before| before.name == level.name);
        if is_duplicate || level.name.trim().is_empty() || level.name == ProfileVerdict::UNKNOWN {
            return Err(D::Error::custom(format!(
                "invalid level name {:?}; expected a distinct, non-empty name for each level, other than unknown",
                level.name
            )));
        }
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: &str = "[profile.shop]\n[[profile.shop.level]]\nname = \"good\"\ntarget = { precision = 0.9 }\n\
                       action = \"adopt\"\n[profile.shop.otherwise]\nname = \"bad\"\naction = \"replace\"\n";

    #[test]
    fn custom_profiles_extend_bundled_ones() {
        let builtin = Profiles::builtin();
        assert_eq!(
            builtin.names().collect::<Vec<_>>(),
            ["album", "moderation", "product"]
        );
        let both = builtin.with(Profiles::parse(OWN).unwrap());
        assert_eq!(both.get("shop").unwrap().levels.len(), 1);
        let error = both.get("nothing").unwrap_err().to_string();
        assert!(error.contains("album, moderation, product, shop"), "{error}");
    }

    #[test]
    fn errors_name_line() {
        let line = |text: &str, line: usize| {
            let error = Profiles::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}")), "{error}");
        };
        line(&OWN.replace("0.9", "1.5"), 4);
        line(&OWN.replace("0.9", "nan"), 4);
        line(&OWN.replace("precision", "accuracy"), 4);
        line(&OWN.replace("\"adopt\"", "\"burn\""), 5);
        line(&OWN.replace("name = \"bad\"", "title = \"bad\""), 7);
        line("[profile.shop\n", 1);
        line(&OWN.replace("name = \"good\"", "name = \" \""), 2);
        assert_eq!(Profiles::parse(""), Err(ProfileError::Empty));
    }

    proptest! {
        #[test]
        fn parser_never_panics(text in "(\\[profile\\.[a-z]\\]\n)?.{0,200}") {
            let _ = Profiles::parse(&text);
        }
    }
}
