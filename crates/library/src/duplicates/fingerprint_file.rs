//! Fingerprints on disk: a file of records that new ones are appended to. They are derived: what cannot be read of them
//! counts as missing.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use eidetic_domain::ImageId;
use eidetic_duplicates::Fingerprint;

/// Magic bytes, format version, version of the fingerprints.
const HEADER: [u8; 8] = [b'E', b'I', b'D', b'F', b'P', b'R', 1, Fingerprint::VERSION];
const ID_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 8;
const RECORD_BYTES: usize = ID_BYTES + Fingerprint::BYTES + CHECKSUM_BYTES;
/// The file is written again once it has this many times as many records as are of use, and more than the minimum.
const MAX_UNUSED_SHARE: usize = 2;
const MIN_RECORDS: usize = 1000;

/// The file of fingerprints of a library.
#[derive(Debug)]
pub(crate) struct FingerprintFile {
    path: PathBuf,
    writing: Mutex<()>,
}

/// What a file of fingerprints holds.
#[derive(Debug, Default)]
pub(crate) struct StoredFingerprints {
    /// The fingerprints that could be read.
    pub(crate) found: HashMap<ImageId, Fingerprint>,
    /// Records, whole or not.
    records: usize,
    /// What is wrong with the file.
    pub(crate) damage: Option<&'static str>,
}

impl FingerprintFile {
    /// The file of the library at `directory`. Writes nothing.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            path: directory.join("duplicates.bin"),
            writing: Mutex::default(),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All fingerprints that can be read; none where there is no file.
    pub(crate) fn read(&self) -> StoredFingerprints {
        let mut stored = StoredFingerprints::default();
        match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => stored.damage = Some("it cannot be read"),
            Ok(file) => {
                if stored.fill(BufReader::with_capacity(1 << 20, file)).is_err() {
                    stored.damage = Some("it cannot be read to its end");
                }
            }
        }
        stored
    }

    /// Adds fingerprints. A file that cannot be added to is replaced by one with what is whole of it.
    pub(crate) fn append(&self, added: &[(ImageId, Fingerprint)]) -> io::Result<()> {
        if added.is_empty() {
            return Ok(());
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.can_be_appended_to()? {
            let mut all = self.read().found;
            all.extend(added.iter().cloned());
            return self.write_all(all.iter());
        }
        let records: Vec<u8> = added
            .iter()
            .flat_map(|(image, fingerprint)| record(image, fingerprint))
            .collect();
        OpenOptions::new()
            .append(true)
            .open(&self.path)?
            .write_all(&records)
    }

    /// Writes the file again without unused records, if it has many of them or is damaged. `is_used` accepts images of the
    /// library.
    pub(crate) fn compact(
        &self,
        stored: &StoredFingerprints,
        is_used: impl Fn(&ImageId) -> bool,
    ) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let used = stored.found.iter().filter(|(image, _)| is_used(image)).count();
        let is_wasteful = stored.records > MIN_RECORDS && stored.records > MAX_UNUSED_SHARE * used;
        if stored.damage.is_none() && !is_wasteful {
            return Ok(());
        }
        // Read again: records may have been added since.
        let latest = self.read().found;
        self.write_all(latest.iter().filter(|(image, _)| is_used(image)))
    }

    /// Whether the file has a header of this version and ends with a whole record.
    fn can_be_appended_to(&self) -> io::Result<bool> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let records = file.metadata()?.len().checked_sub(HEADER.len() as u64);
        let mut header = [0; HEADER.len()];
        Ok(records.is_some_and(|bytes| bytes % RECORD_BYTES as u64 == 0)
            && file.read_exact(&mut header).is_ok()
            && header == HEADER)
    }

    fn write_all<'a>(&self, all: impl Iterator<Item = (&'a ImageId, &'a Fingerprint)>) -> io::Result<()> {
        eidetic_atomic_file::write_with(&self.path, |file| {
            let mut file = BufWriter::new(file);
            file.write_all(&HEADER)?;
            for (image, fingerprint) in all {
                file.write_all(&record(image, fingerprint))?;
            }
            file.flush()
        })
    }

    /// Deletes the file, if there is one.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

impl StoredFingerprints {
    fn fill(&mut self, mut file: impl Read) -> io::Result<()> {
        let mut header = [0; HEADER.len()];
        if file.read_exact(&mut header).is_err() || header != HEADER {
            self.damage = Some("it is damaged or of another version");
            return Ok(());
        }
        let mut bytes = vec![0; RECORD_BYTES];
        loop {
            match read_full(&mut file, &mut bytes)? {
                0 => return Ok(()),
                RECORD_BYTES => {}
                // A process was killed while it added records: no damage, and the next addition cuts it off.
                _ => return Ok(()),
            }
            self.records += 1;
            match parse(&bytes) {
                Some((image, fingerprint)) => {
                    self.found.insert(image, fingerprint);
                }
                None => self.damage = Some("records of it are damaged"),
            }
        }
    }
}

/// Reads until the buffer is full or the file ends; returns how many bytes.
fn read_full(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn record(image: &ImageId, fingerprint: &Fingerprint) -> Vec<u8> {
    let mut bytes = image.as_bytes().to_vec();
    bytes.extend(fingerprint.to_bytes());
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

fn parse(bytes: &[u8]) -> Option<(ImageId, Fingerprint)> {
    let (content, stored) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (id, fingerprint) = content.split_first_chunk::<ID_BYTES>()?;
    if checksum(content) != *stored {
        return None;
    }
    Some((ImageId::from_bytes(*id), Fingerprint::from_bytes(fingerprint)?))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::hash(bytes);
    let mut first = [0; CHECKSUM_BYTES];
    first.copy_from_slice(&hash.as_bytes()[..CHECKSUM_BYTES]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn sample(number: u8) -> (ImageId, Fingerprint) {
        let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * y) as u8 ^ number, number, x as u8]));
        (ImageId::of(&[number]), Fingerprint::of(&picture).unwrap())
    }

    #[test]
    fn appended_records_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = FingerprintFile::of(folder.path());
        assert!(file.read().found.is_empty());
        let samples: Vec<_> = (0..5).map(sample).collect();
        file.append(&samples[..2]).unwrap();
        file.append(&samples[2..]).unwrap();
        let stored = file.read();
        assert_eq!(stored.found, samples.into_iter().collect());
        assert_eq!((stored.records, stored.damage), (5, None));
    }

    #[test]
    fn damage_costs_only_its_records() {
        let folder = tempfile::tempdir().unwrap();
        let file = FingerprintFile::of(folder.path());
        let samples: Vec<_> = (0..3).map(sample).collect();
        file.append(&samples).unwrap();
        let whole = fs::read(file.path()).unwrap();
        for at in (HEADER.len()..whole.len()).step_by(97) {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            fs::write(file.path(), &flipped).unwrap();
            let stored = file.read();
            assert_eq!(
                (stored.found.len(), stored.damage.is_some()),
                (2, true),
                "byte {at}"
            );
        }
        fs::write(file.path(), &whole[..whole.len() - 1]).unwrap();
        assert_eq!(file.read().found.len(), 2);
        file.append(&[sample(7)]).unwrap();
        let stored = file.read();
        assert_eq!(
            (stored.found.len(), stored.damage),
            (3, None),
            "a torn end is dropped"
        );
        fs::write(file.path(), b"something else").unwrap();
        assert!(file.read().found.is_empty());
        file.append(&samples).unwrap();
        assert_eq!(file.read().found.len(), 3);
    }

    #[test]
    fn compaction_drops_unused_records() {
        let folder = tempfile::tempdir().unwrap();
        let file = FingerprintFile::of(folder.path());
        let samples: Vec<_> = (0..4).map(sample).collect();
        for _ in 0..300 {
            file.append(&samples).unwrap();
        }
        file.compact(&file.read(), |image| *image != samples[0].0)
            .unwrap();
        let stored = file.read();
        assert_eq!((stored.found.len(), stored.records), (3, 3));
    }
}
