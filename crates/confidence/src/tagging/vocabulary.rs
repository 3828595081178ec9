use std::collections::HashSet;

use eidetic_domain::normalize_tag;
use thiserror::Error;

use crate::BUNDLED_TAGS;

/// Bytes that a vocabulary's file may have.
pub const LARGEST_VOCABULARY: usize = 4 << 20;
/// Tags that a vocabulary may have.
pub const MOST_TAGS: usize = 10_000;
/// Characters that a tag may have.
pub const LONGEST_TAG: usize = 100;

/// The words to try on pictures: at least one, no two the same but for case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    tags: Vec<String>,
}

/// Why a file is no vocabulary; lines count from 1.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VocabularyError {
    /// The file is larger than [`LARGEST_VOCABULARY`].
    #[error("the vocabulary has more than {LARGEST_VOCABULARY} bytes")]
    TooLarge,
    /// It has more tags than [`MOST_TAGS`].
    #[error("line {line}: a vocabulary may have {MOST_TAGS} tags, this is one more")]
    TooMany {
        /// Where the surplus begins.
        line: usize,
    },
    /// Not one tag.
    #[error("the vocabulary is empty; write one tag a line")]
    Empty,
    /// A line that cannot be read.
    #[error("line {line}: {reason}")]
    Line {
        /// Which one.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Vocabulary {
    /// Reads `tag` or `tag<TAB>group` from each line; the group is for people. Empty lines and lines that begin with `#`
    /// are passed over, a tag that comes again is kept once.
    pub fn parse(file: &[u8]) -> Result<Self, VocabularyError> {
        if file.len() > LARGEST_VOCABULARY {
            return Err(VocabularyError::TooLarge);
        }
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let (mut tags, mut seen) = (Vec::new(), HashSet::new());
        for (line, bytes) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            let tag = tag_in(bytes).map_err(|reason| VocabularyError::Line { line, reason })?;
            let Some(tag) = tag.filter(|tag| seen.insert(normalize_tag(tag))) else {
                continue;
            };
            if tags.len() == MOST_TAGS {
                return Err(VocabularyError::TooMany { line });
            }
            tags.push(tag.to_owned());
        }
        if tags.is_empty() {
            return Err(VocabularyError::Empty);
        }
        Ok(Self { tags })
    }

    /// The tags, in the file's order.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

impl Default for Vocabulary {
    /// The bundled one: some five hundred everyday words.
    fn default() -> Self {
        Self::parse(BUNDLED_TAGS.as_bytes()).expect("the bundled vocabulary is well-formed, a test reads it")
    }
}

/// The tag in a line, if it has one.
fn tag_in(line: &[u8]) -> Result<Option<&str>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut columns = line.split('\t');
    let tag = columns.next().unwrap_or_default().trim();
    if columns.nth(1).is_some() {
        return Err("it has more than two columns; write tag, or tag<TAB>group".into());
    }
    if tag.is_empty() {
        return Err("there is no tag before the tab".into());
    }
    let length = tag.chars().count();
    if length > LONGEST_TAG {
        return Err(format!(
            "the tag has {length} characters, {LONGEST_TAG} are allowed"
        ));
    }
    if tag.chars().any(char::is_control) {
        return Err("the tag holds a control character".into());
    }
    Ok(Some(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_vocabulary_has_hundreds_of_words() {
        let tags = Vocabulary::default();
        assert!(tags.tags().len() >= 300, "{}", tags.tags().len());
        assert!(tags.tags().iter().any(|tag| tag == "dog"));
    }

    #[test]
    fn remarks_groups_and_repetitions_are_left_out() {
        let file = "\u{feff}# mine\r\nDog\tanimals\r\n\r\n  snow dog \t\ndog\nété";
        let read = Vocabulary::parse(file.as_bytes()).unwrap();
        assert_eq!(read.tags(), ["Dog", "snow dog", "été"]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let long = format!("dog\n\n{}", "ä".repeat(101));
        let cases: [(&[u8], &str); 6] = [
            (b"dog\ncat\tanimals\tgrey", "line 2: it has more than two columns"),
            (b"# mine\n\tanimals", "line 2: there is no tag before the tab"),
            (b"dog\n\xff\xfe", "line 2: it is not UTF-8"),
            (b"a\0b", "line 1: the tag holds a control character"),
            (
                long.as_bytes(),
                "line 3: the tag has 101 characters, 100 are allowed",
            ),
            (b"# nothing\n\n", "the vocabulary is empty"),
        ];
        for (file, expected) in cases {
            let said = Vocabulary::parse(file).unwrap_err().to_string();
            assert!(said.contains(expected), "{said:?} does not contain {expected:?}");
        }
    }

    #[test]
    fn vocabularies_are_bounded() {
        let many: Vec<String> = (0..=MOST_TAGS).map(|n| format!("tag {n}")).collect();
        let many = many.join("\n");
        let line = MOST_TAGS + 1;
        assert_eq!(
            Vocabulary::parse(many.as_bytes()),
            Err(VocabularyError::TooMany { line })
        );
        let large = vec![b'\n'; LARGEST_VOCABULARY + 1];
        assert_eq!(Vocabulary::parse(&large), Err(VocabularyError::TooLarge));
    }
}
