//! Tags of images.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use eidetic_domain::ImageId;
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// The tags of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageTags {
    /// Hash of everything that the tags depend on; tags with another fingerprint are out of date.
    pub fingerprint: [u8; 32],
    /// The best first. Empty where no tag fits.
    pub tags: Vec<Tag>,
}

/// One tag of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// The tag as written in the vocabulary.
    pub name: String,
    /// Probability in 0..=1 that it describes the image.
    pub confidence: f32,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Whether its confidence is below the threshold, and it was chosen because no better tag was found.
    pub low: bool,
}

/// How many images have tags, and how many each tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagSummary {
    /// Images with at least one tag.
    pub images: u64,
    /// Each tag, as written in the vocabulary, with the number of its images: the most frequent first, then
    /// by name.
    pub tags: Vec<(String, u64)>,
}

/// The tags of images in one space. Deleting an image deletes its tags in all spaces.
pub trait TagStore {
    /// The tags of `images`, in their order; `None` where an image was never tagged.
    fn get_tags(&self, images: &[ImageId]) -> Result<Vec<Option<ImageTags>>, CatalogError>;

    /// Replaces the tags of images, atomically and durably. Images that the catalog does not know, because
    /// they were removed meanwhile, are skipped.
    fn put_tags(&self, tagged: &[(ImageId, ImageTags)]) -> Result<(), CatalogError>;

    /// The images that have `tag`, compared by [`eidetic_domain::normalize_tag`], ordered by id.
    ///
    /// Reads the index entries of those images alone. An image may be deleted by the time its record is read.
    fn images_with_tag(&self, tag: &str) -> Result<Vec<ImageId>, CatalogError>;

    /// The images that have all of some tags, ordered by id; none where there are no tags.
    fn images_with_all(&self, tags: &BTreeSet<String>) -> Result<Vec<ImageId>, CatalogError> {
        let mut images: Option<Vec<ImageId>> = None;
        for tag in tags {
            let mut tagged = self.images_with_tag(tag)?;
            if let Some(before) = images {
                tagged.retain(|image| before.binary_search(image).is_ok());
            }
            images = Some(tagged);
        }
        Ok(images.unwrap_or_default())
    }

    /// How many images have tags, and which. Walks over the tags of all images.
    fn tag_summary(&self) -> Result<TagSummary, CatalogError>;
}

impl TagSummary {
    /// Counts the tags of images.
    pub(crate) fn count(images: impl IntoIterator<Item = Vec<Tag>>) -> Self {
        let mut counts = BTreeMap::<String, u64>::new();
        let mut tagged = 0;
        for tags in images {
            tagged += u64::from(!tags.is_empty());
            for tag in tags {
                *counts.entry(tag.name).or_default() += 1;
            }
        }
        let mut tags: Vec<_> = counts.into_iter().collect();
        tags.sort_by_key(|(_, count)| Reverse(*count));
        Self { images: tagged, tags }
    }
}
