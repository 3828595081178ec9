//! What is shown of a map: images with their places, page by page, and the regions with their names.

use std::collections::HashMap;

use eidetic_domain::{Filter, ImageId};
use eidetic_layout::{Point, RegionName, region_names};

use super::{MAP_EXTENT, MapLayout};
use crate::{Library, LibraryError, Space};

/// Which images of a map to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapOptions {
    /// Only those that match it.
    pub filter: Filter,
    /// The image after which the page begins; none for the first page.
    pub after: Option<ImageId>,
    /// Most images of the page.
    pub count: usize,
}

/// Images of a map in the order of their ids, and its regions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapPage {
    /// The images of this page.
    pub points: Vec<MapPoint>,
    /// The regions in which an image matches, the coarsest scale first. A region's number is its place in the list of all regions of the layout.
    pub regions: Vec<MapRegion>,
    /// Images on all pages.
    pub total: u64,
    /// Images that match and have no place yet.
    pub unplaced: u64,
    /// The last image, if there are more after it.
    pub next: Option<ImageId>,
}

/// An image of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapPoint {
    /// The image.
    pub image: ImageId,
    /// Its place, up to [`MAP_EXTENT`] along both axes.
    pub position: [u16; 2],
    /// Number of the finest region that it is in.
    pub region: usize,
}

/// A region of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRegion {
    /// Its number.
    pub number: usize,
    /// Its scale, from 0, the coarsest.
    pub level: usize,
    /// Number of the region of the next coarser scale that it is a part of.
    pub parent: Option<usize>,
    /// The tag that sets it apart, which no other region of its scale is called by; none where there is no such tag.
    pub name: Option<String>,
    /// Tags that are frequent in it and rare elsewhere, the clearest first.
    pub tags: Vec<String>,
    /// Number of its images that match.
    pub images: u64,
    /// Where it is most dense.
    pub position: [u16; 2],
    /// The image that matches and is nearest to that place.
    pub representative: ImageId,
}

impl Library {
    /// A page of the images of `layout`, which is one of `space`, and the regions. A filter leaves places and names of regions as they are.
    ///
    /// Errors: among others, the filter names a folder or a tag that the library does not have.
    pub fn map_page(
        &self,
        space: &Space,
        layout: &MapLayout,
        options: &MapOptions,
    ) -> Result<MapPage, LibraryError> {
        let filter = self.resolve_filter(&options.filter)?;
        let matching = space.images_matching(&filter)?;
        let names = names_of_regions(space, layout)?;
        let scale = Scale::of(layout.positions());
        let mut shown = Vec::new();
        let mut unplaced = 0;
        for image in &matching {
            match layout.images().binary_search(image) {
                Ok(point) => shown.push(point),
                Err(_) => unplaced += u64::from(space.has_vector(image)),
            }
        }
        shown.sort_unstable();
        let start = options.after.map_or(0, |after| {
            shown.partition_point(|point| layout.images()[*point] <= after)
        });
        let page = &shown[start..][..options.count.min(shown.len() - start)];
        let has_more = start + page.len() < shown.len();
        let point = |point: &usize| MapPoint {
            image: layout.images()[*point],
            position: scale.whole(layout.positions()[*point]),
            region: layout.regions().of_point(*point),
        };
        Ok(MapPage {
            points: page.iter().map(point).collect(),
            regions: regions(layout, &shown, &names, &scale),
            total: shown.len() as u64,
            unplaced,
            next: page
                .last()
                .filter(|_| has_more)
                .map(|last| layout.images()[*last]),
        })
    }
}

/// A region's name and tags in words.
struct Named {
    name: Option<String>,
    tags: Vec<String>,
}

/// The regions in which there are some of `shown`.
fn regions(layout: &MapLayout, shown: &[usize], names: &[Named], scale: &Scale) -> Vec<MapRegion> {
    let all = layout.regions().all();
    // By region: number of images, and the one nearest to the peak with its distance.
    let mut found: HashMap<usize, (u64, usize, f32)> = HashMap::new();
    for point in shown {
        let [x, y] = layout.positions()[*point];
        for region in layout.regions().around(*point) {
            let peak = all[region].peak;
            let distance = (x - peak[0]).hypot(y - peak[1]);
            let (count, nearest, least) = found.entry(region).or_insert((0, *point, distance));
            *count += 1;
            if distance < *least {
                (*nearest, *least) = (*point, distance);
            }
        }
    }
    let mut regions: Vec<MapRegion> = found
        .into_iter()
        .map(|(number, (images, nearest, _))| MapRegion {
            number,
            level: all[number].level,
            parent: all[number].parent,
            name: names[number].name.clone(),
            tags: names[number].tags.clone(),
            images,
            position: scale.whole(all[number].peak),
            representative: layout.images()[nearest],
        })
        .collect();
    regions.sort_unstable_by_key(|region| region.number);
    regions
}

/// From positions to whole numbers, in a square around all of them.
struct Scale {
    origin: Point,
    factor: f32,
}

impl Scale {
    fn of(positions: &[Point]) -> Self {
        let range = |axis: usize| {
            let all = || positions.iter().map(|position| position[axis]);
            (
                all().fold(f32::INFINITY, f32::min),
                all().fold(f32::NEG_INFINITY, f32::max),
            )
        };
        let ((left, right), (bottom, top)) = (range(0), range(1));
        let extent = (right - left).max(top - bottom);
        let origin = |low: f32, high: f32| (low + high - extent) / 2.0;
        Self {
            origin: [origin(left, right), origin(bottom, top)],
            factor: if extent > 0.0 {
                f32::from(MAP_EXTENT) / extent
            } else {
                0.0
            },
        }
    }

    /// The peak of a region may be just outside.
    fn whole(&self, position: Point) -> [u16; 2] {
        [0, 1].map(|axis| {
            let along = (position[axis] - self.origin[axis]) * self.factor;
            along.round().clamp(0.0, f32::from(MAP_EXTENT)) as u16
        })
    }
}

/// The name of each region of a layout, and its tags.
fn names_of_regions(space: &Space, layout: &MapLayout) -> Result<Vec<Named>, LibraryError> {
    let tags = space.catalog.numbered_tags(layout.images())?;
    let of_image = tags.of_image.iter().map(|tags| &**tags);
    let names = region_names(layout.regions(), tags.names.len(), of_image);
    let text = |tag: &u32| tags.names[*tag as usize].clone();
    let named = |RegionName { name, tags }: RegionName| Named {
        name: name.as_ref().map(text),
        tags: tags.iter().map(text).collect(),
    };
    Ok(names.into_iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_fill_square_without_distortion() {
        let scale = Scale::of(&[[-2.0, 0.0], [8.0, 5.0]]);
        assert_eq!(scale.whole([-2.0, 0.0]), [0, MAP_EXTENT / 4 + 1]);
        assert_eq!(scale.whole([8.0, 5.0]), [MAP_EXTENT, 49_151]);
        assert_eq!(scale.whole([100.0, -100.0]), [MAP_EXTENT, 0]);
        assert_eq!(Scale::of(&[[3.0, 3.0]]).whole([3.0, 3.0]), [0, 0]);
    }
}
