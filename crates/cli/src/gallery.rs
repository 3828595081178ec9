use std::fs;
use std::io;
use std::path::Path;

use rust_embed::RustEmbed;

/// The bundled pictures, within the binary, so that the demo runs wherever the binary is.
#[derive(RustEmbed)]
#[folder = "../../data/gallery"]
struct Gallery;

/// The bytes of one bundled picture.
pub(crate) fn picture(name: &str) -> Option<Vec<u8>> {
    Gallery::get(name).map(|file| file.data.into_owned())
}

/// Writes the bundled pictures into `folder`, which exists.
pub(crate) fn unpack(folder: &Path) -> io::Result<()> {
    for name in Gallery::iter().filter(|name| name.ends_with(".jpg")) {
        let file = Gallery::get(&name).expect("iter names what is embedded");
        fs::write(folder.join(name.as_ref()), &file.data)?;
    }
    Ok(())
}
