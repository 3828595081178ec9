//! Columns that are read when they are first needed: details and tags.

use eidetic_domain::{Details, Place, TimePrecision};

use super::values::Values;

/// What filters, orders and counts use of details.
#[derive(Debug, Default)]
pub struct DetailColumn {
    rows: Vec<DetailRow>,
    pub lenses: Values<String>,
    pub places: Values<Place>,
    pub keywords: Values<String>,
}

/// Those of one image, values by their numbers.
#[derive(Debug, Default)]
pub struct DetailRow {
    pub lens: Option<u32>,
    pub place: Option<u32>,
    pub rating: Option<i8>,
    pub precision: Option<TimePrecision>,
    pub is_damaged: bool,
    pub keywords: Box<[u32]>,
}

/// The tags of images in one space.
#[derive(Debug, Default)]
pub struct TagColumn {
    rows: Vec<Box<[u32]>>,
    pub names: Values<String>,
}

impl DetailColumn {
    /// Of images in the slots below `end`, of which nothing is known.
    pub fn below(end: usize) -> Self {
        let mut column = Self::default();
        column.rows.resize_with(end, DetailRow::default);
        column
    }

    /// What is known of the image in a slot.
    pub fn row(&self, slot: u32) -> &DetailRow {
        &self.rows[slot as usize]
    }

    /// Replaces what is known of the image in a slot.
    pub fn put(&mut self, slot: u32, details: Option<&Details>) {
        let row = details.map(|details| self.numbered(details)).unwrap_or_default();
        *grown(&mut self.rows, slot) = row;
    }

    fn numbered(&mut self, details: &Details) -> DetailRow {
        let place = (details.place != Place::default()).then(|| self.places.number(&details.place));
        let keywords = details.all_keywords().filter(|keyword| !keyword.is_empty());
        let keywords = keywords.map(|keyword| self.keywords.number(&keyword.to_owned()));
        let mut keywords: Vec<u32> = keywords.collect();
        keywords.sort_unstable();
        keywords.dedup();
        DetailRow {
            lens: details
                .exposure
                .lens
                .as_ref()
                .map(|lens| self.lenses.number(lens)),
            place,
            rating: details.rating,
            precision: details.taken.map(|taken| taken.precision),
            is_damaged: details.damage.is_some(),
            keywords: keywords.into(),
        }
    }
}

impl TagColumn {
    /// Of images in the slots below `end`, which have no tags.
    pub fn below(end: usize) -> Self {
        let mut column = Self::default();
        column.rows.resize_with(end, Box::default);
        column
    }

    /// The tags of the image in a slot, by their numbers.
    pub fn row(&self, slot: u32) -> &[u32] {
        &self.rows[slot as usize]
    }

    /// Replaces the tags of the image in a slot.
    pub fn put(&mut self, slot: u32, tags: &[String]) {
        let numbers = tags.iter().map(|tag| self.names.number(tag)).collect();
        *grown(&mut self.rows, slot) = numbers;
    }
}

/// The place of a slot in a column, which may be a new one.
fn grown<T: Default>(rows: &mut Vec<T>, slot: u32) -> &mut T {
    let at = slot as usize;
    if rows.len() <= at {
        rows.resize_with(at + 1, T::default);
    }
    &mut rows[at]
}
