//! Texts as sequences of letters in one form: NFKC, lower case, single spaces instead of punctuation.

use tokenizers::normalizers::NFKC;

use crate::tokenize::unicode_normalize;

/// The letters of a text, with single spaces between words and none at the ends.
pub fn letters(text: &str) -> Vec<char> {
    let text: Vec<char> = unicode_normalize(text, &NFKC).to_lowercase().chars().collect();
    let mut letters: Vec<char> = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if let Some(after) = possessive(&text, at) {
            at = after;
        } else {
            let c = text[at];
            if is_word(c) {
                // A pictograph is a word of its own: `dog😀` begins with a dog.
                if letters
                    .last()
                    .is_some_and(|last| *last != ' ' && is_pictograph(*last) != is_pictograph(c))
                {
                    letters.push(' ');
                }
                letters.push(c);
            } else if letters.last().is_some_and(|last| *last != ' ') {
                letters.push(' ');
            }
            at += 1;
        }
    }
    if letters.last() == Some(&' ') {
        letters.pop();
    }
    letters
}

/// Letters, digits and pictographs; all else separates words.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_pictograph(c)
}

const fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Chinese characters, which need no space between words.
pub const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Where the text goes on behind the `'s` at `at`, if there is one at the end of a word.
fn possessive(text: &[char], at: usize) -> Option<usize> {
    let follows_word = at > 0 && is_word(text[at - 1]);
    let ends_word = text.get(at + 2).is_none_or(|c| !is_word(*c));
    let is_possessive = matches!(text[at], '\'' | '\u{2019}') && text.get(at + 1) == Some(&'s');
    (follows_word && ends_word && is_possessive).then_some(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_case_width_and_punctuation() {
        let text = |text: &str| letters(text).into_iter().collect::<String>();
        for (written, expected) in [
            ("  \"Dog\" ", "dog"),
            ("(RED-apple)*", "red apple"),
            ("ｄｏｇ，ｃａｔ", "dog cat"),
            ("狗。", "狗"),
            ("dog😀cat", "dog 😀 cat"),
            ("the dog’s ball", "the dog ball"),
            ("it's", "it"),
            ("- … 。", ""),
            ("🐶!", "🐶"),
            ("ﬁsh", "fish"),
        ] {
            assert_eq!(text(written), expected, "{written:?}");
        }
    }
}
