//! Embeds known images anew, for a space that lacks them.
//!
//! ```text
//! lister ──images──▶ readers (several) ──pixels──▶ writer (the calling thread)
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

use crate::claims::Claims;
use crate::commit::{COMMIT_AFTER, HEARING};
use crate::embed::embed;
use crate::prepare::Readers;
use crate::run::threads;
use crate::tally::Tally;
use crate::{CancelToken, FileFailure, Indexer, IndexingError, Options, RunContext};

/// Which images are to be embedded, of those that have no row.
pub type BackfillFilter<'a> = &'a (dyn Fn(&ImageRecord) -> bool + Sync);

/// Images listed ahead of the readers.
const IMAGES_AHEAD: usize = 256;

/// What a backfill did.
#[derive(Debug, Default)]
pub struct BackfillReport {
    /// Images that were embedded.
    pub embedded: u64,
    /// Images that could not be embedded: where they should stand, and why not.
    pub failed: Vec<(ImageId, FileFailure)>,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
}

/// An image to read.
struct Lacking {
    image: ImageId,
    paths: Vec<PathBuf>,
}

/// An image as the encoder reads it, or why it cannot be had.
struct Read {
    image: ImageId,
    path: PathBuf,
    pixels: Result<Pixels, String>,
}

/// See [`Indexer::backfill`].
pub fn backfill<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    wanted: BackfillFilter<'_>,
    options: &Options,
    context: &RunContext<'_>,
) -> Result<BackfillReport, IndexingError> {
    let total = lacking(indexer, wanted).try_fold(0, |sum, image| image.map(|_| sum + 1))?;
    let tally = Tally::new(context.observer);
    tally.walked(total);
    if total == 0 {
        return Ok(BackfillReport::default());
    }
    let cancel = &context.cancel;
    let claims = Claims::default();
    let readers = Readers::new(indexer, options, &claims);
    let (images, to_read) = bounded(IMAGES_AHEAD);
    let (read, to_embed) = bounded(2 * options.batch.max(1));
    thread::scope(|scope| {
        let listing = scope.spawn(move || list(indexer, wanted, &images));
        for _ in 0..threads(options) {
            let (to_read, read, readers) = (to_read.clone(), read.clone(), &readers);
            scope.spawn(move || read_each(readers, &to_read, &read, cancel));
        }
        drop((to_read, read));
        let written = Writer::new(indexer, options, &tally).run(to_embed, cancel);
        let listed = listing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        listed?;
        written
    })
}

fn lacking<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    wanted: BackfillFilter<'_>,
) -> impl Iterator<Item = Result<Lacking, CatalogError>> {
    let lacks = move |record: &ImageRecord| record.row.is_none() && wanted(record);
    let records = indexer.catalog.scan();
    records
        .filter(move |record| record.as_ref().map_or(true, lacks))
        .map(|record| {
            record.map(|record| Lacking {
                image: record.image,
                paths: record.paths,
            })
        })
}

/// To the end, or until nobody listens any more.
fn list<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    wanted: BackfillFilter<'_>,
    images: &Sender<Lacking>,
) -> Result<(), CatalogError> {
    for image in lacking(indexer, wanted) {
        if images.send(image?).is_err() {
            break;
        }
    }
    Ok(())
}

fn read_each<V: VectorIndex + ?Sized>(
    readers: &Readers<'_, V>,
    images: &Receiver<Lacking>,
    read: &Sender<Read>,
    cancel: &CancelToken,
) {
    for lacking in images {
        if cancel.is_cancelled() || read.send(read_one(readers, lacking)).is_err() {
            return;
        }
    }
}

/// From the first path at which the image still stands; where it stands at none, the first says why.
fn read_one<V: VectorIndex + ?Sized>(readers: &Readers<'_, V>, lacking: Lacking) -> Read {
    let Lacking { image, paths } = lacking;
    let mut first = None;
    for path in paths {
        match readers.known_picture(&image, &path) {
            Ok(pixels) => {
                return Read {
                    image,
                    path,
                    pixels: Ok(pixels),
                };
            }
            Err(reason) => drop(first.get_or_insert((path, reason))),
        }
    }
    let (path, reason) = first.unwrap_or_else(|| (PathBuf::new(), "it stands nowhere".into()));
    Read {
        image,
        path,
        pixels: Err(reason),
    }
}

/// The one writer of a backfill.
struct Writer<'a, V: VectorIndex + ?Sized> {
    indexer: &'a Indexer<'a, V>,
    options: &'a Options,
    tally: &'a Tally<'a>,
    /// Pictures to encode, and what the encoder reads of each, in the same order.
    to_encode: Vec<(ImageId, PathBuf)>,
    pixels: Vec<Pixels>,
    embeddings: Vec<(ImageId, Embedding)>,
    last_commit: Instant,
    report: BackfillReport,
}

impl<'a, V: VectorIndex + ?Sized> Writer<'a, V> {
    fn new(indexer: &'a Indexer<'a, V>, options: &'a Options, tally: &'a Tally<'a>) -> Self {
        Self {
            indexer,
            options,
            tally,
            to_encode: Vec::new(),
            pixels: Vec::new(),
            embeddings: Vec::new(),
            last_commit: Instant::now(),
            report: BackfillReport::default(),
        }
    }

    /// Takes pictures until there are no more, or until `cancel`; commits what is encoded in any case.
    fn run(
        mut self,
        pictures: Receiver<Read>,
        cancel: &CancelToken,
    ) -> Result<BackfillReport, IndexingError> {
        let taken = self.take_all(&pictures, cancel);
        // Lets readers that wait for room end.
        drop(pictures);
        let committed = self.commit();
        taken.and(committed)?;
        self.tally.tell_done();
        self.report.cancelled = cancel.is_cancelled();
        Ok(self.report)
    }

    fn take_all(&mut self, pictures: &Receiver<Read>, cancel: &CancelToken) -> Result<(), IndexingError> {
        while !cancel.is_cancelled() {
            match pictures.recv_timeout(HEARING) {
                Ok(read) => self.take(read),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.encode(),
            }
            self.advance()?;
        }
        Ok(())
    }

    fn take(&mut self, read: Read) {
        match read.pixels {
            Ok(pixels) => {
                self.to_encode.push((read.image, read.path));
                self.pixels.push(pixels);
            }
            Err(reason) => self.failed(read.image, read.path, reason),
        }
    }

    fn failed(&mut self, image: ImageId, path: PathBuf, reason: String) {
        self.tally.failed_file(&path, reason.clone());
        self.report.failed.push((image, FileFailure { path, reason }));
    }

    /// Encodes a full batch; commits when enough has come together or enough time has passed.
    fn advance(&mut self) -> Result<(), IndexingError> {
        let late = self.last_commit.elapsed() >= COMMIT_AFTER;
        if late || self.to_encode.len() >= self.options.batch.max(1) {
            self.encode()?;
        }
        if late || self.embeddings.len() >= self.options.commit_every.max(1) {
            self.commit()?;
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
        for ((image, path), embedding) in pictures.into_iter().zip(embeddings) {
            match embedding {
                Ok(embedding) => {
                    self.embeddings.push((image, embedding));
                    self.tally.done();
                }
                Err(error) => self.failed(image, path, error.to_string()),
            }
        }
        Ok(())
    }

    /// Rows first, then the records that name them.
    ///
    /// The vectors stay locked in between: whoever forgets one of these images does so in the catalog first and then
    /// waits here, so that no record can come to name a row that has been given away.
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
            "committed to the other space"
        );
        Ok(())
    }
}
