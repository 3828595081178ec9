//! Reads files of pairs, and finds the images that they name.

use std::fs;
use std::io::Read;
use std::path::Path;

use eidetic_domain::{ImageId, PairFileError};

use crate::failure::Failure;

/// Limit for files of pairs, above the size of the maximum number of pairs.
const MAX_BYTES: u64 = 256 << 20;

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else if fs::metadata(file).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Failure::in_file(file, "this is a folder"));
    } else {
        fs::File::open(file).and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    match read {
        Err(error) => Err(Failure::in_file(file, error)),
        Ok(length) if length as u64 > MAX_BYTES => Err(Failure::in_file(
            file,
            format!(
                "the file is larger than {}; split it",
                crate::output::bytes(MAX_BYTES)
            ),
        )),
        Ok(_) => Ok(bytes),
    }
}

/// The absolute path of an image that `file` names: an image id stays as it is; a path is relative to the file's
/// folder or, if missing there, the working directory.
pub(crate) fn resolve(name: &str, file: &Path) -> String {
    if name.parse::<ImageId>().is_ok() {
        return name.to_owned();
    }
    let in_folder = file.parent().unwrap_or(Path::new("")).join(name);
    let path = if in_folder.exists() {
        in_folder
    } else {
        name.into()
    };
    let absolute = std::path::absolute(&path).unwrap_or(path);
    absolute.to_str().map_or_else(|| name.to_owned(), str::to_owned)
}

/// The line of an error, and its message without the line.
pub(crate) fn numbered(error: &PairFileError) -> (usize, String) {
    let line = error.line().unwrap_or_default();
    let message = error.to_string();
    let unnumbered = message.strip_prefix(&format!("line {line}: "));
    (line, unnumbered.unwrap_or(&message).to_owned())
}
