//! A checksum within a JSON file: the BLAKE3 hash of its text, in which the hash itself counts as zeros.
//!
//! Programs that do not know the field ignore it.

/// The value of the field `checksum` before the text is hashed.
pub(crate) const PLACEHOLDER: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const FIELD: &[u8] = b"\"checksum\"";

/// What a text says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    Matches,
    Differs,
    /// The text has none.
    Absent,
}

/// The text with its checksum in the place of [`PLACEHOLDER`].
pub(crate) fn seal(text: &str) -> String {
    let hash = blake3::hash(text.as_bytes()).to_hex();
    text.replacen(PLACEHOLDER, &hash, 1)
}

/// Compares the text with its checksum.
pub(crate) fn verify(text: &[u8]) -> Checksum {
    let Some(field) = text.windows(FIELD.len()).position(|window| window == FIELD) else {
        return Checksum::Absent;
    };
    let after = field + FIELD.len();
    let is_between = |byte: &u8| matches!(byte, b' ' | b':' | b'"');
    let skipped = text[after..].iter().take_while(|byte| is_between(byte)).count();
    let start = after + skipped;
    let Some(digits) = text.get(start..start + PLACEHOLDER.len()) else {
        return Checksum::Differs;
    };
    let zeroed = [
        &text[..start],
        PLACEHOLDER.as_bytes(),
        &text[start + PLACEHOLDER.len()..],
    ]
    .concat();
    if blake3::hash(&zeroed).to_hex().as_bytes() == digits {
        Checksum::Matches
    } else {
        Checksum::Differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_differs() {
        let text = format!("{{\n  \"checksum\": \"{PLACEHOLDER}\",\n  \"name\": \"0000\"\n}}");
        let sealed = seal(&text);
        assert_eq!(verify(sealed.as_bytes()), Checksum::Matches);
        assert_eq!(verify(b"{\"name\":1}"), Checksum::Absent);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] ^= 1;
            assert_ne!(verify(&changed), Checksum::Matches, "byte {at}");
        }
        assert_eq!(verify(&sealed.as_bytes()[..40]), Checksum::Differs);
    }
}
