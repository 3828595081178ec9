//! All images in memory, in columns and in order: pages of a list cost no look at other records.

mod natural;
mod order;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use eidetic_domain::{DateRange, Filter, ImageId};
use jiff::civil::DateTime;

use crate::ImageRecord;
use order::{Key, compare};
pub use order::{ListOrder, Position, SortKey};

/// Which images to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// In which order.
    pub order: ListOrder,
    /// Folders and dates; its tags are not looked at.
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

/// The columns. An image has a slot in all of them, which is used again when the image is removed.
#[derive(Debug, Default)]
pub struct ImageTable {
    ids: Vec<ImageId>,
    taken: Vec<Option<DateTime>>,
    bytes: Vec<u64>,
    paths: Vec<Box<[FilePath]>>,
    free: Vec<u32>,
    folders: Folders,
    /// The slots of all images in each order that was asked for, by id first of all.
    orders: Vec<(ListOrder, Vec<u32>)>,
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
    numbers: HashMap<PathBuf, u32>,
}

/// Random orders that are kept: of all others, lists have few.
const RANDOM_ORDERS: usize = 2;

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

    /// Brings the table up to date: each image with its present record, or none where it was removed.
    pub fn apply(&mut self, changed: Vec<(ImageId, Option<ImageRecord>)>) {
        let present: BTreeSet<u32> = changed.iter().filter_map(|(id, _)| self.slot(id)).collect();
        if !present.is_empty() {
            for (_, slots) in &mut self.orders {
                slots.retain(|slot| !present.contains(slot));
            }
        }
        self.free.extend(present);
        let latest: HashMap<ImageId, ImageRecord> = changed
            .into_iter()
            .filter_map(|(id, record)| Some((id, record?)))
            .collect();
        let added: Vec<u32> = latest.into_values().map(|record| self.put(&record)).collect();
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
        if self.has(order) {
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
            None => (0..self.ids.len() as u32).collect(),
        };
        slots.sort_unstable_by(|a, b| self.compare(order, *a, *b));
        self.orders.push((order, slots));
    }

    /// Whether the images are sorted like this.
    pub fn has(&self, order: ListOrder) -> bool {
        self.orders.iter().any(|(known, _)| *known == order)
    }

    /// A page in an order that the table [has](Self::has).
    pub fn page(&self, query: &ListQuery) -> ListPage {
        let slots = self.sorted(query.order);
        let matcher = Matcher::new(self, &query.filter, query.among.as_deref());
        let start = match &query.after {
            None => 0,
            Some(after) => slots.partition_point(|slot| {
                compare(query.order, self.place(query.order, *slot), after.place()).is_le()
            }),
        };
        let total = slots.iter().filter(|slot| matcher.matches(**slot)).count() as u64;
        let mut rest = slots[start..].iter().filter(|slot| matcher.matches(**slot));
        let page: Vec<u32> = rest.by_ref().take(query.count).copied().collect();
        let last = page.last().filter(|_| rest.next().is_some());
        ListPage {
            next: last.map(|slot| Position::new(self.place(query.order, *slot))),
            images: page.iter().map(|slot| self.ids[*slot as usize]).collect(),
            total,
        }
    }

    /// The images that match a filter's folders and dates, of those in `among`, which is sorted by id; all where it is none.
    pub fn matching(&self, filter: &Filter, among: Option<&[ImageId]>) -> Vec<ImageId> {
        let matcher = Matcher::new(self, filter, among);
        let slots = self.sorted(ListOrder::BY_ID).iter();
        let slots = slots.filter(|slot| matcher.matches(**slot));
        slots.map(|slot| self.ids[*slot as usize]).collect()
    }

    fn sorted(&self, order: ListOrder) -> &[u32] {
        let known = self.orders.iter().find(|(known, _)| *known == order);
        known.map_or(&[], |(_, slots)| slots)
    }

    fn slot(&self, id: &ImageId) -> Option<u32> {
        let sorted = self.sorted(ListOrder::BY_ID);
        let found = sorted.binary_search_by_key(id, |slot| self.ids[*slot as usize]);
        found.ok().map(|at| sorted[at])
    }

    fn put(&mut self, record: &ImageRecord) -> u32 {
        let paths = record.paths.iter().map(|path| self.folders.split(path));
        let paths: Box<[FilePath]> = paths.collect();
        let taken = record.metadata.taken;
        if let Some(slot) = self.free.pop() {
            let at = slot as usize;
            self.ids[at] = record.image;
            self.taken[at] = taken;
            self.bytes[at] = record.bytes;
            self.paths[at] = paths;
            return slot;
        }
        self.ids.push(record.image);
        self.taken.push(taken);
        self.bytes.push(record.bytes);
        self.paths.push(paths);
        self.ids.len() as u32 - 1
    }

    fn place(&self, order: ListOrder, slot: u32) -> (Key<'_>, ImageId) {
        let at = slot as usize;
        let id = self.ids[at];
        let key = match order.key {
            SortKey::Id => Key::Id,
            SortKey::Taken => Key::Taken(self.taken[at]),
            SortKey::Bytes => Key::Number(self.bytes[at]),
            SortKey::Random(seed) => Key::Number(order::shuffled(seed, &id)),
            SortKey::Name => {
                let first = self.paths[at].first();
                Key::Name(first.map_or(&[], |path| path.name.as_encoded_bytes()))
            }
        };
        (key, id)
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

impl Folders {
    fn split(&mut self, path: &Path) -> FilePath {
        let folder = path.parent().unwrap_or(Path::new(""));
        let known = self.numbers.get(folder).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.paths.len() as u32;
            self.paths.push(folder.to_owned());
            self.numbers.insert(folder.to_owned(), number);
            number
        });
        FilePath {
            folder: number,
            name: path.file_name().unwrap_or_default().into(),
        }
    }
}

/// A filter, resolved to the numbers of a table.
struct Matcher<'a> {
    table: &'a ImageTable,
    taken: Option<DateRange>,
    among: Option<&'a [ImageId]>,
    /// Whether each folder is in one of the filter's; none where the filter names no folder.
    folders: Option<Vec<bool>>,
    /// Single files that the filter names.
    files: Vec<(u32, &'a OsStr)>,
}

impl<'a> Matcher<'a> {
    fn new(table: &'a ImageTable, filter: &'a Filter, among: Option<&'a [ImageId]>) -> Self {
        let named = &filter.folders;
        let is_within = |folder: &PathBuf| named.iter().any(|named| folder.starts_with(named));
        let files = named.iter().filter_map(|named| {
            let folder = table.folders.numbers.get(named.parent()?)?;
            Some((*folder, named.file_name()?))
        });
        Self {
            table,
            taken: filter.taken.filter(|range| *range != DateRange::default()),
            among,
            folders: (!named.is_empty()).then(|| table.folders.paths.iter().map(is_within).collect()),
            files: files.collect(),
        }
    }

    fn matches(&self, slot: u32) -> bool {
        let at = slot as usize;
        let in_folders = self.folders.as_ref().is_none_or(|folders| {
            let mut paths = self.table.paths[at].iter();
            paths
                .any(|path| folders[path.folder as usize] || self.files.contains(&(path.folder, &*path.name)))
        });
        let taken = self.table.taken[at];
        in_folders
            && self
                .taken
                .is_none_or(|range| taken.is_some_and(|moment| range.contains(moment)))
            && self
                .among
                .is_none_or(|among| among.binary_search(&self.table.ids[at]).is_ok())
    }
}
