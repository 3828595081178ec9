//! Filters, resolved to the numbers of a table.

use std::ffi::OsStr;
use std::path::PathBuf;

use eidetic_domain::{DateRange, Filter, RatingRange, SizeRange, TextPattern};

use super::columns::DetailColumn;
use super::{FilePath, ImageTable};

/// A set of slots.
#[derive(Debug)]
pub struct Selection {
    words: Vec<u64>,
    count: u64,
}

/// A filter of images in a table.
pub struct Matcher<'a> {
    table: &'a ImageTable,
    filter: &'a Filter,
    taken: Option<DateRange>,
    size: SizeRange,
    /// Whether each folder is in one of the filter's; none where the filter names no folder.
    folders: Option<Vec<bool>>,
    /// Single files that the filter names as folders.
    files: Vec<(u32, &'a OsStr)>,
    names: Vec<TextPattern>,
    /// Whether each camera is wanted; none where all are.
    cameras: Option<Vec<bool>>,
    /// Whether images are wanted that are out of reach, and whether each folder is.
    unreachable: Option<(bool, Vec<bool>)>,
    details: Option<DetailMatcher<'a>>,
}

/// The part of a filter that looks at details.
struct DetailMatcher<'a> {
    column: &'a DetailColumn,
    lenses: Option<Vec<bool>>,
    /// For each wanted keyword, which keywords match it.
    keywords: Vec<Vec<bool>>,
    places: Option<Vec<bool>>,
    rating: Option<RatingRange>,
    damaged: Option<bool>,
}

impl Selection {
    /// No slot of those below `end`.
    pub fn below(end: usize) -> Self {
        Self {
            words: vec![0; end.div_ceil(64)],
            count: 0,
        }
    }

    /// Adds a slot.
    pub fn insert(&mut self, slot: u32) {
        let word = &mut self.words[slot as usize / 64];
        let bit = 1 << (slot % 64);
        self.count += u64::from(*word & bit == 0);
        *word |= bit;
    }

    /// Whether the slot is in the set.
    pub fn contains(&self, slot: u32) -> bool {
        self.words[slot as usize / 64] & (1 << (slot % 64)) != 0
    }

    /// Number of slots.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The slots in ascending order.
    pub fn slots(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

impl<'a> Matcher<'a> {
    /// A filter of the images of a table, but for its tags. The table has details where the filter needs them.
    pub fn new(table: &'a ImageTable, filter: &'a Filter) -> Self {
        let all = &table.folders.paths;
        let within = |folders: &[PathBuf]| -> Vec<bool> {
            let is_within = |folder: &PathBuf| folders.iter().any(|named| folder.starts_with(named));
            all.iter().map(is_within).collect()
        };
        let files = filter.folders.iter().filter_map(|named| {
            let folder = table.folders.numbers.get(named.parent()?)?;
            Some((*folder, named.file_name()?))
        });
        let reach = filter.reach.as_ref();
        let details = table.details.as_ref().filter(|_| filter.needs_details());
        Self {
            table,
            filter,
            taken: filter.dates(),
            size: filter.size.unwrap_or_default(),
            folders: (!filter.folders.is_empty()).then(|| within(&filter.folders)),
            files: files.collect(),
            names: filter
                .names
                .iter()
                .map(|name| TextPattern::of_names(name))
                .collect(),
            cameras: marked(&filter.cameras, |patterns| {
                let is_wanted = |camera: &_| patterns.iter().any(|pattern| pattern.matches_camera(camera));
                table.cameras.marked(is_wanted)
            }),
            unreachable: reach.map(|reach| (reach.unreachable, within(&reach.folders))),
            details: details.map(|column| DetailMatcher::new(column, filter)),
        }
    }

    /// Whether the image in a slot matches.
    pub fn matches(&self, slot: u32) -> bool {
        let row = &self.table.rows[slot as usize];
        let filter = self.filter;
        self.size.contains(row.bytes)
            && self
                .taken
                .is_none_or(|range| row.taken.is_some_and(|moment| range.contains(moment)))
            && (filter.formats.is_empty() || filter.formats.contains(&row.format))
            && (filter.orientations.is_empty() || filter.orientations.contains(&row.orientation))
            && is_marked(self.cameras.as_ref(), row.camera)
            && self.matches_paths(&self.table.paths[slot as usize])
            && self.details.as_ref().is_none_or(|details| details.matches(slot))
    }

    fn matches_paths(&self, paths: &[FilePath]) -> bool {
        let in_folders = self.folders.as_ref().is_none_or(|folders| {
            let is_named = |path: &FilePath| self.files.contains(&(path.folder, &*path.name));
            paths
                .iter()
                .any(|path| folders[path.folder as usize] || is_named(path))
        });
        in_folders && self.is_reached(paths) && self.matches_names(paths)
    }

    fn is_reached(&self, paths: &[FilePath]) -> bool {
        self.unreachable
            .as_ref()
            .is_none_or(|(wanted, folders)| paths.iter().all(|path| folders[path.folder as usize]) == *wanted)
    }

    fn matches_names(&self, paths: &[FilePath]) -> bool {
        let matches = |path: &FilePath| {
            let name = path.name.to_string_lossy();
            self.names.iter().any(|pattern| pattern.matches(&name))
        };
        self.names.is_empty() || paths.iter().any(matches)
    }
}

impl<'a> DetailMatcher<'a> {
    fn new(column: &'a DetailColumn, filter: &Filter) -> Self {
        let keywords = filter.keywords.iter().map(|keyword| {
            let pattern = TextPattern::new(keyword);
            column.keywords.marked(|keyword| pattern.matches(keyword))
        });
        Self {
            column,
            lenses: marked(&filter.lenses, |patterns| {
                let is_wanted = |lens: &String| patterns.iter().any(|pattern| pattern.matches(lens));
                column.lenses.marked(is_wanted)
            }),
            keywords: keywords.collect(),
            places: marked(&filter.places, |patterns| {
                column.places.marked(|place| {
                    let names: Vec<&str> = place.names().collect();
                    let is_named = |pattern: &TextPattern| names.iter().any(|name| pattern.matches(name));
                    patterns.iter().all(is_named)
                })
            }),
            rating: filter.rating,
            damaged: filter.damaged,
        }
    }

    fn matches(&self, slot: u32) -> bool {
        let row = self.column.row(slot);
        let has = |wanted: &Vec<bool>| row.keywords.iter().any(|keyword| wanted[*keyword as usize]);
        is_marked(self.lenses.as_ref(), row.lens)
            && is_marked(self.places.as_ref(), row.place)
            && self.rating.is_none_or(|range| range.contains(row.rating))
            && self.damaged.is_none_or(|damaged| damaged == row.is_damaged)
            && self.keywords.iter().all(has)
    }
}

/// Which values match patterns; none where there are no patterns.
fn marked(patterns: &[String], mark: impl Fn(&[TextPattern]) -> Vec<bool>) -> Option<Vec<bool>> {
    let patterns: Vec<TextPattern> = patterns.iter().map(|pattern| TextPattern::new(pattern)).collect();
    (!patterns.is_empty()).then(|| mark(&patterns))
}

fn is_marked(marks: Option<&Vec<bool>>, number: Option<u32>) -> bool {
    marks.is_none_or(|marks| number.is_some_and(|number| marks[number as usize]))
}
