//! The work of the calling thread: embeds images in batches and commits the results.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use eidetic_catalog::{FileRecord, FileState, NewImage, WriteBatch, now_ms};
use eidetic_domain::{Details, Embedding, ImageId, Metadata, PartPath, RowId};
use eidetic_encoder::{EncodeError, Pixels};
use eidetic_vectors::VectorIndex;

use crate::decode::{Decoders, DescribedImage, ExpandedFile, FileOutcome, KnownFile, PreparedImage};
use crate::details::{DetailsScope, FoundDetails};
use crate::duplicates::DuplicateCounts;
use crate::embed::{EmbeddingInput, embed};
use crate::in_flight::InFlightImages;
use crate::plan::{DecodeTask, Returning};
use crate::progress::Progress;
use crate::removal::{InsideFiles, hide_removed};
use crate::{CancelToken, Indexer, IndexerOptions, IndexingError};

/// Results are committed after this time even if they are few.
pub const COMMIT_AFTER: Duration = Duration::from_secs(2);
/// Files that need no embedding are committed in batches this many times as large.
const CHEAP_FILES: usize = 8;
/// How often the cancel token is read while no results arrive.
pub const CANCEL_POLL: Duration = Duration::from_millis(100);

/// The committed part of a run.
#[derive(Default)]
pub struct Committed {
    /// Files that became searchable.
    pub indexed: u64,
    /// Images that were embedded.
    pub encoded: u64,
    /// Files that were read and hold what they held before.
    pub unchanged: u64,
    /// Files that were not read, except for their details.
    pub described: u64,
    /// Images that were embedded again, since earlier versions decoded them to other pixels.
    pub replaced: u64,
    /// Images that were embedded although their files are damaged.
    pub damaged: u64,
    /// New paths of known images.
    pub duplicates: DuplicateCounts,
    /// What was found inside files.
    pub inside: InsideFiles,
}

/// A new image without the file that it was read from.
struct UncommittedImage {
    image: ImageId,
    /// Size of the file.
    bytes: u64,
    metadata: Metadata,
}

/// The only writer of a run.
pub struct Committer<'a, V: VectorIndex + ?Sized> {
    indexer: &'a Indexer<'a, V>,
    options: &'a IndexerOptions,
    decoders: &'a Decoders<'a, V>,
    in_flight: &'a InFlightImages,
    progress: &'a Progress<'a>,
    /// Images to embed, and their pixels in the same order.
    to_embed: Vec<(UncommittedImage, FileRecord)>,
    pixels: Vec<Pixels>,
    /// Images to commit, and their embeddings in the same order.
    new_images: Vec<UncommittedImage>,
    embeddings: Vec<(ImageId, Embedding)>,
    /// Files to commit.
    files: Vec<FileRecord>,
    /// Number of `files` that hold the same image as before.
    touched: u64,
    /// Number of `files` with an image that were not read.
    restamped: u64,
    /// Number of those `files` whose details were read.
    described: u64,
    /// Images of `to_embed` and `new_images` whose vector is replaced.
    replaced: HashSet<ImageId>,
    /// Details to commit.
    details: HashMap<ImageId, Details>,
    /// Images that were removed and come back with `files`.
    returned: Vec<ImageId>,
    /// Images of those `files` whose image is known from another path.
    duplicates: Vec<ImageId>,
    /// Files whose image is in flight with another file.
    waiting: HashMap<ImageId, Vec<KnownFile>>,
    /// Files whose pictures are not all committed. Their records would say that they are.
    expanded: Vec<FileOutcome>,
    /// Images found to be indexed since the last removal.
    known: HashSet<ImageId>,
    last_commit: Instant,
    committed: Committed,
}

impl<'a, V: VectorIndex + ?Sized> Committer<'a, V> {
    pub fn new(
        indexer: &'a Indexer<'a, V>,
        options: &'a IndexerOptions,
        decoders: &'a Decoders<'a, V>,
        in_flight: &'a InFlightImages,
        progress: &'a Progress<'a>,
    ) -> Self {
        Self {
            indexer,
            options,
            decoders,
            in_flight,
            progress,
            to_embed: Vec::new(),
            pixels: Vec::new(),
            new_images: Vec::new(),
            embeddings: Vec::new(),
            files: Vec::new(),
            touched: 0,
            restamped: 0,
            described: 0,
            replaced: HashSet::new(),
            details: HashMap::new(),
            returned: Vec::new(),
            duplicates: Vec::new(),
            waiting: HashMap::new(),
            expanded: Vec::new(),
            known: HashSet::new(),
            last_commit: Instant::now(),
            committed: Committed::default(),
        }
    }

    /// Receives outcomes until there are no more, or until `cancel`. Commits what is embedded in any case.
    pub fn run(
        mut self,
        outcomes: Receiver<Result<FileOutcome, IndexingError>>,
        cancel: &CancelToken,
    ) -> Result<Committed, IndexingError> {
        let received = self.receive_all(&outcomes, cancel);
        // Ends the decoders that wait for room in the channel.
        drop(outcomes);
        // Whatever ended the run, what is embedded is committed. The first error is returned.
        let committed = self.commit();
        received.and(committed)?;
        self.progress.report_done();
        Ok(self.committed)
    }

    fn receive_all(
        &mut self,
        outcomes: &Receiver<Result<FileOutcome, IndexingError>>,
        cancel: &CancelToken,
    ) -> Result<(), IndexingError> {
        while !cancel.is_cancelled() {
            match outcomes.recv_timeout(CANCEL_POLL) {
                Ok(outcome) => self.handle(outcome?)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.embed_queued()?;
                    self.handle_expanded()?;
                    return self.embed_queued();
                }
            }
            self.advance(cancel)?;
        }
        Ok(())
    }

    /// Embeds a full batch. Commits when enough results are there or enough time has passed.
    fn advance(&mut self, cancel: &CancelToken) -> Result<(), IndexingError> {
        let is_late = self.last_commit.elapsed() >= COMMIT_AFTER;
        if is_late || self.to_embed.len() >= self.options.batch.max(1) {
            self.pause(cancel);
            self.embed_queued()?;
        }
        if self.has_all_parts() {
            self.handle_expanded()?;
        }
        let enough = self.options.commit_every.max(1);
        if is_late || self.new_images.len() >= enough || self.files.len() >= CHEAP_FILES * enough {
            self.commit()?;
        }
        Ok(())
    }

    /// Lets searches go first.
    fn pause(&self, cancel: &CancelToken) {
        if let Some(background) = self
            .options
            .background
            .as_deref()
            .filter(|_| !self.to_embed.is_empty())
        {
            background.pause(cancel);
        }
    }

    fn handle(&mut self, outcome: FileOutcome) -> Result<(), IndexingError> {
        match outcome {
            FileOutcome::Image(image) => return self.queue(*image),
            FileOutcome::Known(known) => return self.known_file(known),
            FileOutcome::Returned(known) => return self.returned_file(known),
            FileOutcome::Restamped(file) => {
                self.restamped += u64::from(matches!(file.state, FileState::Indexed(_)));
                self.files.push(file);
            }
            FileOutcome::Described(described) => return self.described_file(*described),
            FileOutcome::Undescribed => self.progress.file_unchanged(),
            FileOutcome::Failed {
                file,
                reason,
                in_flight,
            } => return self.failed(file, reason, in_flight),
            FileOutcome::Unreadable { path, reason } => self.progress.file_failed(&path, reason),
            FileOutcome::NotImage(file) => {
                self.files.push(file);
                self.progress.file_skipped();
            }
            FileOutcome::Unsupported(file, reason) => {
                self.files.push(file);
                self.progress.file_unsupported(reason);
            }
            FileOutcome::Deleted => self.progress.file_done(),
            FileOutcome::PartFound => self.progress.part_found(),
            FileOutcome::Expanded(expanded) => return self.expanded(*expanded),
        }
        Ok(())
    }

    /// The record of a file that was looked into follows those of the pictures inside it: after a crash in between, it is
    /// read again.
    fn expanded(&mut self, expanded: ExpandedFile) -> Result<(), IndexingError> {
        let ExpandedFile {
            outcome,
            path,
            parts,
            was_read,
        } = expanded;
        if !was_read {
            self.committed.inside.unread.insert(path);
        }
        if parts.is_empty() {
            return self.handle(outcome);
        }
        self.committed.inside.found.extend(parts);
        self.expanded.push(outcome);
        Ok(())
    }

    /// Whether all pictures inside files that came so far are ready to be committed.
    fn has_all_parts(&self) -> bool {
        let is_part = |known: &KnownFile| PartPath::parse(&known.file.path).is_some();
        !self.expanded.is_empty() && self.to_embed.is_empty() && !self.waiting.values().flatten().any(is_part)
    }

    fn handle_expanded(&mut self) -> Result<(), IndexingError> {
        for outcome in std::mem::take(&mut self.expanded) {
            self.handle(outcome)?;
        }
        Ok(())
    }

    fn described_file(&mut self, described: DescribedImage) -> Result<(), IndexingError> {
        self.add_details(described.image, described.details)?;
        self.restamped += 1;
        self.described += 1;
        self.files.push(described.file);
        self.progress.file_unchanged();
        Ok(())
    }

    /// Details of all files of an image replace what is known; those of one file add to it.
    fn add_details(&mut self, image: ImageId, found: FoundDetails) -> Result<(), IndexingError> {
        let FoundDetails { details, scope } = found;
        let before = match self.details.remove(&image) {
            None if scope == DetailsScope::OneFile => self.indexer.catalog.details(&image)?,
            before => before,
        };
        let details = match before {
            Some(mut before) => {
                before.add(*details);
                before
            }
            None => *details,
        };
        self.details.insert(image, details);
        Ok(())
    }

    fn queue(&mut self, decoded: PreparedImage) -> Result<(), IndexingError> {
        self.add_details(decoded.image, decoded.details)?;
        if decoded.replaces {
            self.replaced.insert(decoded.image);
        }
        let image = UncommittedImage {
            image: decoded.image,
            bytes: decoded.bytes,
            metadata: decoded.metadata,
        };
        match decoded.input {
            EmbeddingInput::Known(embedding) => return self.embedded(image, decoded.file, embedding),
            EmbeddingInput::Pixels(pixels) => {
                self.to_embed.push((image, decoded.file));
                self.pixels.push(pixels);
            }
        }
        Ok(())
    }

    fn known_file(&mut self, known: KnownFile) -> Result<(), IndexingError> {
        if self.is_known(&known.image)? {
            self.attach(known)?;
        } else if self.in_flight.contains(&known.image) {
            self.waiting.entry(known.image).or_default().push(known);
        } else {
            // Indexed when the file was read and removed since, because another image took its last path in
            // this run.
            return self.decode_again(known, Returning::Restore);
        }
        Ok(())
    }

    /// The file of an image that was removed: its vector becomes live again. One without an undamaged vector in this
    /// space is embedded like a new one.
    fn returned_file(&mut self, known: KnownFile) -> Result<(), IndexingError> {
        let image = known.image;
        let restored = self
            .indexer
            .vectors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .restore(&[image])?;
        if restored.first().copied().flatten().is_none() {
            self.in_flight.remove(&image);
            return self.decode_again(known, Returning::Embed);
        }
        self.returned.push(image);
        self.known.insert(image);
        self.attach(known)?;
        for waiting in self.waiting.remove(&image).unwrap_or_default() {
            self.attach(waiting)?;
        }
        Ok(())
    }

    fn decode_again(&mut self, known: KnownFile, returning: Returning) -> Result<(), IndexingError> {
        let task = DecodeTask {
            path: known.file.path,
            previous: known.previous,
            returning,
            side_cars: known.side_cars,
        };
        let outcome = self.decoders.decode_file(task)?;
        self.handle(outcome)
    }

    fn is_known(&mut self, image: &ImageId) -> Result<bool, IndexingError> {
        let is_known = self.known.contains(image) || self.indexer.is_indexed(image)?;
        if is_known {
            self.known.insert(*image);
        }
        Ok(is_known)
    }

    fn attach(&mut self, known: KnownFile) -> Result<(), IndexingError> {
        self.add_details(known.image, known.details)?;
        if known.previous == Some(known.image) {
            self.touched += 1;
        } else {
            self.duplicates.push(known.image);
        }
        self.files.push(known.file);
        self.progress.file_done();
        Ok(())
    }

    fn failed(
        &mut self,
        file: FileRecord,
        reason: String,
        in_flight: Option<ImageId>,
    ) -> Result<(), IndexingError> {
        self.progress.file_failed(&file.path, reason);
        self.files.push(file);
        match in_flight {
            Some(image) => self.end_flight(&image),
            None => Ok(()),
        }
    }

    /// The image gives no embedding: files that waited for it are decoded, and reported, by themselves.
    fn end_flight(&mut self, image: &ImageId) -> Result<(), IndexingError> {
        self.in_flight.remove(image);
        for known in self.waiting.remove(image).unwrap_or_default() {
            self.known_file(known)?;
        }
        Ok(())
    }

    fn embed_queued(&mut self) -> Result<(), IndexingError> {
        if self.to_embed.is_empty() {
            return Ok(());
        }
        let pixels = std::mem::take(&mut self.pixels);
        let images = std::mem::take(&mut self.to_embed);
        let embeddings = embed(self.indexer.encoder, &pixels, self.options.background.as_deref())?;
        for ((image, file), embedding) in images.into_iter().zip(embeddings) {
            match embedding {
                Ok(embedding) => self.embedded(image, file, embedding)?,
                Err(error) => self.not_embedded(image.image, file, &error)?,
            }
        }
        Ok(())
    }

    fn embedded(
        &mut self,
        image: UncommittedImage,
        file: FileRecord,
        embedding: Embedding,
    ) -> Result<(), IndexingError> {
        let id = image.image;
        self.embeddings.push((id, embedding));
        self.new_images.push(image);
        self.files.push(file);
        self.known.insert(id);
        if self.replaced.contains(&id) {
            self.restamped += 1;
            self.described += 1;
            self.progress.file_unchanged();
        } else {
            self.progress.file_done();
        }
        for known in self.waiting.remove(&id).unwrap_or_default() {
            self.attach(known)?;
        }
        Ok(())
    }

    fn not_embedded(
        &mut self,
        image: ImageId,
        file: FileRecord,
        error: &EncodeError,
    ) -> Result<(), IndexingError> {
        let reason = error.to_string();
        self.replaced.remove(&image);
        self.decoders.discard_thumbnail(&image);
        let file = FileRecord {
            state: FileState::Failed(reason.clone()),
            ..file
        };
        self.failed(file, reason, Some(image))
    }

    /// Makes the results durable: vector rows first, then the records that name them.
    fn commit(&mut self) -> Result<(), IndexingError> {
        self.last_commit = Instant::now();
        let files = std::mem::take(&mut self.files);
        if files.is_empty() {
            return Ok(());
        }
        let rows = self.write_vectors()?;
        let batch = WriteBatch {
            images: self.take_new_images(&rows),
            files,
            removed: Vec::new(),
            details: self.take_details(),
            at_ms: Some(now_ms()),
        };
        let removed = self.indexer.catalog.put_batch(&batch)?;
        self.count(&batch);
        // Also bounds the set: duplicates are looked up again after each commit.
        self.known.clear();
        let returned = std::mem::take(&mut self.returned);
        if !returned.is_empty() {
            (self.indexer.on_returned)(&returned);
        }
        for image in &returned {
            self.in_flight.remove(image);
        }
        hide_removed(self.indexer, &removed)
    }

    fn write_vectors(&mut self) -> Result<Vec<RowId>, IndexingError> {
        if self.embeddings.is_empty() {
            return Ok(Vec::new());
        }
        let embeddings = std::mem::take(&mut self.embeddings);
        let vectors = self.indexer.vectors;
        let is_replaced = |(image, _): &&(ImageId, Embedding)| self.replaced.contains(image);
        let replaced: Vec<ImageId> = embeddings
            .iter()
            .filter(is_replaced)
            .map(|(image, _)| *image)
            .collect();
        let rows = {
            let mut vectors = vectors.write().unwrap_or_else(PoisonError::into_inner);
            // After a crash before the commit, the images have no vector, and their files are read again.
            vectors.remove(&replaced)?;
            vectors.upsert(&embeddings)?
        };
        vectors.read().unwrap_or_else(PoisonError::into_inner).commit()?;
        Ok(rows)
    }

    fn take_new_images(&mut self, rows: &[RowId]) -> Vec<NewImage> {
        let images = std::mem::take(&mut self.new_images);
        let with_row = |(image, &row): (UncommittedImage, &RowId)| NewImage {
            image: image.image,
            row,
            bytes: image.bytes,
            metadata: image.metadata,
        };
        images.into_iter().zip(rows).map(with_row).collect()
    }

    /// The details to commit; those of images that are still to be embedded stay.
    fn take_details(&mut self) -> Vec<(ImageId, Details)> {
        let waiting: HashSet<ImageId> = self.to_embed.iter().map(|(image, _)| image.image).collect();
        self.details
            .extract_if(|image, _| !waiting.contains(image))
            .collect()
    }

    fn count(&mut self, batch: &WriteBatch) {
        for new in &batch.images {
            self.in_flight.remove(&new.image);
        }
        for image in self.duplicates.drain(..) {
            self.committed.duplicates.add(&image);
        }
        let is_indexed = |file: &&FileRecord| matches!(file.state, FileState::Indexed(_));
        let indexed = batch.files.iter().filter(is_indexed).count() as u64;
        let touched = std::mem::take(&mut self.touched);
        let read = indexed - std::mem::take(&mut self.restamped);
        let is_replaced = |new: &&NewImage| self.replaced.contains(&new.image);
        let replaced = batch.images.iter().filter(is_replaced).count() as u64;
        for new in &batch.images {
            self.replaced.remove(&new.image);
        }
        let damaged = batch
            .details
            .iter()
            .filter(|(_, details)| details.damage.is_some());
        let damaged: HashSet<ImageId> = damaged.map(|(image, _)| *image).collect();
        let is_damaged = |new: &&NewImage| damaged.contains(&new.image);
        self.committed.damaged += batch.images.iter().filter(is_damaged).count() as u64;
        self.committed.replaced += replaced;
        self.committed.encoded += batch.images.len() as u64 - replaced;
        self.committed.unchanged += touched;
        self.committed.described += std::mem::take(&mut self.described);
        self.committed.indexed += read - touched;
        tracing::debug!(
            images = batch.images.len(),
            total = self.committed.encoded,
            "committed"
        );
    }
}
