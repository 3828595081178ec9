//! Images between their first file being read and their record being committed, so that copies are embedded
//! once.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use eidetic_domain::ImageId;

/// The images in flight, shared by the decoders and the committer.
#[derive(Default)]
pub struct InFlightImages(Mutex<HashSet<ImageId>>);

impl InFlightImages {
    /// False where the image was in flight already.
    pub fn insert(&self, image: ImageId) -> bool {
        self.lock().insert(image)
    }

    pub fn contains(&self, image: &ImageId) -> bool {
        self.lock().contains(image)
    }

    /// Ends the flight: the image is in the catalog now, or has failed.
    pub fn remove(&self, image: &ImageId) {
        self.lock().remove(image);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ImageId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
