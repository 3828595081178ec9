//! The fingerprints of images: collected while images are indexed, computed from thumbnails where they are missing.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use eidetic_catalog::{Catalog, ImageRecord};
use eidetic_domain::{Filter, ImageId};
use eidetic_duplicates::Fingerprint;
use eidetic_imaging::{DecodeLimits, decode};
use eidetic_indexer::{RunContext, RunStage};
use image::RgbImage;

use super::fingerprint_file::StoredFingerprints;
use crate::par_chunks::par_chunks;
use crate::{Library, LibraryError};

/// Fingerprints that are written together.
const BATCH: usize = 512;

/// Fingerprints of the images of an indexing run.
pub(crate) struct FingerprintCollector<'a> {
    library: &'a Library,
    pending: Mutex<Vec<(ImageId, Fingerprint)>>,
}

impl<'a> FingerprintCollector<'a> {
    pub(crate) fn new(library: &'a Library) -> Self {
        Self {
            library,
            pending: Mutex::default(),
        }
    }

    /// Adds an image that was decoded.
    pub(crate) fn add(&self, image: &ImageId, pixels: &RgbImage) {
        let Some(fingerprint) = Fingerprint::of(pixels) else {
            return;
        };
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.push((*image, fingerprint));
        let full = (pending.len() >= BATCH).then(|| std::mem::take(&mut *pending));
        drop(pending);
        self.library.store_fingerprints(&full.unwrap_or_default());
    }

    /// Writes what is not written yet.
    pub(crate) fn finish(self) {
        let rest = self.pending.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.library.store_fingerprints(&rest);
    }
}

impl Library {
    /// The fingerprint of each of `records`: stored, or computed now and stored where that is possible. `None` where the
    /// picture cannot be read, or where the run is cancelled before.
    pub(super) fn fingerprints_of(
        &self,
        records: &[&ImageRecord],
        context: &RunContext<'_>,
    ) -> Vec<Option<Fingerprint>> {
        let mut stored = self.fingerprints.read();
        let missing: Vec<ImageId> = records
            .iter()
            .map(|record| record.image)
            .filter(|image| !stored.found.contains_key(image))
            .collect();
        self.compact_fingerprints(&stored);
        if !missing.is_empty() {
            context.observer.stage(RunStage::Fingerprinting);
            context.observer.total(missing.len() as u64);
        }
        let mut done = 0;
        for images in missing.chunks(BATCH) {
            if context.is_cancelled() {
                break;
            }
            let computed = par_chunks(images, |images| self.compute_fingerprints(images)).concat();
            self.store_fingerprints(&computed);
            stored.found.extend(computed);
            done += images.len() as u64;
            context.observer.done(done);
        }
        records
            .iter()
            .map(|record| stored.found.remove(&record.image))
            .collect()
    }

    fn compute_fingerprints(&self, images: &[ImageId]) -> Vec<(ImageId, Fingerprint)> {
        let compute = |image: &ImageId| {
            let jpeg = self.thumbnail(image).ok()?;
            let decoded = decode(&jpeg, &DecodeLimits::default()).ok()?;
            Some((*image, Fingerprint::of(&decoded.image)?))
        };
        images.iter().filter_map(compute).collect()
    }

    /// A failure is only logged: fingerprints are derived.
    fn store_fingerprints(&self, computed: &[(ImageId, Fingerprint)]) {
        if self.read_only().is_some() {
            return;
        }
        if let Err(error) = self.fingerprints.append(computed) {
            self.unstored.warn(self.fingerprints.path(), &error);
        }
    }

    fn compact_fingerprints(&self, stored: &StoredFingerprints) {
        if self.read_only().is_some() {
            return;
        }
        let known = self.all_images();
        let compacted = known.map(|known| self.fingerprints.compact(stored, |image| known.contains(image)));
        match compacted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.unstored.warn(self.fingerprints.path(), &error),
            Err(error) => tracing::warn!("cannot list the images of the library: {error}"),
        }
    }

    fn all_images(&self) -> Result<HashSet<ImageId>, LibraryError> {
        let all = self.catalog.images_matching(&Filter::default(), None)?;
        Ok(all.into_iter().collect())
    }
}
