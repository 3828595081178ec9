//! Puts the known words of a text together again.

use super::super::letters::is_han;
use super::tokens::{Token, Word};
use super::{Entry, Kind};

/// The unknown words as they were typed, in order, each once.
pub(super) fn unknown_words(typed: &[char], tokens: &[Token<'_>]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for token in tokens {
        let word: String = typed[token.range.clone()].iter().collect();
        if matches!(token.word, Word::Unknown) && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The text of the known words; `None` where they name no thing.
pub(super) fn assemble(tokens: &[Token<'_>]) -> Option<String> {
    let mut kept: Vec<&Entry> = Vec::new();
    // Links and plain words wait for the thing that they belong to.
    let mut waiting: Vec<&Entry> = Vec::new();
    let mut has_gap = false;
    for token in tokens {
        let Word::Known(entry) = token.word else {
            has_gap |= matches!(token.word, Word::Unknown);
            continue;
        };
        if entry.kind == Kind::Template {
            continue;
        }
        let is_thing = entry.kind == Kind::Thing;
        if has_gap && (!is_thing || begins_with_preposition(entry)) {
            // What they belonged to was left out.
            waiting.clear();
        }
        has_gap = false;
        waiting.push(entry);
        if is_thing {
            kept.append(&mut waiting);
        }
    }
    if kept.is_empty() {
        return None;
    }
    if !has_gap {
        kept.append(&mut waiting);
    }
    Some(join(without_loose_links(&kept)))
}

/// Whether this is a phrase such as `in the snow`.
fn begins_with_preposition(entry: &Entry) -> bool {
    const PREPOSITIONS: [&str; 8] = ["in ", "on ", "at ", "by ", "under ", "before ", "among ", "在"];
    PREPOSITIONS.iter().any(|link| entry.text.starts_with(link))
}

/// Without the links at the end, and without those at the beginning that are not articles.
fn without_loose_links<'a, 'b>(entries: &'a [&'b Entry]) -> &'a [&'b Entry] {
    let is_link = |entry: &&Entry| entry.kind == Kind::Link;
    let is_loose = |entry: &&Entry| is_link(entry) && !is_article(entry);
    let end = entries
        .iter()
        .rposition(|entry| !is_link(entry))
        .map_or(0, |last| last + 1);
    let start = entries[..end]
        .iter()
        .position(|entry| !is_loose(entry))
        .unwrap_or(end);
    &entries[start..end]
}

fn is_article(entry: &Entry) -> bool {
    matches!(entry.text.as_str(), "a" | "an" | "the")
}

/// The texts with spaces between them, except beside Chinese characters, and with `an` before vowels.
fn join(entries: &[&Entry]) -> String {
    let mut text = String::new();
    for (at, entry) in entries.iter().enumerate() {
        let next = match entry.text.as_str() {
            "a" | "an" => indefinite_article(entries.get(at + 1).map_or("", |next| &next.text)),
            other => other,
        };
        let touches = |c: Option<char>| c.is_none_or(is_han);
        if !touches(text.chars().next_back()) && !touches(next.chars().next()) {
            text.push(' ');
        }
        text.push_str(next);
    }
    text
}

/// By the letter that follows, as in the captions of the training.
fn indefinite_article(next: &str) -> &'static str {
    let sounds_like_consonant = ["eu", "uni", "one"].iter().any(|start| next.starts_with(start));
    if next.starts_with(['a', 'e', 'i', 'o', 'u']) && !sounds_like_consonant {
        "an"
    } else {
        "a"
    }
}
