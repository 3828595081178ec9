//! A contact sheet: one HTML file with small pictures, for a browser or a printer.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A picture of a contact sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetPicture {
    /// A small JPEG; none where it cannot be had.
    pub thumbnail: Option<Vec<u8>>,
    /// The name below the picture.
    pub name: String,
    /// A line below the name, such as the date.
    pub note: String,
    /// The address that the picture leads to.
    pub address: String,
}

const STYLE: &str = "\
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }
body { margin: 2rem; }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 .25rem; }
p { margin: 0 0 1.5rem; opacity: .7; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; min-width: 0; }
figure a { color: inherit; }
figure a, .none { display: grid; place-items: center; aspect-ratio: 1; border-radius: 6px; background: color-mix(in srgb, currentColor 8%, transparent); overflow: hidden; }
img { width: 100%; height: 100%; object-fit: contain; }
figcaption { margin-top: .4rem; font-size: 12px; overflow-wrap: anywhere; }
figcaption span { display: block; opacity: .7; }
@media print { body { margin: 0; } main { grid-template-columns: repeat(4, 1fr); gap: .5cm; } figure a, .none { background: none; } }
";

/// The page. It needs no other file and no network.
pub fn contact_sheet(title: &str, subtitle: &str, pictures: &[SheetPicture]) -> String {
    let (title, subtitle) = (escaped_html(title), escaped_html(subtitle));
    let mut page = format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{subtitle}</p>\n<main>\n"
    );
    for picture in pictures {
        let _ = writeln!(page, "{}", figure(picture));
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn figure(picture: &SheetPicture) -> String {
    let name = escaped_html(&picture.name);
    let shown = match &picture.thumbnail {
        Some(jpeg) => format!(
            "<img alt=\"{name}\" src=\"data:image/jpeg;base64,{}\">",
            STANDARD.encode(jpeg)
        ),
        None => "<span>not available</span>".to_owned(),
    };
    format!(
        "<figure><a href=\"{}\">{shown}</a><figcaption>{name}<span>{}</span></figcaption></figure>",
        escaped_html(&picture.address),
        escaped_html(&picture.note)
    )
}

/// The address of a file for a browser.
pub fn address(path: &Path) -> String {
    let mut address = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                address.push(char::from(*byte));
            }
            byte => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address
}

/// Text for HTML, between tags or between quotes.
pub fn escaped_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_pictures_are_inside() {
        let picture = SheetPicture {
            thumbnail: Some(vec![1, 2, 3]),
            name: "<script>\"'&".to_owned(),
            note: "2024".to_owned(),
            address: "file:///a%20b.jpg\" onclick=\"x".to_owned(),
        };
        let without = SheetPicture {
            thumbnail: None,
            ..picture.clone()
        };
        assert_eq!(address(Path::new("/p/a b é.jpg")), "file:///p/a%20b%20%C3%A9.jpg");
        let page = contact_sheet("a <b>", "2 pictures", &[picture, without]);
        assert!(
            !page.contains("<script>") && !page.contains("\" onclick=\""),
            "{page}"
        );
        assert!(page.contains("data:image/jpeg;base64,AQID"));
        assert!(page.contains("not available"));
        assert!(page.contains("<title>a &lt;b&gt;</title>"));
    }
}
