//! The file of one set of texts: written once, never changed, replaced as a whole.
//!
//! ```text
//! head    "EIDTXSET", format version u32
//! record  the set's name
//! record  one for each text, in the order of the file that was added
//! index   one entry for each text, by key: beginning of the key u64, offset of its record u64
//! record  the footer: name, where the index is, its hash
//! end     offset of the footer u64, "EIDTXEND"
//! ```
//!
//! A record is its length u32, a checksum of eight bytes, and JSON. Numbers are little endian. Where index or footer are
//! damaged, the records are read one after the other; a damaged record is left out.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use eidetic_domain::ImageId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoredText;
use crate::LibraryError;

const MAGIC: &[u8; 8] = b"EIDTXSET";
const END: &[u8; 8] = b"EIDTXEND";
const VERSION: u32 = 1;
/// What the names of such files end with.
pub(super) const ENDING: &str = "texts";
const HEAD_BYTES: u64 = 12;
const RECORD_HEAD_BYTES: u64 = 12;
/// Longer than any record that is written: text, fields and id are bounded.
const MAX_RECORD_BYTES: u32 = 16 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Footer {
    name: String,
    index: u64,
    entries: u64,
    /// BLAKE3 of the index.
    hash: String,
}

/// Where a text is: the beginning of its key, and the offset of its record.
type IndexEntry = (u64, u64);

/// One set of texts on disk. In memory are 16 bytes for each text.
#[derive(Debug)]
pub(crate) struct TextSet {
    pub(super) path: PathBuf,
    pub(super) name: String,
    file: Mutex<File>,
    /// Sorted.
    index: Vec<IndexEntry>,
    /// Where the records of texts begin and end.
    records: (u64, u64),
    /// What is wrong with the file.
    pub(super) damage: Option<String>,
}

/// The file name of a set: its name may have characters that file names may not.
pub(super) fn path_of(directory: &Path, name: &str) -> PathBuf {
    let hash = blake3::hash(name.as_bytes()).to_hex();
    directory.join(format!("{}.{ENDING}", &hash[..32]))
}

/// The key of a text's vector: the hash of the text, so that equal texts share it.
pub(super) fn key_of(text: &str) -> ImageId {
    ImageId::of(text.as_bytes())
}

/// The part of a key that is in the index.
pub(super) fn prefix(key: &ImageId) -> u64 {
    let (first, _) = key
        .as_bytes()
        .split_first_chunk::<8>()
        .expect("a key has 32 bytes");
    u64::from_le_bytes(*first)
}

impl TextSet {
    /// Opens a file. `Ok(None)` where not even its name can be read.
    ///
    /// Errors: it cannot be read, or is of another version.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, LibraryError> {
        let failed = LibraryError::io(path);
        let mut file = File::open(path).map_err(&failed)?;
        let length = file.metadata().map_err(&failed)?.len();
        let mut head = [0; HEAD_BYTES as usize];
        let has_head = read_at(&mut file, 0, &mut head).is_ok() && head.starts_with(MAGIC);
        let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if has_head && version != VERSION {
            return Err(LibraryError::UnknownTextsVersion {
                path: path.to_owned(),
                found: version,
                supported: VERSION,
            });
        }
        let header: Option<(Header, u64)> = read_record(&mut file, HEAD_BYTES).ok().flatten();
        let footer = read_footer(&mut file, length);
        let known = header.as_ref().map(|(header, _)| header.name.clone());
        let Some(name) = known.or_else(|| footer.as_ref().map(|(footer, _)| footer.name.clone())) else {
            return Ok(None);
        };
        let set = |file, index, records, damage| Self {
            path: path.to_owned(),
            name: name.clone(),
            file: Mutex::new(file),
            index,
            records,
            damage,
        };
        if let (true, Some((_, start)), Some((footer, index))) = (has_head, &header, footer) {
            return Ok(Some(set(file, index, (*start, footer.index), None)));
        }
        let start = header.map_or_else(|| start_of(&name), |(_, start)| start);
        let mut found = set(file, Vec::new(), (start, length), None);
        let (mut index, mut end) = (Vec::new(), start);
        for read in found.records()? {
            end = read.end;
            if let Some(text) = read.text {
                index.push((prefix(&key_of(&text.text)), read.offset));
            }
        }
        index.sort_unstable();
        found.index = index;
        found.records = (start, end);
        found.damage = Some("its index cannot be read".to_owned());
        Ok(Some(found))
    }

    /// Number of texts.
    pub(super) fn len(&self) -> u64 {
        self.index.len() as u64
    }

    /// Number of different texts.
    pub(super) fn distinct(&self) -> u64 {
        self.index.chunk_by(|a, b| a.0 == b.0).count() as u64
    }

    /// Size of the file.
    pub(super) fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Whether the set has a text with this key. May err where only the beginning of the keys agrees.
    pub(super) fn contains(&self, key: &ImageId) -> bool {
        self.contains_prefix(prefix(key))
    }

    fn contains_prefix(&self, prefix: u64) -> bool {
        self.entries_of(prefix).next().is_some()
    }

    /// The beginnings of the keys of all texts, each once, in ascending order.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = u64> + '_ {
        self.index.chunk_by(|a, b| a.0 == b.0).map(|entries| entries[0].0)
    }

    /// The texts with this key, in the order of the file, at most `limit`. Damaged records are left out.
    pub(super) fn find(&self, key: &ImageId, limit: usize) -> Vec<StoredText> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.entries_of(prefix(key)).take(limit).filter_map(|offset| {
            let read = read_record::<StoredText>(&mut file, offset);
            read.ok().flatten().map(|(text, _)| text)
        });
        records.filter(|text| key_of(&text.text) == *key).collect()
    }

    fn entries_of(&self, prefix: u64) -> impl Iterator<Item = u64> + '_ {
        let start = self.index.partition_point(|entry| entry.0 < prefix);
        let entries = self.index[start..].iter();
        entries
            .take_while(move |entry| entry.0 == prefix)
            .map(|entry| entry.1)
    }

    /// All records, from the disk, in order.
    pub(super) fn records(&self) -> Result<Records, LibraryError> {
        let failed = LibraryError::io(&self.path);
        let mut file = File::open(&self.path).map_err(&failed)?;
        file.seek(SeekFrom::Start(self.records.0)).map_err(&failed)?;
        Ok(Records {
            input: BufReader::with_capacity(1 << 18, file),
            offset: self.records.0,
            end: self.records.1,
        })
    }

    /// The texts that are whole, in order.
    pub(super) fn texts(&self) -> Result<impl Iterator<Item = StoredText> + use<>, LibraryError> {
        Ok(self.records()?.filter_map(|record| record.text))
    }

    /// Reads every record; `Some` where anything is damaged.
    pub(super) fn examine(&self) -> Result<Option<String>, LibraryError> {
        let whole = self.texts()?.count() as u64;
        let lost = self.len().saturating_sub(whole);
        Ok(match (lost, &self.damage) {
            (0, damage) => damage.clone(),
            (lost, _) => Some(format!("{lost} of its {} texts cannot be read", self.len())),
        })
    }
}

/// The records of a file, one after the other.
pub(super) struct Records {
    input: BufReader<File>,
    offset: u64,
    end: u64,
}

/// One record.
pub(super) struct ReadRecord {
    offset: u64,
    end: u64,
    /// `None`: it is damaged.
    text: Option<StoredText>,
}

impl Iterator for Records {
    type Item = ReadRecord;

    /// Ends where no record begins: behind a damaged length nothing can be found.
    fn next(&mut self) -> Option<ReadRecord> {
        let offset = self.offset;
        if offset + RECORD_HEAD_BYTES > self.end {
            return None;
        }
        let mut head = [0; RECORD_HEAD_BYTES as usize];
        self.input.read_exact(&mut head).ok()?;
        let length = length_of(&head)?;
        let end = offset + RECORD_HEAD_BYTES + u64::from(length);
        if end > self.end {
            return None;
        }
        let mut payload = vec![0; length as usize];
        self.input.read_exact(&mut payload).ok()?;
        self.offset = end;
        let text = decode(&head, &payload);
        Some(ReadRecord { offset, end, text })
    }
}

/// Writes the file of a set beside its place. It takes its place with [`install`](Self::install), else it is removed.
pub(super) struct SetWriter {
    path: PathBuf,
    draft: PathBuf,
    name: String,
    file: BufWriter<File>,
    start: u64,
    offset: u64,
    index: Vec<IndexEntry>,
    is_installed: bool,
}

impl SetWriter {
    pub(super) fn create(directory: &Path, name: &str) -> io::Result<Self> {
        let path = path_of(directory, name);
        let draft = path.with_extension(format!("{ENDING}.new"));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&draft)?;
        let mut writer = Self {
            path,
            draft,
            name: name.to_owned(),
            file: BufWriter::with_capacity(1 << 18, file),
            start: 0,
            offset: 0,
            index: Vec::new(),
            is_installed: false,
        };
        writer.write(MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        let header = Header {
            name: name.to_owned(),
        };
        writer.write(&encode(&header)?)?;
        writer.start = writer.offset;
        Ok(writer)
    }

    /// Adds a text.
    pub(super) fn push(&mut self, text: &StoredText) -> io::Result<()> {
        self.index.push((prefix(&key_of(&text.text)), self.offset));
        self.write(&encode(text)?)
    }

    /// Completes the file, so that it survives power loss, and opens it where it is.
    pub(super) fn finish(&mut self) -> io::Result<TextSet> {
        let mut index = std::mem::take(&mut self.index);
        index.sort_unstable();
        let at = self.offset;
        let mut hasher = blake3::Hasher::new();
        for (prefix, offset) in &index {
            let mut entry = [0; 16];
            entry[..8].copy_from_slice(&prefix.to_le_bytes());
            entry[8..].copy_from_slice(&offset.to_le_bytes());
            hasher.update(&entry);
            self.write(&entry)?;
        }
        let footer_at = self.offset;
        let footer = Footer {
            name: self.name.clone(),
            index: at,
            entries: index.len() as u64,
            hash: hasher.finalize().to_hex().to_string(),
        };
        self.write(&encode(&footer)?)?;
        self.write(&footer_at.to_le_bytes())?;
        self.write(END)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(TextSet {
            path: self.draft.clone(),
            name: self.name.clone(),
            file: Mutex::new(self.file.get_ref().try_clone()?),
            index,
            records: (self.start, at),
            damage: None,
        })
    }

    /// Replaces the set by the finished one. When this returns, that survives power loss.
    pub(super) fn install(mut self, mut finished: TextSet) -> io::Result<TextSet> {
        fs::rename(&self.draft, &self.path)?;
        self.is_installed = true;
        eidetic_atomic_file::sync_directory(self.path.parent().unwrap_or(Path::new(".")))?;
        finished.path.clone_from(&self.path);
        Ok(finished)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.offset += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Drop for SetWriter {
    fn drop(&mut self) {
        if !self.is_installed {
            // A leftover is overwritten by the next attempt.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// Where the texts of a set of this name begin.
fn start_of(name: &str) -> u64 {
    let header = Header {
        name: name.to_owned(),
    };
    HEAD_BYTES + encode(&header).map_or(0, |record| record.len() as u64)
}

fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut record = vec![0; RECORD_HEAD_BYTES as usize];
    serde_json::to_writer(&mut record, value)?;
    let (head, payload) = record.split_at_mut(RECORD_HEAD_BYTES as usize);
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|length| *length <= MAX_RECORD_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a record is too long"))?;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&checksum(payload));
    Ok(record)
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let hash = blake3::hash(payload);
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

fn length_of(head: &[u8; RECORD_HEAD_BYTES as usize]) -> Option<u32> {
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    (length <= MAX_RECORD_BYTES).then_some(length)
}

fn decode<T: DeserializeOwned>(head: &[u8; RECORD_HEAD_BYTES as usize], payload: &[u8]) -> Option<T> {
    let is_whole = head[4..] == checksum(payload);
    is_whole.then(|| serde_json::from_slice(payload).ok()).flatten()
}

/// A record and where it ends; `None` where it is damaged.
fn read_record<T: DeserializeOwned>(file: &mut File, offset: u64) -> io::Result<Option<(T, u64)>> {
    let mut head = [0; RECORD_HEAD_BYTES as usize];
    read_at(file, offset, &mut head)?;
    let Some(length) = length_of(&head) else {
        return Ok(None);
    };
    let mut payload = vec![0; length as usize];
    file.read_exact(&mut payload)?;
    let end = offset + RECORD_HEAD_BYTES + u64::from(length);
    Ok(decode(&head, &payload).map(|value| (value, end)))
}

fn read_footer(file: &mut File, length: u64) -> Option<(Footer, Vec<IndexEntry>)> {
    let mut end = [0; 16];
    read_at(file, length.checked_sub(16)?, &mut end).ok()?;
    let at = end.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))?;
    if end[8..] != *END || at >= length {
        return None;
    }
    let (footer, _): (Footer, u64) = read_record(file, at).ok().flatten()?;
    let bytes = footer.entries.checked_mul(16)?;
    if footer.index.checked_add(bytes)? != at {
        return None;
    }
    let mut index = vec![0; usize::try_from(bytes).ok()?];
    read_at(file, footer.index, &mut index).ok()?;
    if blake3::hash(&index).to_hex().as_str() != footer.hash {
        return None;
    }
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let entries = index.chunks_exact(16);
    let entries = entries
        .map(|entry| (number(entry), number(&entry[8..])))
        .collect();
    Some((footer, entries))
}

fn read_at(file: &mut File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn text(id: &str, text: &str) -> StoredText {
        let fields: Map<_, _> = [("price".to_owned(), 3.into())].into_iter().collect();
        StoredText {
            id: id.into(),
            text: text.into(),
            fields,
        }
    }

    fn write(directory: &Path, texts: &[StoredText]) -> TextSet {
        let mut writer = SetWriter::create(directory, "shop/ü").unwrap();
        for text in texts {
            writer.push(text).unwrap();
        }
        let finished = writer.finish().unwrap();
        writer.install(finished).unwrap()
    }

    #[test]
    fn written_texts_are_found_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let texts = [text("1", "a dog"), text("2", "a cat"), text("3", "a dog")];
        let written = write(folder.path(), &texts);
        let read = TextSet::open(&written.path).unwrap().unwrap();
        for set in [&written, &read] {
            assert_eq!((set.len(), set.distinct(), &*set.name), (3, 2, "shop/ü"));
            let dogs = [texts[0].clone(), texts[2].clone()];
            assert_eq!(set.find(&key_of("a dog"), 9), dogs);
            assert_eq!(set.find(&key_of("a dog"), 1), dogs[..1]);
            assert!(set.find(&key_of("a fish"), 9).is_empty());
            assert_eq!(set.texts().unwrap().collect::<Vec<_>>(), texts);
            assert_eq!(set.examine().unwrap(), None);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn draft_that_is_not_installed_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let before = write(folder.path(), &[text("1", "a dog")]);
        let mut writer = SetWriter::create(folder.path(), "shop/ü").unwrap();
        writer.push(&text("2", "a cat")).unwrap();
        let draft = writer.finish().unwrap();
        drop(writer);
        assert!(!draft.path.exists());
        assert_eq!(TextSet::open(&before.path).unwrap().unwrap().len(), 1);
    }

    #[test]
    fn damage_anywhere_costs_at_most_records() {
        let folder = tempfile::tempdir().unwrap();
        let texts = [text("1", "a dog"), text("2", "a cat"), text("3", "a fish")];
        let path = write(folder.path(), &texts).path;
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).unwrap();
            let set = match TextSet::open(&path) {
                Ok(Some(set)) => set,
                Ok(None) => panic!("byte {at}: the name is there twice"),
                Err(LibraryError::UnknownTextsVersion { .. }) => {
                    assert!((8..12).contains(&at), "byte {at}");
                    continue;
                }
                Err(error) => panic!("byte {at}: {error}"),
            };
            assert_eq!(set.name, "shop/ü", "byte {at}");
            assert!(set.examine().unwrap().is_some(), "byte {at} is not noticed");
            for found in set.texts().unwrap() {
                assert!(texts.contains(&found), "byte {at}: {found:?}");
            }
            for known in &texts {
                let found = set.find(&key_of(&known.text), 9);
                assert!(found.is_empty() || found == [known.clone()], "byte {at}");
            }
        }
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            if let Some(set) = TextSet::open(&path).unwrap() {
                assert!(set.damage.is_some(), "{length} bytes");
                assert!(set.texts().unwrap().all(|found| texts.contains(&found)));
            }
        }
    }
}
