//! Computing a layout, whole or for new images.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use eidetic_domain::ImageId;
use eidetic_indexer::{RunContext, RunStage};
use eidetic_layout::{Layout, NeighborLists, Point, layout, place, principal_start};
use eidetic_vectors::{NeighborFinder, Neighbors};

use super::{LayoutFile, MapLayout, StoredLayout};
use crate::operations::Operation;
use crate::{LibraryError, Space};

/// Neighbors of each image: `n_neighbors` of umap-learn, which counts the image itself too, is 15 by default.
const NEIGHBORS: usize = 15;
/// The whole layout is computed again once more than one in this many images were placed since, or were removed since.
const MAX_CHANGED_ONE_IN: usize = 5;
/// Images that a new one is beside where all that resemble it more are new too.
const NEAREST_PLACED: usize = 3;

impl Space {
    /// Brings the layout up to date: images without a place get one, and removed ones lose theirs. Stores it where that is
    /// possible. Computes on the current threads and reports steps to the observer; `None` if the run was cancelled.
    pub fn update_map(&self, context: &RunContext<'_>) -> Result<Option<Arc<MapLayout>>, LibraryError> {
        let _map = self.operations.lock(Operation::Map);
        let known = self.latest_layout();
        let finder = self.read_vectors().neighbor_finder();
        let update = Update::new(finder, &known.stored, context);
        let stored = match update.plan() {
            Plan::Nothing => return Ok(Some(known)),
            Plan::Whole => update.whole(),
            Plan::Place => update.placed(),
        };
        let Some(stored) = stored else {
            return Ok(None);
        };
        if self.stores_derived_files() {
            self.store_map(&stored);
        }
        let layout = Arc::new(MapLayout::new(stored));
        self.keep_map(&layout);
        Ok(Some(layout))
    }

    /// The latest layout; that of the file, if another process has computed it since for the images of now.
    fn latest_layout(&self) -> Arc<MapLayout> {
        let known = self.map_layout();
        let now = self.read_vectors().image_set();
        if known.image_set == now {
            return known;
        }
        match LayoutFile::of(&self.directory)
            .read(self.id())
            .found
            .map(MapLayout::new)
        {
            Some(stored) if stored.image_set == now => {
                let stored = Arc::new(stored);
                self.keep_map(&stored);
                stored
            }
            _ => known,
        }
    }

    /// A failure is only logged: the layout is derived.
    fn store_map(&self, stored: &StoredLayout) {
        let file = LayoutFile::of(&self.directory);
        match file.write(self.id(), stored) {
            Err(error) if eidetic_atomic_file::is_unwritable(&error) => {
                tracing::info!("{}: {error}", file.path().display());
            }
            Err(error) => tracing::warn!("{}: {error}", file.path().display()),
            Ok(()) => {}
        }
    }
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// The layout has all images and no other.
    Nothing,
    /// To compute all positions.
    Whole,
    /// To place what is new, and leave out what was removed.
    Place,
}

/// One run.
struct Update<'a> {
    finder: NeighborFinder,
    /// All images in the order of their ids, each with its place in the finder.
    images: Vec<(ImageId, u32)>,
    known: &'a StoredLayout,
    /// The positions of images that have one, by image.
    kept: HashMap<ImageId, Point>,
    context: &'a RunContext<'a>,
}

impl<'a> Update<'a> {
    fn new(finder: NeighborFinder, known: &'a StoredLayout, context: &'a RunContext<'a>) -> Self {
        let mut images: Vec<(ImageId, u32)> = finder.images().copied().zip(0..).collect();
        images.sort_unstable();
        let positions = known.images.iter().zip(&known.positions);
        let is_image = |image: &ImageId| images.binary_search_by_key(image, |(image, _)| *image).is_ok();
        let kept = positions.filter(|(image, _)| is_image(image));
        Self {
            kept: kept.map(|(image, position)| (*image, *position)).collect(),
            finder,
            images,
            known,
            context,
        }
    }

    fn plan(&self) -> Plan {
        let (images, kept, known) = (self.images.len(), self.kept.len(), self.known);
        if images == kept && known.images.len() == kept {
            return Plan::Nothing;
        }
        let placed = known.placed.min(kept) + images - kept;
        let left = known.laid_out.min(kept);
        let is_old = kept == 0
            || placed * MAX_CHANGED_ONE_IN > images
            || (known.laid_out - left) * MAX_CHANGED_ONE_IN > known.laid_out;
        if is_old { Plan::Whole } else { Plan::Place }
    }

    /// Computes the positions of all images.
    fn whole(self) -> Option<StoredLayout> {
        let places: Vec<u32> = self.images.iter().map(|(_, place)| *place).collect();
        let positions = whole_layout(self.finder, &places, self.context)?;
        Some(StoredLayout {
            laid_out: self.images.len(),
            images: self.images.into_iter().map(|(image, _)| image).collect(),
            positions,
            placed: 0,
        })
    }

    /// Places new images, and leaves the others where they are.
    fn placed(self) -> Option<StoredLayout> {
        let known = self.known;
        let position = |(image, _): &(ImageId, u32)| self.kept.get(image).copied();
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        for (number, image) in self.images.iter().enumerate() {
            match position(image) {
                Some(position) => kept.push((number, position)),
                None => new.push(number),
            }
        }
        let positions: Vec<Point> = kept.iter().map(|(_, position)| *position).collect();
        let lists = self.neighbors_of_new(&kept, &new)?;
        self.context.observer.stage(RunStage::LayingOut);
        let added = place(&positions, &lists, &|done| step(self.context, done))?;
        let mut all: Vec<(usize, Point)> = kept;
        all.extend(new.iter().copied().zip(added));
        all.sort_unstable_by_key(|(number, _)| *number);
        Some(StoredLayout {
            placed: known.placed.min(self.kept.len()) + new.len(),
            laid_out: known.laid_out,
            images: self.images.iter().map(|(image, _)| *image).collect(),
            positions: all.into_iter().map(|(_, position)| position).collect(),
        })
    }

    /// The neighbors of new images: kept ones are numbered first, in their order, then new ones.
    fn neighbors_of_new(&self, kept: &[(usize, Point)], new: &[usize]) -> Option<NeighborLists> {
        let context = self.context;
        context.observer.stage(RunStage::FindingNeighbors);
        context.observer.total(new.len() as u64);
        let place_of = |number: usize| self.images[number].1;
        let mut numbers = vec![0_u32; self.images.len()];
        let kept_places: Vec<u32> = kept.iter().map(|(number, _)| place_of(*number)).collect();
        let new_places: Vec<u32> = new.iter().map(|number| place_of(*number)).collect();
        for (number, place) in (0..).zip(kept_places.iter().chain(&new_places)) {
            numbers[*place as usize] = number;
        }
        let mut found = self
            .finder
            .find(&new_places, NEIGHBORS, &|done| step(context, done))?;
        let is_kept = |place: u32| (numbers[place as usize] as usize) < kept.len();
        let alone: Vec<usize> = (0..found.len())
            .filter(|at| found[*at].iter().all(|(place, _)| !is_kept(*place)))
            .collect();
        let alone_places: Vec<u32> = alone.iter().map(|at| new_places[*at]).collect();
        let nearest = self
            .finder
            .find_among(&alone_places, &kept_places, NEAREST_PLACED);
        for (at, nearest) in alone.into_iter().zip(nearest) {
            found[at].extend(nearest);
        }
        Some(lists(found, &numbers))
    }
}

/// Positions of all vectors of `finder`, in the order of `places`, each of which is in it once. `None` if the run was cancelled.
fn whole_layout(finder: NeighborFinder, places: &[u32], context: &RunContext<'_>) -> Option<Vec<Point>> {
    let start = principal_start(places.len(), finder.dimension().max(1), |at, numbers| {
        finder.write_components(places[at] as usize, numbers);
    });
    context.observer.stage(RunStage::BuildingGraph);
    context.observer.total(places.len() as u64);
    let finder = finder.prepared(&|done| step(context, done))?;
    context.observer.stage(RunStage::FindingNeighbors);
    context.observer.total(places.len() as u64);
    let found = finder.find(places, NEIGHBORS, &|done| step(context, done))?;
    let mut numbers = vec![0; places.len()];
    for (number, place) in (0..).zip(places) {
        numbers[*place as usize] = number;
    }
    let input = Layout {
        neighbors: &lists(found, &numbers),
        start: &start,
    };
    context.observer.stage(RunStage::LayingOut);
    context.observer.total(input.epochs() as u64);
    layout(input, &|done| step(context, done))
}

/// Lists of neighbors by number instead of place, with cosine distances.
fn lists(found: Vec<Neighbors>, numbers: &[u32]) -> NeighborLists {
    let list = |list: Neighbors| {
        let numbered = list.into_iter();
        numbered.map(|(place, cosine)| (numbers[place as usize], 1.0 - cosine))
    };
    NeighborLists::new(found.into_iter().map(list))
}

fn step(context: &RunContext<'_>, done: usize) -> ControlFlow<()> {
    context.observer.done(done as u64);
    if context.is_cancelled() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
