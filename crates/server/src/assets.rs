//! The files of the web page, embedded at build time.

use std::fmt::Write;
use std::path::Path;

use actix_web::web::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_embed::Embed;

/// The folder `web/`.
#[derive(Embed)]
#[folder = "../../web"]
struct Web;

/// A file of the web page.
pub(crate) struct Asset {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: &'static str,
    /// Entity tag, from the hash of the content.
    pub(crate) tag: String,
}

/// The file at `path` in the folder `web/`; `None` for types that a page does not consist of.
pub(crate) fn get(path: &str) -> Option<Asset> {
    let media_type = media_type(path)?;
    let file = Web::get(path)?;
    let mut tag = String::new();
    for byte in &file.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    Some(Asset {
        bytes: file.data.into_owned().into(),
        media_type,
        tag,
    })
}

/// The text of a file, to be inlined in a document.
pub(crate) fn text(path: &str) -> Option<String> {
    String::from_utf8(Web::get(path)?.data.into_owned()).ok()
}

/// SHA-256 of a file in base64, as content security policies name inlined files.
pub(crate) fn sha256_base64(path: &str) -> Option<String> {
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
    fn only_page_files_are_assets() {
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
