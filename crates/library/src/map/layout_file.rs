//! A layout on disk. It is derived: a file that cannot be used counts as missing.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, SpaceId};
use eidetic_layout::Point;

/// Magic bytes, format version, version of the method: a layout of another one is computed again.
const HEADER: [u8; 8] = [b'E', b'I', b'D', b'M', b'A', b'P', 1, 1];
const HASH_BYTES: usize = 32;
const ID_BYTES: usize = 32;
const POSITION_BYTES: usize = 8;
/// Number of images, of those that were placed, and of those of the layout that they were placed in.
const NUMBERS: usize = 3;
const BEFORE_IMAGES: usize = HEADER.len() + HASH_BYTES + NUMBERS * size_of::<u64>();

/// A layout as it is stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StoredLayout {
    /// The images, in the order of their ids.
    pub(crate) images: Vec<ImageId>,
    /// Their places.
    pub(crate) positions: Vec<Point>,
    /// How many of them were placed since the whole layout was computed.
    pub(crate) placed: usize,
    /// How many images the whole layout had.
    pub(crate) laid_out: usize,
}

/// The file of the layout of a space: header, hash of the space, numbers, ids, positions as f32 little endian, BLAKE3 of everything before.
#[derive(Debug)]
pub(crate) struct LayoutFile {
    path: PathBuf,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct FoundLayout {
    /// The layout, if the file has one of this space.
    pub(crate) found: Option<StoredLayout>,
    /// What is wrong with the file. An earlier format or another space is no damage.
    pub(crate) damage: Option<&'static str>,
}

impl LayoutFile {
    /// The file in the directory of a space. Writes nothing.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            path: directory.join("map.bin"),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The layout of `space`.
    pub(crate) fn read(&self, space: &SpaceId) -> FoundLayout {
        let damaged = |what| FoundLayout {
            found: None,
            damage: Some(what),
        };
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return FoundLayout::default(),
            Err(_) => return damaged("it cannot be read"),
            Ok(bytes) => bytes,
        };
        if bytes.len() > HEADER.len() && bytes[..6] == HEADER[..6] && bytes[6..8] != HEADER[6..] {
            return FoundLayout::default();
        }
        let Some(content) = whole(&bytes) else {
            return damaged("it is damaged");
        };
        if content[HEADER.len()..][..HASH_BYTES] != key(space) {
            return FoundLayout::default();
        }
        match parse(&content[HEADER.len() + HASH_BYTES..]) {
            None => damaged("it is damaged"),
            found => FoundLayout { found, damage: None },
        }
    }

    /// Replaces the file.
    pub(crate) fn write(&self, space: &SpaceId, layout: &StoredLayout) -> io::Result<()> {
        let bytes = encode(space, layout);
        eidetic_atomic_file::write_with(&self.path, |file| {
            let mut file: &fs::File = file;
            file.write_all(&bytes)
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

fn key(space: &SpaceId) -> [u8; HASH_BYTES] {
    *blake3::hash(space.to_string().as_bytes()).as_bytes()
}

/// What is before the checksum, if that matches and the header is there.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (content, hash) = bytes.split_last_chunk::<HASH_BYTES>()?;
    let is_whole =
        content.len() >= BEFORE_IMAGES && content.starts_with(&HEADER) && blake3::hash(content) == *hash;
    is_whole.then_some(content)
}

fn parse(content: &[u8]) -> Option<StoredLayout> {
    let (numbers, rest) = content.split_at_checked(NUMBERS * size_of::<u64>())?;
    let mut numbers = numbers
        .as_chunks::<8>()
        .0
        .iter()
        .map(|number| u64::from_le_bytes(*number));
    let mut number = || usize::try_from(numbers.next()?).ok();
    let (count, placed, laid_out) = (number()?, number()?, number()?);
    if rest.len() != count.checked_mul(ID_BYTES + POSITION_BYTES)? {
        return None;
    }
    let (ids, positions) = rest.split_at(count * ID_BYTES);
    let ids = ids.as_chunks::<ID_BYTES>().0.iter();
    let coordinate = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    let layout = StoredLayout {
        images: ids.map(|id| ImageId::from_bytes(*id)).collect(),
        positions: positions
            .as_chunks::<POSITION_BYTES>()
            .0
            .iter()
            .map(|position| {
                let (coordinates, _) = position.as_chunks::<4>();
                [coordinate(&coordinates[0]), coordinate(&coordinates[1])]
            })
            .collect(),
        placed,
        laid_out,
    };
    let is_sorted = layout.images.is_sorted_by(|a, b| a < b);
    let is_finite = layout.positions.iter().flatten().all(|x| x.is_finite());
    (is_sorted && is_finite).then_some(layout)
}

fn encode(space: &SpaceId, layout: &StoredLayout) -> Vec<u8> {
    let mut bytes = [HEADER.as_slice(), &key(space)].concat();
    for number in [layout.images.len(), layout.placed, layout.laid_out] {
        bytes.extend((number as u64).to_le_bytes());
    }
    for image in &layout.images {
        bytes.extend(image.as_bytes());
    }
    for coordinate in layout.positions.iter().flatten() {
        bytes.extend(coordinate.to_le_bytes());
    }
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(model: &str) -> SpaceId {
        SpaceId {
            model: model.into(),
            revision: "1".into(),
            preprocessing: "p".into(),
            dimension: 3,
        }
    }

    fn sample() -> StoredLayout {
        let mut images: Vec<ImageId> = (0..5_u8).map(|at| ImageId::of(&[at])).collect();
        images.sort_unstable();
        StoredLayout {
            images,
            positions: (0..5_u8).map(|at| [f32::from(at), -0.5]).collect(),
            placed: 1,
            laid_out: 4,
        }
    }

    #[test]
    fn layout_reads_back_for_its_space() {
        let folder = tempfile::tempdir().unwrap();
        let file = LayoutFile::of(folder.path());
        assert!(file.read(&space("a")).found.is_none());
        file.write(&space("a"), &sample()).unwrap();
        assert_eq!(file.read(&space("a")).found, Some(sample()));
        let other = file.read(&space("b"));
        assert_eq!((other.found, other.damage), (None, None));
        file.remove().unwrap();
        file.remove().unwrap();
        assert!(file.read(&space("a")).found.is_none());
    }

    #[test]
    fn damage_is_detected_older_version_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = LayoutFile::of(folder.path());
        file.write(&space("a"), &sample()).unwrap();
        let whole = fs::read(file.path()).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 8;
            fs::write(file.path(), &flipped).unwrap();
            let read = file.read(&space("a"));
            assert_eq!(read.found, None, "byte {at}");
            assert_eq!(read.damage.is_some(), !(6..8).contains(&at), "byte {at}");
        }
        for length in 0..whole.len() {
            fs::write(file.path(), &whole[..length]).unwrap();
            let read = file.read(&space("a"));
            assert!(read.found.is_none() && read.damage.is_some(), "{length} bytes");
        }
    }
}
