//! Which image stands in which row.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use eidetic_domain::ImageId;

use crate::row_set::RowSet;

/// Rows and their images; every row below [`end`](Self::end) is live, free or held.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    images: Vec<ImageId>,
    live: RowSet,
    row_of: HashMap<ImageId, u32, BuildHasherDefault<IdHasher>>,
    free: BTreeSet<u32>,
}

impl Rows {
    /// Rows with room for `images`.
    pub(crate) fn with_capacity(images: usize) -> Self {
        let row_of = HashMap::with_capacity_and_hasher(images, BuildHasherDefault::default());
        Self {
            row_of,
            ..Self::default()
        }
    }

    /// Number of live rows.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Number of rows that are not live and stand before a live one or were used before.
    pub(crate) fn dead(&self) -> usize {
        self.images.len() - self.live.len()
    }

    /// The first row that was never used.
    pub(crate) const fn end(&self) -> usize {
        self.images.len()
    }

    /// The live rows.
    pub(crate) const fn live_rows(&self) -> &RowSet {
        &self.live
    }

    /// Whose vector stands in `row`; `None` for a row that is not live.
    pub(crate) fn image(&self, row: u32) -> Option<&ImageId> {
        self.live.contains(row).then(|| &self.images[row as usize])
    }

    /// Where an image's vector stands.
    pub(crate) fn row(&self, image: &ImageId) -> Option<u32> {
        self.row_of.get(image).copied()
    }

    /// Every live row with its image, in order of row.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, &ImageId)> {
        self.live.iter().map(|row| (row, &self.images[row as usize]))
    }

    /// The rows to use next, in rising order, without end: free ones, then new ones.
    pub(crate) fn vacant(&self) -> impl Iterator<Item = u32> {
        self.free.iter().copied().chain(self.end() as u32..)
    }

    /// Puts an image that stands nowhere yet into a vacant row.
    pub(crate) fn occupy(&mut self, row: u32, image: ImageId) {
        self.grow(row as usize);
        if row as usize == self.end() {
            self.images.push(image);
        } else {
            self.free.remove(&row);
            self.images[row as usize] = image;
        }
        self.live.insert(row);
        self.row_of.insert(image, row);
    }

    /// Takes an image out of its row, which is held from now on; `None` for an image that stands nowhere.
    pub(crate) fn vacate(&mut self, image: &ImageId) -> Option<u32> {
        let row = self.row_of.remove(image)?;
        self.live.remove(row);
        Some(row)
    }

    /// Lets a held row be used again.
    pub(crate) fn release(&mut self, row: u32) {
        self.free.insert(row);
    }

    /// Keeps a free row from being used, even one never used before.
    pub(crate) fn hold(&mut self, row: u32) {
        self.grow(row as usize + 1);
        self.free.remove(&row);
    }

    fn grow(&mut self, end: usize) {
        let nobody = ImageId::from_bytes([0; 32]);
        while self.images.len() < end {
            self.free.insert(self.images.len() as u32);
            self.images.push(nobody);
        }
    }
}

/// Takes eight bytes of an image's name for its hash: the name is a BLAKE3 hash already.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            // The length of the name is hashed too, and must not take its place.
            self.0 = self.0.rotate_left(1) ^ u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}
