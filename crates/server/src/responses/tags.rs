use eidetic_catalog::Tag;
use eidetic_domain::ImageId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The tags of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TagsResponse {
    /// The image's id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// The most probable first.
    pub tags: Vec<ImageTag>,
}

/// A word that describes an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageTag {
    /// The word, as the vocabulary writes it.
    #[schema(example = "dog")]
    pub tag: String,
    /// Probability that it describes the image, 0 to 1.
    pub confidence: f32,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Whether it was given for want of better ones, below the confidence that tags have to have.
    pub low: bool,
}

impl TagsResponse {
    /// What is said of `image`.
    pub fn new(image: ImageId, tags: Vec<Tag>) -> Self {
        Self {
            image,
            tags: tags.into_iter().map(ImageTag::from).collect(),
        }
    }
}

impl From<Tag> for ImageTag {
    fn from(tag: Tag) -> Self {
        Self {
            tag: tag.name,
            confidence: tag.confidence,
            score: tag.score,
            low: tag.low,
        }
    }
}
