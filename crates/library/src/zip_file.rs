//! ZIP archives that appear once they are complete, and whose errors are told by whoever asked for them.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::rc::Rc;

use zip::ZipWriter;

use crate::LibraryError;

/// Bytes that are written at a time.
const CHUNK: usize = 1 << 20;

/// An archive that is being written.
pub(crate) type Archive<'f> = ZipWriter<ZipOutput<'f>>;

/// Writes a new archive to `file`: what `fill` adds to it. It appears once it is complete and survives power loss.
///
/// Errors: that of writing the file, where there is one, else that of `fill`; then there is no file.
pub(crate) fn write_zip<T>(
    file: &Path,
    fill: impl FnOnce(&mut Archive<'_>) -> Result<T, LibraryError>,
) -> Result<T, LibraryError> {
    let failed = LibraryError::io(file);
    let written = eidetic_atomic_file::try_write_with(file, |out| {
        let output = ZipOutput::new(out);
        let error = Rc::clone(&output.error);
        let mut archive = ZipWriter::new(output);
        let filled = fill(&mut archive).and_then(|value| {
            let mut output = archive.finish().map_err(|error| failed(error.into()))?;
            output.flush().map_err(&failed)?;
            Ok(value)
        });
        // Others wrap it, or take it for an error of what they read.
        error.take().map_or(filled, |error| Err(failed(error)))
    });
    written.map_err(&failed)?
}

/// Writes to a file until that fails. From then on everything counts as written, and nothing is: a [`ZipWriter`] ends its
/// archive also after an error, and would print that it cannot.
pub(crate) struct ZipOutput<'f> {
    out: BufWriter<&'f mut File>,
    /// Where the next byte goes.
    position: u64,
    /// The first error, for whoever opened the file.
    error: Rc<RefCell<Option<io::Error>>>,
    failed: bool,
}

impl<'f> ZipOutput<'f> {
    fn new(out: &'f mut File) -> Self {
        Self {
            out: BufWriter::with_capacity(CHUNK, out),
            position: 0,
            error: Rc::default(),
            failed: false,
        }
    }

    /// The result of `work`, or `otherwise` after a failure.
    fn attempt<T>(
        &mut self,
        otherwise: T,
        work: impl FnOnce(&mut BufWriter<&'f mut File>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.failed {
            return Ok(otherwise);
        }
        work(&mut self.out).map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            self.failed = true;
            self.error.replace(Some(error));
            told
        })
    }
}

impl Write for ZipOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.attempt(bytes.len(), |out| out.write(bytes))?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), Write::flush)
    }
}

impl Seek for ZipOutput<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let guessed = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(step) => self.position.saturating_add_signed(step),
            SeekFrom::End(step) => self.position.saturating_add_signed(step.min(0)),
        };
        self.position = self.attempt(guessed, |out| out.seek(to))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn error_of_filling_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.zip");
        let filled: Result<(), LibraryError> = write_zip(&file, |archive| {
            archive.start_file("a", SimpleFileOptions::default()).unwrap();
            Err(LibraryError::NoTexts)
        });
        assert!(matches!(filled, Err(LibraryError::NoTexts)));
        assert!(!file.exists());
    }

    #[test]
    fn first_error_of_writing_is_returned() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a");
        std::fs::write(&file, "").unwrap();
        // It can be read only.
        let mut out = File::open(&file).unwrap();
        let output = ZipOutput::new(&mut out);
        let error = Rc::clone(&output.error);
        let mut archive = ZipWriter::new(output);
        let started = archive.start_file("a", SimpleFileOptions::default());
        assert!(started.is_err() || archive.write_all(&vec![7; 4 * CHUNK]).is_err());
        assert!(archive.finish().is_ok(), "what follows counts as written");
        assert!(error.take().is_some());
    }

    #[test]
    fn whole_archive_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.zip");
        let written = write_zip(&file, |archive| {
            archive.start_file("a", SimpleFileOptions::default()).unwrap();
            archive.write_all(b"content").unwrap();
            Ok(5)
        });
        assert!(matches!(written, Ok(5)));
        let mut archive = ZipArchive::new(File::open(&file).unwrap()).unwrap();
        let mut content = String::new();
        archive
            .by_name("a")
            .unwrap()
            .read_to_string(&mut content)
            .unwrap();
        assert_eq!(content, "content");
    }
}
