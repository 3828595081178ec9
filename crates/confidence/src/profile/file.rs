use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::{Criticality, LevelRule, Pattern, Profile, Purpose};
use crate::calibration::Calibrated;

const BUILTIN: &str = include_str!("../../../../data/match/profiles.toml");
/// What a profile calls the patterns that come with the program.
const BUILTIN_PATTERNS: &str = "builtin";
/// Nobody tells more levels apart.
const MOST_LEVELS: usize = 20;
/// More than any file that a person wrote.
const MOST_BYTES: usize = 1 << 20;

/// A part of a whole: above 0, below 1.
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
    /// What every picture is held against by it; most profiles have none.
    pub patterns: Vec<Pattern>,
}

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// The file cannot be understood; the message names line and column.
    #[error("{0}")]
    Syntax(String),
    /// The file holds no profile.
    #[error("the file holds no profile; begin one with [profile.NAME]")]
    Empty,
    /// The file is too large to have been written by hand.
    #[error("the file is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// No profile has this name.
    #[error("there is no profile {name:?}; there are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
}

impl Share {
    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// `part`, known to lie between 0 and 1; what does not is brought there.
    pub(super) fn within(part: f64) -> Self {
        Self(if part.is_nan() {
            0.5
        } else {
            part.clamp(0.001, 0.999)
        })
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(part: f64) -> Result<Self, String> {
        if part > 0.0 && part < 1.0 {
            Ok(Self(part))
        } else {
            Err(format!(
                "a target lies between 0 and 1, both left out; {part} does not"
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
    /// Those that come with the program: `product`, `moderation`, `album`.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).expect("a test reads the bundled file")
    }

    /// Reads a file of profiles.
    ///
    /// Errors: anything that is not as docs/profiles.md says, with its line.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        if text.len() > MOST_BYTES {
            return Err(ProfileError::TooLarge);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let read: Self = toml::from_str(text)
            .map_err(|error| ProfileError::Syntax(error.to_string().trim().to_owned()))?;
        if read.by_name.is_empty() {
            return Err(ProfileError::Empty);
        }
        Ok(read)
    }

    /// These, and `more`, which take the place of those of the same name.
    #[must_use]
    pub fn with(mut self, more: Self) -> Self {
        self.by_name.extend(more.by_name);
        self
    }

    /// The profile of this name.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        self.by_name.get(name).ok_or_else(|| ProfileError::Unknown {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl NamedProfile {
    /// Those that come with the program.
    pub fn builtin() -> Vec<Self> {
        let no_files = |_: &str| Ok::<_, std::convert::Infallible>(Vec::new());
        let Ok(all) = Self::all(Profiles::builtin(), no_files);
        all
    }

    /// Every profile with its patterns; `of_file` reads those that stand in a file.
    pub fn all<E>(
        profiles: Profiles,
        of_file: impl Fn(&str) -> Result<Vec<Pattern>, E>,
    ) -> Result<Vec<Self>, E> {
        let named = |(name, profile): (String, Profile)| {
            let patterns = match profile.patterns.as_deref() {
                None => Vec::new(),
                Some(BUILTIN_PATTERNS) => Pattern::builtin(),
                Some(file) => of_file(file)?,
            };
            Ok(Self {
                name,
                profile,
                patterns,
            })
        };
        profiles.by_name.into_iter().map(named).collect()
    }

    /// The profile with what decides its bars.
    pub const fn purpose<'a>(
        &'a self,
        criticality: Criticality,
        calibration: Option<&'a Calibrated>,
    ) -> Purpose<'a> {
        Purpose {
            profile: &self.profile,
            patterns: self.patterns.as_slice(),
            criticality,
            calibration,
        }
    }
}

/// At least one level, each with a name of its own.
pub(super) fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LevelRule>, D::Error> {
    use serde::de::Error;
    let levels = Vec::<LevelRule>::deserialize(deserializer)?;
    if levels.is_empty() || levels.len() > MOST_LEVELS {
        return Err(D::Error::custom(format!(
            "a profile has 1 to {MOST_LEVELS} levels"
        )));
    }
    for (at, level) in levels.iter().enumerate() {
        let twice = levels[..at].iter().any(|before| before.name == level.name);
        if twice || level.name.trim().is_empty() {
            return Err(D::Error::custom(format!(
                "every level has a name of its own; {:?} is none",
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
    fn the_bundled_profiles_can_be_read_and_replaced() {
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
    fn mistakes_are_named_with_their_line() {
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
        fn no_text_makes_the_reader_panic(text in "(\\[profile\\.[a-z]\\]\n)?.{0,200}") {
            let _ = Profiles::parse(&text);
        }
    }
}
