//! How many calibrations a space had, so that a lost or older file of calibrations is noticed.

use super::SledCatalog;
use crate::batch::PreparedBatch;
use crate::store::Changes;
use crate::{CatalogError, keys};

impl SledCatalog {
    /// The number of the last calibration of this space; `None` where there never was one.
    pub fn last_calibration(&self) -> Result<Option<u32>, CatalogError> {
        let key = keys::calibration(self.space);
        self.store.get(&key, || "the number of calibrations".into())
    }

    /// Records, durably, the number of the last calibration of this space, or that there is none.
    pub fn set_last_calibration(&self, number: Option<u32>) -> Result<(), CatalogError> {
        let mut state = self.writing();
        let key = keys::calibration(self.space);
        let mut writes = Changes::default();
        match number {
            Some(number) => self.store.insert(&mut writes, &key, &number)?,
            None => writes.remove(key),
        }
        let prepared = PreparedBatch {
            writes,
            counts: state.counts(),
            deleted: Vec::new(),
        };
        self.commit(&mut state, prepared).map(drop)
    }
}
