//! Groups of images that are copies of each other, and bursts.

mod choice;
mod fingerprint_file;
mod fingerprints;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use eidetic_catalog::{Catalog, ImageRecord};
use eidetic_containers::file_at;
use eidetic_domain::{Filter, ImageFormat, ImageId, TakenSource};
use eidetic_duplicates::{Fingerprint, Group, Shot, burst_candidates, burst_probability, groups, near_pairs};
use eidetic_indexer::RunContext;
use eidetic_search::shot_of;
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::{Library, LibraryError};

pub(crate) use fingerprint_file::FingerprintFile;
pub(crate) use fingerprints::FingerprintCollector;

/// Images whose records are read together.
const RECORD_BATCH: usize = 4096;

/// Why images are in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateKind {
    /// Files with the same content: the paths of one image.
    Exact,
    /// The same picture in another encoding, size, orientation, frame or crop.
    Near,
    /// Photos that one camera took of one scene within seconds.
    Burst,
}

impl DuplicateKind {
    /// All kinds, the most certain first.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Near, Self::Burst];

    /// Its name in requests and responses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Near => "near",
            Self::Burst => "burst",
        }
    }

    /// Least probability of a group where a caller names none.
    pub const fn default_threshold(self) -> f32 {
        match self {
            Self::Exact => 0.0,
            Self::Near => 0.85,
            Self::Burst => 0.5,
        }
    }
}

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateOptions {
    /// Kinds of groups.
    pub kinds: Vec<DuplicateKind>,
    /// Least probability of the links in a group, from 0 to 1; that of each kind where it is none.
    pub threshold: Option<f32>,
    /// Which images and paths are looked at.
    pub filter: Filter,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self {
            kinds: DuplicateKind::ALL.to_vec(),
            threshold: None,
            filter: Filter::default(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Duplicates {
    /// The groups, by kind and the path of the best copy.
    pub groups: Vec<DuplicateGroup>,
    /// Images that could not be compared, since they have neither fingerprint nor thumbnail, and their files cannot be read.
    pub not_compared: u64,
}

/// Copies of one picture, or a burst.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateGroup {
    /// Why they are together.
    pub kind: DuplicateKind,
    /// Probability of the weakest link; 1 for equal content.
    pub probability: f32,
    /// At least two files that exist now, the best first.
    pub copies: Vec<DuplicateCopy>,
}

/// A file in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateCopy {
    /// The image that it holds.
    pub image: ImageId,
    /// Where it is.
    pub path: PathBuf,
}

impl Library {
    /// Groups of copies and bursts among the images and paths that a filter admits. Files that do not exist now are left out,
    /// and so are frames of videos and raw files beside their JPEG.
    ///
    /// Fingerprints that are missing are computed, and stored where the library can be written. Changes no other file.
    ///
    /// The observer counts the images whose fingerprints are missing. Where it is cancelled before all of them are there, nothing
    /// is found, and the fingerprints that were computed are kept.
    ///
    /// Errors: among others, the filter names a folder or a tag that the library does not have.
    pub fn duplicates(
        &self,
        options: &DuplicateOptions,
        context: &RunContext<'_>,
    ) -> Result<Duplicates, LibraryError> {
        let records = self.filtered_records(&options.filter)?;
        let wants = |kind| options.kinds.contains(&kind);
        let threshold = |kind: DuplicateKind| options.threshold.unwrap_or(kind.default_threshold());
        let mut found = Duplicates::default();
        if wants(DuplicateKind::Exact) {
            let several = records.iter().filter(|record| record.paths.len() > 1);
            let exact = several.map(|record| self.group(DuplicateKind::Exact, 1.0, &[record]));
            found
                .groups
                .extend(exact.collect::<Result<Vec<_>, _>>()?.into_iter().flatten());
        }
        if wants(DuplicateKind::Near) || wants(DuplicateKind::Burst) {
            let compared = self.compared_images(&records, context);
            if context.is_cancelled() {
                return Ok(Duplicates::default());
            }
            found.not_compared = compared.missing;
            let near = compared.near_groups(threshold(DuplicateKind::Near));
            if wants(DuplicateKind::Near) {
                self.add_groups(&mut found, DuplicateKind::Near, &compared.records, &near)?;
            }
            if wants(DuplicateKind::Burst) {
                let bursts = self.burst_groups(&compared, &near, threshold(DuplicateKind::Burst));
                self.add_groups(&mut found, DuplicateKind::Burst, &compared.records, &bursts)?;
            }
        }
        found.groups.sort_by(|a, b| {
            let key =
                |group: &DuplicateGroup| (group.kind, group.copies.first().map(|copy| copy.path.clone()));
            key(a).cmp(&key(b))
        });
        Ok(found)
    }

    /// The records that match, each with the paths that do.
    fn filtered_records(&self, filter: &Filter) -> Result<Vec<ImageRecord>, LibraryError> {
        let filter = self.resolve_filter(filter)?;
        let space = self.active();
        let mut images = space.images_matching(&filter)?;
        images.sort_unstable();
        let mut records = Vec::with_capacity(images.len());
        for batch in images.chunks(RECORD_BATCH) {
            records.extend(self.catalog.get_many(batch)?.into_iter().flatten());
        }
        let folders = &filter.folders;
        for record in &mut records {
            record
                .paths
                .retain(|path| folders.is_empty() || folders.iter().any(|folder| path.starts_with(folder)));
        }
        records.retain(|record| !record.paths.is_empty());
        Ok(records)
    }

    /// The images that can be compared by their pictures, with their fingerprints.
    fn compared_images<'a>(&self, records: &'a [ImageRecord], context: &RunContext<'_>) -> Compared<'a> {
        let with_companions = companions(records);
        let compared: Vec<&ImageRecord> = records
            .iter()
            .filter(|record| {
                record.metadata.format != ImageFormat::Video && !with_companions.contains(&record.image)
            })
            .collect();
        let found = self.fingerprints_of(&compared, context);
        let missing = found.iter().filter(|found| found.is_none()).count() as u64;
        let both = compared.into_iter().zip(found);
        let (records, fingerprints) = both.filter_map(|(record, found)| Some((record, found?))).unzip();
        Compared {
            records,
            fingerprints,
            missing,
        }
    }

    fn burst_groups(&self, compared: &Compared<'_>, near: &[Group], threshold: f32) -> Vec<Group> {
        let copies: HashSet<usize> = near
            .iter()
            .flat_map(|group| group.members.iter().skip(1))
            .copied()
            .collect();
        let shots = compared
            .records
            .iter()
            .enumerate()
            .filter(|(position, _)| !copies.contains(position));
        let pairs = burst_candidates(
            shots
                .filter_map(|(position, record)| shot(position, record))
                .collect(),
        );
        let space = self.active();
        let vectors = space.read_vectors();
        let mut known = HashMap::new();
        let mut vector = |position: usize| {
            let image = &compared.records[position].image;
            let found = known.entry(position).or_insert_with(|| vectors.vector(image));
            found.clone()
        };
        let links: Vec<((usize, usize), f32)> = pairs
            .into_iter()
            .map(|(a, b)| {
                let cosine = vector(a).zip(vector(b)).map(|(a, b)| a.cosine(&b) as f32);
                let pictures = (&compared.fingerprints[a], &compared.fingerprints[b]);
                ((a, b), burst_probability(pictures.0, pictures.1, cosine))
            })
            .collect();
        groups(compared.records.len(), &links, threshold)
    }

    fn add_groups(
        &self,
        found: &mut Duplicates,
        kind: DuplicateKind,
        records: &[&ImageRecord],
        groups: &[Group],
    ) -> Result<(), LibraryError> {
        for group in groups {
            let members: Vec<&ImageRecord> = group.members.iter().map(|at| records[*at]).collect();
            found
                .groups
                .extend(self.group(kind, group.probability, &members)?);
        }
        Ok(())
    }

    /// The group of the files that exist; none where they are too few.
    fn group(
        &self,
        kind: DuplicateKind,
        probability: f32,
        records: &[&ImageRecord],
    ) -> Result<Option<DuplicateGroup>, LibraryError> {
        let copies = self.best_first(records, |path| file_at(path).exists())?;
        let images: HashSet<ImageId> = copies.iter().map(|copy| copy.image).collect();
        let is_group = match kind {
            DuplicateKind::Exact => copies.len() > 1,
            DuplicateKind::Near | DuplicateKind::Burst => images.len() > 1,
        };
        Ok(is_group.then_some(DuplicateGroup {
            kind,
            probability,
            copies,
        }))
    }
}

/// Images with their fingerprints.
struct Compared<'a> {
    records: Vec<&'a ImageRecord>,
    fingerprints: Vec<Fingerprint>,
    /// Images without a fingerprint.
    missing: u64,
}

impl Compared<'_> {
    fn near_groups(&self, threshold: f32) -> Vec<Group> {
        let pairs = near_pairs(&self.fingerprints);
        let links: Vec<_> = pairs.iter().map(|pair| (pair.images, pair.probability)).collect();
        groups(self.records.len(), &links, threshold)
    }
}

/// Raw files beside a file that is not raw: the camera stored both, and neither is a spare copy of the other.
fn companions(records: &[ImageRecord]) -> HashSet<ImageId> {
    let is_raw = |record: &&ImageRecord| record.metadata.format == ImageFormat::Raw;
    let raw: Vec<&ImageRecord> = records.iter().filter(is_raw).collect();
    if raw.is_empty() {
        return HashSet::new();
    }
    let others = records.iter().filter(|record| !is_raw(record));
    let others: HashSet<_> = others
        .flat_map(|record| record.paths.iter().filter_map(|path| shot_of(path)))
        .collect();
    let has_companion = |record: &&ImageRecord| {
        record
            .paths
            .iter()
            .filter_map(|path| shot_of(path))
            .any(|shot| others.contains(&shot))
    };
    raw.into_iter()
        .filter(has_companion)
        .map(|record| record.image)
        .collect()
}

/// What a burst is recognized by; none where the camera or the time is unknown.
fn shot(position: usize, record: &ImageRecord) -> Option<Shot<String>> {
    let taken = record.metadata.taken?;
    if record.taken_source.is_none_or(TakenSource::is_weak) {
        return None;
    }
    let start = jiff::civil::DateTime::ZERO;
    let seconds = taken.duration_since(start).as_secs();
    Some(Shot {
        position,
        camera: record.metadata.camera.as_ref()?.to_string(),
        seconds,
    })
}
