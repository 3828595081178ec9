//! Sets of rows, which serve as search filters.

use eidetic_domain::RowId;

/// A bitmap of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// Collects the `rows` below `end`, which limits the size of the bitmap to `end` / 8 bytes.
    pub fn below(end: u64, rows: impl IntoIterator<Item = RowId>) -> Self {
        let mut set = Self::default();
        for row in rows.into_iter().filter(|row| row.0 < end) {
            if let Ok(row) = u32::try_from(row.0) {
                set.insert(row);
            }
        }
        set
    }

    /// Number of rows.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the set is empty.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the set contains `row`.
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.word(row as usize / 64) >> (row % 64) & 1 == 1
    }

    /// Adds a row.
    pub(crate) fn insert(&mut self, row: u32) {
        let word = row as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.len += usize::from(!self.contains(row));
        self.words[word] |= 1 << (row % 64);
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, row: u32) {
        if self.contains(row) {
            self.words[row as usize / 64] &= !(1 << (row % 64));
            self.len -= 1;
        }
    }

    /// The rows, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows_in(0..self.words.len(), None)
    }

    /// Number of 64-bit words of the bitmap.
    pub(crate) const fn words(&self) -> usize {
        self.words.len()
    }

    /// The rows in a range of words, in ascending order; if `filter` is given, only those in both sets.
    pub(crate) fn rows_in<'s>(
        &'s self,
        words: std::ops::Range<usize>,
        filter: Option<&'s Self>,
    ) -> impl Iterator<Item = u32> + 's {
        words.flat_map(move |word| {
            let mut bits = self.word(word) & filter.map_or(u64::MAX, |filter| filter.word(word));
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(word as u32 * 64 + bit)
            })
        })
    }

    fn word(&self, word: usize) -> u64 {
        self.words.get(word).copied().unwrap_or(0)
    }
}

impl FromIterator<u32> for RowSet {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut set = Self::default();
        rows.into_iter().for_each(|row| set.insert(row));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_from_end_on_are_ignored() {
        let set = RowSet::below(100, [3, 99, 100, u64::MAX, 3].map(RowId));
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 99]);
        assert!(!set.contains(u32::MAX));
    }

    proptest! {
        #[test]
        fn row_set_equals_btree_set(changes in prop::collection::vec((0_u32..300, any::<bool>()), 0..200), others in prop::collection::vec(0_u64..300, 0..100)) {
            let (mut set, mut model) = (RowSet::default(), BTreeSet::new());
            for (row, add) in changes {
                if add {
                    set.insert(row);
                    model.insert(row);
                } else {
                    set.remove(row);
                    model.remove(&row);
                }
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            let other = RowSet::below(300, others.iter().copied().map(RowId));
            let both = set.rows_in(0..set.words(), Some(&other)).collect::<Vec<_>>();
            prop_assert!(both.iter().all(|row| model.contains(row) && others.contains(&u64::from(*row))));
            prop_assert_eq!(both.len(), model.iter().filter(|row| others.contains(&u64::from(**row))).count());
        }
    }
}
