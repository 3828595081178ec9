//! Thumbnails of a report as data URIs.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_confidence::calibration::ScoredPair;
use eidetic_domain::ImageId;
use eidetic_imaging::thumbnail;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

/// Maximum number of images in a report; each takes about six kilobytes.
const MAX_IMAGES: usize = 60;
/// Longest side in pixels.
const SIDE: u32 = 176;
/// JPEG quality.
const QUALITY: u8 = 78;

/// Thumbnails as data URIs, each image once.
pub(super) struct Thumbnails<'a> {
    image: &'a dyn Fn(&ImageId, &str) -> Option<RgbImage>,
    uris: Vec<String>,
}

impl<'a> Thumbnails<'a> {
    pub(super) fn new(image: &'a dyn Fn(&ImageId, &str) -> Option<RgbImage>) -> Self {
        Self {
            image,
            uris: Vec::new(),
        }
    }

    /// Adds the images of the pairs nearest to `cut`, equally many on both sides; returns each image's
    /// index among the URIs. The pairs are sorted by score.
    pub(super) fn nearest(&mut self, pairs: &[ScoredPair], cut: f64) -> HashMap<ImageId, usize> {
        let mut indices = HashMap::new();
        let mut tried = std::collections::HashSet::new();
        for pair in outwards(pairs, cut) {
            let query = pair.query_image.map(|image| (image, pair.query.as_str()));
            for (image, path) in [Some((pair.image, pair.path.as_str())), query]
                .into_iter()
                .flatten()
            {
                if tried.len() >= MAX_IMAGES {
                    return indices;
                }
                if tried.insert(image)
                    && let Some(uri) = (self.image)(&image, path).and_then(|pixels| uri(&pixels))
                {
                    indices.insert(image, self.uris.len());
                    self.uris.push(uri);
                }
            }
        }
        indices
    }

    pub(super) fn into_uris(self) -> Vec<String> {
        self.uris
    }
}

/// The pairs below and above a threshold in turn, the nearest first.
fn outwards(pairs: &[ScoredPair], cut: f64) -> impl Iterator<Item = &ScoredPair> {
    let (below, above) = pairs.split_at(pairs.partition_point(|pair| pair.score < cut));
    let ranks = 0..below.len().max(above.len());
    ranks.flat_map(move |rank| {
        let below = below.len().checked_sub(rank + 1).map(|at| &below[at]);
        below.into_iter().chain(above.get(rank))
    })
}

fn uri(image: &RgbImage) -> Option<String> {
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    thumbnail(image, SIDE).write_with_encoder(encoder).ok()?;
    Some(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}

/// The last component of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or(path)
}
