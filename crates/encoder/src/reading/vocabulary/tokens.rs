//! Splits letters into the longest forms of a vocabulary.

use std::ops::Range;

use super::super::letters::is_han;
use super::super::stop_words::{chinese_link, is_link, latin_length};
use super::{Entry, Kind, Vocabulary};

/// A part of a text.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    /// Its letters.
    pub(super) range: Range<usize>,
    pub(super) word: Word<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'a> {
    Known(&'a Entry),
    Unknown,
    /// A stop word that captions do not have.
    Stop,
}

/// The tokens of `typed`; letters of unknown words that follow each other without a space are one token.
pub(super) fn tokens<'a>(vocabulary: &'a Vocabulary, typed: &[char]) -> Vec<Token<'a>> {
    let text = SimplifiedText::new(vocabulary, typed);
    let mut tokens: Vec<Token<'a>> = Vec::new();
    let mut at = 0;
    while at < typed.len() {
        if typed[at] == ' ' {
            at += 1;
            continue;
        }
        let token = text.token(vocabulary, at);
        at = token.range.end;
        tokens.push(token);
    }
    bind_characters(&text.letters, &mut tokens);
    merge_unknown(tokens)
}

/// Letters, simplified, with the place of each in the text that they make.
struct SimplifiedText {
    letters: Vec<char>,
    joined: String,
    bytes: Vec<usize>,
}

impl SimplifiedText {
    fn new(vocabulary: &Vocabulary, typed: &[char]) -> Self {
        let letters: Vec<char> = typed.iter().map(|c| vocabulary.simplified(*c)).collect();
        let mut joined = String::with_capacity(letters.len());
        let mut bytes = Vec::with_capacity(letters.len() + 1);
        for c in &letters {
            bytes.push(joined.len());
            joined.push(*c);
        }
        bytes.push(joined.len());
        Self {
            letters,
            joined,
            bytes,
        }
    }

    fn slice(&self, range: Range<usize>) -> &str {
        &self.joined[self.bytes[range.start]..self.bytes[range.end]]
    }

    /// The token that begins at `at`: the longest form, else a stop word, else an unknown word.
    fn token<'a>(&self, vocabulary: &'a Vocabulary, at: usize) -> Token<'a> {
        let last = self.letters.len().min(at + vocabulary.longest);
        let known = (at + 1..=last).rev().find_map(|end| {
            let entry = vocabulary.entries.get(self.slice(at..end))?;
            self.ends_word(end).then_some((end, entry))
        });
        let (end, word) = match known {
            Some((end, entry)) if entry.kind == Kind::Absent => (end, Word::Unknown),
            Some((end, entry)) => (end, Word::Known(entry)),
            None => self.unlearnt(at),
        };
        Token { range: at..end, word }
    }

    /// The end of a word that is in no form, and the word.
    fn unlearnt(&self, at: usize) -> (usize, Word<'static>) {
        if is_han(self.letters[at]) {
            let link = chinese_link(&self.letters[at..]);
            return link.map_or((at + 1, Word::Unknown), |length| (at + length, Word::Stop));
        }
        let end = at + latin_length(&self.letters[at..]);
        let is_link = is_link(self.slice(at..end));
        (end, if is_link { Word::Stop } else { Word::Unknown })
    }

    /// Whether a word may end before the letter `end`; Chinese characters may be separated anywhere.
    fn ends_word(&self, end: usize) -> bool {
        let is_inner = |c: Option<&char>| c.is_some_and(|c| *c != ' ' && !is_han(*c));
        !(is_inner(self.letters.get(end - 1)) && is_inner(self.letters.get(end)))
    }
}

/// A single Chinese character beside an unknown one is a part of its word: 花 of 花生 is no flower.
fn bind_characters(letters: &[char], tokens: &mut [Token<'_>]) {
    let mut has_changed = true;
    while has_changed {
        has_changed = false;
        for at in 0..tokens.len() {
            let before = at.checked_sub(1).map(|before| &tokens[before]);
            if can_be_part(letters, &tokens[at])
                && (before
                    .is_some_and(|before| is_unknown_character(letters, before, tokens[at].range.start))
                    || tokens
                        .get(at + 1)
                        .is_some_and(|after| is_unknown_character(letters, after, tokens[at].range.end)))
            {
                tokens[at].word = Word::Unknown;
                has_changed = true;
            }
        }
    }
}

/// Whether a token is a single Chinese character with a meaning of its own.
fn can_be_part(letters: &[char], token: &Token<'_>) -> bool {
    let is_single = token.range.len() == 1 && is_han(letters[token.range.start]);
    let has_meaning =
        |entry: &Entry| entry.kind != Kind::Link && chinese_link(&letters[token.range.clone()]).is_none();
    is_single && matches!(token.word, Word::Known(entry) if has_meaning(entry))
}

/// Whether `token` is an unknown word that has a Chinese character at its `boundary`.
fn is_unknown_character(letters: &[char], token: &Token<'_>, boundary: usize) -> bool {
    let at = if token.range.start == boundary {
        boundary
    } else {
        token.range.end - 1
    };
    let touches = token.range.start == boundary || token.range.end == boundary;
    touches && matches!(token.word, Word::Unknown) && is_han(letters[at])
}

fn merge_unknown(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mut merged: Vec<Token<'_>> = Vec::with_capacity(tokens.len());
    for token in tokens {
        match merged.last_mut() {
            Some(last)
                if matches!((last.word, token.word), (Word::Unknown, Word::Unknown))
                    && last.range.end == token.range.start =>
            {
                last.range.end = token.range.end;
            }
            _ => merged.push(token),
        }
    }
    merged
}
