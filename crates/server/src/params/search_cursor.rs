//! Places in a ranking as text, for the next request.

use eidetic_domain::ImageId;
use eidetic_search::SearchPosition;

/// Hexadecimal digits of a score.
const SCORE_DIGITS: usize = 8;

/// The place that a cursor means: the bits of the score and the id of the image in hexadecimal digits.
///
/// Errors: it is not one of a search; in a sentence.
pub fn parse(cursor: &str) -> Result<SearchPosition, String> {
    let parts = cursor.split_at_checked(SCORE_DIGITS);
    let position = parts.and_then(|(score, image)| {
        let score = f32::from_bits(u32::from_str_radix(score, 16).ok()?);
        let image: ImageId = image.parse().ok()?;
        score.is_finite().then_some(SearchPosition { score, image })
    });
    position.ok_or_else(|| "the cursor is not the next_cursor of a search".to_owned())
}

/// The text for the hits after a place.
pub fn of(position: &SearchPosition) -> String {
    format!("{:08x}{}", position.score.to_bits(), position.image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_keep_every_bit() {
        let position = SearchPosition {
            score: -0.123_456_79,
            image: ImageId::of(b"a"),
        };
        assert_eq!(parse(&of(&position)), Ok(position));
        for text in [
            "",
            "1234567",
            "zzzzzzzz",
            "ffffffff",
            "é",
            &format!("7fc00000{}", position.image),
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
