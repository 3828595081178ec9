//! Paths and names in text for people: a name can contain anything, even what a terminal obeys.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// A path as one line of text: what a terminal would obey and what is no text is escaped, as `\n`,
/// `\u{1b}` and `\xff`.
pub(crate) fn path(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        shown.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A text from elsewhere, such as a file's name or a tag, as one line.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    escaped(text, is_unsafe).into()
}

/// A message, which may have several lines.
pub(crate) fn message(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c| c != '\n' && is_unsafe(c);
    if !text.contains(is_unsafe) {
        return text.into();
    }
    escaped(text, is_unsafe).into()
}

fn escaped(text: &str, is_unsafe: impl Fn(char) -> bool) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, what reorders text (as in "Trojan source"), line separators, and characters without
/// a shape that could hide a difference.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_escaped() {
        assert_eq!(text("a\u{1b}[31m\nb\tc\u{7}.jpg"), r"a\u{1b}[31m\nb\tc\u{7}.jpg");
        assert_eq!(
            text("gpj.\u{202e}a\u{2066}b\u{9b}"),
            r"gpj.\u{202e}a\u{2066}b\u{9b}"
        );
        assert_eq!(message("two\nlines\r"), "two\nlines\\r");
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        // A joiner is part of many emoji.
        for name in [
            "/photos/Grüße 猫.jpg",
            r"C:\photos\a.jpg",
            "مرحبا.jpg",
            "👩\u{200d}🚀.png",
        ] {
            assert_eq!(text(name), name);
            assert_eq!(path(Path::new(name)), name);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_outside_unicode_are_shown() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9\xff.jpg");
        assert_eq!(path(Path::new(name)), r"caf\xe9\xff.jpg");
    }
}
