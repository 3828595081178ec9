//! Labeled pairs of a file.

use std::collections::HashMap;

use eidetic_domain::{Labels, MAX_PAIRS, PairFileError, parse_pairs};

/// An image and a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageTextPair {
    /// The name of the image in the file: a path, or an image id.
    pub image: String,
    /// The text that it is compared with; in pairs of two images, the name of the other image.
    pub text: String,
}

/// A pair with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabeledPair {
    /// The image and the text.
    pub pair: ImageTextPair,
    /// Whether they match.
    pub matches: bool,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// Reads rows of image, text and label ([`parse_pairs`]). Of equal pairs, the first is kept.
pub fn parse_labeled_pairs(file: &[u8]) -> Result<Vec<LabeledPair>, PairFileError> {
    let mut positions: HashMap<ImageTextPair, usize> = HashMap::new();
    let mut pairs: Vec<LabeledPair> = Vec::new();
    for row in parse_pairs(file, Labels::Required) {
        let row = row?;
        let (line, matches) = (row.line, row.matches.unwrap_or_default());
        let pair = ImageTextPair {
            image: row.image,
            text: row.text,
        };
        match positions.get(&pair) {
            None => {
                positions.insert(pair.clone(), pairs.len());
                pairs.push(LabeledPair { pair, matches, line });
            }
            Some(&at) if pairs[at].matches == matches => {}
            Some(&at) => {
                return Err(PairFileError::Contradiction {
                    first: pairs[at].line,
                    line,
                });
            }
        }
        if pairs.len() > MAX_PAIRS {
            return Err(PairFileError::TooMany);
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_and_empty_lines_are_skipped() {
        let file = "\u{feff}a.jpg\ta cat\t1\r\n\nb.jpg\t一只猫\t0\na.jpg\t a cat \t1\n";
        let pairs = parse_labeled_pairs(file.as_bytes()).unwrap();
        let found: Vec<_> = pairs
            .iter()
            .map(|p| (p.pair.image.as_str(), p.pair.text.as_str(), p.matches, p.line))
            .collect();
        assert_eq!(
            found,
            [("a.jpg", "a cat", true, 1), ("b.jpg", "一只猫", false, 3)]
        );
    }

    #[test]
    fn contradictions_name_both_lines() {
        let file = b"a.jpg\tcat\t1\nb.jpg\tcat\t1\na.jpg\tcat\t0";
        assert_eq!(
            parse_labeled_pairs(file).unwrap_err().to_string(),
            "lines 1 and 3 give the same pair different labels"
        );
    }
}
