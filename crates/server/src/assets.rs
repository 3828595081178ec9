use std::fmt::Write;
use std::path::Path;

use actix_web::web::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_embed::Embed;

/// The folder `web/` as it was when the program was built.
#[derive(Embed)]
#[folder = "../../web"]
struct Web;

/// A file of the page.
pub(crate) struct Asset {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: &'static str,
    /// Changes with the content.
    pub(crate) tag: String,
}

/// The file at `path` in the page's folder, if there is one of a type that a page is made of.
pub(crate) fn get(path: &str) -> Option<Asset> {
    let media_type = media_type(path)?;
    let found = Web::get(path)?;
    let mut tag = String::new();
    for byte in &found.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    Some(Asset {
        bytes: found.data.into_owned().into(),
        media_type,
        tag,
    })
}

/// The text of a file of the page's folder, for a document that carries it inside.
pub(crate) fn text(path: &str) -> Option<String> {
    String::from_utf8(Web::get(path)?.data.into_owned()).ok()
}

/// What a content security policy calls such a file by: the SHA-256 of its bytes in base64.
pub(crate) fn hash(path: &str) -> Option<String> {
    Some(STANDARD.encode(Web::get(path)?.metadata.sha256_hash()))
}

fn media_type(path: &str) -> Option<&'static str> {
    match Path::new(path).extension()?.to_str()? {
        "html" => Some("text/html; charset=utf-8"),
        "js" | "mjs" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "ico" => Some("image/x-icon"),
        "woff2" => Some("font/woff2"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_nothing_outside_of_it() {
        let page = get("index.html").unwrap();
        assert!(page.media_type.starts_with("text/html"));
        assert_eq!(page.tag.len(), 32);
        for path in [
            "../Cargo.toml",
            "../crates/server/src/lib.rs",
            "/etc/passwd",
            "",
            "nothing.js",
            "..",
        ] {
            assert!(get(path).is_none(), "{path}");
        }
    }
}
