//! Compares every image of a space with the patterns of a profile.

use std::path::PathBuf;

use eidetic_catalog::{Catalog, CatalogError, ImageRecord};
use eidetic_confidence::QueryKind;
use eidetic_confidence::profile::{Criticality, Finding, MatchContext, NamedProfile, ResolvedPurpose};
use eidetic_domain::{Embedding, ImageId};
use eidetic_indexer::{RunContext, RunStage};
use eidetic_search::Matcher;
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::par_chunks::par_chunks;
use crate::{LibraryError, Space};

/// Images that are compared between two checks for cancellation.
const IMAGE_BATCH: usize = 256;

/// An image for which a pattern reaches a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlaggedImage {
    /// The image.
    pub image: ImageId,
    /// Its paths.
    pub paths: Vec<PathBuf>,
    /// Its strictest level.
    pub level: String,
    /// The patterns that reach a level, the strictest level first.
    pub findings: Vec<Finding>,
}

/// The counts of a screening run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScreeningReport {
    /// Images that were compared with the patterns.
    pub images: u64,
    /// Images for which a pattern reaches a level.
    pub flagged: u64,
    /// Images whose vectors are damaged; the next indexing run embeds them again.
    pub skipped: u64,
    /// Patterns that were left out, because they have words that the model does not know.
    #[serde(default)]
    pub unknown_patterns: u64,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
}

impl ScreeningReport {
    /// Puts images in the order in which they are shown: the strictest level first, within a level the most confident.
    pub fn sort(images: &mut [FlaggedImage], profile: &NamedProfile) {
        images.sort_by(|a, b| {
            let strictness = |flagged: &FlaggedImage| profile.profile.strictness(&flagged.level);
            let confidence =
                |flagged: &FlaggedImage| flagged.findings.first().and_then(|finding| finding.confidence);
            strictness(a).cmp(&strictness(b)).then(
                confidence(b)
                    .unwrap_or(0.0)
                    .total_cmp(&confidence(a).unwrap_or(0.0)),
            )
        });
    }
}

impl Space {
    /// Compares every image with the patterns of `profile` and calls `flagged` for each that reaches a level, in no order.
    ///
    /// Image complexity is unknown here, since only vectors are read.
    pub fn screen(
        &self,
        profile: &NamedProfile,
        criticality: Criticality,
        context: &RunContext<'_>,
        flagged: &mut dyn FnMut(FlaggedImage),
    ) -> Result<ScreeningReport, LibraryError> {
        let calibration = self.calibration(QueryKind::Text)?;
        let encoder = self.encoder()?;
        // A pattern without one of its words is another pattern: "injured animal" must not find every animal.
        let is_known = |text: &&str| {
            let reading = encoder.read_text(text);
            reading.has_content() && reading.unknown_words.is_empty()
        };
        let patterns = profile.patterns.iter();
        let texts: Vec<&str> = patterns
            .map(|pattern| pattern.text.as_str())
            .filter(is_known)
            .collect();
        let purpose = profile.purpose(criticality, calibration.as_ref());
        let screening = Screening {
            purpose: purpose.resolve(MatchContext {
                candidates: texts.len(),
                complexity: None,
            }),
            matcher: Matcher {
                encoder,
                text_cache: &self.text_cache,
                confidence_model: &*self.confidence_model()?,
            },
            texts,
        };
        context.observer.stage(RunStage::Screening);
        context.observer.total(self.catalog.counts()?.images);
        let mut records = self.catalog.scan();
        let mut report = ScreeningReport {
            unknown_patterns: (profile.patterns.len() - screening.texts.len()) as u64,
            ..ScreeningReport::default()
        };
        loop {
            let batch: Vec<ImageRecord> = records
                .by_ref()
                .take(IMAGE_BATCH)
                .collect::<Result<_, CatalogError>>()?;
            report.cancelled = context.is_cancelled() && !batch.is_empty();
            if batch.is_empty() || report.cancelled {
                return Ok(report);
            }
            let total = batch.len() as u64;
            let images = self.with_vectors(batch);
            report.images += images.len() as u64;
            report.skipped += total - images.len() as u64;
            for chunk in par_chunks(&images, |chunk| screening.screen(chunk)) {
                let chunk = chunk?;
                report.flagged += chunk.len() as u64;
                chunk.into_iter().for_each(&mut *flagged);
            }
            context.observer.done(report.images + report.skipped);
        }
    }

    fn with_vectors(&self, records: Vec<ImageRecord>) -> Vec<(ImageRecord, Embedding)> {
        let vectors = self.read_vectors();
        let with_vector = |record: ImageRecord| {
            let vector = vectors.vector(&record.image)?;
            Some((record, vector))
        };
        records.into_iter().filter_map(with_vector).collect()
    }
}

/// What all images have in common.
struct Screening<'a> {
    purpose: ResolvedPurpose<'a>,
    matcher: Matcher<'a>,
    texts: Vec<&'a str>,
}

impl Screening<'_> {
    fn screen(&self, images: &[(ImageRecord, Embedding)]) -> Result<Vec<FlaggedImage>, LibraryError> {
        let mut flagged = Vec::new();
        for (record, vector) in images {
            let matches = self.matcher.match_texts(vector, &self.texts)?;
            let findings = self.purpose.findings(&matches);
            if let Some(strictest) = findings.first() {
                flagged.push(FlaggedImage {
                    image: record.image,
                    paths: record.paths.clone(),
                    level: strictest.verdict.level.clone(),
                    findings,
                });
            }
        }
        Ok(flagged)
    }
}
