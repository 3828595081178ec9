//! Writes to the store that are applied together.

use std::collections::BTreeMap;

/// New values of keys, or none for keys that are removed. Of several writes to one key the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Changes {
    pub fn insert(&mut self, key: impl AsRef<[u8]>, value: Vec<u8>) {
        self.0.insert(key.as_ref().to_vec(), Some(value));
    }

    pub fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.0.insert(key.as_ref().to_vec(), None);
    }

    /// The writes, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Adds `newer`, which counts where both write to a key.
    pub fn extend(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }

    /// The value of a key after the writes, where `before` gives the one before them.
    pub fn value_after<E>(
        &self,
        key: &[u8],
        before: impl FnOnce() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<Vec<u8>>, E> {
        self.0.get(key).map_or_else(before, |new| Ok(new.clone()))
    }

    /// The writes to the keys of a range, ordered by key.
    pub fn range(&self, range: crate::keys::Range) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let writes = self.0.range::<Vec<u8>, _>(range);
        writes.map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    pub fn to_sled(&self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, value) in self.iter() {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch
    }
}
