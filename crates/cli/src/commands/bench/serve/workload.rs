//! The kinds of requests that are measured.

use std::sync::atomic::{AtomicU64, Ordering};

use eidetic_server::responses::{AlbumResponse, FacetsResponse};

use super::client::{Client, Request};
use super::filters::{self, SelectiveFilter};
use super::library::MeasuredLibrary;
use super::texts;
use crate::failure::Failure;
use crate::gallery;

/// Hits of a page, as the server gives by default.
pub(super) const HITS: usize = 20;
/// Images of a page of a list, as the server gives by default.
pub(super) const LISTED: usize = 100;
/// Images of a page on the way to a page far from the first.
const STEP: usize = 1_000;
/// Pages of that size before the one that is measured, at most.
const MAX_STEPS: usize = 100;
/// Images of a library in which every search has a third page, though copies are one hit.
const WITH_PAGES: u64 = 200;
/// Images that are searched by.
const IMAGES: usize = 1_000;

/// What requests are made of.
pub(super) struct Material {
    /// The next query in words.
    next_text: AtomicU64,
    /// Ids of random images of the library.
    images: Vec<String>,
    /// Searches by pictures that are not in the library.
    uploads: Vec<Request>,
    pub(super) filters: Vec<SelectiveFilter>,
    /// Images of the library.
    total: u64,
    /// Where a list far from its beginning goes on, and after how many images.
    deep: Option<(String, usize)>,
}

impl Material {
    /// Asks the server for what it has. This makes the tables of lists and counts, which the first user of a server waits for.
    pub(super) fn gather(client: &Client, measured: &MeasuredLibrary) -> Result<Self, Failure> {
        let mut counts = Request::get("/v1/facets").with("k", "1000");
        if let Some(root) = &measured.root {
            counts = counts.with("parent", root.display().to_string());
        }
        let facets: FacetsResponse = client.json(&counts)?;
        if facets.total == 0 {
            return Err(Failure::could_not_run(
                "the library has no images; index some, or measure a synthetic one with --images N",
            ));
        }
        let list = Request::get("/v1/images")
            .with("sort", "random")
            .with("k", IMAGES.to_string());
        let listed: AlbumResponse = client.json(&list)?;
        Ok(Self {
            next_text: AtomicU64::new(0),
            images: listed.images.iter().map(|one| one.image.to_string()).collect(),
            uploads: gallery::images()
                .map(|bytes| Request::search_by(&bytes))
                .collect(),
            filters: filters::choose(&facets),
            total: facets.total,
            deep: deep_cursor(client, facets.total as usize)?,
        })
    }

    fn text_search(&self) -> Request {
        let number = self.next_text.fetch_add(1, Ordering::Relaxed);
        let search = Request::get("/v1/search").with("text", texts::query(number));
        search.with("k", HITS.to_string())
    }
}

/// Follows a list to its middle, or for 100 pages of 1,000.
fn deep_cursor(client: &Client, total: usize) -> Result<Option<(String, usize)>, Failure> {
    let step = STEP.min(total / 2);
    let mut cursor = None;
    let mut passed = 0;
    while step > 0 && passed + step <= total / 2 && passed < MAX_STEPS * STEP {
        let mut page = Request::get("/v1/images").with("k", step.to_string());
        if let Some((cursor, _)) = &cursor {
            page = page.with("cursor", cursor);
        }
        let listed: AlbumResponse = client.json(&page)?;
        passed += listed.images.len();
        cursor = listed.next_cursor.map(|next| (next, passed));
        if cursor.is_none() {
            break;
        }
    }
    Ok(cursor)
}

/// A kind of request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Workload {
    /// A search by words, each time others.
    Text,
    /// The same within a filter.
    FilteredText(SelectiveFilter),
    /// The second page of a search by words.
    SecondPage,
    /// The third page of a search by words.
    ThirdPage,
    /// A search by an image of the library.
    Similar,
    /// A search by a JPEG file.
    Upload,
    /// The first page of all images, the latest first.
    List,
    /// The same within a filter.
    FilteredList(SelectiveFilter),
    /// A page after this many images.
    DeepList(String, usize),
    /// Counts of all values.
    Facets,
    /// The same within a filter.
    FilteredFacets(SelectiveFilter),
}

impl Workload {
    /// All kinds that the library has something for.
    pub(super) fn all(material: &Material) -> Vec<Self> {
        let mut all = vec![Self::Text];
        all.extend(material.filters.iter().cloned().map(Self::FilteredText));
        if material.total >= WITH_PAGES {
            all.extend([Self::SecondPage, Self::ThirdPage]);
        }
        all.extend([Self::Similar, Self::Upload, Self::List]);
        // Half of a library is hardly less than all of it.
        let narrow = || material.filters.iter().find(|filter| filter.share < 0.1).cloned();
        all.extend(narrow().map(Self::FilteredList));
        all.extend(
            material
                .deep
                .clone()
                .map(|(cursor, passed)| Self::DeepList(cursor, passed)),
        );
        all.push(Self::Facets);
        all.extend(narrow().map(Self::FilteredFacets));
        all
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::FilteredText(filter) => format!("text, {} by {}", filter.percent(), filter.short_name()),
            Self::SecondPage => "text, second page".to_owned(),
            Self::ThirdPage => "text, third page".to_owned(),
            Self::Similar => "image of the library".to_owned(),
            Self::Upload => "image, uploaded".to_owned(),
            Self::List => "list, first page".to_owned(),
            Self::FilteredList(filter) => format!("list, {} by {}", filter.percent(), filter.short_name()),
            Self::DeepList(_, passed) => format!("list, after {passed}"),
            Self::Facets => "facets".to_owned(),
            Self::FilteredFacets(filter) => {
                format!("facets, {} by {}", filter.percent(), filter.short_name())
            }
        }
    }

    /// Whether the server runs its model.
    pub(super) const fn uses_model(&self) -> bool {
        matches!(self, Self::Text | Self::FilteredText(_) | Self::Upload)
    }

    /// How many pages are asked for before the one that is measured.
    pub(super) const fn pages_before(&self) -> usize {
        match self {
            Self::SecondPage => 1,
            Self::ThirdPage => 2,
            _ => 0,
        }
    }

    /// The `number`-th request; of later pages, that of the first one.
    pub(super) fn request(&self, number: usize, material: &Material) -> Request {
        match self {
            Self::Text | Self::SecondPage | Self::ThirdPage => material.text_search(),
            Self::FilteredText(filter) => material.text_search().with(filter.name, &filter.value),
            Self::Similar => {
                let image = &material.images[number % material.images.len()];
                Request::get(format!("/v1/images/{image}/similar")).with("k", HITS.to_string())
            }
            Self::Upload => material.uploads[number % material.uploads.len()].clone(),
            Self::List => list(),
            Self::FilteredList(filter) => list().with(filter.name, &filter.value),
            Self::DeepList(cursor, _) => list().with("cursor", cursor),
            Self::Facets => Request::get("/v1/facets"),
            Self::FilteredFacets(filter) => Request::get("/v1/facets").with(filter.name, &filter.value),
        }
    }
}

fn list() -> Request {
    Request::get("/v1/images").with("k", LISTED.to_string())
}
