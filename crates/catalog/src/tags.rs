use eidetic_domain::ImageId;
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// The tags of one image, and what they were made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageTags {
    /// Stands for everything that decided the tags; another one means that they are out of date.
    pub fingerprint: [u8; 32],
    /// The best first; may be empty, which is an answer too.
    pub tags: Vec<Tag>,
}

/// One tag of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// As the vocabulary writes it.
    pub name: String,
    /// Probability in 0..=1 that it describes the image.
    pub confidence: f32,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Whether it was taken for want of better ones, below the bar that the others passed.
    pub low: bool,
}

/// How the tags of a catalog are spread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagSummary {
    /// Images that carry at least one tag.
    pub images: u64,
    /// Each tag, as the vocabulary wrote it, with the number of its images: the commonest first, then by name.
    pub tags: Vec<(String, u64)>,
}

/// The tags of a catalog's images. They go with their image: forgetting it forgets them.
pub trait TagStore {
    /// One answer an id, in order; `None` where an image was never tagged.
    fn get_tags(&self, images: &[ImageId]) -> Result<Vec<Option<ImageTags>>, CatalogError>;

    /// Puts tags in the place of those that the images have, atomically, and returns once that would survive power loss.
    /// Images that the catalog does not know are passed over: they were removed meanwhile.
    fn put_tags(&self, tagged: &[(ImageId, ImageTags)]) -> Result<(), CatalogError>;

    /// The images that carry `tag`, compared as [`eidetic_domain::normalize_tag`] writes it, in order of id. Costs a walk over
    /// those images alone. An image may be gone by the time it is looked up.
    fn images_with_tag(&self, tag: &str) -> Result<Vec<ImageId>, CatalogError>;

    /// How many images carry tags, and which; walks over the tags of all images.
    fn tag_summary(&self) -> Result<TagSummary, CatalogError>;
}

impl TagSummary {
    /// Adds an image's tags up with those before.
    pub(crate) fn count(images: impl IntoIterator<Item = Vec<Tag>>) -> Self {
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        let mut tagged = 0;
        for tags in images {
            tagged += u64::from(!tags.is_empty());
            for tag in tags {
                *counts.entry(tag.name).or_default() += 1;
            }
        }
        let mut tags: Vec<_> = counts.into_iter().collect();
        tags.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self { images: tagged, tags }
    }
}
