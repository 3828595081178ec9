//! Which contents are on their way from a reader to the catalog, so that two files of one content are encoded once.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use eidetic_domain::ImageId;

/// Contents between being met first and being committed or given up.
#[derive(Default)]
pub struct Claims(Mutex<HashSet<ImageId>>);

impl Claims {
    /// Takes a content for oneself; false where another has it.
    pub fn claim(&self, image: ImageId) -> bool {
        self.lock().insert(image)
    }

    /// Whether somebody has it.
    pub fn holds(&self, image: &ImageId) -> bool {
        self.lock().contains(image)
    }

    /// Gives a content back: it is in the catalog now, or never will be.
    pub fn release(&self, image: &ImageId) {
        self.lock().remove(image);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ImageId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
