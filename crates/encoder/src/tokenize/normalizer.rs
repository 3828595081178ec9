//! What references do to a text before they split it.

use tokenizers::normalizers::{NFC, NFKC};
use tokenizers::{NormalizedString, Normalizer};

/// The punctuation of Python's `string`.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// Named HTML characters that texts about pictures have; all others stay as they stand.
const NAMED: [(&str, char); 8] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("hellip", '…'),
    ("copy", '©'),
];
/// What ftfy writes out.
const LIGATURES: [(char, &str); 22] = [
    ('Ĳ', "IJ"),
    ('ĳ', "ij"),
    ('ŉ', "ʼn"),
    ('Ǳ', "DZ"),
    ('ǲ', "Dz"),
    ('ǳ', "dz"),
    ('Ǆ', "DŽ"),
    ('ǅ', "Dž"),
    ('ǆ', "dž"),
    ('Ǉ', "LJ"),
    ('ǈ', "Lj"),
    ('ǉ', "lj"),
    ('Ǌ', "NJ"),
    ('ǋ', "Nj"),
    ('ǌ', "nj"),
    ('ﬀ', "ff"),
    ('ﬁ', "fi"),
    ('ﬂ', "fl"),
    ('ﬃ', "ffi"),
    ('ﬄ', "ffl"),
    ('ﬅ', "ſt"),
    ('ﬆ', "st"),
];

/// How a text is with_normalizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextNormalizer {
    /// It is left as it is.
    None,
    /// Small letters without punctuation: SigLIP.
    Canonical,
    /// OpenCLIP's, with single spaces.
    OpenClip,
    /// OpenCLIP's, in small letters.
    OpenClipLower,
    /// OpenCLIP's, in small letters without punctuation.
    OpenClipCanonical,
}

impl TextNormalizer {
    /// The with_normalizer text.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Canonical => single_spaces(&without_punctuation(&text.to_lowercase())),
            Self::OpenClip => single_spaces(&repaired(text)),
            Self::OpenClipLower => single_spaces(&repaired(text)).to_lowercase(),
            Self::OpenClipCanonical => {
                let text = repaired(text).replace('_', " ");
                single_spaces(&without_punctuation(&text).to_lowercase())
            }
        }
    }
}

fn without_punctuation(text: &str) -> String {
    text.replace(|c| PUNCTUATION.contains(c), "")
}

fn single_spaces(text: &str) -> String {
    let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// White space in Python's sense.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// ftfy's `fix_text` but for its guesses at wrongly decoded text, then HTML's characters twice, as OpenCLIP does.
fn repaired(text: &str) -> String {
    let mut text = text.to_owned();
    if !text.contains('<') {
        text = unescaped(&text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        push_repaired(c, &mut plain);
    }
    unescaped(&unescaped(&normalized(&plain, &NFC)))
}

fn push_repaired(c: char, out: &mut String) {
    match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => out.push('\''),
        '\u{201c}'..='\u{201f}' => out.push('"'),
        '\u{3000}' => out.push(' '),
        '\u{ff01}'..='\u{ffef}' => out.push_str(&normalized(&c.to_string(), &NFKC)),
        '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
        c if is_unseen(c) => {}
        c => match LIGATURES.iter().find(|(ligature, _)| *ligature == c) {
            // The apostrophe of one of them is straightened like any other.
            Some((_, letters)) => out.push_str(&letters.replace('\u{2bc}', "'")),
            None => out.push(c),
        },
    }
}

/// Signs without a look, which ftfy leaves out.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}')
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

fn normalized(text: &str, form: &impl Normalizer) -> String {
    let mut string = NormalizedString::from(text);
    match form.normalize(&mut string) {
        Ok(()) => string.get().to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Numbered characters of HTML and the commonest named ones.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        result.push_str(before);
        let (c, after) = character(after).unwrap_or(('&', after));
        result.push(c);
        rest = after;
    }
    result.push_str(rest);
    result
}

/// The character that the text begins with, written as HTML does behind its `&`, and what follows.
fn character(text: &str) -> Option<(char, &str)> {
    let Some(number) = text.strip_prefix('#') else {
        let (name, rest) = text.split_once(';')?;
        let (_, c) = NAMED.iter().find(|(known, _)| *known == name)?;
        return Some((*c, rest));
    };
    let (digits, base) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16),
        None => (number, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
    let c = char::from_u32(u32::from_str_radix(&digits[..end], base).ok()?)?;
    let rest = &digits[end..];
    Some((c, rest.strip_prefix(';').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cleaned_as_each_reference_does() {
        let text = "  It\u{2019}s a “ﬁne”,\u{3000}ＢＩＧ_dog\u{200b} &amp;amp; &#67;at\u{7} ";
        assert_eq!(
            TextNormalizer::OpenClip.apply(text),
            "It's a \"fine\", BIG_dog\u{200b} & Cat"
        );
        assert_eq!(
            TextNormalizer::OpenClipLower.apply(text),
            "it's a \"fine\", big_dog\u{200b} & cat"
        );
        assert_eq!(
            TextNormalizer::OpenClipCanonical.apply(text),
            "its a fine big dog\u{200b} cat"
        );
        assert_eq!(TextNormalizer::Canonical.apply(" A-b,\tC "), "ab c");
        assert_eq!(TextNormalizer::None.apply(" x "), " x ");
    }

    #[test]
    fn html_that_is_none_stays() {
        for text in ["&", "&;", "&#;", "&#x;", "&unknown;", "a & b", "&#99999999;"] {
            assert_eq!(unescaped(text), text);
        }
        assert_eq!(unescaped("&#x41;&#66&lt;"), "AB<");
    }

    proptest! {
        #[test]
        fn any_text_can_be_cleaned(text in any::<String>()) {
            for normalizer in [TextNormalizer::Canonical, TextNormalizer::OpenClip, TextNormalizer::OpenClipLower, TextNormalizer::OpenClipCanonical] {
                let clean = normalizer.apply(&text);
                prop_assert!(!clean.starts_with(' ') && !clean.ends_with(' '));
            }
        }
    }
}
