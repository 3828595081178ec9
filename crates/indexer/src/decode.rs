//! The work of the decoder threads: from a path to what the encoder reads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use eidetic_catalog::{FileRecord, FileStamp, FileState};
use eidetic_containers::{ContainerReader, PartContent, PartImage, part_at};
use eidetic_domain::{Embedding, ImageId, Metadata};
use eidetic_imaging::{
    DecodeSize, DecodedImage, decode, decode_scaled, full_memory, read_details, scaled_memory,
};
use eidetic_vectors::VectorIndex;
use image::RgbImage;

use crate::budget::{MemoryBudget, MemoryPermit};
use crate::details::{DescribedFile, DetailsReader, DetailsTask, FoundDetails};
use crate::embed::EmbeddingInput;
use crate::in_flight::InFlightImages;
use crate::mounts::MountTable;
use crate::plan::{DecodeTask, Returning};
use crate::read::{FileContent, FileReading, read, read_part};
use crate::side_cars::{SideCar, trusted_fingerprint};
use crate::stamp::Stamper;
use crate::{Indexer, IndexerOptions, IndexingError};

mod expand;

/// Bytes of files that are held in memory at once.
const FILE_MEMORY: u64 = 256 << 20;

/// Why a known image cannot be read.
const GONE: &str = "the file no longer exists";
const CHANGED: &str = "the file has changed since it was indexed; run `eidetic index`";

/// What became of a file.
pub enum FileOutcome {
    /// A new image. It is in flight until the committer removes it.
    Image(Box<PreparedImage>),
    /// An image that is indexed or in flight.
    Known(KnownFile),
    /// An image that was removed and whose vector is kept. It is in flight until the committer removes it.
    Returned(KnownFile),
    /// A file that was not read, with a record that says the same in another form.
    Restamped(FileRecord),
    /// An unchanged file of which only the details were read.
    Described(Box<DescribedImage>),
    /// An unchanged file whose details could not be read. The next run tries again.
    Undescribed,
    /// The file cannot be decoded, which the catalog remembers. `in_flight` is the image that fails with it.
    Failed {
        file: FileRecord,
        reason: String,
        in_flight: Option<ImageId>,
    },
    /// The file cannot be read, which the catalog does not remember.
    Unreadable {
        path: PathBuf,
        reason: String,
    },
    NotImage(FileRecord),
    /// An image of a format that is not supported, with the message for it.
    Unsupported(FileRecord, &'static str),
    /// The file does not exist.
    Deleted,
    /// A picture inside a file was found, of which the next outcome tells.
    PartFound,
    /// A file that was looked into, after the outcomes of the pictures inside it.
    Expanded(Box<ExpandedFile>),
}

/// A file that was looked into.
pub struct ExpandedFile {
    /// What became of the file itself.
    pub outcome: FileOutcome,
    pub path: PathBuf,
    /// The paths of the pictures that were found inside it.
    pub parts: Vec<PathBuf>,
    /// Whether it could be read; else the pictures known from before stay.
    pub was_read: bool,
}

/// A file, or a picture inside a file, that holds an image.
pub struct FoundImage {
    pub task: DecodeTask,
    pub stamp: FileStamp,
    pub modified_ns: i64,
    pub image: PartImage,
}

/// What is known of an image whose file was read.
enum Flight {
    /// It is indexed or in flight.
    Known,
    /// It was removed, and its record is kept.
    Returning,
    New,
}

/// What decoding gives.
struct DecodedPicture {
    metadata: Metadata,
    input: EmbeddingInput,
    /// What is wrong with the file, if it is shown in part.
    damage: Option<String>,
}

/// An image that is ready to be embedded.
pub struct PreparedImage {
    pub image: ImageId,
    pub file: FileRecord,
    /// Size of the file.
    pub bytes: u64,
    pub metadata: Metadata,
    pub details: FoundDetails,
    pub input: EmbeddingInput,
    /// Whether it has a vector, of other pixels, which the new one replaces.
    pub replaces: bool,
}

/// An image whose details were read again.
pub struct DescribedImage {
    pub image: ImageId,
    pub file: FileRecord,
    pub details: FoundDetails,
}

/// A file that holds a known image.
pub struct KnownFile {
    pub image: ImageId,
    pub file: FileRecord,
    /// The image that the file held before.
    pub previous: Option<ImageId>,
    pub side_cars: Vec<SideCar>,
    pub details: FoundDetails,
}

/// What the decoder threads share.
pub struct Decoders<'a, V: VectorIndex + ?Sized> {
    indexer: &'a Indexer<'a, V>,
    options: &'a IndexerOptions,
    in_flight: &'a InFlightImages,
    stamper: Stamper,
    details: DetailsReader,
    containers: ContainerReader,
    file_memory: MemoryBudget,
    decode_memory: MemoryBudget,
    thumbnail_failures: AtomicU64,
}

impl<'a, V: VectorIndex + ?Sized> Decoders<'a, V> {
    pub fn new(
        indexer: &'a Indexer<'a, V>,
        options: &'a IndexerOptions,
        in_flight: &'a InFlightImages,
    ) -> Self {
        let stamper = Stamper::new(&MountTable::read());
        Self {
            indexer,
            options,
            in_flight,
            details: DetailsReader::new(stamper.clone()),
            stamper,
            containers: ContainerReader {
                limits: options.limits,
                ffmpeg: options.contents.ffmpeg().cloned(),
            },
            file_memory: MemoryBudget::new(FILE_MEMORY),
            decode_memory: MemoryBudget::new(options.decode_memory),
            thumbnail_failures: AtomicU64::new(0),
        }
    }

    /// Reads one file, or a picture inside a file, and decodes it if it holds a new image.
    pub fn decode_file(&self, task: DecodeTask) -> Result<FileOutcome, IndexingError> {
        let reading = match self.read(&task.path) {
            Ok(reading) => reading,
            Err(error) => return Ok(unreadable(task.path, &error)),
        };
        let mark = self.options.contents.mark(&task.path);
        let stamp = FileStamp {
            side_cars: trusted_fingerprint(&task.side_cars).map(|print| print ^ mark),
            ..reading.stamp
        };
        match reading.content {
            FileContent::Image(image, _permit) => self.decode_image_of(FoundImage {
                task,
                stamp,
                modified_ns: reading.modified_ns,
                image,
            }),
            other => Ok(not_decoded(task.path, stamp, &other)),
        }
    }

    /// What becomes of a file, or of a picture inside a file, that holds an image.
    pub fn decode_image_of(&self, found: FoundImage) -> Result<FileOutcome, IndexingError> {
        let FoundImage {
            task,
            stamp,
            modified_ns,
            image: PartImage { image, content },
        } = found;
        let path = task.path;
        let details = || {
            let file = DescribedFile {
                path: &path,
                modified_ns,
                side_cars: &task.side_cars,
            };
            let embedded = match &content {
                PartContent::Encoded(bytes) => read_details(bytes),
                PartContent::Rendered(part) => part.details.clone(),
            };
            self.details.read(&embedded, &image, &file, self.indexer.catalog)
        };
        let known = |details| KnownFile {
            image,
            file: record(path.clone(), stamp, FileState::Indexed(image)),
            previous: task.previous,
            side_cars: task.side_cars.clone(),
            details,
        };
        match self.begin_flight(image)? {
            Flight::Known => return Ok(FileOutcome::Known(known(details()?))),
            Flight::Returning if task.returning == Returning::Restore => {
                return Ok(FileOutcome::Returned(known(details()?)));
            }
            Flight::Returning | Flight::New => {}
        }
        Ok(match self.decode_safely(image, &path, &content) {
            Ok(DecodedPicture {
                metadata,
                input,
                damage,
            }) => FileOutcome::Image(Box::new(PreparedImage {
                image,
                details: details()?.with_damage(damage),
                bytes: match &content {
                    PartContent::Encoded(bytes) => bytes.len() as u64,
                    PartContent::Rendered(_) => stamp.size,
                },
                file: record(path, stamp, FileState::Indexed(image)),
                metadata,
                input,
                replaces: false,
            })),
            Err(reason) => failed(path, stamp, reason, Some(image)),
        })
    }

    /// Reads the details of an unchanged file again, and decodes it if an earlier version decoded it to other pixels.
    pub fn describe(&self, task: &DetailsTask) -> Result<FileOutcome, IndexingError> {
        let is_of_earlier_version = self.indexer.catalog.details(&task.image)?.is_none();
        let read = self
            .details
            .read_again(task, self.indexer.catalog, &self.file_memory)?;
        let (file, details, decodes_differently) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(path = %task.file.path.display(), %error, "cannot read details");
                return Ok(FileOutcome::Undescribed);
            }
        };
        let described = DescribedImage {
            image: task.image,
            file,
            details,
        };
        Ok(if is_of_earlier_version && decodes_differently {
            self.decode_again(described)
        } else {
            FileOutcome::Described(Box::new(described))
        })
    }

    /// The image with its pixels. If they cannot be read, or if they are read by another thread now, the vector stays.
    fn decode_again(&self, described: DescribedImage) -> FileOutcome {
        let DescribedImage { image, file, details } = described;
        let decoded = self
            .in_flight
            .insert(image)
            .then(|| self.decode_image(&image, &file.path));
        match decoded {
            Some(Ok(decoded)) => FileOutcome::Image(Box::new(PreparedImage {
                image,
                bytes: file.stamp.size,
                file,
                metadata: decoded.metadata,
                details: details.with_damage(decoded.damage),
                input: decoded.input,
                replaces: true,
            })),
            Some(Err(reason)) => {
                tracing::warn!(path = %file.path.display(), reason, "cannot embed an image again");
                self.in_flight.remove(&image);
                FileOutcome::Described(Box::new(DescribedImage { image, file, details }))
            }
            None => FileOutcome::Described(Box::new(DescribedImage { image, file, details })),
        }
    }

    fn read(&self, path: &Path) -> io::Result<FileReading<'_>> {
        match part_at(path) {
            Some(part) => read_part(&part, &self.containers, &self.stamper, &self.file_memory),
            None => read(path, &self.options.limits, &self.stamper, &self.file_memory),
        }
    }

    /// Puts the image in flight, unless it is known.
    fn begin_flight(&self, image: ImageId) -> Result<Flight, IndexingError> {
        if !self.in_flight.insert(image) {
            return Ok(Flight::Known);
        }
        // In this order, since an image leaves the flight only after its commit.
        if self.indexer.is_indexed(&image)? {
            self.in_flight.remove(&image);
            return Ok(Flight::Known);
        }
        Ok(if self.indexer.catalog.is_removed(&image)? {
            Flight::Returning
        } else {
            Flight::New
        })
    }

    /// What the embedding of a known image comes from: the file at `path` if that still holds the image; else
    /// why not.
    pub fn decode_known(&self, image: &ImageId, path: &Path) -> Result<EmbeddingInput, String> {
        if let Some(embedding) = self.known_embedding(image, path) {
            return Ok(EmbeddingInput::Known(embedding));
        }
        self.decode_image(image, path).map(|decoded| decoded.input)
    }

    fn known_embedding(&self, image: &ImageId, path: &Path) -> Option<Embedding> {
        self.options.known_embeddings.as_ref()?.of(image, path)
    }

    fn decode_image(&self, image: &ImageId, path: &Path) -> Result<DecodedPicture, String> {
        let content = match self.read(path) {
            Ok(reading) => reading.content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(GONE.into()),
            Err(error) => return Err(error.to_string()),
        };
        match content {
            FileContent::Image(found, _permit) if found.image == *image => {
                self.decode_safely(*image, path, &found.content)
            }
            FileContent::Rejected(reason) => Err(reason),
            FileContent::Unsupported(reason) => Err(reason.into()),
            FileContent::Image(..) | FileContent::NotImage => Err(CHANGED.into()),
        }
    }

    /// A panicking decoder fails its file, not the run. Decoding changes nothing that is shared.
    fn decode_safely(
        &self,
        image: ImageId,
        path: &Path,
        content: &PartContent,
    ) -> Result<DecodedPicture, String> {
        let decode = || match content {
            PartContent::Encoded(bytes) => {
                let (decoded, _permit) = self.decode(bytes)?;
                Ok(self.preprocess(image, path, &decoded))
            }
            PartContent::Rendered(part) => Ok(self.preprocess(image, path, &part.decoded)),
        };
        catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err("the decoder panicked".into()))
    }

    fn preprocess(&self, image: ImageId, path: &Path, decoded: &DecodedImage) -> DecodedPicture {
        self.put_thumbnail(image, &decoded.image);
        (self.indexer.on_decoded)(&image, &decoded.image);
        DecodedPicture {
            metadata: decoded.metadata.clone(),
            input: match self.known_embedding(&image, path) {
                Some(embedding) => EmbeddingInput::Known(embedding),
                None => EmbeddingInput::Pixels(self.indexer.encoder.preprocess(&decoded.image)),
            },
            damage: decoded.damage.clone(),
        }
    }

    /// The image, decoded as small as model and thumbnail allow, and the memory that it takes. A format that
    /// cannot be decoded at a smaller scale needs the memory of the full image.
    fn decode(&self, bytes: &[u8]) -> Result<(DecodedImage, MemoryPermit<'_>), String> {
        let limits = &self.options.limits;
        let size = DecodeSize::for_model(self.indexer.encoder.shorter_side());
        if let Some(memory) = scaled_memory(bytes, size) {
            let permit = self.decode_memory.acquire(memory);
            if let Some(decoded) = decode_scaled(bytes, limits, size) {
                return Ok((decoded, permit));
            }
        }
        let permit = self.decode_memory.acquire(full_memory(bytes, limits));
        let decoded = decode(bytes, limits).map_err(|error| error.to_string())?;
        Ok((decoded, permit))
    }

    /// Thumbnails are derived data: a missing one is made when it is first requested. A disk that is full fails for
    /// all of them, so only the first failure is a warning.
    fn put_thumbnail(&self, id: ImageId, image: &RgbImage) {
        if let Some(store) = self.indexer.thumbnails
            && let Err(error) = store.put(&id, image)
        {
            if self.thumbnail_failures.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(
                    "cannot write the thumbnail of image {id}: {error}; it is made when it is needed, and further ones are not reported"
                );
            } else {
                tracing::debug!(image = %id, %error, "cannot write a thumbnail");
            }
        }
    }

    /// Removes the thumbnail of an image that gives no embedding.
    pub fn discard_thumbnail(&self, image: &ImageId) {
        if let Some(store) = self.indexer.thumbnails
            && let Err(error) = store.remove(image)
        {
            tracing::debug!(%image, %error, "cannot remove a thumbnail");
        }
    }
}

pub fn record(path: PathBuf, stamp: FileStamp, state: FileState) -> FileRecord {
    FileRecord { path, stamp, state }
}

/// What becomes of a file whose content is not to be decoded.
fn not_decoded(path: PathBuf, stamp: FileStamp, content: &FileContent<'_>) -> FileOutcome {
    match content {
        FileContent::Rejected(reason) => failed(path, stamp, reason.clone(), None),
        FileContent::Unsupported(reason) => {
            let file = record(path, stamp, FileState::Unsupported((*reason).into()));
            FileOutcome::Unsupported(file, reason)
        }
        FileContent::Image(..) | FileContent::NotImage => {
            FileOutcome::NotImage(record(path, stamp, FileState::NotImage))
        }
    }
}

pub fn failed(path: PathBuf, stamp: FileStamp, reason: String, in_flight: Option<ImageId>) -> FileOutcome {
    FileOutcome::Failed {
        file: record(path, stamp, FileState::Failed(reason.clone())),
        reason,
        in_flight,
    }
}

/// Permissions and hardware can be fixed without a change of the file, so the catalog does not remember these
/// failures.
fn unreadable(path: PathBuf, error: &io::Error) -> FileOutcome {
    match error.kind() {
        io::ErrorKind::NotFound => FileOutcome::Deleted,
        _ => FileOutcome::Unreadable {
            path,
            reason: error.to_string(),
        },
    }
}
