//! A file read and written at given offsets.

use std::fs::File;
use std::io;

/// A file that is accessed by offset, so that several threads can read it at once.
#[derive(Debug)]
pub(crate) struct PositionedFile {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

#[cfg(unix)]
impl PositionedFile {
    pub(crate) const fn new(file: File) -> Self {
        Self { file }
    }

    /// Fills `buffer` from `offset` on; fails with `UnexpectedEof` if the file is too short.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }

    /// Writes all of `bytes` at `offset`, growing the file if needed.
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }

    /// Returns once everything written would survive power loss.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Size of the file.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// For systems without positioned calls: seek, then read or write, one thread at a time.
#[cfg(not(unix))]
impl PositionedFile {
    pub(crate) const fn new(file: File) -> Self {
        Self {
            file: std::sync::Mutex::new(file),
        }
    }

    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut file = self.lock();
        io::Seek::seek(&mut *file, io::SeekFrom::Start(offset))?;
        io::Read::read_exact(&mut *file, buffer)
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut file = self.lock();
        io::Seek::seek(&mut *file, io::SeekFrom::Start(offset))?;
        io::Write::write_all(&mut *file, bytes)
    }

    pub(crate) fn sync_data(&self) -> io::Result<()> {
        self.lock().sync_data()
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.lock().metadata()?.len())
    }

    /// Poisoning is ignored: a thread that panicked has at most moved the position, which every call sets.
    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        self.file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
