//! What the readers do: one file from its path to what the encoder reads.

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use eidetic_catalog::{FileRecord, FileStamp, FileState};
use eidetic_domain::{ImageId, Metadata};
use eidetic_encoder::Pixels;
use eidetic_imaging::{DecodeSize, DecodedImage, decode, decode_scaled, scaled_memory};
use eidetic_vectors::VectorIndex;
use image::{ImageReader, RgbImage};

use crate::budget::{Budget, Permit};
use crate::claims::Claims;
use crate::plan::Job;
use crate::read::{Content, Reading, read};
use crate::run::vector_stands;
use crate::{Indexer, IndexingError, Options};

/// Bytes of files being read at once.
const FILE_MEMORY: u64 = 256 << 20;
/// Estimated memory a pixel while decoding: the decoder's RGB and a turned copy.
const BYTES_A_PIXEL: u64 = 6;

/// Why a known image cannot be read.
const GONE: &str = "the file is no longer there";
const CHANGED: &str = "the file holds something else now; `eidetic index` brings the library up to date";

/// What became of a file.
pub enum Outcome {
    /// A picture whose content nobody has met; claimed for its sender.
    Picture(Box<Picture>),
    /// A picture whose content is known, or on its way.
    Known(Known),
    /// No picture can be had of it. `claimed` is the content that is given up with it.
    Failed {
        file: FileRecord,
        reason: String,
        claimed: Option<ImageId>,
    },
    /// It could not be read at all, so that nothing about it is remembered.
    Unreadable { path: PathBuf, reason: String },
    /// It is something else.
    NotImage(FileRecord),
    /// It is no longer there.
    Gone,
}

/// A picture ready to encode.
pub struct Picture {
    pub image: ImageId,
    pub file: FileRecord,
    pub bytes: u64,
    pub metadata: Metadata,
    pub pixels: Pixels,
}

/// A file of a known content.
pub struct Known {
    pub image: ImageId,
    pub file: FileRecord,
    /// The image that stood there before.
    pub previous: Option<ImageId>,
}

/// What all readers share.
pub struct Readers<'a, V: VectorIndex + ?Sized> {
    indexer: &'a Indexer<'a, V>,
    options: &'a Options,
    claims: &'a Claims,
    files: Budget,
    pictures: Budget,
}

impl<'a, V: VectorIndex + ?Sized> Readers<'a, V> {
    pub fn new(indexer: &'a Indexer<'a, V>, options: &'a Options, claims: &'a Claims) -> Self {
        Self {
            indexer,
            options,
            claims,
            files: Budget::new(FILE_MEMORY),
            pictures: Budget::new(options.decode_memory),
        }
    }

    /// Reads one file and prepares it as far as its content asks for.
    pub fn prepare(&self, job: Job) -> Result<Outcome, IndexingError> {
        let Reading { stamp, content } = match read(&job.path, &self.options.limits, &self.files) {
            Ok(reading) => reading,
            Err(error) => return Ok(unreadable(job.path, &error)),
        };
        let (bytes, _permit) = match content {
            Content::Picture(bytes, permit) => (bytes, permit),
            Content::Refused(reason) => return Ok(failed(job.path, stamp, reason, None)),
            Content::NotImage => {
                return Ok(Outcome::NotImage(record(job.path, stamp, FileState::NotImage)));
            }
        };
        let image = ImageId::of(&bytes);
        if !self.take(image)? {
            return Ok(Outcome::Known(Known {
                image,
                file: record(job.path, stamp, FileState::Indexed(image)),
                previous: job.previous,
            }));
        }
        Ok(self.picture(job.path, stamp, image, &bytes))
    }

    /// Claims a content unless it is on its way or stands in the library already.
    fn take(&self, image: ImageId) -> Result<bool, IndexingError> {
        if !self.claims.claim(image) {
            return Ok(false);
        }
        // In this order: whoever gives a claim back has committed before.
        if self.indexer.catalog.contains(&image)? && vector_stands(self.indexer.vectors, &image) {
            self.claims.release(&image);
            return Ok(false);
        }
        Ok(true)
    }

    /// A known image as the encoder reads it, from the file at `path` if that still holds it; else why not.
    pub fn known_picture(&self, image: &ImageId, path: &Path) -> Result<Pixels, String> {
        let content = match read(path, &self.options.limits, &self.files) {
            Ok(reading) => reading.content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(GONE.into()),
            Err(error) => return Err(error.to_string()),
        };
        match content {
            Content::Picture(bytes, _permit) if ImageId::of(&bytes) == *image => {
                self.decode_safely(*image, &bytes).map(|(_, pixels)| pixels)
            }
            Content::Refused(reason) => Err(reason),
            Content::Picture(..) | Content::NotImage => Err(CHANGED.into()),
        }
    }

    fn picture(&self, path: PathBuf, stamp: FileStamp, image: ImageId, bytes: &[u8]) -> Outcome {
        match self.decode_safely(image, bytes) {
            Ok((metadata, pixels)) => Outcome::Picture(Box::new(Picture {
                image,
                file: record(path, stamp, FileState::Indexed(image)),
                bytes: bytes.len() as u64,
                metadata,
                pixels,
            })),
            Err(reason) => failed(path, stamp, reason, Some(image)),
        }
    }

    /// A decoder's mistake costs its file, not the run. Nothing shared is changed while decoding.
    fn decode_safely(&self, image: ImageId, bytes: &[u8]) -> Result<(Metadata, Pixels), String> {
        catch_unwind(AssertUnwindSafe(|| self.decode(image, bytes)))
            .unwrap_or_else(|_| Err("its content makes the decoder fail".into()))
    }

    fn decode(&self, image: ImageId, bytes: &[u8]) -> Result<(Metadata, Pixels), String> {
        let (decoded, _permit) = self.decoded(bytes)?;
        self.put_thumbnail(image, &decoded.image);
        Ok((decoded.metadata, self.indexer.encoder.preprocess(&decoded.image)))
    }

    /// The picture as small as model and thumbnail allow, and the right to keep it in memory. What cannot be decoded
    /// scaled waits for as much memory as the whole of it takes.
    fn decoded(&self, bytes: &[u8]) -> Result<(DecodedImage, Permit<'_>), String> {
        let (limits, size) = (
            &self.options.limits,
            DecodeSize::for_model(self.indexer.encoder.shorter_side()),
        );
        if let Some(memory) = scaled_memory(bytes, size) {
            let permit = self.pictures.acquire(memory);
            if let Some(decoded) = decode_scaled(bytes, limits, size) {
                return Ok((decoded, permit));
            }
        }
        let permit = self.pictures.acquire(self.estimate(bytes));
        let decoded = decode(bytes, limits).map_err(|error| error.to_string())?;
        Ok((decoded, permit))
    }

    /// Thumbnails are derived: one that cannot be written is made again when it is asked for.
    fn put_thumbnail(&self, image: ImageId, picture: &RgbImage) {
        if let Some(store) = self.indexer.thumbnails
            && let Err(error) = store.put(&image, picture)
        {
            tracing::warn!(%image, %error, "no thumbnail could be written");
        }
    }

    /// What decoding will take, by what the header claims; the most that is allowed where it says nothing.
    fn estimate(&self, bytes: &[u8]) -> u64 {
        let claimed = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .ok()
            .and_then(|reader| reader.into_dimensions().ok());
        let most = self.options.limits.memory;
        claimed.map_or(most, |(width, height)| {
            u64::from(width)
                .saturating_mul(u64::from(height))
                .saturating_mul(BYTES_A_PIXEL)
        })
    }
}

fn record(path: PathBuf, stamp: FileStamp, state: FileState) -> FileRecord {
    FileRecord { path, stamp, state }
}

fn failed(path: PathBuf, stamp: FileStamp, reason: String, claimed: Option<ImageId>) -> Outcome {
    Outcome::Failed {
        file: record(path, stamp, FileState::Failed(reason.clone())),
        reason,
        claimed,
    }
}

/// Rights and hardware may be mended without the file changing, so these failures are not remembered.
fn unreadable(path: PathBuf, error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::NotFound => Outcome::Gone,
        _ => Outcome::Unreadable {
            path,
            reason: error.to_string(),
        },
    }
}
