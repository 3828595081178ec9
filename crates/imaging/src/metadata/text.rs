//! Texts of any origin, made presentable: decoded, trimmed and of bounded length.

/// Most characters of a title, a name or another short text. More are cut.
pub const MAX_SHORT: usize = 1_000;
/// Most characters of a description. More are cut.
pub const MAX_LONG: usize = 20_000;
/// Most keywords, people and the like. More are left out.
pub const MAX_ITEMS: usize = 1_000;

/// The text up to its first NUL, trimmed and without control characters other than line ends, cut after `most`
/// characters; none where it is empty then.
pub fn clean(text: &str, most: usize) -> Option<String> {
    let text = text
        .split('\0')
        .next()
        .unwrap_or_default()
        .trim_start_matches('\u{FEFF}')
        .trim();
    let is_kept = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    let kept: String = text.chars().filter(is_kept).take(most).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// [`clean`] for a title or a name.
pub fn short(text: &str) -> Option<String> {
    clean(text, MAX_SHORT)
}

/// [`clean`] for a description.
pub fn long(text: &str) -> Option<String> {
    clean(text, MAX_LONG)
}

/// Bytes in an unknown encoding: UTF-16 with a byte order mark, UTF-8, else [`latin1`]. At most as many as a
/// description can have are read.
pub fn decode(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(4 * MAX_LONG)];
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => utf8(bytes).map_or_else(|| latin1(bytes), ToOwned::to_owned),
    }
}

/// The text if the bytes are UTF-8, perhaps but for a last character that was cut.
fn utf8(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// Characters of Windows-1252 where Latin-1 has control characters, which no text has.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Latin-1, of which every byte is a character, as Windows extends it.
pub fn latin1(bytes: &[u8]) -> String {
    let character = |&byte: &u8| match byte {
        0x80..=0x9F => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    };
    bytes.iter().map(character).collect()
}

/// UTF-16; what is not valid is replaced.
pub fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let pairs = &pairs[..pairs.len().min(2 * MAX_LONG)];
    let units = pairs.iter().map(|&pair| unit(pair));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The items cleaned, none twice in any case of letters, at most [`MAX_ITEMS`].
pub fn distinct(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let cleaned = items.into_iter().filter_map(|item| short(&item));
    cleaned
        .filter(|item| seen.insert(item.to_lowercase()))
        .take(MAX_ITEMS)
        .collect()
}

/// A number, also one that is written as a fraction such as `1/60`; a denominator of 0 is none.
pub fn number(text: &str) -> Option<f64> {
    let number = match text.trim().split_once('/') {
        Some((numerator, denominator)) => {
            let (numerator, denominator): (f64, f64) = (numerator.parse().ok()?, denominator.parse().ok()?);
            numerator / denominator
        }
        None => text.trim().parse().ok()?,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_trimmed() {
        assert_eq!(short("  a\u{7}b\nc \0rest").as_deref(), Some("ab\nc"));
        assert_eq!(short(" \0 "), None);
        assert_eq!(
            long(&"ä".repeat(10_000_000)).map(|text| text.chars().count()),
            Some(MAX_LONG)
        );
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(decode("Zürich".as_bytes()), "Zürich");
        assert_eq!(decode(b"Z\xFCrich"), "Zürich");
        assert_eq!(decode(b"\x84Z\xFCrich\x93"), "„Zürich“");
        assert_eq!(decode(b"\xFF\xFEZ\0\xFC\0"), "Zü");
        assert_eq!(decode(b"\xFE\xFF\0Z\0\xFC"), "Zü");
    }

    #[test]
    fn keywords_are_distinct_in_any_case() {
        let keywords = ["Sea", "sea ", "", "ship"].map(String::from);
        assert_eq!(distinct(keywords), ["Sea", "ship"]);
    }

    #[test]
    fn fractions_are_numbers() {
        assert_eq!(number("28/10"), Some(2.8));
        assert_eq!(number(" 50 "), Some(50.0));
        assert_eq!(number("0/0"), None);
        assert_eq!(number("f/2.8"), None);
    }
}
