//! Stored records: postcard after a checksum that covers the key too, so that neither a flipped bit nor a
//! value under another key is accepted.

use eidetic_domain::{Details, ImageId, Metadata, RowId, TakenSource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{CatalogCounts, Feedback, FeedbackKind, FileStamp, FileState, keys};

/// The format version that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

const CRC_BYTES: usize = 4;

/// Marks an image without a row in the first space.
const NO_ROW: RowId = RowId(u64::MAX);

/// An image's record without its paths, which are in the `image_path` index.
#[derive(Serialize, Deserialize)]
pub struct StoredImage {
    first_row: RowId,
    pub bytes: u64,
    pub metadata: Metadata,
    /// At the end, since records of earlier versions lack it and those versions ignore it.
    #[serde(deserialize_with = "or_default")]
    pub taken_source: Option<TakenSource>,
    #[serde(deserialize_with = "or_default")]
    pub added_ms: Option<i64>,
}

fn row(stored: RowId) -> Option<RowId> {
    Some(stored).filter(|row| *row != NO_ROW)
}

/// The beginning of a [`StoredImage`].
#[derive(Deserialize)]
pub struct StoredRow {
    first_row: RowId,
}

impl StoredRow {
    /// The image's row in the first space.
    pub fn first_row(&self) -> Option<RowId> {
        row(self.first_row)
    }
}

impl StoredImage {
    pub fn new(first_row: Option<RowId>, bytes: u64, metadata: Metadata) -> Self {
        Self {
            first_row: first_row.unwrap_or(NO_ROW),
            bytes,
            metadata,
            taken_source: None,
            added_ms: None,
        }
    }

    /// Takes date, camera and position from `details`.
    pub fn describe(&mut self, details: &Details) {
        self.metadata.taken = details.taken.map(|taken| taken.time);
        self.taken_source = details.taken.map(|taken| taken.source);
        self.metadata.camera.clone_from(&details.camera);
        self.metadata.position = details.position;
    }

    /// The image's row in the first space.
    pub fn first_row(&self) -> Option<RowId> {
        row(self.first_row)
    }

    pub fn set_first_row(&mut self, row: Option<RowId>) {
        self.first_row = row.unwrap_or(NO_ROW);
    }
}

/// An image's details, in a form that is read by one version of them only: they can be read again from the files.
#[derive(Serialize, Deserialize)]
pub struct StoredDetails {
    version: u32,
    details: Vec<u8>,
}

/// The version of [`Details`] that this program writes.
const DETAILS_VERSION: u32 = 2;

impl StoredDetails {
    pub fn new(details: &Details) -> Result<Self, postcard::Error> {
        Ok(Self {
            version: DETAILS_VERSION,
            details: postcard::to_stdvec(details)?,
        })
    }

    /// None where another version wrote them.
    pub fn into_details(self) -> Option<Details> {
        let is_known = self.version == DETAILS_VERSION;
        is_known
            .then(|| postcard::from_bytes(&self.details).ok())
            .flatten()
    }
}

/// An image that lost its last path.
#[derive(Serialize, Deserialize)]
pub struct StoredRemoved {
    pub removed_at_ms: i64,
    /// The path that it lost last, as in the keys.
    pub path: Vec<u8>,
    pub image: StoredImage,
}

/// A file's record without its path, which is the key.
#[derive(Serialize, Deserialize)]
pub struct StoredFile {
    size: u64,
    modified_ns: i64,
    state: StoredState,
    #[serde(deserialize_with = "or_default")]
    added: AddedToStamp,
}

/// The parts of a stamp that records of earlier versions lack. They are at the end of a record, so that earlier
/// versions ignore them.
#[derive(Default, Serialize, Deserialize)]
struct AddedToStamp {
    changed_ns: Option<i64>,
    inode: Option<u64>,
    #[serde(deserialize_with = "or_default")]
    side_cars: Option<u64>,
}

/// The last field of a record, with its default where the record ends before it.
#[expect(clippy::unnecessary_wraps, reason = "serde calls it")]
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(record: D) -> Result<T, D::Error> {
    Ok(T::deserialize(record).unwrap_or_default())
}

/// [`FileState`] with the id as 32 bytes rather than as text.
#[derive(Serialize, Deserialize)]
enum StoredState {
    Indexed([u8; 32]),
    Failed(String),
    NotImage,
    Unsupported(String),
}

/// Counters of the store.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct StoreState {
    /// Number of batches applied.
    pub sequence: u64,
    images: u64,
    paths: u64,
    failed: u64,
}

impl StoreState {
    pub const fn new(sequence: u64, counts: CatalogCounts) -> Self {
        Self {
            sequence,
            images: counts.images,
            paths: counts.paths,
            failed: counts.failed,
        }
    }

    pub fn next(self, counts: CatalogCounts) -> Self {
        Self::new(self.sequence + 1, counts)
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
            FileState::Unsupported(reason) => StoredState::Unsupported(reason.clone()),
        };
        Self {
            size: stamp.size,
            modified_ns: stamp.modified_ns,
            state,
            added: AddedToStamp {
                changed_ns: stamp.changed_ns,
                inode: stamp.inode,
                side_cars: stamp.side_cars,
            },
        }
    }

    pub const fn stamp(&self) -> FileStamp {
        FileStamp {
            size: self.size,
            modified_ns: self.modified_ns,
            changed_ns: self.added.changed_ns,
            inode: self.added.inode,
            side_cars: self.added.side_cars,
        }
    }

    pub fn into_state(self) -> FileState {
        match self.state {
            StoredState::Indexed(id) => FileState::Indexed(ImageId::from_bytes(id)),
            StoredState::Failed(reason) => FileState::Failed(reason),
            StoredState::NotImage => FileState::NotImage,
            StoredState::Unsupported(reason) => FileState::Unsupported(reason),
        }
    }
}

/// A [`Feedback`] with the id and the path as bytes.
#[derive(Serialize, Deserialize)]
pub struct StoredFeedback {
    at_ms: i64,
    kind: StoredFeedbackKind,
    query: String,
    image: [u8; 32],
    path: Vec<u8>,
    right: bool,
}

/// The kind of an answer, and what else is known of it. Variants are stored by number; the first two are older.
#[derive(Serialize, Deserialize)]
enum StoredFeedbackKind {
    Text,
    Image,
    Judged {
        kind: FeedbackKind,
        profile: Option<String>,
        expected: Option<bool>,
    },
}

impl StoredFeedback {
    pub fn new(answer: &Feedback) -> Self {
        Self {
            at_ms: answer.at_ms,
            kind: StoredFeedbackKind::of(answer),
            query: answer.query.clone(),
            image: *answer.image.as_bytes(),
            path: keys::path_bytes(&answer.path),
            right: answer.right,
        }
    }

    pub fn into_feedback(self) -> Feedback {
        let (kind, profile, expected) = self.kind.into_parts();
        Feedback {
            at_ms: self.at_ms,
            kind,
            profile,
            query: self.query,
            image: ImageId::from_bytes(self.image),
            path: keys::path_from_bytes(&self.path),
            right: self.right,
            expected,
        }
    }
}

impl StoredFeedbackKind {
    fn of(answer: &Feedback) -> Self {
        match (answer.kind, &answer.profile, answer.expected) {
            (FeedbackKind::Text, None, None) => Self::Text,
            (FeedbackKind::Image, None, None) => Self::Image,
            (kind, profile, expected) => Self::Judged {
                kind,
                profile: profile.clone(),
                expected,
            },
        }
    }

    fn into_parts(self) -> (FeedbackKind, Option<String>, Option<bool>) {
        match self {
            Self::Text => (FeedbackKind::Text, None, None),
            Self::Image => (FeedbackKind::Image, None, None),
            Self::Judged {
                kind,
                profile,
                expected,
            } => (kind, profile, expected),
        }
    }
}

/// The value to store under `key`: CRC-32 of key and payload, then the payload.
pub fn encode_checked<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, postcard::Error> {
    let mut encoded = postcard::to_extend(value, vec![0; CRC_BYTES])?;
    let crc = checksum(key, &encoded[CRC_BYTES..]);
    encoded[..CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
    Ok(encoded)
}

/// Whether the checksum in the value of `key` matches.
pub fn is_whole(key: &[u8], encoded: &[u8]) -> bool {
    encoded
        .split_first_chunk::<CRC_BYTES>()
        .is_some_and(|(crc, payload)| u32::from_le_bytes(*crc) == checksum(key, payload))
}

/// The record in the value of `key`; `None` if the checksum does not match or the payload does not parse.
pub fn decode_checked<T: DeserializeOwned>(key: &[u8], encoded: &[u8]) -> Option<T> {
    let (crc, payload) = encoded.split_first_chunk::<CRC_BYTES>()?;
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

    /// The record in libraries older than support for several spaces.
    #[derive(Serialize, Deserialize)]
    struct ImageOfFormat1 {
        row: RowId,
        bytes: u64,
        metadata: Metadata,
    }

    /// An answer in libraries older than reviews of profiles.
    #[derive(Serialize)]
    struct FeedbackOfFormat1 {
        at_ms: i64,
        kind: FeedbackKind,
        query: String,
        image: [u8; 32],
        path: Vec<u8>,
        right: bool,
    }

    #[test]
    fn older_answer_belongs_to_no_profile() {
        let old = FeedbackOfFormat1 {
            at_ms: 5,
            kind: FeedbackKind::Image,
            query: "q".to_owned(),
            image: [7; 32],
            path: keys::path_bytes(std::path::Path::new("/p")),
            right: true,
        };
        let encoded = encode_checked(b"f", &old).unwrap();
        let read: StoredFeedback = decode_checked(b"f", &encoded).unwrap();
        let read = read.into_feedback();
        assert_eq!((read.kind, read.profile.clone()), (FeedbackKind::Image, None));
        assert_eq!(
            encode_checked(b"f", &StoredFeedback::new(&read)).unwrap(),
            encoded
        );
        let reviewed = Feedback {
            profile: Some("shop".to_owned()),
            expected: Some(false),
            ..read
        };
        let encoded = encode_checked(b"f", &StoredFeedback::new(&reviewed)).unwrap();
        let read: StoredFeedback = decode_checked(b"f", &encoded).unwrap();
        assert_eq!(read.into_feedback(), reviewed);
    }

    #[test]
    fn older_record_belongs_to_first_space() {
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
        let encoded = encode_checked(b"i", &old).unwrap();
        let read: StoredImage = decode_checked(b"i", &encoded).unwrap();
        assert_eq!((read.first_row(), read.bytes), (Some(RowId(300)), 9));
        assert_eq!((&read.metadata, read.taken_source), (&metadata, None));
        assert_eq!(read.added_ms, None);
        let mut written = StoredImage::new(Some(RowId(300)), 9, metadata);
        written.taken_source = Some(TakenSource::Xmp);
        written.added_ms = Some(1_700_000_000_000);
        let written = encode_checked(b"i", &written).unwrap();
        let older: ImageOfFormat1 = decode_checked(b"i", &written).unwrap();
        assert_eq!((older.row, older.bytes), (RowId(300), 9));
        let id = ImageId::from_bytes([7; 32]);
        let first = crate::SpaceNumber::FIRST;
        assert_eq!(keys::tags(first, &id), [&b"t"[..], &[7; 32]].concat());
        assert_eq!(
            keys::tag_image(first, "dog", &id),
            [&b"wdog\0"[..], &[7; 32]].concat()
        );
    }

    /// The record of a file before stamps had more than size and modification time.
    #[derive(Serialize, Deserialize)]
    struct FileOfFormat1 {
        size: u64,
        modified_ns: i64,
        state: StoredState,
    }

    #[test]
    fn file_records_read_in_both_directions() {
        let old = FileOfFormat1 {
            size: 300,
            modified_ns: -9,
            state: StoredState::Failed("truncated".into()),
        };
        let encoded = encode_checked(b"p/a", &old).unwrap();
        let read: StoredFile = decode_checked(b"p/a", &encoded).unwrap();
        let mut stamp = FileStamp {
            size: 300,
            modified_ns: -9,
            ..FileStamp::default()
        };
        assert_eq!(read.stamp(), stamp);
        assert_eq!(read.into_state(), FileState::Failed("truncated".into()));
        stamp.changed_ns = Some(77);
        stamp.inode = Some(5);
        stamp.side_cars = Some(u64::MAX);
        let encoded = encode_checked(b"p/a", &StoredFile::new(stamp, &FileState::NotImage)).unwrap();
        let read: StoredFile = decode_checked(b"p/a", &encoded).unwrap();
        assert_eq!(read.stamp(), stamp);
        let older: FileOfFormat1 = decode_checked(b"p/a", &encoded).unwrap();
        assert_eq!((older.size, older.modified_ns), (300, -9));
    }

    #[test]
    fn flipped_bits_and_other_keys_are_detected() {
        let file = StoredFile::new(
            FileStamp {
                size: 7,
                modified_ns: -3,
                changed_ns: Some(-5),
                inode: None,
                side_cars: Some(3),
            },
            &FileState::Failed("truncated".into()),
        );
        let encoded = encode_checked(b"p/a", &file).unwrap();
        assert_eq!(
            decode_checked::<StoredFile>(b"p/a", &encoded).map(StoredFile::into_state),
            Some(FileState::Failed("truncated".into()))
        );
        assert!(decode_checked::<StoredFile>(b"p/b", &encoded).is_none());
        for bit in 0..encoded.len() * 8 {
            let mut flipped = encoded.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode_checked::<StoredFile>(b"p/a", &flipped).is_none(),
                "bit {bit}"
            );
        }
        for length in 0..encoded.len() {
            assert!(
                decode_checked::<StoredFile>(b"p/a", &encoded[..length]).is_none(),
                "length {length}"
            );
        }
    }
}
