//! Images in any order, with their tags.

use eidetic_catalog::{Catalog, CatalogError, ImageRecord, ListQuery, Tag, TagStore};
pub use eidetic_catalog::{ListOrder, Position, SortKey};
use eidetic_confidence::tagging::taggability;
use eidetic_domain::{Filter, Hit, ImageId, normalize_tag};
use eidetic_search::{Query, RankedHit, SearchPosition, SearchResults, Timings, Verdict};
use eidetic_vectors::ranks_before;

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
        let filter = self.resolve_filter(&options.filter)?;
        let query = ListQuery {
            order: options.order,
            among: space.images_with_tags_of(&filter)?,
            filter: filter.into_owned(),
            after: options.after.clone(),
            count: options.count,
        };
        let page = self.catalog.list(&query)?;
        if page.total == 0 {
            space.require_known_values(&query.filter)?;
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
        let tagged = self.catalog.images_with_all(&wanted)?;
        let matching = self.catalog.images_matching(&query.filter, Some(&tagged))?;
        let records = self.catalog.get_many(&matching)?.into_iter().flatten();
        let mut hits: Vec<RankedHit> = self
            .with_tags(records.collect())?
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
        let place = |ranked: &RankedHit| (ranked.hit.image, ranked.hit.confidence.unwrap_or_default());
        if let Some(after) = query.after {
            hits.retain(|ranked| ranks_before(&(after.image, after.score), &place(ranked)).is_lt());
        }
        hits.sort_by(|a, b| ranks_before(&place(a), &place(b)));
        let has_more = hits.len() > query.k;
        hits.truncate(query.k);
        let next = hits.last().filter(|_| has_more).map(|last| {
            let (image, score) = place(last);
            SearchPosition { score, image }
        });
        let mut results = SearchResults {
            space: self.id().clone(),
            verdict: if hits.is_empty() {
                Verdict::NoMatch
            } else {
                Verdict::Match
            },
            unknown_words: Vec::new(),
            hits,
            next,
            missing: 0,
            timings: Timings {
                search: start.elapsed(),
                ..Timings::default()
            },
        };
        results.sort(query.order);
        Ok(results)
    }

    /// The images with the tags of a filter; none where it has no tags.
    pub(crate) fn images_with_tags_of(&self, filter: &Filter) -> Result<Option<Vec<ImageId>>, LibraryError> {
        let tags = filter.required_tags();
        let has_tags = !tags.is_empty();
        Ok(has_tags
            .then(|| self.catalog.images_with_all(&tags))
            .transpose()?)
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
