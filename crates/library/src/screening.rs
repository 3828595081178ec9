//! Compares images with the patterns of a profile: those of a space, or files that need not be indexed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eidetic_catalog::{Catalog, CatalogError, ImageRecord, TagStore};
use eidetic_confidence::profile::{
    Criticality, Finding, MatchContext, NamedProfile, ProfileAction, ResolvedPurpose, Risk,
};
use eidetic_domain::{Embedding, Filter, ImageId};
use eidetic_indexer::{Links, RunContext, RunStage, files_of};
use eidetic_search::Matcher;
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::par_chunks::par_chunks;
use crate::{LibraryError, Space};

/// Images that are compared between two checks for cancellation.
const IMAGE_BATCH: usize = 256;
/// Files that are read and embedded between two checks.
const FILE_BATCH: usize = 32;

/// What is screened.
#[derive(Debug, Clone, PartialEq)]
pub enum ScreeningTarget {
    /// The images of the space that match a filter.
    Library(Box<Filter>),
    /// These files, and those below these folders. Files that are indexed are not read again.
    Files(Vec<PathBuf>),
    /// An image that is embedded already.
    Image(ImageId, Embedding),
}

/// How images are screened.
#[derive(Debug, Clone, PartialEq)]
pub struct ScreeningOptions {
    /// What is screened.
    pub target: ScreeningTarget,
    /// The cost of an error.
    pub criticality: Criticality,
    /// Whether images without a finding are reported too.
    pub all: bool,
}

/// An image that was compared with the patterns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScreenedImage {
    /// The image.
    pub image: ImageId,
    /// Its paths.
    pub paths: Vec<PathBuf>,
    /// Its strictest level; the profile's default level without a finding.
    pub level: String,
    /// What to do.
    pub action: ProfileAction,
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
    /// Files that could not be read as images.
    #[serde(default)]
    pub failed: Vec<UnreadableFile>,
    /// Number of patterns that were left out, because they have words that the model does not know.
    #[serde(default)]
    pub unknown_patterns: u64,
    /// Those patterns with these words.
    #[serde(default)]
    pub left_out: Vec<LeftOutPattern>,
    /// Images by level.
    #[serde(default)]
    pub levels: BTreeMap<String, u64>,
    /// Findings by pattern, the most frequent first.
    #[serde(default)]
    pub patterns: Vec<PatternCount>,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
}

/// A file that could not be screened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableFile {
    /// Its path; what is not Unicode is replaced.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A pattern that no image was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutPattern {
    /// The pattern.
    pub text: String,
    /// Its words that the model does not know; empty if it says nothing.
    pub unknown_words: Vec<String>,
}

/// How often a pattern was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternCount {
    /// The pattern.
    pub text: String,
    /// Its risk.
    pub risk: Risk,
    /// Images by level.
    pub levels: BTreeMap<String, u64>,
}

impl ScreeningReport {
    /// Puts images in the order in which they are shown: the strictest level first, within a level the most confident.
    pub fn sort(images: &mut [ScreenedImage], profile: &NamedProfile) {
        let confidence = |screened: &ScreenedImage| {
            let first = screened.findings.first();
            first.and_then(|finding| finding.confidence).unwrap_or(0.0)
        };
        images.sort_by(|a, b| {
            let strictness = |screened: &ScreenedImage| profile.profile.strictness(&screened.level);
            strictness(a)
                .cmp(&strictness(b))
                .then(confidence(b).total_cmp(&confidence(a)))
                .then_with(|| a.paths.cmp(&b.paths))
        });
    }
}

impl Space {
    /// Compares images with the patterns of `profile` and calls `screened` for each that reaches a level, in no order.
    ///
    /// Image complexity is unknown here, since only vectors are read.
    pub(crate) fn screen(
        &self,
        profile: &NamedProfile,
        options: &ScreeningOptions,
        context: &RunContext<'_>,
        screened: &mut dyn FnMut(ScreenedImage),
    ) -> Result<ScreeningReport, LibraryError> {
        let calibration = self.calibration_under(&profile.name)?;
        let encoder = self.encoder()?;
        let left_out = self.left_out(profile)?;
        let is_left_out = |text: &&str| left_out.iter().any(|pattern| pattern.text == *text);
        let patterns = profile.patterns.iter().map(|pattern| pattern.text.as_str());
        let texts: Vec<&str> = patterns.filter(|text| !is_left_out(text)).collect();
        let model = self.confidence_model_under(Some(&profile.name))?;
        let purpose = profile.purpose(options.criticality, calibration.as_ref());
        let screening = Screening {
            profile,
            purpose: purpose.resolve(MatchContext {
                candidates: texts.len(),
                complexity: None,
            }),
            matcher: Matcher {
                encoder,
                text_cache: &self.text_cache,
                confidence_model: &model,
            },
            texts,
        };
        let mut run = ScreeningRun {
            screening,
            all: options.all,
            context,
            screened,
            patterns: BTreeMap::new(),
            report: ScreeningReport {
                unknown_patterns: left_out.len() as u64,
                left_out,
                ..ScreeningReport::default()
            },
        };
        context.observer.stage(RunStage::Screening);
        match &options.target {
            ScreeningTarget::Library(filter) => self.screen_records(&mut run, filter)?,
            ScreeningTarget::Files(paths) => self.screen_files(&mut run, paths)?,
            ScreeningTarget::Image(image, embedding) => {
                run.images(&[(*image, Vec::new(), embedding.clone())])?;
            }
        }
        Ok(run.into_report())
    }

    /// The patterns that would be other patterns without the words that the model does not know: "injured animal" must not
    /// find every animal.
    fn left_out(&self, profile: &NamedProfile) -> Result<Vec<LeftOutPattern>, LibraryError> {
        let encoder = self.encoder()?;
        let patterns = profile.patterns.iter();
        let left_out = patterns.filter_map(|pattern| {
            let reading = encoder.read_text(&pattern.text);
            let is_known = reading.has_content() && reading.unknown_words.is_empty();
            (!is_known).then(|| LeftOutPattern {
                text: pattern.text.clone(),
                unknown_words: reading.unknown_words.clone(),
            })
        });
        Ok(left_out.collect())
    }

    fn screen_records(&self, run: &mut ScreeningRun<'_>, filter: &Filter) -> Result<(), LibraryError> {
        run.context.observer.total(self.catalog.counts()?.images);
        let mut records = self.catalog.scan();
        let mut seen = 0;
        loop {
            let batch: Vec<ImageRecord> = records
                .by_ref()
                .take(IMAGE_BATCH)
                .collect::<Result<_, CatalogError>>()?;
            if run.stops_before(batch.is_empty()) {
                return Ok(());
            }
            seen += batch.len() as u64;
            let batch = self.matching(batch, filter)?;
            let total = batch.len() as u64;
            let images = self.with_vectors(batch);
            run.report.skipped += total - images.len() as u64;
            run.images(&images)?;
            run.context.observer.done(seen);
        }
    }

    fn matching(&self, records: Vec<ImageRecord>, filter: &Filter) -> Result<Vec<ImageRecord>, LibraryError> {
        let needs_no_tags = filter.required_tags().is_empty();
        let mut matching = Vec::new();
        for record in records {
            let is_tagged = needs_no_tags || {
                let tags = self.catalog.get_tags(&[record.image])?;
                let tags = tags.iter().flatten().flat_map(|tags| &tags.tags);
                filter.matches_tags(tags.map(|tag| tag.name.as_str()))
            };
            if is_tagged && self.catalog.matches(&record, filter)? {
                matching.push(record);
            }
        }
        Ok(matching)
    }

    fn with_vectors(&self, records: Vec<ImageRecord>) -> Vec<(ImageId, Vec<PathBuf>, Embedding)> {
        let vectors = self.read_vectors();
        let with_vector = |record: ImageRecord| {
            let vector = vectors.vector(&record.image)?;
            Some((record.image, record.paths, vector))
        };
        records.into_iter().filter_map(with_vector).collect()
    }

    fn screen_files(&self, run: &mut ScreeningRun<'_>, paths: &[PathBuf]) -> Result<(), LibraryError> {
        let (files, failed) = listed(paths);
        run.report.failed = failed;
        run.context.observer.total(files.len() as u64);
        for (number, batch) in files.chunks(FILE_BATCH).enumerate() {
            if run.stops_before(false) {
                return Ok(());
            }
            let images = self.embed_files(batch)?;
            let mut read = Vec::new();
            for (path, image) in batch.iter().zip(images) {
                match image {
                    Ok(Some((image, embedding))) => read.push((image, vec![path.clone()], embedding)),
                    Ok(None) => {}
                    Err(reason) => run.report.failed.push(UnreadableFile {
                        path: path.to_string_lossy().into_owned(),
                        reason,
                    }),
                }
            }
            run.images(&read)?;
            let done = (number * FILE_BATCH + batch.len()) as u64;
            run.context.observer.done(done);
        }
        Ok(())
    }
}

/// The given files, and those below the given folders, each once; and those that are neither.
fn listed(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<UnreadableFile>) {
    let (mut files, mut failed) = (Vec::new(), Vec::new());
    let mut met = std::collections::HashSet::new();
    let mut add = |path: PathBuf| {
        if met.insert(path.clone()) {
            files.push(path);
        }
    };
    for path in paths {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                files_of(path, Vec::new(), Links::Follow).for_each(&mut add);
            }
            Ok(_) => add(path.clone()),
            Err(error) => failed.push(UnreadableFile {
                path: path.to_string_lossy().into_owned(),
                reason: error.to_string(),
            }),
        }
    }
    (files, failed)
}

/// What all images have in common.
struct Screening<'a> {
    profile: &'a NamedProfile,
    purpose: ResolvedPurpose<'a>,
    matcher: Matcher<'a>,
    texts: Vec<&'a str>,
}

/// A run and its counts so far.
struct ScreeningRun<'a> {
    screening: Screening<'a>,
    all: bool,
    context: &'a RunContext<'a>,
    screened: &'a mut dyn FnMut(ScreenedImage),
    patterns: BTreeMap<String, PatternCount>,
    report: ScreeningReport,
}

impl ScreeningRun<'_> {
    /// Whether it ends here: `at_end`, or cancelled.
    fn stops_before(&mut self, at_end: bool) -> bool {
        self.report.cancelled = self.context.is_cancelled() && !at_end;
        at_end || self.report.cancelled
    }

    fn images(&mut self, images: &[(ImageId, Vec<PathBuf>, Embedding)]) -> Result<(), LibraryError> {
        self.report.images += images.len() as u64;
        let screening = &self.screening;
        for chunk in par_chunks(images, |chunk| screening.screen(chunk)) {
            for image in chunk? {
                *self.report.levels.entry(image.level.clone()).or_default() += 1;
                self.report.flagged += u64::from(!image.findings.is_empty());
                for finding in &image.findings {
                    let count = self.patterns.entry(finding.text.clone());
                    let count = count.or_insert_with(|| PatternCount {
                        text: finding.text.clone(),
                        risk: finding.risk,
                        levels: BTreeMap::new(),
                    });
                    *count.levels.entry(finding.verdict.level.clone()).or_default() += 1;
                }
                if self.all || !image.findings.is_empty() {
                    (self.screened)(image);
                }
            }
        }
        Ok(())
    }

    fn into_report(self) -> ScreeningReport {
        let mut patterns: Vec<PatternCount> = self.patterns.into_values().collect();
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.levels.values().sum::<u64>()));
        ScreeningReport {
            patterns,
            ..self.report
        }
    }
}

impl Screening<'_> {
    fn screen(
        &self,
        images: &[(ImageId, Vec<PathBuf>, Embedding)],
    ) -> Result<Vec<ScreenedImage>, LibraryError> {
        let default = &self.profile.profile.default_level;
        let mut screened = Vec::new();
        for (image, paths, vector) in images {
            let matches = self.matcher.match_texts(vector, &self.texts)?;
            let findings = self.purpose.findings(&matches);
            let strictest = findings.first().map(|finding| &finding.verdict);
            screened.push(ScreenedImage {
                image: *image,
                paths: paths.clone(),
                level: strictest.map_or(&default.name, |verdict| &verdict.level).clone(),
                action: strictest.map_or(default.action, |verdict| verdict.action),
                findings,
            });
        }
        Ok(screened)
    }
}
