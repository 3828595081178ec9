//! Every picture of a library against a profile's patterns.

use std::path::PathBuf;

use eidetic_catalog::{Catalog, CatalogError, ImageRecord};
use eidetic_confidence::QueryKind;
use eidetic_confidence::profile::{Circumstances, Criticality, Finding, NamedProfile, ResolvedPurpose};
use eidetic_domain::{Embedding, ImageId};
use eidetic_indexer::{RunContext, RunStage};
use eidetic_search::Matcher;
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::shared_out::shared_out;
use crate::{LibraryError, Space};

/// Pictures that are looked at together.
const IMAGES: usize = 256;

/// A picture of which a pattern reaches a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flagged {
    /// The image.
    pub image: ImageId,
    /// Where it stands.
    pub paths: Vec<PathBuf>,
    /// Its strictest level.
    pub level: String,
    /// What it is flagged for, the strictest level first.
    pub findings: Vec<Finding>,
}

/// What a screening came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Screened {
    /// Pictures that were held against the patterns.
    pub images: u64,
    /// Those that reach a level.
    pub flagged: u64,
    /// Images whose vectors are damaged; the next indexing run embeds them anew.
    pub skipped: u64,
    /// Whether it was stopped early.
    pub cancelled: bool,
}

impl Space {
    /// Holds every picture against the patterns of `profile`, and tells `flagged` each that reaches a level, in no order.
    ///
    /// How busy pictures are is not measured, since nothing but their vectors is read.
    pub fn screen(
        &self,
        profile: &NamedProfile,
        criticality: Criticality,
        context: &RunContext<'_>,
        flagged: &mut dyn FnMut(Flagged),
    ) -> Result<Screened, LibraryError> {
        let calibration = self.calibration(QueryKind::Text)?;
        let texts: Vec<&str> = profile
            .patterns
            .iter()
            .map(|pattern| pattern.text.as_str())
            .collect();
        let purpose = profile.purpose(criticality, calibration.as_ref());
        let screening = Screening {
            purpose: purpose.resolve(Circumstances {
                candidates: texts.len(),
                complexity: None,
            }),
            matcher: Matcher {
                encoder: self.encoder()?,
                texts: &self.texts,
                judge: &*self.judge()?,
            },
            texts,
        };
        context.observer.stage(RunStage::Screening);
        context.observer.total(self.catalog.counts()?.images);
        let mut records = self.catalog.scan();
        let mut screened = Screened::default();
        loop {
            let batch: Vec<ImageRecord> = records
                .by_ref()
                .take(IMAGES)
                .collect::<Result<_, CatalogError>>()?;
            screened.cancelled = context.is_cancelled() && !batch.is_empty();
            if batch.is_empty() || screened.cancelled {
                return Ok(screened);
            }
            let pictures = self.seen(batch);
            let seen = pictures.iter().filter(|(_, vector)| vector.is_some()).count() as u64;
            screened.images += seen;
            screened.skipped += pictures.len() as u64 - seen;
            let shares = shared_out(&pictures, |share| screening.of(share));
            for found in shares
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
            {
                screened.flagged += 1;
                flagged(found);
            }
            context.observer.done(screened.images + screened.skipped);
        }
    }

    fn seen(&self, batch: Vec<ImageRecord>) -> Vec<(ImageRecord, Option<Embedding>)> {
        let vectors = self.read_vectors();
        let with_vector = |record: ImageRecord| {
            let vector = vectors.vector(&record.image);
            (record, vector)
        };
        batch.into_iter().map(with_vector).collect()
    }
}

/// What is the same for all pictures.
struct Screening<'a> {
    purpose: ResolvedPurpose<'a>,
    matcher: Matcher<'a>,
    texts: Vec<&'a str>,
}

impl Screening<'_> {
    fn of(&self, pictures: &[(ImageRecord, Option<Embedding>)]) -> Result<Vec<Flagged>, LibraryError> {
        let mut flagged = Vec::new();
        for (record, vector) in pictures {
            let Some(vector) = vector else { continue };
            let findings = self
                .purpose
                .findings(&self.matcher.texts_of(vector, &self.texts)?);
            if let Some(worst) = findings.first() {
                flagged.push(Flagged {
                    image: record.image,
                    paths: record.paths.clone(),
                    level: worst.verdict.level.clone(),
                    findings,
                });
            }
        }
        Ok(flagged)
    }
}
