//! What the calling thread does: encode in batches, make results durable, keep the books.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use eidetic_catalog::{FileRecord, FileState, NewImage, WriteBatch};
use eidetic_domain::{Embedding, ImageId, Metadata, RowId};
use eidetic_encoder::{EncodeError, Pixels};
use eidetic_vectors::VectorIndex;

use crate::claims::Claims;
use crate::embed::embed;
use crate::plan::Job;
use crate::prepare::{Known, Outcome, Picture, Readers};
use crate::run::vector_stands;
use crate::tally::Tally;
use crate::{Cancel, Indexer, IndexingError, Options};

/// After this long, results are made durable even if they are few.
pub const COMMIT_AFTER: Duration = Duration::from_secs(2);
/// Files that cost no encoding are committed in batches this many times as large.
const CHEAP_FILES: usize = 8;
/// How long a wish to cancel may go unheard while nothing arrives.
pub const HEARING: Duration = Duration::from_millis(100);

/// The committed part of a run.
#[derive(Default)]
pub struct Committed {
    /// Files that became searchable.
    pub indexed: u64,
    /// Contents that the encoder saw.
    pub encoded: u64,
    /// Files read and found to be what they were.
    pub unchanged: u64,
    /// How many new paths each known content was met at. Contents by the first eight bytes of their name: two with the
    /// same would blur the report's numbers and nothing else.
    pub met_again: HashMap<u64, u32>,
}

/// The short name of a content in [`Committed::met_again`].
pub fn short_name(image: &ImageId) -> u64 {
    image
        .as_bytes()
        .iter()
        .take(8)
        .fold(0, |name, &byte| name << 8 | u64::from(byte))
}

/// A picture that has been encoded and not committed.
struct Fresh {
    image: ImageId,
    bytes: u64,
    metadata: Metadata,
}

/// The one writer of a run.
pub struct Committer<'a, V: VectorIndex + ?Sized> {
    indexer: &'a Indexer<'a, V>,
    options: &'a Options,
    readers: &'a Readers<'a, V>,
    claims: &'a Claims,
    tally: &'a Tally<'a>,
    /// Pictures to encode, and what the encoder reads of each, in the same order.
    to_encode: Vec<(Fresh, FileRecord)>,
    pixels: Vec<Pixels>,
    /// Pictures to commit, and their embeddings, in the same order.
    fresh: Vec<Fresh>,
    embeddings: Vec<(ImageId, Embedding)>,
    /// Files to commit.
    files: Vec<FileRecord>,
    /// Of `files`, those at whose path the same picture stood before.
    touched: u64,
    /// Of `files`, contents of those that another path brought into the library.
    met_again: Vec<ImageId>,
    /// Files whose content another file is bringing.
    waiting: HashMap<ImageId, Vec<Known>>,
    /// Contents found to be in the library since something was last forgotten.
    known: HashSet<ImageId>,
    last_commit: Instant,
    committed: Committed,
}

impl<'a, V: VectorIndex + ?Sized> Committer<'a, V> {
    pub fn new(
        indexer: &'a Indexer<'a, V>,
        options: &'a Options,
        readers: &'a Readers<'a, V>,
        claims: &'a Claims,
        tally: &'a Tally<'a>,
    ) -> Self {
        Self {
            indexer,
            options,
            readers,
            claims,
            tally,
            to_encode: Vec::new(),
            pixels: Vec::new(),
            fresh: Vec::new(),
            embeddings: Vec::new(),
            files: Vec::new(),
            touched: 0,
            met_again: Vec::new(),
            waiting: HashMap::new(),
            known: HashSet::new(),
            last_commit: Instant::now(),
            committed: Committed::default(),
        }
    }

    /// Takes outcomes until there are no more, or until `cancel`; commits what is encoded in any case.
    pub fn run(
        mut self,
        outcomes: Receiver<Result<Outcome, IndexingError>>,
        cancel: &Cancel,
    ) -> Result<Committed, IndexingError> {
        let taken = self.take_all(&outcomes, cancel);
        // Lets readers that wait for room end.
        drop(outcomes);
        // Whatever stopped the run, what has been encoded is kept; the first error is the one to tell.
        let committed = self.commit();
        taken.and(committed)?;
        self.tally.tell_done();
        Ok(self.committed)
    }

    fn take_all(
        &mut self,
        outcomes: &Receiver<Result<Outcome, IndexingError>>,
        cancel: &Cancel,
    ) -> Result<(), IndexingError> {
        while !cancel.is_cancelled() {
            match outcomes.recv_timeout(HEARING) {
                Ok(outcome) => self.handle(outcome?)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.encode(),
            }
            self.advance()?;
        }
        Ok(())
    }

    /// Encodes a full batch; commits when enough has come together or enough time has passed.
    fn advance(&mut self) -> Result<(), IndexingError> {
        if self.to_encode.len() >= self.options.batch.max(1) {
            self.encode()?;
        }
        let late = self.last_commit.elapsed() >= COMMIT_AFTER;
        if late {
            self.encode()?;
        }
        let enough = self.options.commit_every.max(1);
        if late || self.fresh.len() >= enough || self.files.len() >= CHEAP_FILES * enough {
            self.commit()?;
        }
        Ok(())
    }

    fn handle(&mut self, outcome: Outcome) -> Result<(), IndexingError> {
        match outcome {
            Outcome::Picture(picture) => self.queue(*picture),
            Outcome::Known(known) => return self.known(known),
            Outcome::Failed {
                file,
                reason,
                claimed,
            } => return self.failed(file, reason, claimed),
            Outcome::Unreadable { path, reason } => self.tally.failed_file(&path, reason),
            Outcome::NotImage(file) => {
                self.files.push(file);
                self.tally.skipped();
            }
            Outcome::Gone => self.tally.done(),
        }
        Ok(())
    }

    fn queue(&mut self, picture: Picture) {
        let fresh = Fresh {
            image: picture.image,
            bytes: picture.bytes,
            metadata: picture.metadata,
        };
        self.to_encode.push((fresh, picture.file));
        self.pixels.push(picture.pixels);
    }

    fn known(&mut self, known: Known) -> Result<(), IndexingError> {
        if self.is_known(&known.image)? {
            self.attach(known);
        } else if self.claims.holds(&known.image) {
            self.waiting.entry(known.image).or_default().push(known);
        } else {
            // Known when it was read and forgotten since, its last path having got another content in this run.
            let job = Job {
                path: known.file.path,
                previous: known.previous,
            };
            let again = self.readers.prepare(job)?;
            return self.handle(again);
        }
        Ok(())
    }

    fn is_known(&mut self, image: &ImageId) -> Result<bool, IndexingError> {
        let known = self.known.contains(image)
            || (self.indexer.catalog.contains(image)? && vector_stands(self.indexer.vectors, image));
        if known {
            self.known.insert(*image);
        }
        Ok(known)
    }

    fn attach(&mut self, known: Known) {
        if known.previous == Some(known.image) {
            self.touched += 1;
        } else {
            self.met_again.push(known.image);
        }
        self.files.push(known.file);
        self.tally.done();
    }

    fn failed(
        &mut self,
        file: FileRecord,
        reason: String,
        claimed: Option<ImageId>,
    ) -> Result<(), IndexingError> {
        self.tally.failed_file(&file.path, reason);
        self.files.push(file);
        match claimed {
            Some(image) => self.give_up(&image),
            None => Ok(()),
        }
    }

    /// The content gives no embedding: files that waited for it are tried, and reported, by themselves.
    fn give_up(&mut self, image: &ImageId) -> Result<(), IndexingError> {
        self.claims.release(image);
        for known in self.waiting.remove(image).unwrap_or_default() {
            self.known(known)?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<(), IndexingError> {
        if self.to_encode.is_empty() {
            return Ok(());
        }
        let pixels = std::mem::take(&mut self.pixels);
        let pictures = std::mem::take(&mut self.to_encode);
        let embeddings = embed(self.indexer.encoder, &pixels)?;
        for ((fresh, file), embedding) in pictures.into_iter().zip(embeddings) {
            match embedding {
                Ok(embedding) => self.encoded(fresh, file, embedding),
                Err(error) => self.not_encoded(&fresh, file, &error)?,
            }
        }
        Ok(())
    }

    fn encoded(&mut self, fresh: Fresh, file: FileRecord, embedding: Embedding) {
        let image = fresh.image;
        self.embeddings.push((image, embedding));
        self.fresh.push(fresh);
        self.files.push(file);
        self.known.insert(image);
        self.tally.done();
        for known in self.waiting.remove(&image).unwrap_or_default() {
            self.attach(known);
        }
    }

    fn not_encoded(
        &mut self,
        fresh: &Fresh,
        file: FileRecord,
        error: &EncodeError,
    ) -> Result<(), IndexingError> {
        let reason = error.to_string();
        let file = FileRecord {
            state: FileState::Failed(reason.clone()),
            ..file
        };
        self.failed(file, reason, Some(fresh.image))
    }

    /// Makes everything encoded so far durable: rows first, then the records that name them.
    fn commit(&mut self) -> Result<(), IndexingError> {
        self.last_commit = Instant::now();
        let files = std::mem::take(&mut self.files);
        if files.is_empty() {
            return Ok(());
        }
        let rows = self.write_vectors()?;
        let batch = WriteBatch {
            images: self.new_images(&rows),
            files,
            removed: Vec::new(),
        };
        let forgotten = self.indexer.catalog.put_batch(&batch)?;
        self.book(&batch);
        self.forget(&forgotten)
    }

    fn write_vectors(&mut self) -> Result<Vec<RowId>, IndexingError> {
        if self.embeddings.is_empty() {
            return Ok(Vec::new());
        }
        let embeddings = std::mem::take(&mut self.embeddings);
        let vectors = self.indexer.vectors;
        let rows = vectors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .upsert(&embeddings)?;
        vectors.read().unwrap_or_else(PoisonError::into_inner).commit()?;
        Ok(rows)
    }

    fn new_images(&mut self, rows: &[RowId]) -> Vec<NewImage> {
        let fresh = std::mem::take(&mut self.fresh);
        let new_image = |(fresh, &row): (Fresh, &RowId)| NewImage {
            image: fresh.image,
            row,
            bytes: fresh.bytes,
            metadata: fresh.metadata,
        };
        fresh.into_iter().zip(rows).map(new_image).collect()
    }

    fn book(&mut self, batch: &WriteBatch) {
        for new in &batch.images {
            self.claims.release(&new.image);
        }
        for image in self.met_again.drain(..) {
            *self.committed.met_again.entry(short_name(&image)).or_default() += 1;
        }
        let indexed = |file: &&FileRecord| matches!(file.state, FileState::Indexed(_));
        let indexed = batch.files.iter().filter(indexed).count() as u64;
        let touched = std::mem::take(&mut self.touched);
        self.committed.encoded += batch.images.len() as u64;
        self.committed.unchanged += touched;
        self.committed.indexed += indexed - touched;
        tracing::debug!(
            images = batch.images.len(),
            total = self.committed.encoded,
            "committed"
        );
    }

    /// Lets go of what belongs to images that the catalog has forgotten.
    fn forget(&mut self, forgotten: &[ImageId]) -> Result<(), IndexingError> {
        // Also bounds it: pictures met again after a commit are looked up once more.
        self.known.clear();
        crate::removal::forget(self.indexer, forgotten)
    }
}
