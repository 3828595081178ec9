//! Patterns of names, compared whatever the case of letters.

use crate::Camera;

/// A text to compare names with: equal whatever the case, where `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPattern {
    text: Vec<char>,
    has_wildcards: bool,
    /// Whether a name that only contains the text matches.
    anywhere: bool,
    /// The text, if it is ASCII: most names are, too, and are compared without a copy.
    ascii: Option<Vec<u8>>,
}

impl TextPattern {
    /// A pattern of a whole text.
    pub fn new(text: &str) -> Self {
        let trimmed = text.trim();
        Self {
            text: trimmed.chars().flat_map(char::to_lowercase).collect(),
            has_wildcards: trimmed.contains(['*', '?']),
            anywhere: false,
            ascii: trimmed.is_ascii().then(|| trimmed.as_bytes().to_owned()),
        }
    }

    /// A pattern of a file name, which may be anywhere in the name if it has no `*` and no `?`.
    pub fn of_names(text: &str) -> Self {
        let pattern = Self::new(text);
        Self {
            anywhere: !pattern.has_wildcards,
            ..pattern
        }
    }

    /// Whether a text matches.
    pub fn matches(&self, text: &str) -> bool {
        if let Some(ascii) = self.ascii.as_ref().filter(|_| self.anywhere && text.is_ascii()) {
            let mut parts = text.as_bytes().windows(ascii.len().max(1));
            return ascii.is_empty() || parts.any(|part| part.eq_ignore_ascii_case(ascii));
        }
        let lower = text.chars().flat_map(char::to_lowercase);
        if !self.anywhere && !self.has_wildcards {
            return lower.eq(self.text.iter().copied());
        }
        let lower: Vec<char> = lower.collect();
        if self.anywhere {
            return self.text.is_empty() || lower.windows(self.text.len()).any(|part| part == self.text);
        }
        matches_wildcards(&self.text, &lower)
    }

    /// Whether maker and model together match, or one of them.
    pub fn matches_camera(&self, camera: &Camera) -> bool {
        let mut parts = [&camera.make, &camera.model].into_iter().flatten();
        self.matches(&camera.to_string()) || parts.any(|part| self.matches(part))
    }
}

/// Goes back to the last `*` where characters differ: earlier ones need no other choice, so time is at most the product of the lengths.
fn matches_wildcards(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut last_star = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                last_star = Some((at, place));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star, from)) = last_star else {
                    return false;
                };
                last_star = Some((star, from + 1));
                at = star + 1;
                place = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|wanted| *wanted == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_characters() {
        for (pattern, text, expected) in [
            ("img_*.HEIC", "IMG_2041.heic", true),
            ("img_????.heic", "IMG_204.heic", false),
            ("*", "", true),
            ("*a*b", "aab", true),
            ("*a*b", "aba", false),
            ("a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("猫?.jpg", "猫1.jpg", true),
            ("ÉTÉ*", "été 2024", true),
        ] {
            assert_eq!(
                TextPattern::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn plain_text_is_whole_except_names() {
        assert!(TextPattern::new(" Rome ").matches("rome"));
        assert!(!TextPattern::new("Rom").matches("Rome"));
        assert!(TextPattern::of_names("2041").matches("IMG_2041.heic"));
        assert!(!TextPattern::of_names("img_*").matches("a img_1"));
        assert!(TextPattern::of_names("").matches("a"));
        assert!(TextPattern::of_names("IMG").matches("é img.jpg"));
        assert!(TextPattern::of_names("G.j").matches("iMg.JPG"));
        assert!(!TextPattern::of_names("img.jpeg").matches("img.jpg"));
        // The sign of the Kelvin is a k in small letters.
        assert!(TextPattern::of_names("k").matches("\u{212a}.jpg"));
    }

    #[test]
    fn cameras_match_by_any_name() {
        let camera = Camera {
            make: Some("Apple".into()),
            model: Some("iPhone 12".into()),
        };
        for (pattern, expected) in [
            ("apple iphone 12", true),
            ("iphone 12", true),
            ("Apple", true),
            ("iphone*", true),
            ("iphone 1", false),
        ] {
            assert_eq!(
                TextPattern::new(pattern).matches_camera(&camera),
                expected,
                "{pattern}"
            );
        }
    }
}
