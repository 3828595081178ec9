//! Places points of many dimensions in two, so that near ones stay near, and divides the result into named regions.
//!
//! - [`Pca`]: principal components; [`principal_start`] takes the first positions from two of them.
//! - [`NeighborLists`] and [`FuzzyGraph`]: the nearest neighbors of each point, as the caller found them, and the fuzzy
//!   simplicial set that UMAP makes of them.
//! - [`layout`] moves points until the graph is met best (UMAP); [`place`] adds points to a layout that stays as it is.
//! - [`Regions`]: the hills of the density of points, at three scales, each a part of one of the next coarser scale.
//! - [`region_names`] chooses the tags that are frequent in a region and rare elsewhere, none twice.
//! - [`trustworthiness`] measures how well a layout keeps neighborhoods.
//!
//! Everything is deterministic: the same input gives the same bits on one machine, on any number of threads. The crate does no I/O and
//! knows no library; points are positions in a list of the caller's.
//!
//! L. `McInnes`, J. Healy, J. Melville: UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction, 2018,
//! <https://arxiv.org/abs/1802.03426>. The names of parameters are those of the authors' program `umap-learn`.

mod curve;
mod density;
mod fuzzy_graph;
mod names;
mod neighbors;
mod optimizer;
mod pca;
mod placement;
mod quality;
mod regions;
mod symmetric_eigen;
#[cfg(test)]
mod synthetic;
mod umap;
mod watershed;

pub use fuzzy_graph::FuzzyGraph;
pub use names::{RegionName, region_names};
pub use neighbors::NeighborLists;
pub use optimizer::OnEpoch;
pub use pca::{Pca, principal_start};
pub use placement::place;
pub use quality::trustworthiness;
pub use regions::{LEVELS, Region, Regions};
pub use umap::{Layout, layout};

/// A position in the plane.
pub type Point = [f32; 2];
