//! The gallery of images embedded in the binary.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../data/gallery"]
struct Gallery;

/// The bytes of one image.
pub(crate) fn image(name: &str) -> Option<Vec<u8>> {
    Gallery::get(name).map(|file| file.data.into_owned())
}

/// The bytes of all images.
pub(crate) fn images() -> impl Iterator<Item = Vec<u8>> {
    names().filter_map(|name| image(&name))
}

/// Writes all images to `folder`, which must exist.
pub(crate) fn unpack(folder: &Path) -> io::Result<()> {
    for name in names() {
        let file = Gallery::get(&name).expect("iter names what is embedded");
        fs::write(folder.join(name.as_ref()), &file.data)?;
    }
    Ok(())
}

fn names() -> impl Iterator<Item = Cow<'static, str>> {
    Gallery::iter().filter(|name| name.ends_with(".jpg"))
}
