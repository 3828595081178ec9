//! All images in memory, in rows and in order: pages of a list and counts of values cost no look at records.

mod columns;
mod facets;
mod matcher;
mod natural;
mod order;
mod timeline;
mod values;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use eidetic_domain::{Camera, Details, Filter, ImageFormat, ImageId, Orientation, TakenSource};
use jiff::civil::DateTime;

use crate::{ImageRecord, SpaceNumber};
use columns::{DetailColumn, TagColumn};
pub use facets::{FacetQuery, FacetValues, Facets, FolderCount, FolderLevel, YearMonth};
use matcher::{Matcher, Selection};
use order::{Key, compare};
pub use order::{ListOrder, Position, SortKey};
pub use timeline::{NumberedTags, Timeline, TimelineEntry};
use values::Values;

/// Which images to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// In which order.
    pub order: ListOrder,
    /// Which images; its tags are not looked at.
    pub filter: Filter,
    /// Only these images, sorted by id; none for all.
    pub among: Option<Vec<ImageId>>,
    /// The place after which the page begins; none for the first page.
    pub after: Option<Position>,
    /// Most images of the page.
    pub count: usize,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The images, in order.
    pub images: Vec<ImageId>,
    /// Number of images that match, on all pages.
    pub total: u64,
    /// The place of the last image, if there are more after it.
    pub next: Option<Position>,
}

/// What a use of the table needs beside the images' records.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// The order in which images are sorted.
    pub order: ListOrder,
    /// Whether the columns of details are used.
    pub details: bool,
    /// The space whose tags are used.
    pub tags: Option<SpaceNumber>,
}

/// What is known of an image now.
#[derive(Debug)]
pub struct Change {
    /// The image.
    pub image: ImageId,
    /// Its record, unless it was removed.
    pub record: Option<ImageRecord>,
    /// Its details, where the table has them.
    pub details: Option<Details>,
    /// Its tags in each space whose tags the table has.
    pub tags: Vec<Vec<String>>,
}

/// The rows. An image has a slot in all of them, which is used again when the image is removed.
#[derive(Debug, Default)]
pub struct ImageTable {
    rows: Vec<Row>,
    paths: Vec<Box<[FilePath]>>,
    folders: Folders,
    cameras: Values<Camera>,
    /// Read when they are first needed: they are many times larger than records.
    details: Option<DetailColumn>,
    tags: Vec<(SpaceNumber, TagColumn)>,
    free: Vec<u32>,
    /// What the latest filters selected, so that a list evaluates its filter once and not once a page.
    selected: Mutex<Vec<(SelectionKey, Arc<Selection>)>>,
    /// The slots of all images in each order that was asked for, by id first of all.
    orders: Vec<(ListOrder, Vec<u32>)>,
}

/// What the table has of an image's record, apart from its paths.
#[derive(Debug)]
struct Row {
    image: ImageId,
    taken: Option<DateTime>,
    taken_source: Option<TakenSource>,
    /// Degrees north and east, to a meter.
    position: Option<[f32; 2]>,
    added_ms: Option<i64>,
    bytes: u64,
    camera: Option<u32>,
    format: ImageFormat,
    orientation: Orientation,
}

/// A path, of which the folder is shared.
#[derive(Debug, PartialEq, Eq)]
struct FilePath {
    folder: u32,
    name: Box<OsStr>,
}

/// Each folder once.
#[derive(Debug, Default)]
struct Folders {
    paths: Vec<PathBuf>,
    /// Number of files that are directly in each.
    files: Vec<u32>,
    numbers: HashMap<PathBuf, u32>,
}

/// What a selection depends on, in one state of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SelectionKey {
    filter: String,
    /// Number of the images that it is limited to, and all their ids by exclusive or.
    among: Option<(usize, [u8; 32])>,
}

/// Selections that are kept: an eighth of a byte for each image.
const SELECTIONS: usize = 8;
/// Random orders that are kept: of all others, lists have few.
const RANDOM_ORDERS: usize = 2;

impl Needs {
    /// Records in the order of ids, and what a filter looks at beside them.
    pub fn of_filter(filter: &Filter) -> Self {
        Self {
            order: ListOrder::BY_ID,
            details: filter.needs_details(),
            tags: None,
        }
    }

    /// What a list needs.
    pub fn of_list(query: &ListQuery) -> Self {
        Self {
            order: query.order,
            details: query.filter.needs_details() || query.order.key == SortKey::Rating,
            tags: None,
        }
    }
}

impl ImageTable {
    /// The table of all images.
    pub fn of<E>(records: impl Iterator<Item = Result<ImageRecord, E>>) -> Result<Self, E> {
        let mut table = Self::default();
        for record in records {
            table.put(&record?);
        }
        table.ensure(ListOrder::BY_ID);
        Ok(table)
    }

    /// Whether the table has the columns and the order.
    pub fn has(&self, needs: &Needs) -> bool {
        self.has_order(needs.order)
            && (!needs.details || self.has_details())
            && needs.tags.is_none_or(|space| self.tags_in(space).is_some())
    }

    /// Whether the table has the columns of details.
    pub const fn has_details(&self) -> bool {
        self.details.is_some()
    }

    /// The spaces whose tags the table has.
    pub fn tagged_spaces(&self) -> impl Iterator<Item = SpaceNumber> {
        self.tags.iter().map(|(space, _)| *space)
    }

    /// Adds the columns of details.
    pub fn add_details<E>(
        &mut self,
        details: impl Iterator<Item = Result<(ImageId, Details), E>>,
    ) -> Result<(), E> {
        let mut column = DetailColumn::below(self.rows.len());
        for described in details {
            let (image, details) = described?;
            if let Some(slot) = self.slot(&image) {
                column.put(slot, Some(&details));
            }
        }
        self.details = Some(column);
        Ok(())
    }

    /// Adds the tags of a space.
    pub fn add_tags<E>(
        &mut self,
        space: SpaceNumber,
        tags: impl Iterator<Item = Result<(ImageId, Vec<String>), E>>,
    ) -> Result<(), E> {
        let mut column = TagColumn::below(self.rows.len());
        for tagged in tags {
            let (image, tags) = tagged?;
            if let Some(slot) = self.slot(&image) {
                column.put(slot, &tags);
            }
        }
        self.tags.push((space, column));
        Ok(())
    }

    /// Brings the table up to date.
    pub fn apply(&mut self, changes: Vec<Change>) {
        self.selected
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let present: BTreeSet<u32> = changes
            .iter()
            .filter_map(|change| self.slot(&change.image))
            .collect();
        if !present.is_empty() {
            for (_, slots) in &mut self.orders {
                slots.retain(|slot| !present.contains(slot));
            }
        }
        for slot in &present {
            for path in std::mem::take(&mut self.paths[*slot as usize]) {
                self.folders.files[path.folder as usize] -= 1;
            }
        }
        self.free.extend(present);
        let latest: HashMap<ImageId, Change> =
            changes.into_iter().map(|change| (change.image, change)).collect();
        let added: Vec<u32> = latest
            .into_values()
            .filter_map(|change| self.put_change(change))
            .collect();
        let mut orders = std::mem::take(&mut self.orders);
        for (order, slots) in &mut orders {
            let mut added = added.clone();
            added.sort_unstable_by(|a, b| self.compare(*order, *a, *b));
            *slots = self.merge(*order, slots, &added);
        }
        self.orders = orders;
    }

    /// Sorts the images, unless they are sorted like this already.
    pub fn ensure(&mut self, order: ListOrder) {
        if self.has_order(order) {
            return;
        }
        let is_random = |(order, _): &(ListOrder, Vec<u32>)| matches!(order.key, SortKey::Random(_));
        if self.orders.iter().filter(|order| is_random(order)).count() >= RANDOM_ORDERS
            && let Some(oldest) = self.orders.iter().position(is_random)
        {
            self.orders.remove(oldest);
        }
        let mut slots: Vec<u32> = match self.orders.first() {
            Some((_, slots)) => slots.clone(),
            None => (0..self.rows.len() as u32).collect(),
        };
        slots.sort_unstable_by(|a, b| self.compare(order, *a, *b));
        self.orders.push((order, slots));
    }

    /// A page in an order that the table [has](Self::has).
    pub fn page(&self, query: &ListQuery) -> ListPage {
        let slots = self.sorted(query.order);
        let needs_selection = query.among.is_some() || !query.filter.is_empty();
        let selection = needs_selection.then(|| self.select(&query.filter, query.among.as_deref()));
        let is_selected = |slot: &&u32| {
            selection
                .as_ref()
                .is_none_or(|selection| selection.contains(**slot))
        };
        let start = match &query.after {
            None => 0,
            Some(after) => slots.partition_point(|slot| {
                compare(query.order, self.place(query.order, *slot), after.place()).is_le()
            }),
        };
        let mut rest = slots[start..].iter().filter(is_selected);
        let page: Vec<u32> = rest.by_ref().take(query.count).copied().collect();
        let last = page.last().filter(|_| rest.next().is_some());
        ListPage {
            next: last.map(|slot| Position::new(self.place(query.order, *slot))),
            images: page.iter().map(|slot| self.rows[*slot as usize].image).collect(),
            total: selection
                .as_ref()
                .map_or(slots.len() as u64, |selection| selection.count()),
        }
    }

    /// The images that match a filter, but for its tags, of those in `among`, which is sorted by id; all where it is none.
    pub fn matching(&self, filter: &Filter, among: Option<&[ImageId]>) -> Vec<ImageId> {
        let selection = self.select(filter, among);
        let slots = self.sorted(ListOrder::BY_ID).iter();
        let slots = slots.filter(|slot| selection.contains(**slot));
        slots.map(|slot| self.rows[*slot as usize].image).collect()
    }

    /// The images that match a filter, but for its tags, of those in `among`.
    fn select(&self, filter: &Filter, among: Option<&[ImageId]>) -> Arc<Selection> {
        let key = SelectionKey::new(filter, among);
        let known = |selected: &Vec<(SelectionKey, Arc<Selection>)>| {
            let found = selected.iter().find(|(known, _)| *known == key);
            found.map(|(_, selection)| Arc::clone(selection))
        };
        let selected = || self.selected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(selection) = known(&selected()) {
            return selection;
        }
        let selection = Arc::new(self.evaluate(filter, among));
        let mut selected = selected();
        if selected.len() >= SELECTIONS {
            selected.remove(0);
        }
        selected.push((key, Arc::clone(&selection)));
        selection
    }

    fn evaluate(&self, filter: &Filter, among: Option<&[ImageId]>) -> Selection {
        let matcher = Matcher::new(self, filter);
        let mut selection = Selection::below(self.rows.len());
        let all = self.sorted(ListOrder::BY_ID);
        let mut add = |slot: u32| {
            if matcher.matches(slot) {
                selection.insert(slot);
            }
        };
        match among {
            None => all.iter().copied().for_each(add),
            Some(among) => among
                .iter()
                .filter_map(|image| self.slot(image))
                .for_each(&mut add),
        }
        selection
    }

    fn has_order(&self, order: ListOrder) -> bool {
        self.orders.iter().any(|(known, _)| *known == order)
    }

    fn tags_in(&self, space: SpaceNumber) -> Option<&TagColumn> {
        let known = self.tags.iter().find(|(known, _)| *known == space);
        known.map(|(_, column)| column)
    }

    fn sorted(&self, order: ListOrder) -> &[u32] {
        let known = self.orders.iter().find(|(known, _)| *known == order);
        known.map_or(&[], |(_, slots)| slots)
    }

    fn slot(&self, id: &ImageId) -> Option<u32> {
        let sorted = self.sorted(ListOrder::BY_ID);
        let found = sorted.binary_search_by_key(id, |slot| self.rows[*slot as usize].image);
        found.ok().map(|at| sorted[at])
    }

    /// The slot of an image that was not removed.
    fn put_change(&mut self, change: Change) -> Option<u32> {
        let slot = self.put(&change.record?);
        if let Some(column) = &mut self.details {
            column.put(slot, change.details.as_ref());
        }
        for ((_, column), tags) in self.tags.iter_mut().zip(&change.tags) {
            column.put(slot, tags);
        }
        Some(slot)
    }

    fn put(&mut self, record: &ImageRecord) -> u32 {
        let paths = record.paths.iter().map(|path| self.folders.split(path));
        let paths: Box<[FilePath]> = paths.collect();
        let metadata = &record.metadata;
        let row = Row {
            image: record.image,
            taken: metadata.taken,
            taken_source: record.taken_source,
            position: metadata
                .position
                .map(|position| [position.latitude as f32, position.longitude as f32]),
            added_ms: record.added_ms,
            bytes: record.bytes,
            camera: metadata.camera.as_ref().map(|camera| self.cameras.number(camera)),
            format: metadata.format,
            orientation: metadata.orientation(),
        };
        if let Some(slot) = self.free.pop() {
            self.rows[slot as usize] = row;
            self.paths[slot as usize] = paths;
            return slot;
        }
        self.rows.push(row);
        self.paths.push(paths);
        self.rows.len() as u32 - 1
    }

    fn place(&self, order: ListOrder, slot: u32) -> (Key<'_>, ImageId) {
        let row = &self.rows[slot as usize];
        let key = match order.key {
            SortKey::Id => Key::Id,
            SortKey::Taken => Key::Taken(row.taken),
            SortKey::Added => Key::Added(row.added_ms),
            SortKey::Bytes => Key::Number(row.bytes),
            SortKey::Random(seed) => Key::Number(order::shuffled(seed, &row.image)),
            SortKey::Rating => {
                let details = self.details.as_ref();
                Key::Rating(details.and_then(|details| details.row(slot).rating))
            }
            SortKey::Name => {
                let first = self.paths[slot as usize].first();
                Key::Name(first.map_or(&[], |path| path.name.as_encoded_bytes()))
            }
        };
        (key, row.image)
    }

    fn compare(&self, order: ListOrder, a: u32, b: u32) -> std::cmp::Ordering {
        compare(order, self.place(order, a), self.place(order, b))
    }

    fn merge(&self, order: ListOrder, old: &[u32], added: &[u32]) -> Vec<u32> {
        let mut merged = Vec::with_capacity(old.len() + added.len());
        let mut added = added.iter().copied().peekable();
        for &slot in old {
            while let Some(before) = added.next_if(|new| self.compare(order, *new, slot).is_lt()) {
                merged.push(before);
            }
            merged.push(slot);
        }
        merged.extend(added);
        merged
    }
}

impl SelectionKey {
    fn new(filter: &Filter, among: Option<&[ImageId]>) -> Self {
        let of_images = |images: &[ImageId]| {
            let mut all = [0; 32];
            for image in images {
                for (all, byte) in all.iter_mut().zip(image.as_bytes()) {
                    *all ^= byte;
                }
            }
            (images.len(), all)
        };
        Self {
            // The debug form has every field of the filter.
            filter: format!("{filter:?}"),
            among: among.map(of_images),
        }
    }
}

impl Folders {
    /// The path of a file that is added.
    fn split(&mut self, path: &Path) -> FilePath {
        let folder = path.parent().unwrap_or(Path::new(""));
        let known = self.numbers.get(folder).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.paths.len() as u32;
            self.paths.push(folder.to_owned());
            self.files.push(0);
            self.numbers.insert(folder.to_owned(), number);
            number
        });
        self.files[number as usize] += 1;
        FilePath {
            folder: number,
            name: path.file_name().unwrap_or_default().into(),
        }
    }
}
