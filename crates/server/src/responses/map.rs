//! The map in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_domain::ImageId;
use eidetic_library::{MapPage, MapRegion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Places of images in the plane, those of similar images near each other, and regions with names. Of the images there is a column for each
/// value; the n-th numbers of all columns belong to the n-th image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MapResponse {
    /// Whether all images have their places.
    pub state: MapState,
    /// The job that computes places, for `/v1/jobs/{id}`, while one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Why the last job failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The space whose vectors decide the places.
    pub space: String,
    /// Images with a place that match the filter, on all pages.
    pub total: u64,
    /// Images that match and have no place yet.
    pub unplaced: u64,
    /// The ids of the images of this page, 32 bytes each, one after the other, in base64.
    pub images: String,
    /// How far right each image is, from 0 to 65,535 in a square that has the whole map, whatever the filter.
    pub x: Vec<u16>,
    /// How far up each image is.
    pub y: Vec<u16>,
    /// The number of the finest region that each image is in.
    pub region: Vec<u32>,
    /// The regions in which an image matches, the coarsest scale first.
    pub regions: Vec<MapRegionResponse>,
    /// What the next page begins after, for the parameter `cursor`; null on the last one.
    pub next_cursor: Option<String>,
    /// When the last change was made that the map knows of, where the command line looks while another process changes the
    /// library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
}

/// Whether a map has all images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MapState {
    /// All images have their places.
    #[default]
    Current,
    /// Places are being computed; those of before are returned meanwhile, if there are any.
    Computing,
    /// They could not be computed; the next request tries again.
    Failed,
}

/// A region of the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MapRegionResponse {
    /// Its number.
    pub number: u32,
    /// Its scale: 1, the coarsest, to 3.
    #[schema(minimum = 1, maximum = 3)]
    pub level: u8,
    /// The number of the region of the next coarser scale that it is a part of.
    pub parent: Option<u32>,
    /// The tag that sets it apart, which no other region of its scale is called by; null where there is no such tag, as in a
    /// library without tags.
    pub name: Option<String>,
    /// Up to five tags that are frequent in it and rare elsewhere, the clearest first.
    pub tags: Vec<String>,
    /// Number of its images that match.
    pub count: u64,
    /// How far right the middle of its images is.
    pub x: u16,
    /// How far up it is.
    pub y: u16,
    /// The id of the matching image that is nearest to that place.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
}

impl MapResponse {
    /// A page of the map of a space.
    pub fn new(space: String, page: &MapPage) -> Self {
        let mut ids = Vec::with_capacity(page.points.len() * 32);
        for point in &page.points {
            ids.extend_from_slice(point.image.as_bytes());
        }
        Self {
            space,
            total: page.total,
            unplaced: page.unplaced,
            images: STANDARD.encode(ids),
            x: page.points.iter().map(|point| point.position[0]).collect(),
            y: page.points.iter().map(|point| point.position[1]).collect(),
            region: page.points.iter().map(|point| point.region as u32).collect(),
            regions: page.regions.iter().map(Into::into).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
            ..Self::default()
        }
    }
}

impl From<&MapRegion> for MapRegionResponse {
    fn from(region: &MapRegion) -> Self {
        Self {
            number: region.number as u32,
            level: region.level as u8 + 1,
            parent: region.parent.map(|parent| parent as u32),
            name: region.name.clone(),
            tags: region.tags.clone(),
            count: region.images,
            x: region.position[0],
            y: region.position[1],
            image: region.representative,
        }
    }
}
