//! Tokens that let requests in.

use std::fmt;

use blake3::Hash;

/// Shortest token that is accepted, in bytes: nobody guesses one of 16 random characters.
const MIN_LENGTH: usize = 16;
/// Longest token that is accepted, in bytes.
const MAX_LENGTH: usize = 1_024;
/// Separates session cookies from other uses of the token's hash.
const SESSION_CONTEXT: &str = "eidetic 2026 session cookie";

/// A secret that lets a request in. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Hash);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Somebody could guess it.
    #[error(
        "the token has {0} characters; expected at least {MIN_LENGTH}, such as those of: openssl rand -hex 32"
    )]
    TooShort(usize),
    /// It would not fit into a header.
    #[error("the token has {0} characters; expected at most {MAX_LENGTH}")]
    TooLong(usize),
    /// It could not be sent in a header.
    #[error("the token has characters other than ASCII letters, digits and punctuation, or a space within")]
    Unprintable,
}

impl AccessToken {
    /// The token in `text`, without white space around it.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let length = text.chars().count();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken::Unprintable);
        }
        match length {
            0..MIN_LENGTH => Err(InvalidToken::TooShort(length)),
            MIN_LENGTH..=MAX_LENGTH => Ok(Self(blake3::hash(text.as_bytes()))),
            _ => Err(InvalidToken::TooLong(length)),
        }
    }

    /// Whether `candidate` is this token. The time taken tells nothing about it: hashes are compared, in
    /// constant time.
    pub(crate) fn is(&self, candidate: &str) -> bool {
        self.0 == blake3::hash(candidate.as_bytes())
    }

    /// The value of the cookie that stands for this token in a browser. The token cannot be computed from it.
    pub(crate) fn session(&self) -> String {
        self.session_hash().to_hex().to_string()
    }

    /// Whether `cookie` is the value of [`session`](Self::session), compared in constant time.
    pub(crate) fn is_session(&self, cookie: &str) -> bool {
        Hash::from_hex(cookie).is_ok_and(|hash| hash == self.session_hash())
    }

    fn session_hash(&self) -> Hash {
        blake3::derive_key(SESSION_CONTEXT, self.0.as_bytes()).into()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef";

    #[test]
    fn guessable_or_unprintable_tokens_are_refused() {
        assert_eq!(AccessToken::new(""), Err(InvalidToken::TooShort(0)));
        assert_eq!(AccessToken::new(" secret\n"), Err(InvalidToken::TooShort(6)));
        assert_eq!(
            AccessToken::new(&"a".repeat(1_025)),
            Err(InvalidToken::TooLong(1_025))
        );
        for text in ["0123456789 abcdef", "0123456789abcdefü", "0123456789\0abcdef"] {
            assert_eq!(AccessToken::new(text), Err(InvalidToken::Unprintable), "{text:?}");
        }
        assert_eq!(AccessToken::new(&format!(" {TEXT}\n")), AccessToken::new(TEXT));
    }

    #[test]
    fn only_same_token_is_accepted() {
        let token = AccessToken::new(TEXT).unwrap();
        assert!(token.is(TEXT));
        for other in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF"] {
            assert!(!token.is(other), "{other}");
        }
        let session = token.session();
        assert!(token.is_session(&session) && !token.is(&session));
        assert!(
            !AccessToken::new("another 0123456789".replace(' ', "-").as_str())
                .unwrap()
                .is_session(&session)
        );
        assert!(!token.is_session("") && !token.is_session(TEXT));
    }

    #[test]
    fn debug_form_hides_token() {
        let shown = format!("{:?}", AccessToken::new(TEXT).unwrap());
        assert_eq!(shown, "AccessToken(…)");
    }
}
