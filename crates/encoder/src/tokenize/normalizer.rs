//! Text normalization of the reference tokenizers.

use tokenizers::normalizers::{NFC, NFKC};
use tokenizers::{NormalizedString, Normalizer};

/// Python's `string.punctuation`.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// The named HTML entities that are decoded; others are unusual in texts about images and stay.
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
/// The ligatures that ftfy expands.
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

/// How texts are normalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextNormalizer {
    /// Not at all.
    None,
    /// Lowercase without punctuation: SigLIP.
    Canonical,
    /// OpenCLIP's `whitespace`: ftfy, HTML entities, single spaces.
    OpenClip,
    /// OpenCLIP's `lower`: the same in lowercase.
    OpenClipLower,
    /// OpenCLIP's `canonicalize`: the same in lowercase without punctuation.
    OpenClipCanonical,
}

impl TextNormalizer {
    /// The normalized text.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Canonical => single_spaces(&without_punctuation(&text.to_lowercase())),
            Self::OpenClip => single_spaces(&fix_text(text)),
            Self::OpenClipLower => single_spaces(&fix_text(text)).to_lowercase(),
            Self::OpenClipCanonical => {
                let text = fix_text(text).replace('_', " ");
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

/// Whitespace as Python defines it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// ftfy's `fix_text` without its repair of mojibake, then HTML entities decoded twice, as OpenCLIP does.
fn fix_text(text: &str) -> String {
    let mut text = text.to_owned();
    if !text.contains('<') {
        text = unescape(&text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        push_fixed(c, &mut plain);
    }
    unescape(&unescape(&unicode_normalize(&plain, &NFC)))
}

fn push_fixed(c: char, out: &mut String) {
    match c {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => out.push('\''),
        '\u{201c}'..='\u{201f}' => out.push('"'),
        '\u{3000}' => out.push(' '),
        '\u{ff01}'..='\u{ffef}' => out.push_str(&unicode_normalize(&c.to_string(), &NFKC)),
        '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
        c if is_removed_control(c) => {}
        c => match LIGATURES.iter().find(|(ligature, _)| *ligature == c) {
            // The apostrophe in one of them is replaced like any other.
            Some((_, letters)) => out.push_str(&letters.replace('\u{2bc}', "'")),
            None => out.push(c),
        },
    }
}

/// Control characters that ftfy removes.
const fn is_removed_control(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}')
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}

/// `text` in a normalization form of Unicode.
pub(crate) fn unicode_normalize(text: &str, form: &impl Normalizer) -> String {
    let mut string = NormalizedString::from(text);
    match form.normalize(&mut string) {
        Ok(()) => string.get().to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Decodes numeric HTML entities and the named ones in [`NAMED`].
fn unescape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        result.push_str(before);
        let (c, after) = entity(after).unwrap_or(('&', after));
        result.push(c);
        rest = after;
    }
    result.push_str(rest);
    result
}

/// The entity that the text behind `&` begins with, and the text that follows it.
fn entity(text: &str) -> Option<(char, &str)> {
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
    fn normalization_matches_references() {
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
    fn invalid_html_entities_stay() {
        for text in ["&", "&;", "&#;", "&#x;", "&unknown;", "a & b", "&#99999999;"] {
            assert_eq!(unescape(text), text);
        }
        assert_eq!(unescape("&#x41;&#66&lt;"), "AB<");
    }

    proptest! {
        #[test]
        fn any_text_can_be_normalized(text in any::<String>()) {
            for normalizer in [TextNormalizer::Canonical, TextNormalizer::OpenClip, TextNormalizer::OpenClipLower, TextNormalizer::OpenClipCanonical] {
                let clean = normalizer.apply(&text);
                prop_assert!(!clean.starts_with(' ') && !clean.ends_with(' '));
            }
        }
    }
}
