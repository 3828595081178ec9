//! Embeds images that the catalog knows and that have no vector in a space.
//!
//! ```text
//! lister ──images──▶ decoders (several) ──pixels──▶ writer (the calling thread)
//! ```

use std::path::PathBuf;
use std::sync::PoisonError;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use eidetic_catalog::{CatalogError, ImageRecord};
use eidetic_domain::{Embedding, ImageId};
use eidetic_encoder::Pixels;
use eidetic_vectors::VectorIndex;

use crate::commit::{CANCEL_POLL, COMMIT_AFTER};
use crate::decode::Decoders;
use crate::embed::{EmbeddingInput, embed};
use crate::in_flight::InFlightImages;
use crate::progress::Progress;
use crate::run::thread_count;
use crate::{CancelToken, FileFailure, Indexer, IndexerOptions, IndexingError, RunContext};

/// Selects the images to embed, of those that have no vector.
pub type BackfillFilter<'a> = &'a (dyn Fn(&ImageRecord) -> bool + Sync);

/// Images listed ahead of the decoders.
const IMAGES_AHEAD: usize = 256;

/// What a backfill did.
#[derive(Debug, Default)]
pub struct BackfillReport {
    /// Images that were embedded.
    pub embedded: u64,
    /// Images that could not be embedded, with the path of one of their files.
    pub failed: Vec<(ImageId, FileFailure)>,
    /// Whether it was cancelled before its end.
    pub cancelled: bool,
}

/// An image to embed, and the paths of its files.
struct MissingEmbedding {
    image: ImageId,
    paths: Vec<PathBuf>,
}

/// What the embedding of an image comes from, or why no file of it can be read.
struct BackfillInput {
    image: ImageId,
    path: PathBuf,
    input: Result<EmbeddingInput, String>,
}

/// See [`Indexer::backfill`].
pub fn backfill<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    filter: BackfillFilter<'_>,
    options: &IndexerOptions,
    context: &RunContext<'_>,
) -> Result<BackfillReport, IndexingError> {
    let total = missing_embeddings(indexer, filter).try_fold(0, |sum, image| image.map(|_| sum + 1))?;
    let progress = Progress::new(context.observer);
    progress.total(total);
    if total == 0 {
        return Ok(BackfillReport::default());
    }
    let cancel = &context.cancel;
    let in_flight = InFlightImages::default();
    let decoders = Decoders::new(indexer, options, &in_flight);
    let (images, to_decode) = bounded(IMAGES_AHEAD);
    let (decoded, to_embed) = bounded(2 * options.batch.max(1));
    thread::scope(|scope| {
        let lister = scope.spawn(move || send_missing(indexer, filter, &images));
        for _ in 0..thread_count(options) {
            let (to_decode, decoded, decoders) = (to_decode.clone(), decoded.clone(), &decoders);
            scope.spawn(move || decode_each(decoders, &to_decode, &decoded, cancel));
        }
        drop((to_decode, decoded));
        let report = BackfillWriter::new(indexer, options, &progress).run(to_embed, cancel);
        let listed = lister
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        listed?;
        report
    })
}

fn missing_embeddings<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    filter: BackfillFilter<'_>,
) -> impl Iterator<Item = Result<MissingEmbedding, CatalogError>> {
    let is_missing = move |record: &ImageRecord| record.row.is_none() && filter(record);
    let records = indexer.catalog.scan();
    records
        .filter(move |record| record.as_ref().map_or(true, is_missing))
        .map(|record| {
            record.map(|record| MissingEmbedding {
                image: record.image,
                paths: record.paths,
            })
        })
}

/// Sends all, or as many as are received.
fn send_missing<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    filter: BackfillFilter<'_>,
    images: &Sender<MissingEmbedding>,
) -> Result<(), CatalogError> {
    for image in missing_embeddings(indexer, filter) {
        if images.send(image?).is_err() {
            break;
        }
    }
    Ok(())
}

fn decode_each<V: VectorIndex + ?Sized>(
    decoders: &Decoders<'_, V>,
    images: &Receiver<MissingEmbedding>,
    decoded: &Sender<BackfillInput>,
    cancel: &CancelToken,
) {
    for image in images {
        if cancel.is_cancelled() || decoded.send(decode_first(decoders, image)).is_err() {
            return;
        }
    }
}

/// Decodes the first file that still holds the image. If none does, the error is that of the first file.
fn decode_first<V: VectorIndex + ?Sized>(
    decoders: &Decoders<'_, V>,
    missing: MissingEmbedding,
) -> BackfillInput {
    let MissingEmbedding { image, paths } = missing;
    let mut first_error = None;
    for path in paths {
        match decoders.decode_known(&image, &path) {
            Ok(input) => {
                return BackfillInput {
                    image,
                    path,
                    input: Ok(input),
                };
            }
            Err(reason) => drop(first_error.get_or_insert((path, reason))),
        }
    }
    let (path, reason) =
        first_error.unwrap_or_else(|| (PathBuf::new(), "the catalog has no file of this image".into()));
    BackfillInput {
        image,
        path,
        input: Err(reason),
    }
}

/// The only writer of a backfill.
struct BackfillWriter<'a, V: VectorIndex + ?Sized> {
    indexer: &'a Indexer<'a, V>,
    options: &'a IndexerOptions,
    progress: &'a Progress<'a>,
    /// Images to embed, and their pixels in the same order.
    to_embed: Vec<(ImageId, PathBuf)>,
    pixels: Vec<Pixels>,
    embeddings: Vec<(ImageId, Embedding)>,
    last_commit: Instant,
    report: BackfillReport,
}

impl<'a, V: VectorIndex + ?Sized> BackfillWriter<'a, V> {
    fn new(indexer: &'a Indexer<'a, V>, options: &'a IndexerOptions, progress: &'a Progress<'a>) -> Self {
        Self {
            indexer,
            options,
            progress,
            to_embed: Vec::new(),
            pixels: Vec::new(),
            embeddings: Vec::new(),
            last_commit: Instant::now(),
            report: BackfillReport::default(),
        }
    }

    /// Receives images until there are no more, or until `cancel`. Commits what is embedded in any case.
    fn run(
        mut self,
        images: Receiver<BackfillInput>,
        cancel: &CancelToken,
    ) -> Result<BackfillReport, IndexingError> {
        let received = self.receive_all(&images, cancel);
        // Ends the decoders that wait for room in the channel.
        drop(images);
        let committed = self.commit();
        received.and(committed)?;
        self.progress.report_done();
        self.report.cancelled = cancel.is_cancelled();
        Ok(self.report)
    }

    fn receive_all(
        &mut self,
        images: &Receiver<BackfillInput>,
        cancel: &CancelToken,
    ) -> Result<(), IndexingError> {
        while !cancel.is_cancelled() {
            match images.recv_timeout(CANCEL_POLL) {
                Ok(image) => self.queue(image),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.embed_queued(),
            }
            self.advance(cancel)?;
        }
        Ok(())
    }

    fn queue(&mut self, decoded: BackfillInput) {
        match decoded.input {
            Ok(EmbeddingInput::Pixels(pixels)) => {
                self.to_embed.push((decoded.image, decoded.path));
                self.pixels.push(pixels);
            }
            Ok(EmbeddingInput::Known(embedding)) => {
                self.embeddings.push((decoded.image, embedding));
                self.progress.file_done();
            }
            Err(reason) => self.failed(decoded.image, decoded.path, reason),
        }
    }

    fn failed(&mut self, image: ImageId, path: PathBuf, reason: String) {
        self.progress.file_failed(&path, reason.clone());
        self.report.failed.push((image, FileFailure { path, reason }));
    }

    /// Embeds a full batch. Commits when enough results are there or enough time has passed.
    fn advance(&mut self, cancel: &CancelToken) -> Result<(), IndexingError> {
        let is_late = self.last_commit.elapsed() >= COMMIT_AFTER;
        if is_late || self.to_embed.len() >= self.options.batch.max(1) {
            if let Some(background) = self.options.background.as_deref() {
                background.pause(cancel);
            }
            self.embed_queued()?;
        }
        if is_late || self.embeddings.len() >= self.options.commit_every.max(1) {
            self.commit()?;
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
        for ((image, path), embedding) in images.into_iter().zip(embeddings) {
            match embedding {
                Ok(embedding) => {
                    self.embeddings.push((image, embedding));
                    self.progress.file_done();
                }
                Err(error) => self.failed(image, path, error.to_string()),
            }
        }
        Ok(())
    }

    /// Writes the rows first, then the records that name them.
    ///
    /// The vectors stay locked in between. Whoever removes one of these images does so in the catalog first
    /// and then waits for this lock, so no record can come to name a row that was given to another image.
    fn commit(&mut self) -> Result<(), IndexingError> {
        self.last_commit = Instant::now();
        let embeddings = std::mem::take(&mut self.embeddings);
        if embeddings.is_empty() {
            return Ok(());
        }
        let vectors = self.indexer.vectors;
        let mut vectors = vectors.write().unwrap_or_else(PoisonError::into_inner);
        let rows = vectors.upsert(&embeddings)?;
        vectors.commit()?;
        let images = embeddings.iter().map(|(image, _)| *image);
        let rows: Vec<_> = images.zip(rows).collect();
        let removed = self.indexer.catalog.put_rows(&rows)?;
        vectors.remove(&removed)?;
        self.report.embedded += (rows.len() - removed.len()) as u64;
        tracing::debug!(
            images = rows.len(),
            total = self.report.embedded,
            "committed a backfill batch"
        );
        Ok(())
    }
}
