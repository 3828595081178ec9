//! How many images have each value: what a filter can narrow down to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eidetic_domain::{Filter, ImageFormat, ImageId, Orientation, Place};

use super::columns::{DetailColumn, TagColumn};
use super::{FilePath, ImageTable, Selection, natural};
use crate::SpaceNumber;

/// Of which images to count the values, and which folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetQuery {
    /// Which images; its tags are not looked at.
    pub filter: Filter,
    /// Only these images, sorted by id; none for all.
    pub among: Option<Vec<ImageId>>,
    /// The folders to count.
    pub folders: FolderLevel,
    /// Most values of each kind; the most frequent ones stay.
    pub most: usize,
}

/// Folders of one level of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderLevel {
    /// These.
    Roots(Vec<PathBuf>),
    /// Those directly in this one.
    Within(PathBuf),
}

/// Numbers of images by value. An image counts once for each value that it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Images that match the filter.
    pub total: u64,
    /// By year and month of the date taken, in order.
    pub months: Vec<(YearMonth, u64)>,
    /// Images without a date.
    pub undated: u64,
    /// By folder, in the order of names.
    pub folders: Vec<FolderCount>,
    /// By camera: maker and model.
    pub cameras: FacetValues<String>,
    /// By lens.
    pub lenses: FacetValues<String>,
    /// By place.
    pub places: FacetValues<Place>,
    /// By keyword.
    pub keywords: FacetValues<String>,
    /// By tag.
    pub tags: FacetValues<String>,
    /// By format.
    pub formats: FacetValues<ImageFormat>,
    /// By orientation.
    pub orientations: FacetValues<Orientation>,
    /// By rating; none for images without one.
    pub ratings: FacetValues<Option<i8>>,
    /// Images whose files are damaged.
    pub damaged: u64,
}

/// A year and a month from 1 to 12.
pub type YearMonth = (i16, i8);

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderCount {
    /// Its path.
    pub path: PathBuf,
    /// Images in it, at any depth.
    pub images: u64,
    /// Whether there are folders in it.
    pub has_folders: bool,
}

/// Values of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValues<T> {
    /// The most frequent first.
    pub values: Vec<(T, u64)>,
    /// Number of values that are left out.
    pub omitted: u64,
}

/// Months of all years that dates can have, and the first of these years.
const MONTHS: usize = 20_000 * 12;
const FIRST_YEAR: i64 = -9_999;

impl<T> Default for FacetValues<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            omitted: 0,
        }
    }
}

impl<T: Ord> FacetValues<T> {
    /// The `most` frequent of some values; those without an image are left out.
    fn new(counts: impl Iterator<Item = (T, u64)>, most: usize) -> Self {
        let mut values: Vec<(T, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        values.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        let omitted = values.len().saturating_sub(most) as u64;
        values.truncate(most);
        Self { values, omitted }
    }
}

impl ImageTable {
    /// Counts the values of images. The table has details, and the tags of the space.
    pub fn facets(&self, query: &FacetQuery, space: SpaceNumber) -> Facets {
        let selection = self.select(&query.filter, query.among.as_deref());
        let (months, undated) = self.months(&selection);
        let facets = Facets {
            total: selection.count(),
            months,
            undated,
            folders: self.folder_counts(&selection, &query.folders),
            ..self.record_values(&selection, query.most)
        };
        let facets = match &self.details {
            Some(column) => column.add_values(facets, &selection, query.most),
            None => facets,
        };
        Facets {
            tags: self
                .tags_in(space)
                .map(|column| column.values(&selection, query.most))
                .unwrap_or_default(),
            ..facets
        }
    }

    fn months(&self, selection: &Selection) -> (Vec<(YearMonth, u64)>, u64) {
        let mut counts = vec![0_u64; MONTHS];
        let mut undated = 0;
        for slot in selection.slots() {
            match self.rows[slot as usize].taken {
                Some(taken) => {
                    let year = i64::from(taken.year()) - FIRST_YEAR;
                    counts[(year * 12 + i64::from(taken.month()) - 1) as usize] += 1;
                }
                None => undated += 1,
            }
        }
        let month = |at: usize| {
            let year = (at / 12) as i64 + FIRST_YEAR;
            (year as i16, (at % 12) as i8 + 1)
        };
        let counted = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
        (counted.map(|(at, count)| (month(at), count)).collect(), undated)
    }

    fn record_values(&self, selection: &Selection, most: usize) -> Facets {
        let mut cameras = vec![0; self.cameras.as_slice().len()];
        let mut formats = [0; ImageFormat::ALL.len()];
        let mut orientations = [0; Orientation::ALL.len()];
        for slot in selection.slots() {
            let row = &self.rows[slot as usize];
            formats[row.format as usize] += 1;
            orientations[row.orientation as usize] += 1;
            if let Some(camera) = row.camera {
                cameras[camera as usize] += 1;
            }
        }
        // Cameras that are written differently may be shown alike.
        let mut shown = BTreeMap::<String, u64>::new();
        for (camera, count) in self.cameras.as_slice().iter().zip(cameras) {
            *shown.entry(camera.to_string()).or_default() += count;
        }
        Facets {
            cameras: FacetValues::new(shown.into_iter(), most),
            formats: FacetValues::new(ImageFormat::ALL.into_iter().zip(formats), most),
            orientations: FacetValues::new(Orientation::ALL.into_iter().zip(orientations), most),
            ..Facets::default()
        }
    }

    fn folder_counts(&self, selection: &Selection, level: &FolderLevel) -> Vec<FolderCount> {
        let (counted, of_folder) = self.level_of_folders(level);
        let mut counts = vec![0; counted.len()];
        let mut of_image = Vec::new();
        for slot in selection.slots() {
            match &*self.paths[slot as usize] {
                [only] => of_folder[only.folder as usize]
                    .iter()
                    .for_each(|at| counts[*at] += 1),
                paths => {
                    of_image.clear();
                    let folders = |path: &FilePath| of_folder[path.folder as usize].iter().copied();
                    of_image.extend(paths.iter().flat_map(folders));
                    of_image.sort_unstable();
                    of_image.dedup();
                    for at in &of_image {
                        counts[*at] += 1;
                    }
                }
            }
        }
        let folders = counted.into_iter().zip(counts).filter(|(_, images)| *images > 0);
        let mut folders: Vec<FolderCount> = folders
            .map(|((path, has_folders), images)| FolderCount {
                path,
                images,
                has_folders,
            })
            .collect();
        let name = |folder: &FolderCount| folder.path.as_os_str().as_encoded_bytes().to_vec();
        folders.sort_by(|a, b| natural::compare(&name(a), &name(b)));
        folders
    }

    /// The folders of a level, with whether there are others in them; and, for each folder of the table, which of them it is in.
    fn level_of_folders(&self, level: &FolderLevel) -> (Vec<(PathBuf, bool)>, Vec<Vec<usize>>) {
        let mut numbers = BTreeMap::<PathBuf, usize>::new();
        let mut counted: Vec<(PathBuf, bool)> = Vec::new();
        let folders = self.folders.paths.iter().zip(&self.folders.files);
        let of_folder = folders.map(|(folder, files)| {
            let mut within = Vec::new();
            let counted_in = if *files > 0 {
                ancestors_on(level, folder)
            } else {
                Vec::new()
            };
            for counts_in in counted_in {
                let at = *numbers.entry(counts_in.to_owned()).or_insert_with(|| {
                    counted.push((counts_in.to_owned(), false));
                    counted.len() - 1
                });
                counted[at].1 |= folder != counts_in;
                within.push(at);
            }
            within
        });
        let of_folder = of_folder.collect();
        (counted, of_folder)
    }
}

/// The folders of a level that a folder is in, or is.
fn ancestors_on<'a>(level: &'a FolderLevel, folder: &'a Path) -> Vec<&'a Path> {
    match level {
        FolderLevel::Roots(roots) => {
            let roots = roots.iter().map(PathBuf::as_path);
            roots.filter(|root| folder.starts_with(root)).collect()
        }
        FolderLevel::Within(parent) => {
            let is_child = |ancestor: &&Path| ancestor.parent() == Some(parent);
            folder.ancestors().find(is_child).into_iter().collect()
        }
    }
}

impl DetailColumn {
    fn add_values(&self, facets: Facets, selection: &Selection, most: usize) -> Facets {
        let mut lenses = vec![0; self.lenses.as_slice().len()];
        let mut places = vec![0; self.places.as_slice().len()];
        let mut keywords = vec![0; self.keywords.as_slice().len()];
        let mut ratings = BTreeMap::<Option<i8>, u64>::new();
        let mut damaged = 0;
        for slot in selection.slots() {
            let row = self.row(slot);
            damaged += u64::from(row.is_damaged);
            *ratings.entry(row.rating).or_default() += 1;
            row.lens.iter().for_each(|lens| lenses[*lens as usize] += 1);
            row.place.iter().for_each(|place| places[*place as usize] += 1);
            row.keywords
                .iter()
                .for_each(|keyword| keywords[*keyword as usize] += 1);
        }
        Facets {
            lenses: FacetValues::new(self.lenses.as_slice().iter().cloned().zip(lenses), most),
            places: FacetValues::new(self.places.as_slice().iter().cloned().zip(places), most),
            keywords: FacetValues::new(self.keywords.as_slice().iter().cloned().zip(keywords), most),
            ratings: FacetValues::new(ratings.into_iter(), most),
            damaged,
            ..facets
        }
    }
}

impl TagColumn {
    fn values(&self, selection: &Selection, most: usize) -> FacetValues<String> {
        let mut counts = vec![0; self.names.as_slice().len()];
        for slot in selection.slots() {
            self.row(slot).iter().for_each(|tag| counts[*tag as usize] += 1);
        }
        FacetValues::new(self.names.as_slice().iter().cloned().zip(counts), most)
    }
}
