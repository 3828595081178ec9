//! How many images have each value.

use std::collections::BTreeMap;
use std::path::Path;

use eidetic_domain::Place;
use eidetic_library::{FacetValues, Facets, FolderCount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{path_bytes, path_text};

/// Values with their numbers of images: of each kind the most frequent first, but for dates and folders. An image counts once for each
/// value that it has. A value is what the filter parameter of the same name takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetsResponse {
    /// Images that match the filter.
    pub total: u64,
    /// Years and months of the dates taken, in order.
    pub years: Vec<YearFacet>,
    /// Images without a date.
    pub undated: u64,
    /// Folders of one level: the sources, or those in `parent`, in the order of their names.
    pub folders: Vec<FolderFacet>,
    /// Cameras.
    pub cameras: Vec<FacetValue>,
    /// Lenses.
    pub lenses: Vec<FacetValue>,
    /// Places.
    pub places: Vec<PlaceFacet>,
    /// Keywords.
    pub keywords: Vec<FacetValue>,
    /// Tags.
    pub tags: Vec<FacetValue>,
    /// Formats.
    pub types: Vec<FacetValue>,
    /// Orientations.
    pub orientations: Vec<FacetValue>,
    /// Ratings; `none` for images without one.
    pub ratings: Vec<FacetValue>,
    /// Images whose files are damaged and shown as far as they go.
    pub damaged: u64,
    /// Numbers of values that are left out of a list because they are less frequent, by the name of the list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub omitted: BTreeMap<String, u64>,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// Images that have it.
    pub images: u64,
}

/// A year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct YearFacet {
    /// The year.
    #[schema(example = 2024)]
    pub year: i16,
    /// Images of it.
    pub images: u64,
    /// Its months that have images.
    pub months: Vec<MonthFacet>,
}

/// A month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthFacet {
    /// From 1 to 12.
    #[schema(minimum = 1, maximum = 12)]
    pub month: i8,
    /// Images of it.
    pub images: u64,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FolderFacet {
    /// Its path.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Images in it, at any depth.
    pub images: u64,
    /// Whether there are folders in it.
    pub has_folders: bool,
}

/// A place; a name that is unknown is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceFacet {
    /// Country.
    pub country: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// City.
    pub city: Option<String>,
    /// A part of a city, or a sight.
    pub sublocation: Option<String>,
    /// Images of it.
    pub images: u64,
}

impl From<Facets> for FacetsResponse {
    fn from(facets: Facets) -> Self {
        let mut omitted = BTreeMap::new();
        let mut note = |name: &str, count: u64| {
            if count > 0 {
                omitted.insert(name.to_owned(), count);
            }
        };
        note("cameras", facets.cameras.omitted);
        note("lenses", facets.lenses.omitted);
        note("places", facets.places.omitted);
        note("keywords", facets.keywords.omitted);
        note("tags", facets.tags.omitted);
        Self {
            total: facets.total,
            years: years(&facets.months),
            undated: facets.undated,
            folders: facets.folders.iter().map(FolderFacet::from).collect(),
            cameras: values(facets.cameras, |camera| camera),
            lenses: values(facets.lenses, |lens| lens),
            places: facets.places.values.into_iter().map(PlaceFacet::from).collect(),
            keywords: values(facets.keywords, |keyword| keyword),
            tags: values(facets.tags, |tag| tag),
            types: values(facets.formats, |format| format.name().to_owned()),
            orientations: values(facets.orientations, |orientation| orientation.name().to_owned()),
            ratings: values(facets.ratings, |stars| {
                stars.map_or_else(|| "none".to_owned(), |stars| stars.to_string())
            }),
            damaged: facets.damaged,
            omitted,
        }
    }
}

impl From<&FolderCount> for FolderFacet {
    fn from(folder: &FolderCount) -> Self {
        let path: &Path = &folder.path;
        Self {
            path: path_text(path),
            path_bytes: path_bytes(path),
            images: folder.images,
            has_folders: folder.has_folders,
        }
    }
}

impl From<(Place, u64)> for PlaceFacet {
    fn from((place, images): (Place, u64)) -> Self {
        Self {
            country: place.country,
            state: place.state,
            city: place.city,
            sublocation: place.sublocation,
            images,
        }
    }
}

fn values<T>(found: FacetValues<T>, text: impl Fn(T) -> String) -> Vec<FacetValue> {
    let found = found.values.into_iter();
    found
        .map(|(value, images)| FacetValue {
            value: text(value),
            images,
        })
        .collect()
}

/// Months by year; the months are in order.
fn years(months: &[((i16, i8), u64)]) -> Vec<YearFacet> {
    let by_year = months.chunk_by(|(a, _), (b, _)| a.0 == b.0);
    by_year
        .map(|months| YearFacet {
            year: months[0].0.0,
            images: months.iter().map(|(_, images)| images).sum(),
            months: months
                .iter()
                .map(|((_, month), images)| MonthFacet {
                    month: *month,
                    images: *images,
                })
                .collect(),
        })
        .collect()
}
