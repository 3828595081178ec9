//! The semantic map of a space: a place in the plane for each image, near those of similar images, and named regions.
//!
//! Positions are derived: they are computed when they are first needed, kept in `map.bin`, and follow the library. New images are placed
//! beside those that they resemble; the whole layout is computed again when many are new.

mod layout_file;
mod page;
mod update;

use std::path::Path;
use std::sync::{Arc, PoisonError};

use eidetic_domain::ImageId;
use eidetic_layout::{Point, Regions};

use crate::Space;

pub(crate) use layout_file::LayoutFile;
use layout_file::StoredLayout;
pub use page::{MapOptions, MapPage, MapPoint, MapRegion};

/// Positions are whole numbers up to this one, in a square that has the whole map.
pub const MAP_EXTENT: u16 = u16::MAX;

/// The layout of the images that a space had at one moment.
#[derive(Debug)]
pub struct MapLayout {
    stored: StoredLayout,
    regions: Regions,
    /// What the vectors of the space were then: see `VectorStore::image_set`.
    image_set: (usize, [u8; 32]),
}

impl MapLayout {
    fn new(stored: StoredLayout) -> Self {
        let mut joined = [0; 32];
        for image in &stored.images {
            for (joined, byte) in joined.iter_mut().zip(image.as_bytes()) {
                *joined ^= byte;
            }
        }
        Self {
            regions: Regions::of(&stored.positions),
            image_set: (stored.images.len(), joined),
            stored,
        }
    }

    /// The images that have a place, in the order of their ids.
    pub fn images(&self) -> &[ImageId] {
        &self.stored.images
    }

    /// Their places, in the same order.
    pub fn positions(&self) -> &[Point] {
        &self.stored.positions
    }

    /// Its regions; their points are numbered as the images.
    pub const fn regions(&self) -> &Regions {
        &self.regions
    }

    /// How many of the images were placed in a layout that others had before.
    pub const fn placed(&self) -> usize {
        self.stored.placed
    }
}

impl Space {
    /// The latest layout, which may lack images that were added since and have images that were removed; an empty one where none was
    /// computed yet. Reads it where it is not read yet.
    pub fn map_layout(&self) -> Arc<MapLayout> {
        let mut known = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let stored = LayoutFile::of(&self.directory).read(self.id()).found;
            Arc::new(MapLayout::new(stored.unwrap_or_default()))
        };
        Arc::clone(known.get_or_insert_with(read))
    }

    /// Whether the latest layout has the images that the space has now.
    pub fn is_map_current(&self) -> bool {
        let now = self.read_vectors().image_set();
        self.map_layout().image_set == now
    }

    fn keep_map(&self, layout: &Arc<MapLayout>) {
        let mut known = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(Arc::clone(layout));
    }
}

/// What is wrong with the file of a layout in the directory of a space; none where nothing is, or where there is none.
pub(crate) fn damage(directory: &Path, space: &eidetic_domain::SpaceId) -> Option<&'static str> {
    LayoutFile::of(directory).read(space).damage
}
