//! What stands under the keys: postcard behind a checksum that covers the key too, so that neither a flipped bit nor
//! a value under another's key passes for a record.

use eidetic_domain::{ImageId, Metadata, RowId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{CatalogCounts, Feedback, FeedbackKind, FileStamp, FileState, keys};

const CRC_BYTES: usize = 4;

/// Stands for a row that there is not: the image has none in the first space.
const NO_ROW: RowId = RowId(u64::MAX);

/// An image as stored; its paths stand under keys of their own.
#[derive(Serialize, Deserialize)]
pub struct StoredImage {
    first_row: RowId,
    pub bytes: u64,
    pub metadata: Metadata,
}

impl StoredImage {
    pub fn new(first_row: Option<RowId>, bytes: u64, metadata: Metadata) -> Self {
        Self {
            first_row: first_row.unwrap_or(NO_ROW),
            bytes,
            metadata,
        }
    }

    /// The image's row in the first space.
    pub fn first_row(&self) -> Option<RowId> {
        Some(self.first_row).filter(|row| *row != NO_ROW)
    }

    pub fn set_first_row(&mut self, row: Option<RowId>) {
        self.first_row = row.unwrap_or(NO_ROW);
    }
}

/// A file as stored.
#[derive(Serialize, Deserialize)]
pub struct StoredFile {
    pub stamp: FileStamp,
    state: StoredState,
}

/// [`FileState`] with the id as 32 bytes rather than as text.
#[derive(Serialize, Deserialize)]
enum StoredState {
    Indexed([u8; 32]),
    Failed(String),
    NotImage,
}

/// How far the store has come.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct State {
    /// Number of batches applied so far.
    pub sequence: u64,
    images: u64,
    paths: u64,
    failed: u64,
}

impl State {
    pub fn next(self, counts: CatalogCounts) -> Self {
        Self {
            sequence: self.sequence + 1,
            images: counts.images,
            paths: counts.paths,
            failed: counts.failed,
        }
    }

    pub const fn counts(&self) -> CatalogCounts {
        CatalogCounts {
            images: self.images,
            paths: self.paths,
            failed: self.failed,
        }
    }
}

impl StoredFile {
    pub fn new(stamp: FileStamp, state: &FileState) -> Self {
        let state = match state {
            FileState::Indexed(id) => StoredState::Indexed(*id.as_bytes()),
            FileState::Failed(reason) => StoredState::Failed(reason.clone()),
            FileState::NotImage => StoredState::NotImage,
        };
        Self { stamp, state }
    }

    pub fn into_state(self) -> FileState {
        match self.state {
            StoredState::Indexed(id) => FileState::Indexed(ImageId::from_bytes(id)),
            StoredState::Failed(reason) => FileState::Failed(reason),
            StoredState::NotImage => FileState::NotImage,
        }
    }
}

/// An answer as stored, with the id and the path as bytes.
#[derive(Serialize, Deserialize)]
pub struct StoredFeedback {
    at_ms: i64,
    kind: FeedbackKind,
    query: String,
    image: [u8; 32],
    path: Vec<u8>,
    right: bool,
}

impl StoredFeedback {
    pub fn new(answer: &Feedback) -> Self {
        Self {
            at_ms: answer.at_ms,
            kind: answer.kind,
            query: answer.query.clone(),
            image: *answer.image.as_bytes(),
            path: keys::path_bytes(&answer.path),
            right: answer.right,
        }
    }

    pub fn into_feedback(self) -> Feedback {
        Feedback {
            at_ms: self.at_ms,
            kind: self.kind,
            query: self.query,
            image: ImageId::from_bytes(self.image),
            path: keys::path_from_bytes(&self.path),
            right: self.right,
        }
    }
}

/// The value to store under `key`.
pub fn seal<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, postcard::Error> {
    let mut sealed = postcard::to_extend(value, vec![0; CRC_BYTES])?;
    let crc = checksum(key, &sealed[CRC_BYTES..]);
    sealed[..CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
    Ok(sealed)
}

/// The record that was stored under `key`; `None` where the checksum does not hold or the bytes are no such record.
pub fn unseal<T: DeserializeOwned>(key: &[u8], sealed: &[u8]) -> Option<T> {
    let (crc, payload) = sealed.split_first_chunk::<CRC_BYTES>()?;
    if u32::from_le_bytes(*crc) != checksum(key, payload) {
        return None;
    }
    postcard::from_bytes(payload).ok()
}

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libraries have it that were made before there could be several spaces.
    #[derive(Serialize)]
    struct ImageOfFormat1 {
        row: RowId,
        bytes: u64,
        metadata: Metadata,
    }

    #[test]
    fn an_image_of_an_older_library_stands_in_the_first_space() {
        let metadata = Metadata {
            width: 3,
            height: 2,
            format: eidetic_domain::ImageFormat::Png,
            taken: None,
            camera: None,
            position: None,
        };
        let old = ImageOfFormat1 {
            row: RowId(300),
            bytes: 9,
            metadata: metadata.clone(),
        };
        let sealed = seal(b"i", &old).unwrap();
        let read: StoredImage = unseal(b"i", &sealed).unwrap();
        assert_eq!((read.first_row(), read.bytes), (Some(RowId(300)), 9));
        let written = seal(b"i", &StoredImage::new(Some(RowId(300)), 9, metadata)).unwrap();
        assert_eq!(written, sealed);
        let id = ImageId::from_bytes([7; 32]);
        let first = crate::SpaceNumber::FIRST;
        assert_eq!(keys::tags(first, &id), [&b"t"[..], &[7; 32]].concat());
        assert_eq!(
            keys::tagged(first, "dog", &id),
            [&b"wdog\0"[..], &[7; 32]].concat()
        );
    }

    #[test]
    fn any_flipped_bit_and_any_other_key_is_noticed() {
        let file = StoredFile::new(
            FileStamp {
                size: 7,
                modified_ns: -3,
            },
            &FileState::Failed("no picture".into()),
        );
        let sealed = seal(b"p/a", &file).unwrap();
        assert_eq!(
            unseal::<StoredFile>(b"p/a", &sealed).map(StoredFile::into_state),
            Some(FileState::Failed("no picture".into()))
        );
        assert!(unseal::<StoredFile>(b"p/b", &sealed).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal::<StoredFile>(b"p/a", &flipped).is_none(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(
                unseal::<StoredFile>(b"p/a", &sealed[..length]).is_none(),
                "length {length}"
            );
        }
    }
}
