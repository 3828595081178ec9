use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_confidence::calibration::LabelledScore;
use eidetic_domain::ImageId;
use eidetic_imaging::thumbnail;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

/// Pictures in a report; each takes some six kilobytes.
const MOST: usize = 60;
const SIDE: u32 = 176;
const QUALITY: u8 = 78;

/// Small pictures as data URIs, each once.
pub(super) struct Thumbnails<'a> {
    picture: &'a dyn Fn(&ImageId, &str) -> Option<RgbImage>,
    uris: Vec<String>,
}

impl<'a> Thumbnails<'a> {
    pub(super) fn new(picture: &'a dyn Fn(&ImageId, &str) -> Option<RgbImage>) -> Self {
        Self {
            picture,
            uris: Vec::new(),
        }
    }

    /// Takes the pictures of the pairs nearest `cut`, as many on each side; each image's place among the URIs. The pairs
    /// ascend by score.
    pub(super) fn nearest(&mut self, pairs: &[LabelledScore], cut: f64) -> HashMap<ImageId, usize> {
        let mut places = HashMap::new();
        let mut tried = std::collections::HashSet::new();
        for pair in outwards(pairs, cut) {
            let query = pair.query_image.map(|image| (image, pair.query.as_str()));
            for (image, path) in [Some((pair.image, pair.path.as_str())), query]
                .into_iter()
                .flatten()
            {
                if tried.len() >= MOST {
                    return places;
                }
                if tried.insert(image)
                    && let Some(uri) = (self.picture)(&image, path).and_then(|picture| uri(&picture))
                {
                    places.insert(image, self.uris.len());
                    self.uris.push(uri);
                }
            }
        }
        places
    }

    pub(super) fn into_uris(self) -> Vec<String> {
        self.uris
    }
}

/// The pairs just below and just above a cut in turn, the nearest first.
fn outwards(pairs: &[LabelledScore], cut: f64) -> impl Iterator<Item = &LabelledScore> {
    let (below, above) = pairs.split_at(pairs.partition_point(|pair| pair.score < cut));
    let ranks = 0..below.len().max(above.len());
    ranks.flat_map(move |rank| {
        let below = below.len().checked_sub(rank + 1).map(|at| &below[at]);
        below.into_iter().chain(above.get(rank))
    })
}

fn uri(picture: &RgbImage) -> Option<String> {
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    thumbnail(picture, SIDE).write_with_encoder(encoder).ok()?;
    Some(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or(path)
}
