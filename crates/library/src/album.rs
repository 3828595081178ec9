//! Images in any order, with their tags.

use std::collections::BTreeSet;

use eidetic_catalog::{Catalog, CatalogError, ImageRecord, ListQuery, Tag, TagStore};
pub use eidetic_catalog::{ListOrder, Position, SortKey};
use eidetic_confidence::tagging::taggability;
use eidetic_domain::{Filter, Hit, ImageId, normalize_tag};
use eidetic_search::{Query, RankedHit, SearchResults, Timings, Verdict};

use crate::space::with_canonical_folders;
use crate::{Library, LibraryError, Space, paths};

/// Images whose tags are read together.
const IMAGE_BATCH: usize = 256;

/// An image and its stored tags.
#[derive(Debug, Clone)]
pub struct AlbumImage {
    /// Its record.
    pub record: ImageRecord,
    /// The most probable first; `None` where it was not tagged yet, or tags were not asked for.
    pub tags: Option<Vec<Tag>>,
    /// Whether the file at its first path can be reached now.
    pub reachable: bool,
}

/// Which images to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// In which order.
    pub order: ListOrder,
    /// Only those that match it.
    pub filter: Filter,
    /// The place after which the page begins; none for the first page.
    pub after: Option<Position>,
    /// Most images of the page.
    pub count: usize,
    /// Whether to read the images' tags.
    pub with_tags: bool,
}

/// Some images in an order.
#[derive(Debug, Clone)]
pub struct AlbumPage {
    /// The images; of each one's paths, those come first that are in the filter's folders and exist.
    pub images: Vec<AlbumImage>,
    /// Number of images on all pages.
    pub total: u64,
    /// The place of the last image, if there are more after it.
    pub next: Option<Position>,
}

/// How well the vocabularies fit all images.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AlbumSummary {
    /// Images with at least one tag.
    pub tagged: u64,
    /// Images without a tag.
    pub untagged: u64,
    /// Tags of an image on average.
    pub tags_per_image: f64,
    /// Mean [`taggability`] of the images.
    pub taggability: f64,
}

impl AlbumImage {
    const fn new(record: ImageRecord, tags: Option<Vec<Tag>>) -> Self {
        Self {
            record,
            tags,
            reachable: true,
        }
    }
}

impl Library {
    /// A page of images; with tags, with those that they have in `space`. The first list of a process reads the records of all
    /// images, later ones only those of the page.
    ///
    /// Errors: among others, the filter names a folder or a tag that the library does not have.
    pub fn list(&self, space: &Space, options: &ListOptions) -> Result<AlbumPage, LibraryError> {
        let filter = with_canonical_folders(&options.filter);
        self.require_known_folders(&filter)?;
        let tags = filter.required_tags();
        let among = (!tags.is_empty())
            .then(|| space.images_with_all(&tags))
            .transpose()?;
        let query = ListQuery {
            order: options.order,
            filter: filter.into_owned(),
            among,
            after: options.after.clone(),
            count: options.count,
        };
        let page = self.catalog.list(&query)?;
        if page.total == 0 {
            space.require_known_tags(&query.filter)?;
        }
        let records = self.catalog.get_many(&page.images)?.into_iter().flatten();
        let mut images = if options.with_tags {
            space.with_tags(records.collect())?
        } else {
            records.map(|record| AlbumImage::new(record, None)).collect()
        };
        for image in &mut images {
            image.reachable = paths::arrange(&mut image.record.paths, &query.filter);
        }
        Ok(AlbumPage {
            images,
            total: page.total,
            next: page.next,
        })
    }
}

impl Space {
    /// How well the vocabularies fit all images. Reads the tags of each.
    pub fn album_summary(&self) -> Result<AlbumSummary, LibraryError> {
        let mut summary = AlbumSummary::default();
        let (mut tags, mut sum) = (0, 0.0);
        let mut images = self.catalog.scan().map(|record| record.map(|found| found.image));
        loop {
            let batch: Vec<ImageId> = images
                .by_ref()
                .take(IMAGE_BATCH)
                .collect::<Result<_, CatalogError>>()?;
            if batch.is_empty() {
                break;
            }
            for stored in self.catalog.get_tags(&batch)? {
                let found = stored.map(|stored| stored.tags).unwrap_or_default();
                match found.len() {
                    0 => summary.untagged += 1,
                    _ => summary.tagged += 1,
                }
                tags += found.len();
                sum += f64::from(taggability(&found));
            }
        }
        let images = (summary.tagged + summary.untagged).max(1) as f64;
        summary.tags_per_image = tags as f64 / images;
        summary.taggability = sum / images;
        Ok(summary)
    }

    /// The images that have all tags of the query's filter and match the rest of it, by the confidence of the tags: a query
    /// without words and image.
    pub(crate) fn images_by_tags(&self, query: &Query) -> Result<SearchResults, LibraryError> {
        let start = std::time::Instant::now();
        let wanted = query.filter.required_tags();
        let records = self.catalog.get_many(&self.images_with_all(&wanted)?)?;
        let matching = records
            .into_iter()
            .flatten()
            .filter(|record| query.filter.matches(&record.paths, record.metadata.taken));
        let mut hits: Vec<RankedHit> = self
            .with_tags(matching.collect())?
            .into_iter()
            .filter_map(|image| {
                let tags = image.tags.unwrap_or_default();
                // An image is as sure to match as the least sure of its tags.
                let least = tags
                    .iter()
                    .filter(|tag| wanted.contains(&normalize_tag(&tag.name)))
                    .min_by(|a, b| a.confidence.total_cmp(&b.confidence))?;
                Some(RankedHit {
                    hit: Hit {
                        image: image.record.image,
                        score: least.score,
                        confidence: Some(least.confidence),
                    },
                    similarity: None,
                    record: image.record,
                    copies: 1,
                    stack: Vec::new(),
                    reachable: true,
                })
            })
            .filter(|ranked| ranked.hit.confidence >= query.min_confidence)
            .collect();
        hits.sort_by(|a, b| {
            b.hit
                .confidence
                .partial_cmp(&a.hit.confidence)
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        hits.truncate(query.k);
        Ok(SearchResults {
            space: self.id().clone(),
            verdict: if hits.is_empty() {
                Verdict::NoMatch
            } else {
                Verdict::Match
            },
            unknown_words: Vec::new(),
            hits,
            missing: 0,
            timings: Timings {
                search: start.elapsed(),
                ..Timings::default()
            },
        })
    }

    /// The images that have all of some tags; none where there are no tags.
    pub(crate) fn images_with_all(&self, tags: &BTreeSet<String>) -> Result<Vec<ImageId>, LibraryError> {
        let mut images: Option<Vec<ImageId>> = None;
        for tag in tags {
            let with_tag = self.catalog.images_with_tag(tag)?;
            images = Some(match images {
                None => with_tag,
                Some(before) => before
                    .into_iter()
                    .filter(|image| with_tag.binary_search(image).is_ok())
                    .collect(),
            });
        }
        Ok(images.unwrap_or_default())
    }

    fn with_tags(&self, records: Vec<ImageRecord>) -> Result<Vec<AlbumImage>, LibraryError> {
        let images: Vec<ImageId> = records.iter().map(|record| record.image).collect();
        let tags = self.catalog.get_tags(&images)?;
        let pairs = records.into_iter().zip(tags);
        Ok(pairs
            .map(|(record, tags)| AlbumImage::new(record, tags.map(|tags| tags.tags)))
            .collect())
    }
}
