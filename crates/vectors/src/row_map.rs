//! The assignment of images to rows.

use std::collections::BTreeSet;

use eidetic_domain::ImageId;
use hashbrown::HashTable;

use crate::row_set::RowSet;

/// Maps rows to images and back. Every row below [`end`](Self::end) is live, free, or reserved: a reserved row has no
/// image and cannot be assigned, since the graph still passes through it.
#[derive(Debug, Default)]
pub(crate) struct RowMap {
    images: Vec<ImageId>,
    live: RowSet,
    /// The live rows by the ids of their images, which `images` has: a third of the memory of a map with ids as keys.
    row_of: HashTable<u32>,
    free: BTreeSet<u32>,
}

impl RowMap {
    /// An empty map with capacity for `images`.
    pub(crate) fn with_capacity(images: usize) -> Self {
        Self {
            images: Vec::with_capacity(images),
            row_of: HashTable::with_capacity(images),
            ..Self::default()
        }
    }

    /// Number of live rows.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Number of free and reserved rows.
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

    /// The image of a row; `None` if the row is not live.
    pub(crate) fn image(&self, row: u32) -> Option<&ImageId> {
        self.live.contains(row).then(|| &self.images[row as usize])
    }

    /// The row of an image.
    pub(crate) fn row(&self, image: &ImageId) -> Option<u32> {
        let is_of = |row: &u32| self.images[*row as usize] == *image;
        self.row_of.find(hash(image), is_of).copied()
    }

    /// Every live row with its image, in order of row.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, &ImageId)> {
        self.live.iter().map(|row| (row, &self.images[row as usize]))
    }

    /// The rows to assign next, in ascending order: free ones, then new ones, without end.
    pub(crate) fn vacant(&self) -> impl Iterator<Item = u32> {
        self.free.iter().copied().chain(self.end() as u32..)
    }

    /// Assigns a vacant row to an image that has none.
    pub(crate) fn assign(&mut self, row: u32, image: ImageId) {
        self.grow(row as usize);
        if row as usize == self.end() {
            self.images.push(image);
        } else {
            self.free.remove(&row);
            self.images[row as usize] = image;
        }
        self.live.insert(row);
        let images = &self.images;
        self.row_of
            .insert_unique(hash(&image), row, |row| hash(&images[*row as usize]));
    }

    /// Removes an image and returns its row, which is reserved from now on; `None` if the image has no row.
    pub(crate) fn remove(&mut self, image: &ImageId) -> Option<u32> {
        let images = &self.images;
        let is_of = |row: &u32| images[*row as usize] == *image;
        let (row, _) = self.row_of.find_entry(hash(image), is_of).ok()?.remove();
        self.live.remove(row);
        Some(row)
    }

    /// Makes a reserved row free.
    pub(crate) fn release(&mut self, row: u32) {
        self.free.insert(row);
    }

    /// Makes a free row reserved, even one that was never used.
    pub(crate) fn reserve(&mut self, row: u32) {
        self.grow(row as usize + 1);
        self.free.remove(&row);
    }

    fn grow(&mut self, end: usize) {
        let no_image = ImageId::from_bytes([0; 32]);
        while self.images.len() < end {
            self.free.insert(self.images.len() as u32);
            self.images.push(no_image);
        }
    }
}

/// Eight bytes of the id, which is a BLAKE3 hash itself.
fn hash(image: &ImageId) -> u64 {
    image
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first))
}
