//! Recognizes SVG by its root element, which may come after declarations and comments.

use std::io::Read;

use flate2::read::GzDecoder;

/// Bytes in which the root element must begin.
const MAX_PROLOG: usize = 16 << 10;

/// Whether the first element in `head` is `svg`. Where the head ends before any element, it is none.
pub fn is_svg(head: &[u8]) -> bool {
    let head = &head[..head.len().min(MAX_PROLOG)];
    let mut rest = head
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(head)
        .trim_ascii_start();
    while let Some(after) = after_prolog_part(rest) {
        rest = after.trim_ascii_start();
    }
    let Some(element) = rest.strip_prefix(b"<") else {
        return false;
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.');
    let length = element.iter().take_while(|byte| is_name(byte)).count();
    let name = &element[..length];
    name.rsplit(|&byte| byte == b':').next() == Some(b"svg")
}

/// Whether a gzip file contains SVG.
pub fn is_svgz(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return false;
    }
    let mut head = Vec::new();
    // A file that is cut may have its root element before.
    let _ = GzDecoder::new(bytes)
        .take(MAX_PROLOG as u64)
        .read_to_end(&mut head);
    is_svg(&head)
}

/// What follows an XML declaration, comment or document type at the beginning.
fn after_prolog_part(text: &[u8]) -> Option<&[u8]> {
    let after = |end: &[u8]| {
        let at = memchr::memmem::find(text, end)?;
        Some(&text[at + end.len()..])
    };
    match text {
        [b'<', b'?', ..] => after(b"?>"),
        [b'<', b'!', b'-', b'-', ..] => after(b"-->"),
        [b'<', b'!', ..] => {
            let subset = memchr::memchr(b'[', text);
            match (subset, memchr::memchr(b'>', text)?) {
                (Some(subset), end) if subset < end => {
                    let closed = after(b"]")?;
                    Some(&closed[memchr::memchr(b'>', closed)? + 1..])
                }
                (_, end) => Some(&text[end + 1..]),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_element_decides() {
        for head in [
            "<svg>",
            "\u{FEFF}\n<svg width='1'",
            "<?xml version='1.0'?><!-- <html> --><svg ",
            "<!DOCTYPE svg PUBLIC '-//W3C' [ <!ENTITY a '>'> ]>\r\n<svg>",
            "<!DOCTYPE svg><s:svg xmlns:s=''",
        ] {
            assert!(is_svg(head.as_bytes()), "{head}");
        }
        for head in [
            "",
            "<",
            "<?xml version='1.0'?>",
            "<html><svg>",
            "<svgfont>",
            "<!DOCTYPE html><html><body><svg>",
            "text <svg>",
        ] {
            assert!(!is_svg(head.as_bytes()), "{head}");
        }
    }
}
