//! Sets of rows, as filters are made of.

use eidetic_domain::RowId;

/// Rows, a bit each, and how many they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// The set of those `rows` that lie below `end`, which bounds its memory to `end` / 8 bytes.
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

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a row is one of them.
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

    /// Takes a row out.
    pub(crate) fn remove(&mut self, row: u32) {
        if self.contains(row) {
            self.words[row as usize / 64] &= !(1 << (row % 64));
            self.len -= 1;
        }
    }

    /// The rows, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.within(0..self.words.len(), None)
    }

    /// Words of 64 rows that it takes.
    pub(crate) const fn words(&self) -> usize {
        self.words.len()
    }

    /// The rows of some of its words, in order, those alone that `also` has where it is given.
    pub(crate) fn within<'s>(
        &'s self,
        words: std::ops::Range<usize>,
        also: Option<&'s Self>,
    ) -> impl Iterator<Item = u32> + 's {
        words.flat_map(move |word| {
            let mut bits = self.word(word) & also.map_or(u64::MAX, |also| also.word(word));
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
    fn rows_at_or_beyond_the_end_are_left_out() {
        let set = RowSet::below(100, [3, 99, 100, u64::MAX, 3].map(RowId));
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 99]);
        assert!(!set.contains(u32::MAX));
    }

    proptest! {
        #[test]
        fn is_a_set(changes in prop::collection::vec((0_u32..300, any::<bool>()), 0..200), others in prop::collection::vec(0_u64..300, 0..100)) {
            let (mut set, mut twin) = (RowSet::default(), BTreeSet::new());
            for (row, add) in changes {
                if add {
                    set.insert(row);
                    twin.insert(row);
                } else {
                    set.remove(row);
                    twin.remove(&row);
                }
                prop_assert_eq!(set.len(), twin.len());
            }
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), twin.iter().copied().collect::<Vec<_>>());
            let other = RowSet::below(300, others.iter().copied().map(RowId));
            let both = set.within(0..set.words(), Some(&other)).collect::<Vec<_>>();
            prop_assert!(both.iter().all(|row| twin.contains(row) && others.contains(&u64::from(*row))));
            prop_assert_eq!(both.len(), twin.iter().filter(|row| others.contains(&u64::from(**row))).count());
        }
    }
}
