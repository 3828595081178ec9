//! `library.json`: the models, spaces and sources of a library.

mod file;

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use eidetic_catalog::SpaceNumber;
use eidetic_domain::{Precision, SpaceId};
use eidetic_inference::PrecisionChoice;
use serde::{Deserialize, Serialize};

use eidetic_indexer::is_junk;

use crate::PreviousSpace;
use crate::sources::{IndexingSettings, SourceState};
pub(crate) use file::{COPY_NAME, FILE_NAME, FoundManifest};

/// Format versions that this program reads. It writes the first for a library that never had a second space, so that
/// programs without spaces can open that.
const ONE_SPACE: u32 = 1;
const SPACES: u32 = 2;

/// The content of `library.json`, the file that makes a directory a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The space that searches use.
    #[serde(flatten)]
    pub(crate) active: SpaceEntry,
    /// Folders that the library indexes, absolute.
    pub(crate) sources: Vec<PathBuf>,
    /// Spaces beside the active one: kept, or being filled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) others: Vec<SpaceEntry>,
    /// The switch that has begun and has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) switch: Option<PlannedSwitch>,
    /// What the last runs found of the sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) source_states: Vec<SourceState>,
    /// Folders below sources that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) excluded: Vec<PathBuf>,
    /// Folders whose images are being removed for good; a removal that was interrupted is finished by the next run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) forgetting: Vec<PathBuf>,
    /// How the library is kept up to date.
    #[serde(default, skip_serializing_if = "IndexingSettings::is_default")]
    pub(crate) indexing: IndexingSettings,
    /// Dropped spaces, of which files may still be on disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dropped: Vec<SpaceNumber>,
    /// The model of which its owner was told that it finds more; that of a library made with a chosen model is the chosen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told_of: Option<String>,
    /// The number of the next space.
    #[serde(default = "second", skip_serializing_if = "is_second")]
    next: SpaceNumber,
}

/// One space of a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SpaceEntry {
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) number: SpaceNumber,
    /// How to load the model again: the text form of a `ModelRef`.
    pub(crate) model: String,
    /// The space of its vectors.
    pub(crate) space: SpaceId,
    /// The precisions that its vectors were computed in, the most recent last. Older libraries have none, which means f32.
    #[serde(default)]
    precisions: Vec<Precision>,
    /// The measurement that chose its first precision, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) precision_choice: Option<PrecisionChoice>,
}

/// A switch that can be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedSwitch {
    /// One of `others`.
    pub(crate) to: SpaceNumber,
    pub(crate) old: PreviousSpace,
}

const fn second() -> SpaceNumber {
    SpaceNumber::FIRST.next()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_second(number: &SpaceNumber) -> bool {
    *number == second()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(number: &SpaceNumber) -> bool {
    *number == SpaceNumber::FIRST
}

impl SpaceEntry {
    /// A space without vectors.
    pub(crate) const fn new(number: SpaceNumber, model: String, space: SpaceId) -> Self {
        Self {
            number,
            model,
            space,
            precisions: Vec::new(),
            precision_choice: None,
        }
    }

    /// The directory of this space's files. The first space uses the library's directory, as before there were several.
    pub(crate) fn directory(&self, library: &Path) -> PathBuf {
        directory_of(self.number, library)
    }

    /// The precisions that its vectors were computed in, the most recent last; at least one.
    pub(crate) fn precisions(&self) -> &[Precision] {
        match self.precisions.as_slice() {
            [] => &[Precision::F32],
            known => known,
        }
    }

    /// The precision of the last indexing run; before the first one, that which a measurement chose.
    pub(crate) fn precision(&self) -> Precision {
        let chosen = self.precision_choice.map(|choice| choice.precision);
        self.precisions.last().copied().or(chosen).unwrap_or_default()
    }

    /// Records that a run computes in `precision`. Earlier precisions, recorded or implied, stay only if the space has
    /// `vectors`.
    pub(crate) fn add_precision(&mut self, precision: Precision, vectors: usize) {
        if vectors > 0 {
            self.precisions = self.precisions().to_vec();
        } else {
            self.precisions.clear();
        }
        self.precisions.retain(|known| *known != precision);
        self.precisions.push(precision);
    }
}

/// The directory of one space's files.
pub(crate) fn directory_of(number: SpaceNumber, library: &Path) -> PathBuf {
    match number {
        SpaceNumber::FIRST => library.to_owned(),
        SpaceNumber(number) => library.join("spaces").join(number.to_string()),
    }
}

impl Manifest {
    pub(crate) fn new(model: String, space: SpaceId) -> Self {
        Self {
            active: SpaceEntry::new(SpaceNumber::FIRST, model, space),
            sources: Vec::new(),
            others: Vec::new(),
            switch: None,
            source_states: Vec::new(),
            excluded: Vec::new(),
            forgetting: Vec::new(),
            indexing: IndexingSettings::default(),
            dropped: Vec::new(),
            told_of: None,
            next: second(),
        }
    }

    /// The manifest of a library with these spaces, of which directories with the `numbers` exist. Numbers without one are
    /// those of dropped spaces, of which the catalog may have records.
    pub(crate) fn of_spaces(
        active: SpaceEntry,
        others: Vec<SpaceEntry>,
        numbers: &BTreeSet<SpaceNumber>,
    ) -> Self {
        let mut manifest = Self::new(active.model.clone(), active.space.clone());
        manifest.active = active;
        manifest.others = others;
        let next = numbers.last().map_or(SpaceNumber::FIRST, |last| last.next());
        let all = (SpaceNumber::FIRST.0..next.0).map(SpaceNumber);
        manifest.dropped = all.filter(|number| !numbers.contains(number)).collect();
        manifest.next = manifest.next.max(next);
        manifest
    }

    /// All spaces, the active one first.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = &SpaceEntry> {
        std::iter::once(&self.active).chain(&self.others)
    }

    pub(crate) fn space(&self, number: SpaceNumber) -> Option<&SpaceEntry> {
        self.spaces().find(|entry| entry.number == number)
    }

    pub(crate) fn space_mut(&mut self, number: SpaceNumber) -> Option<&mut SpaceEntry> {
        let mut spaces = std::iter::once(&mut self.active).chain(&mut self.others);
        spaces.find(|entry| entry.number == number)
    }

    /// Plans a switch to a space other than the active one, which is added if it is new.
    pub(crate) fn plan_switch(&mut self, model: String, space: &SpaceId, old: PreviousSpace) -> SpaceNumber {
        let known = self.others.iter_mut().find(|entry| entry.space == *space);
        let to = if let Some(entry) = known {
            // The same weights may be at another path.
            entry.model = model;
            entry.number
        } else {
            let number = self.next;
            self.next = number.next();
            self.others.push(SpaceEntry::new(number, model, space.clone()));
            number
        };
        self.switch = Some(PlannedSwitch { to, old });
        to
    }

    /// Makes one of the others the active space and finishes the switch.
    pub(crate) fn activate(&mut self, number: SpaceNumber, old: PreviousSpace) {
        let Some(at) = self.others.iter().position(|entry| entry.number == number) else {
            return;
        };
        let before = std::mem::replace(&mut self.active, self.others.remove(at));
        self.switch = None;
        match old {
            PreviousSpace::Keep => self.others.push(before),
            PreviousSpace::Drop => self.dropped.push(before.number),
        }
    }

    /// Removes a space other than the active one, and abandons a switch to it.
    pub(crate) fn drop_space(&mut self, number: SpaceNumber) {
        self.others.retain(|entry| entry.number != number);
        self.switch = self.switch.filter(|planned| planned.to != number);
        self.dropped.push(number);
    }

    /// The oldest format version that can express this content.
    fn format(&self) -> u32 {
        if is_second(&self.next) { ONE_SPACE } else { SPACES }
    }

    /// Why the content is inconsistent, if it is.
    fn fault(&self) -> Option<&'static str> {
        let mut numbers: Vec<SpaceNumber> = self.spaces().map(|entry| entry.number).collect();
        numbers.extend(&self.dropped);
        let used = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() < used {
            return Some("two spaces have the same number");
        }
        if numbers.last() >= Some(&self.next) {
            return Some("a space has a number that was never assigned");
        }
        let targets = self.others.iter().map(|entry| entry.number);
        let lost = |planned: PlannedSwitch| !targets.clone().any(|number| number == planned.to);
        self.switch
            .is_some_and(lost)
            .then_some("a switch leads to a space that does not exist")
    }

    /// Adds a folder unless a walk of a folder known already reaches it. A folder that was left out no longer is.
    pub(crate) fn add_source(&mut self, folder: &Path) {
        self.excluded.retain(|excluded| excluded != folder);
        let excluded = &self.excluded;
        if self.sources.iter().any(|known| reaches(known, folder, excluded)) {
            return;
        }
        self.sources.retain(|known| !reaches(folder, known, excluded));
        self.sources.push(folder.to_owned());
    }

    /// Removes a folder from the sources, or leaves it out of the source that it is in, and plans the removal of its
    /// images.
    pub(crate) fn forget(&mut self, folder: &Path) {
        self.sources.retain(|source| !source.starts_with(folder));
        self.source_states.retain(|state| !state.path.starts_with(folder));
        self.excluded.retain(|excluded| !excluded.starts_with(folder));
        if self.sources.iter().any(|source| folder.starts_with(source)) {
            self.excluded.push(folder.to_owned());
        }
        if !self.forgetting.iter().any(|planned| planned == folder) {
            self.forgetting.push(folder.to_owned());
        }
    }
}

/// Whether walking `outer` reaches `inner`: hidden folders, those of programs, and excluded ones are skipped, unless they
/// are a source themselves.
fn reaches(outer: &Path, inner: &Path, excluded: &[PathBuf]) -> bool {
    let is_skipped = |part: Component| {
        let name = part.as_os_str();
        name.to_string_lossy().starts_with('.') || is_junk(name)
    };
    let is_excluded = |folder: &PathBuf| folder.starts_with(outer) && inner.starts_with(folder);
    inner
        .strip_prefix(outer)
        .is_ok_and(|rest| !rest.components().any(is_skipped))
        && !excluded.iter().any(is_excluded)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::LibraryError;

    fn read(library: &Path) -> Result<Option<Manifest>, LibraryError> {
        let found = Manifest::find(library)?;
        Ok(found.map(|found| found.manifest))
    }

    fn space() -> SpaceId {
        SpaceId {
            model: "m".into(),
            revision: "r".into(),
            preprocessing: "p".into(),
            dimension: 4,
        }
    }

    #[test]
    fn written_manifest_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_none());
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos"));
        manifest.write(dir.path()).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Some(manifest));
    }

    #[test]
    fn precisions_accumulate_while_vectors_exist() {
        let mut manifest = Manifest::new("builtin".into(), space()).active;
        assert_eq!(manifest.precisions(), [Precision::F32]);
        manifest.add_precision(Precision::Int8, 0);
        assert_eq!(manifest.precisions(), [Precision::Int8]);
        manifest.add_precision(Precision::F32, 5);
        manifest.add_precision(Precision::Int8, 5);
        assert_eq!(manifest.precisions(), [Precision::F32, Precision::Int8]);
        assert_eq!(manifest.precision(), Precision::Int8);
        let older = Manifest::new("builtin".into(), space()).active;
        let mut mixed = older.clone();
        mixed.add_precision(Precision::Int8, 5);
        assert_eq!(mixed.precisions(), [Precision::F32, Precision::Int8]);
    }

    #[test]
    fn missing_precisions_mean_f32() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::new("builtin".into(), space());
        let mut json = serde_json::to_value(&manifest).unwrap();
        json.as_object_mut().unwrap().remove("precisions");
        json["format"] = 1.into();
        fs::write(dir.path().join(FILE_NAME), json.to_string()).unwrap();
        let read = read(dir.path()).unwrap().unwrap();
        assert_eq!(read.active.precision(), Precision::F32);
    }

    #[test]
    fn subfolder_of_source_is_not_added() {
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos/2020"));
        manifest.add_source(Path::new("/photos/2021"));
        manifest.add_source(Path::new("/photos"));
        manifest.add_source(Path::new("/photos/2022"));
        assert_eq!(manifest.sources, [PathBuf::from("/photos")]);
    }

    #[test]
    fn hidden_subfolder_of_source_is_added() {
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos/.private"));
        manifest.add_source(Path::new("/photos"));
        manifest.add_source(Path::new("/photos/.private/2020"));
        manifest.add_source(Path::new("/photos/.other"));
        let sources = ["/photos/.private", "/photos", "/photos/.other"].map(PathBuf::from);
        assert_eq!(manifest.sources, sources);
    }

    #[test]
    fn forgotten_subfolder_is_excluded_until_indexed() {
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos"));
        manifest.forget(Path::new("/photos/private"));
        assert_eq!(manifest.excluded, [PathBuf::from("/photos/private")]);
        manifest.add_source(Path::new("/photos"));
        assert_eq!(manifest.excluded.len(), 1, "the outer folder changes nothing");
        manifest.add_source(Path::new("/photos/private/party"));
        assert_eq!(manifest.sources.len(), 2, "a source of its own");
        manifest.add_source(Path::new("/photos/private"));
        assert!(manifest.excluded.is_empty());
        manifest.forget(Path::new("/photos/private"));
        manifest.forget(Path::new("/photos"));
        assert!(manifest.sources.is_empty() && manifest.excluded.is_empty());
        assert_eq!(
            manifest.forgetting,
            ["/photos/private", "/photos"].map(PathBuf::from)
        );
    }

    #[test]
    fn later_format_and_damage_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), r#"{"format":3,"stars":[]}"#).unwrap();
        let error = read(dir.path()).unwrap_err();
        assert!(matches!(
            error,
            LibraryError::UnknownVersion {
                found: 3,
                supported: 2,
                ..
            }
        ));
        fs::write(dir.path().join(FILE_NAME), "{\"form").unwrap();
        assert!(matches!(
            read(dir.path()),
            Err(LibraryError::DamagedManifest { .. })
        ));
    }

    /// The manifest of a library from before there were several spaces.
    const FORMAT_1: &str = r#"{"format":1,"model":"builtin","space":{"model":"builtin","revision":"r","preprocessing":"p","dimension":4},"sources":["/photos"],"precisions":["f32"]}"#;

    fn other(model: &str) -> SpaceId {
        SpaceId {
            model: model.into(),
            ..space()
        }
    }

    #[test]
    fn single_space_round_trips_as_format_1() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), FORMAT_1).unwrap();
        let manifest = read(dir.path()).unwrap().unwrap();
        assert_eq!(manifest.active.number, SpaceNumber::FIRST);
        assert_eq!(manifest.active.directory(dir.path()), dir.path());
        manifest.write(dir.path()).unwrap();
        let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        let mut written = json(&fs::read(dir.path().join(FILE_NAME)).unwrap());
        let added = written.as_object_mut().unwrap().remove("checksum");
        assert!(added.is_some_and(|checksum| checksum.is_string()));
        assert_eq!(written, json(FORMAT_1.as_bytes()));
    }

    #[test]
    fn switching_never_reuses_space_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let reread = |manifest: &Manifest| {
            manifest.write(dir.path()).unwrap();
            let read = read(dir.path()).unwrap().unwrap();
            assert_eq!(read, *manifest);
            read
        };
        let mut manifest = Manifest::new("a".into(), other("a"));
        let to = manifest.plan_switch("b".into(), &other("b"), PreviousSpace::Keep);
        assert_eq!(to, SpaceNumber(1));
        manifest = reread(&manifest);
        assert_eq!(
            manifest.plan_switch("/b".into(), &other("b"), PreviousSpace::Drop),
            to
        );
        assert_eq!(manifest.space(to).unwrap().model, "/b");
        manifest.activate(to, PreviousSpace::Keep);
        manifest = reread(&manifest);
        assert_eq!((manifest.active.number, manifest.switch), (to, None));
        let third = manifest.plan_switch("c".into(), &other("c"), PreviousSpace::Keep);
        manifest.drop_space(third);
        manifest.drop_space(SpaceNumber::FIRST);
        manifest = reread(&manifest);
        assert_eq!((manifest.others.len(), manifest.switch), (0, None));
        assert_eq!(manifest.dropped, [third, SpaceNumber::FIRST]);
        manifest.dropped.clear();
        manifest = reread(&manifest);
        let next = manifest.plan_switch("c".into(), &other("c"), PreviousSpace::Drop);
        assert_eq!(next, SpaceNumber(3));
        assert!(
            fs::read_to_string(dir.path().join(FILE_NAME))
                .unwrap()
                .contains("\"format\": 2")
        );
    }

    #[test]
    fn inconsistent_manifest_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::new("a".into(), other("a"));
        manifest.plan_switch("b".into(), &other("b"), PreviousSpace::Keep);
        let faults: [fn(&mut Manifest); 3] = [
            |m| m.others[0].number = SpaceNumber::FIRST,
            |m| m.others[0].number = SpaceNumber(7),
            |m| m.others.clear(),
        ];
        for spoil in faults {
            let mut spoilt = manifest.clone();
            spoil(&mut spoilt);
            spoilt.write(dir.path()).unwrap();
            assert!(matches!(
                read(dir.path()),
                Err(LibraryError::DamagedManifest { .. })
            ));
        }
    }

    #[test]
    fn damaged_or_lost_manifest_is_read_from_copy() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos"));
        manifest.write(dir.path()).unwrap();
        let path = dir.path().join(FILE_NAME);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 2;
            fs::write(&path, flipped).unwrap();
            let found = Manifest::find(dir.path()).unwrap().unwrap();
            assert_eq!(found.manifest, manifest, "byte {at}");
            // Only the name of the checksum may change unnoticed, and nothing else with it.
            let name = whole
                .windows(10)
                .position(|word| word == b"\"checksum\"")
                .unwrap();
            assert!(
                found.damage.is_some() || (name..name + 10).contains(&at),
                "byte {at}"
            );
        }
        fs::remove_file(&path).unwrap();
        let found = Manifest::find(dir.path()).unwrap().unwrap();
        assert!(found.damage.unwrap().to_string().contains("missing"));
        fs::remove_file(dir.path().join(COPY_NAME)).unwrap();
        assert!(Manifest::find(dir.path()).unwrap().is_none());
    }
}
