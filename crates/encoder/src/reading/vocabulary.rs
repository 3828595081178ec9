//! The words that a small model learnt, and the reading of texts by them.

mod assembly;
mod tokens;

use std::collections::HashMap;

use thiserror::Error;

use super::letters::letters;
use super::{TextContent, TextReading};

/// The words that a model learnt: those of its captions. Other words only confuse it, so texts are read without them.
///
/// A reading has the text as captions had it: in lower case, without punctuation, in simplified characters, a noun in
/// the singular where captions had no plural.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    entries: HashMap<String, Entry>,
    /// From traditional characters to simplified ones.
    characters: HashMap<char, char>,
    /// Letters of the longest form.
    longest: usize,
}

/// One form of a word or of a phrase.
#[derive(Debug, Clone)]
struct Entry {
    /// What the model reads.
    text: String,
    kind: Kind,
}

/// What a word of captions says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What an image shows.
    Thing,
    /// Nothing alone: counts.
    Plain,
    /// That this is a picture, as in "a photo of", and nothing of what it shows.
    Template,
    /// How words belong together: articles, prepositions, "and".
    Link,
    /// Something that no image of the training shows: the model knows only that.
    Absent,
}

/// The file of a vocabulary is damaged.
#[derive(Debug, Error)]
#[error("line {line} of the vocabulary is not form, text and kind, separated by tabs")]
pub struct VocabularyError {
    /// Number of the line, from 1.
    line: usize,
}

impl Vocabulary {
    /// Reads `vocabulary.tsv`, which `tools/builtin-model/vocabulary.py` writes and describes.
    pub fn from_tsv(text: &str) -> Result<Self, VocabularyError> {
        let mut vocabulary = Self {
            entries: HashMap::new(),
            characters: HashMap::new(),
            longest: 0,
        };
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            vocabulary.add(line).ok_or(VocabularyError { line: index + 1 })?;
        }
        Ok(vocabulary)
    }

    /// `None` for an invalid line.
    fn add(&mut self, line: &str) -> Option<()> {
        let mut columns = line.split('\t');
        let (form, text, kind) = (columns.next()?, columns.next()?, columns.next()?);
        let kind = match kind {
            "thing" => Kind::Thing,
            "plain" => Kind::Plain,
            "template" => Kind::Template,
            "link" => Kind::Link,
            "absent" => Kind::Absent,
            "character" => {
                self.characters.insert(form.chars().next()?, text.chars().next()?);
                return Some(());
            }
            _ => return None,
        };
        self.longest = self.longest.max(form.chars().count());
        let text = if text.is_empty() { form } else { text }.to_owned();
        self.entries.insert(form.to_owned(), Entry { text, kind });
        Some(())
    }

    /// What a model of this vocabulary takes from a text.
    pub fn read(&self, text: &str) -> TextReading {
        let typed = letters(text);
        let tokens = tokens::tokens(self, &typed);
        let unknown_words = assembly::unknown_words(&typed, &tokens);
        match assembly::assemble(&tokens) {
            Some(text) => TextReading {
                text,
                unknown_words,
                content: TextContent::Some,
            },
            None => TextReading {
                text: text.to_owned(),
                unknown_words,
                content: TextContent::None,
            },
        }
    }

    fn simplified(&self, c: char) -> char {
        self.characters.get(&c).copied().unwrap_or(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = include_str!("../../../../data/models/builtin/vocabulary.tsv");

    fn check(cases: &[(&str, &str, &[&str])]) {
        let vocabulary = Vocabulary::from_tsv(WORDS).unwrap();
        for (text, read, unknown) in cases {
            let reading = vocabulary.read(text);
            assert_eq!(
                (reading.text.as_str(), &reading.unknown_words[..]),
                (*read, &unknown.map_owned()[..]),
                "{text:?}"
            );
            assert!(reading.has_content(), "{text:?}");
        }
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for &[&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|word| (*word).to_owned()).collect()
        }
    }

    #[test]
    fn spellings_of_word_are_read_alike() {
        check(&[
            ("dog", "dog", &[]),
            ("\"Dog\"", "dog", &[]),
            ("*dog*", "dog", &[]),
            ("ｄｏｇ", "dog", &[]),
            ("red-apple", "red apple", &[]),
            ("accordions", "accordion", &[]),
            ("T-Shirts", "t-shirt", &[]),
            ("狗。", "狗", &[]),
            ("蘋果", "苹果", &[]),
            ("紅蘋果", "红色苹果", &[]),
            ("2 gray cats", "two grey cats", &[]),
        ]);
    }

    #[test]
    fn unknown_words_are_left_out() {
        check(&[
            ("cute dog", "dog", &["cute"]),
            ("my big dog", "dog", &["big"]),
            ("a photo of a cute dog", "a dog", &["cute"]),
            ("an ancient car", "a car", &["ancient"]),
            ("dog on a skateboard", "dog", &["skateboard"]),
            (
                "dog on a skateboard in the snow",
                "dog in the snow",
                &["skateboard"],
            ),
            ("a zebra and a dog", "a dog", &["zebra"]),
            ("a dog without a ball", "a dog a ball", &["without"]),
            ("可爱的狗", "狗", &["可爱"]),
            ("一只可爱的小狗", "狗", &["可爱"]),
            ("雪地里的企鹅和斑马", "雪地里的企鹅", &["斑马"]),
        ]);
    }

    #[test]
    fn known_texts_stay_as_learnt() {
        for text in [
            "a granny smith apple",
            "苹果",
            "a red apple and a blue cup on a wooden table",
            "two cats in a meadow",
            "granny smith",
            "夜晚的灯塔",
            "雪地里的企鹅",
            "an octopus under water",
        ] {
            check(&[(text, text, &[])]);
        }
    }

    #[test]
    fn every_learnt_name_stays_in_sentences() {
        let vocabulary = Vocabulary::from_tsv(WORDS).unwrap();
        let learnt = |entry: &(&String, &Entry)| entry.1.kind == Kind::Thing && *entry.0 == entry.1.text;
        let mut read = 0;
        for (name, _) in vocabulary.entries.iter().filter(learnt) {
            let sentence = if name.is_ascii() {
                format!("a photo of {name}")
            } else {
                format!("一张{name}的照片")
            };
            for text in [name, &sentence] {
                let reading = vocabulary.read(text);
                assert_eq!((&reading.text, reading.unknown_words.len()), (name, 0), "{text}");
                read += 1;
            }
        }
        assert!(read > 1_000, "{read} texts");
    }

    #[test]
    fn texts_of_unknown_words_have_no_content() {
        let vocabulary = Vocabulary::from_tsv(WORDS).unwrap();
        let cases: [(&str, &[&str]); 10] = [
            ("", &[]),
            ("the", &[]),
            ("a photo of two", &[]),
            ("的", &[]),
            ("hippopotamus", &["hippopotamus"]),
            ("hot dog", &["hot dog"]),
            ("花生", &["花生"]),
            ("斑馬", &["斑馬"]),
            ("my Zebra", &["zebra"]),
            ("🐶", &["🐶"]),
        ];
        for (text, unknown) in cases {
            let reading = vocabulary.read(text);
            assert_eq!(
                (reading.text.as_str(), reading.content),
                (text, TextContent::None)
            );
            assert_eq!(reading.unknown_words, unknown, "{text:?}");
        }
    }

    #[test]
    fn invalid_line_is_named() {
        let error = Vocabulary::from_tsv("# words\ndog\t\tthing\ncat\tthing\n").unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
