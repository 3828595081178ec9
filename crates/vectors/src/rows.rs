//! Which image stands in which row.

use std::collections::{BTreeSet, HashMap};

use eidetic_domain::ImageId;

/// Rows and their images; every row below [`end`](Self::end) is live or free.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    images: Vec<Option<ImageId>>,
    row_of: HashMap<ImageId, usize>,
    free: BTreeSet<usize>,
}

impl Rows {
    /// Number of live rows.
    pub(crate) fn len(&self) -> usize {
        self.row_of.len()
    }

    /// Number of free rows that stand before a live one or were used before.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    /// The first row that was never used.
    pub(crate) const fn end(&self) -> usize {
        self.images.len()
    }

    /// Whose vector stands in `row`; `None` for a free row.
    pub(crate) fn image(&self, row: usize) -> Option<&ImageId> {
        self.images.get(row)?.as_ref()
    }

    /// Where an image's vector stands.
    pub(crate) fn row(&self, image: &ImageId) -> Option<usize> {
        self.row_of.get(image).copied()
    }

    /// Every live row with its image, in order of row.
    pub(crate) fn live(&self) -> impl Iterator<Item = (usize, &ImageId)> {
        self.images
            .iter()
            .enumerate()
            .filter_map(|(row, image)| Some((row, image.as_ref()?)))
    }

    /// The rows to use next, in rising order, without end: free ones, then new ones.
    pub(crate) fn vacant(&self) -> impl Iterator<Item = usize> {
        self.free.iter().copied().chain(self.end()..)
    }

    /// Puts an image that stands nowhere yet into a vacant row.
    pub(crate) fn occupy(&mut self, row: usize, image: ImageId) {
        while self.images.len() <= row {
            self.free.insert(self.images.len());
            self.images.push(None);
        }
        self.free.remove(&row);
        self.images[row] = Some(image);
        self.row_of.insert(image, row);
    }

    /// Frees the row of an image and says which it was; `None` for an image that stands nowhere.
    pub(crate) fn vacate(&mut self, image: &ImageId) -> Option<usize> {
        let row = self.row_of.remove(image)?;
        self.images[row] = None;
        self.free.insert(row);
        Some(row)
    }
}
