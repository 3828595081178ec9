//! Vocabularies: the words to choose tags from.

use std::collections::HashSet;

use eidetic_domain::normalize_tag;
use thiserror::Error;

use crate::BUNDLED_TAGS;

/// Maximum size of a vocabulary file, in bytes.
pub const MAX_VOCABULARY_BYTES: usize = 4 << 20;
/// Maximum number of tags in a vocabulary.
pub const MAX_TAGS: usize = 10_000;
/// Maximum number of vocabularies of a library.
pub const MAX_VOCABULARIES: usize = 16;
/// The name of the bundled vocabulary.
pub const BUNDLED_NAME: &str = "everyday";
/// Maximum length of a tag, in characters.
pub const MAX_TAG_LENGTH: usize = 100;

/// The words to choose tags from: at least one, distinct when case is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    tags: Vec<String>,
}

/// A vocabulary with the name that it has in a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedVocabulary {
    /// Its name.
    pub name: String,
    /// Its words.
    pub words: Vocabulary,
}

/// Why a file is not a valid vocabulary. Lines count from 1.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VocabularyError {
    /// The file is larger than [`MAX_VOCABULARY_BYTES`].
    #[error("the vocabulary is larger than {MAX_VOCABULARY_BYTES} bytes")]
    TooLarge,
    /// The file has more tags than [`MAX_TAGS`].
    #[error("line {line}: too many tags; a vocabulary has at most {MAX_TAGS}")]
    TooMany {
        /// The line of the first tag above the limit.
        line: usize,
    },
    /// The file has no tags.
    #[error("the vocabulary is empty; write one tag per line")]
    Empty,
    /// A line is invalid.
    #[error("line {line}: {reason}")]
    Line {
        /// The line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Vocabulary {
    /// Reads `tag` or `tag<TAB>group` from each line. The group is for readers of the file and ignored.
    /// Empty lines and lines that begin with `#` are skipped; of equal tags, the first is kept.
    pub fn parse(file: &[u8]) -> Result<Self, VocabularyError> {
        if file.len() > MAX_VOCABULARY_BYTES {
            return Err(VocabularyError::TooLarge);
        }
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let (mut tags, mut seen) = (Vec::new(), HashSet::new());
        for (line, bytes) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            let tag = tag_in(bytes).map_err(|reason| VocabularyError::Line { line, reason })?;
            let Some(tag) = tag.filter(|tag| seen.insert(normalize_tag(tag))) else {
                continue;
            };
            if tags.len() == MAX_TAGS {
                return Err(VocabularyError::TooMany { line });
            }
            tags.push(tag.to_owned());
        }
        if tags.is_empty() {
            return Err(VocabularyError::Empty);
        }
        Ok(Self { tags })
    }

    /// The tags, in the order of the file.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

impl NamedVocabulary {
    /// The bundled words.
    pub fn bundled() -> Self {
        Self {
            name: BUNDLED_NAME.to_owned(),
            words: Vocabulary::default(),
        }
    }

    /// Whether `name` can be one: 1 to 100 characters, none of them a control character, an equals sign or a comma.
    pub fn is_valid_name(name: &str) -> bool {
        let valid = |c: char| !c.is_control() && !matches!(c, '=' | ',');
        (1..=MAX_TAG_LENGTH).contains(&name.chars().count()) && name.trim() == name && name.chars().all(valid)
    }
}

impl Default for Vocabulary {
    /// The bundled vocabulary: about five hundred everyday words.
    fn default() -> Self {
        Self::parse(BUNDLED_TAGS.as_bytes()).expect("a test parses the bundled vocabulary")
    }
}

/// The tag in a line; `None` for an empty line or a comment.
fn tag_in(line: &[u8]) -> Result<Option<&str>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "the text is not UTF-8".to_owned())?;
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut columns = line.split('\t');
    let tag = columns.next().unwrap_or_default().trim();
    if columns.nth(1).is_some() {
        return Err("more than two columns; expected `tag` or `tag<TAB>group`".into());
    }
    if tag.is_empty() {
        return Err("no tag before the tab".into());
    }
    let length = tag.chars().count();
    if length > MAX_TAG_LENGTH {
        return Err(format!(
            "the tag has {length} characters; at most {MAX_TAG_LENGTH} are allowed"
        ));
    }
    if tag.chars().any(char::is_control) {
        return Err("the tag contains a control character".into());
    }
    Ok(Some(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_vocabulary_has_hundreds_of_words() {
        let tags = Vocabulary::default();
        assert!(tags.tags().len() >= 300, "{}", tags.tags().len());
        assert!(tags.tags().iter().any(|tag| tag == "dog"));
    }

    #[test]
    fn comments_groups_and_duplicates_are_skipped() {
        let file = "\u{feff}# mine\r\nDog\tanimals\r\n\r\n  snow dog \t\ndog\nété";
        let read = Vocabulary::parse(file.as_bytes()).unwrap();
        assert_eq!(read.tags(), ["Dog", "snow dog", "été"]);
    }

    #[test]
    fn errors_name_line() {
        let long = format!("dog\n\n{}", "ä".repeat(101));
        let cases: [(&[u8], &str); 6] = [
            (b"dog\ncat\tanimals\tgrey", "line 2: more than two columns"),
            (b"# mine\n\tanimals", "line 2: no tag before the tab"),
            (b"dog\n\xff\xfe", "line 2: the text is not UTF-8"),
            (b"a\0b", "line 1: the tag contains a control character"),
            (
                long.as_bytes(),
                "line 3: the tag has 101 characters; at most 100 are allowed",
            ),
            (b"# nothing\n\n", "the vocabulary is empty"),
        ];
        for (file, expected) in cases {
            let error = Vocabulary::parse(file).unwrap_err().to_string();
            assert!(
                error.contains(expected),
                "{error:?} does not contain {expected:?}"
            );
        }
    }

    #[test]
    fn vocabularies_are_bounded() {
        let many: Vec<String> = (0..=MAX_TAGS).map(|n| format!("tag {n}")).collect();
        let many = many.join("\n");
        let line = MAX_TAGS + 1;
        assert_eq!(
            Vocabulary::parse(many.as_bytes()),
            Err(VocabularyError::TooMany { line })
        );
        let large = vec![b'\n'; MAX_VOCABULARY_BYTES + 1];
        assert_eq!(Vocabulary::parse(&large), Err(VocabularyError::TooLarge));
    }
}
