//! The records of a catalog as its files hold them, made consistent: each image has its paths, each path its
//! image, and the counters count them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, normalize_tag};
use serde::de::DeserializeOwned;

use crate::keys;
use crate::ledger::{Ledger, LedgerEntry};
use crate::records::{FORMAT_VERSION, StoreState, StoredFile, decode_checked, encode_checked, is_whole};
use crate::sled_log::{ReplayMode, replay};
use crate::store_files::{REBUILT, STORE};
use crate::{CatalogCounts, FileStamp, FileState, ImageTags, SpaceNumber};

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Records as the files hold them.
pub struct Salvage {
    records: Records,
    /// Number of places of the log that could not be read.
    pub damaged_places: u64,
    /// Batches that the ledger has and the records do not.
    missing: u64,
    ledger: LedgerEntry,
}

/// Records that fit together.
pub struct Consistent {
    pub records: Records,
    pub state: StoreState,
    /// Changes that were reported as durable and are missing, with those that were noticed before.
    pub missing: u64,
    pub lost: LostRecords,
}

/// What the remaining records show to be lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LostRecords {
    /// Images of which paths are known, but not the record; with those paths.
    pub images: BTreeMap<ImageId, BTreeSet<PathBuf>>,
    /// Images whose paths are all lost.
    pub paths: BTreeSet<ImageId>,
    /// Images of which a tag is known, but not the tags.
    pub tags: BTreeSet<ImageId>,
    /// Images that the counters count beyond the ones above.
    pub uncounted: u64,
    /// Records whose checksum does not match.
    pub unreadable: u64,
    /// Entries that could be made from others.
    pub rebuilt: u64,
}

impl Salvage {
    /// Reads the catalog in `dir` without writing.
    pub fn read(dir: &Path, ledger: Option<&Ledger>) -> io::Result<Self> {
        let entry = ledger.map_or(Ok(LedgerEntry::New), Ledger::read)?;
        let store = folder(dir);
        let plain = Self::of(&store, ReplayMode::AsSled, entry)?;
        if plain.damaged_places == 0 && plain.missing == 0 {
            return Ok(plain);
        }
        Self::of(&store, plain.best_mode(), entry)
    }

    /// How many places of the log sled would leave out although records can be read there, or behind them.
    pub fn lost_by_sled(dir: &Path, entry: LedgerEntry) -> io::Result<u64> {
        let store = folder(dir);
        let plain = Self::of(&store, ReplayMode::AsSled, entry)?;
        let best = Self::of(&store, plain.best_mode(), entry)?;
        let is_same = plain.records == best.records;
        Ok(if is_same { 0 } else { best.damaged_places.max(1) })
    }

    fn of(store: &Path, mode: ReplayMode, ledger: LedgerEntry) -> io::Result<Self> {
        let read = replay(store, mode)?;
        let mut salvage = Self {
            records: read.records,
            damaged_places: read.damaged_places,
            missing: 0,
            ledger,
        };
        if let LedgerEntry::Sequence(durable) = ledger {
            let known = salvage.state().map_or(0, |state| state.sequence);
            salvage.missing = durable.saturating_sub(known);
        }
        Ok(salvage)
    }

    /// Where nothing durable is missing, what lies beyond the end belongs to a batch that never was.
    fn best_mode(&self) -> ReplayMode {
        let is_known = matches!(self.ledger, LedgerEntry::Sequence(_));
        if is_known && self.missing == 0 && self.state().is_some() {
            ReplayMode::PastDamage
        } else {
            ReplayMode::PastEnd
        }
    }

    /// The format version, if it is not the one that this program reads.
    pub fn other_version(&self) -> Option<u32> {
        self.get(keys::VERSION).filter(|found| *found != FORMAT_VERSION)
    }

    fn state(&self) -> Option<StoreState> {
        self.get(keys::STATE)
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Option<T> {
        decode_checked(key, self.records.get(key)?)
    }

    /// Keeps what is whole, and makes it fit together.
    pub fn into_consistent(mut self) -> Consistent {
        let before = self.state().unwrap_or_default();
        let noticed: u64 = self.get(keys::MISSING).unwrap_or(0);
        let stored = self.records.len();
        self.records.retain(|key, value| is_whole(key, value));
        let mut lost = LostRecords {
            unreadable: (stored - self.records.len()) as u64,
            ..LostRecords::default()
        };
        self.restore_paths(&mut lost);
        self.remove_orphans(&mut lost);
        self.rebuild_tag_index(&mut lost);
        let counts = self.count();
        let known = counts.images + lost.images.len() as u64 + lost.paths.len() as u64;
        lost.uncounted = before.counts().images.saturating_sub(known);
        let state = StoreState::new(before.sequence + self.missing, counts);
        self.put(keys::VERSION, &FORMAT_VERSION);
        self.put(keys::STATE, &state);
        Consistent {
            records: self.records,
            state,
            missing: noticed + self.missing,
            lost,
        }
    }

    /// Makes the index from images to paths and the records of files agree.
    fn restore_paths(&mut self, lost: &mut LostRecords) {
        let files: Vec<(Vec<u8>, FileState)> = self
            .with_letter(b'p')
            .filter_map(|(key, value)| {
                let stored: StoredFile = decode_checked(key, value)?;
                Some((key[1..].to_vec(), stored.into_state()))
            })
            .collect();
        let states: BTreeMap<&[u8], &FileState> =
            files.iter().map(|(path, state)| (&path[..], state)).collect();
        let indexed: Vec<(ImageId, Vec<u8>)> = self
            .with_letter(b'x')
            .filter_map(|(key, _)| Some((keys::image_of(key)?, keys::path_of_image_path(key).to_vec())))
            .collect();
        for (image, path) in indexed {
            match states.get(&path[..]) {
                Some(FileState::Indexed(found)) if *found == image => {}
                Some(_) => drop(self.records.remove(&keys::image_path(&image, &path))),
                None => {
                    lost.rebuilt += 1;
                    let stored = StoredFile::new(FileStamp::UNKNOWN, &FileState::Indexed(image));
                    self.put(&keys::file(&path), &stored);
                }
            }
        }
        for (path, state) in &files {
            if let FileState::Indexed(image) = state {
                let key = keys::image_path(image, path);
                if !self.records.contains_key(&key) {
                    lost.rebuilt += 1;
                    self.put(&key, &());
                }
            }
        }
    }

    /// Removes what belongs to images without a record, and images without a path.
    fn remove_orphans(&mut self, lost: &mut LostRecords) {
        let mut with_path = BTreeSet::new();
        let mut orphans = Vec::new();
        for (key, _) in self.with_letter(b'x') {
            let Some(image) = keys::image_of(key) else {
                continue;
            };
            with_path.insert(image);
            if !self.records.contains_key(&keys::image(&image)) {
                let path = keys::path_of_image_path(key);
                let paths = lost.images.entry(image).or_default();
                paths.insert(keys::path_from_bytes(path));
                orphans.extend([key.to_vec(), keys::file(path)]);
            }
        }
        for (key, _) in self.with_letter(b'i') {
            let Some(image) = keys::image_of(key).filter(|image| !with_path.contains(image)) else {
                continue;
            };
            lost.paths.insert(image);
            orphans.push(key.to_vec());
        }
        // An image that has files again, in a record that a damaged page brought back.
        for (key, _) in self.with_letter(b'd') {
            if keys::image_of(key).is_none_or(|image| self.records.contains_key(&keys::image(&image))) {
                orphans.push(key.to_vec());
            }
        }
        for key in orphans {
            self.records.remove(&key);
        }
        let of_unknown = |key: &[u8]| {
            let is_of_image = matches!(key.first(), Some(b'e' | b'r' | b't' | b'u'));
            is_of_image && keys::image_of(key).is_none_or(|id| !self.is_known(&id))
        };
        let orphans: Vec<Vec<u8>> = self
            .records
            .keys()
            .filter(|key| of_unknown(key))
            .cloned()
            .collect();
        for key in orphans {
            self.records.remove(&key);
        }
    }

    /// Makes the index from tags to images anew.
    fn rebuild_tag_index(&mut self, lost: &mut LostRecords) {
        let entries: BTreeSet<Vec<u8>> = [b'w', b'v']
            .into_iter()
            .flat_map(|letter| {
                self.with_letter(letter)
                    .map(|(key, _)| key.to_vec())
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut wanted = BTreeSet::new();
        let mut tagged = BTreeSet::new();
        for letter in [b't', b'u'] {
            for (key, value) in self.with_letter(letter) {
                let space = if letter == b't' {
                    Some(SpaceNumber::FIRST)
                } else {
                    keys::space_of(key)
                };
                let stored: Option<ImageTags> = decode_checked(key, value);
                // Tags of images without a file are kept, and no query finds them.
                let image = keys::image_of(key).filter(|image| self.has_files(image));
                if let (Some(space), Some(image), Some(stored)) = (space, image, stored) {
                    tagged.insert((space == SpaceNumber::FIRST, image));
                    let names = stored.tags.iter().map(|tag| normalize_tag(&tag.name));
                    wanted.extend(names.map(|name| keys::tag_image(space, &name, &image)));
                }
            }
        }
        for key in entries.difference(&wanted) {
            self.records.remove(key);
            let image = key.last_chunk::<32>().map(|id| ImageId::from_bytes(*id));
            let is_lost = |image: &ImageId| {
                self.records.contains_key(&keys::image(image)) && !tagged.contains(&(key[0] == b'w', *image))
            };
            lost.tags.extend(image.filter(is_lost));
        }
        for key in wanted.difference(&entries) {
            lost.rebuilt += 1;
            self.put(key, &());
        }
    }

    /// Whether there is a record of the image, with files or without.
    fn is_known(&self, image: &ImageId) -> bool {
        self.has_files(image) || self.records.contains_key(&keys::removed(image))
    }

    fn has_files(&self, image: &ImageId) -> bool {
        self.records.contains_key(&keys::image(image))
    }

    fn count(&self) -> CatalogCounts {
        let mut counts = CatalogCounts {
            images: self.with_letter(b'i').count() as u64,
            ..CatalogCounts::default()
        };
        for (key, value) in self.with_letter(b'p') {
            match decode_checked(key, value).map(StoredFile::into_state) {
                Some(FileState::Indexed(_)) => counts.paths += 1,
                Some(FileState::Failed(_)) => counts.failed += 1,
                Some(FileState::NotImage | FileState::Unsupported(_)) | None => {}
            }
        }
        counts
    }

    fn with_letter(&self, letter: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
        let range = self.records.range(vec![letter]..vec![letter + 1]);
        range.map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Values are plain data, which always can be encoded.
    fn put<T: serde::Serialize>(&mut self, key: &[u8], value: &T) {
        if let Ok(encoded) = encode_checked(key, value) {
            self.records.insert(key.to_vec(), encoded);
        }
    }
}

impl LostRecords {
    /// Whether anything is lost, rather than only made from other records.
    pub fn is_empty(&self) -> bool {
        let records = self.unreadable + self.uncounted;
        self.images.is_empty() && self.paths.is_empty() && self.tags.is_empty() && records == 0
    }
}

/// The folder of the records: a repair may have been interrupted before it put the new one into place.
pub fn folder(dir: &Path) -> PathBuf {
    let (store, rebuilt) = (dir.join(STORE), dir.join(REBUILT));
    if !store.exists() && rebuilt.exists() {
        rebuilt
    } else {
        store
    }
}
