//! `eidetic embed`

use std::path::Path;

use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_imaging::{DecodeLimits, DecodeSize};
use serde::Serialize;

use crate::Outcome;
use crate::arguments::EmbedArgs;
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;
use crate::read_image::read_image;

/// The JSON of `eidetic embed`.
#[derive(Debug, Serialize)]
struct EmbedAnswer {
    space: String,
    dimension: usize,
    texts: Vec<Vec<f32>>,
    images: Vec<Vec<f32>>,
}

/// `eidetic embed`. Prints JSON even without `--json`: vectors are for programs.
pub(crate) fn run(arguments: &EmbedArgs) -> Result<Outcome, Failure> {
    if arguments.text.is_empty() && arguments.image.is_empty() {
        return Err(Failure::arguments("nothing to embed; give --text or --image"));
    }
    let encoder = ModelLoader::new(&arguments.options).named_or_default(arguments.model.as_ref())?;
    let encoder = encoder.as_ref();
    let texts: Vec<&str> = arguments.text.iter().map(String::as_str).collect();
    let texts = encoder.encode_texts(&texts).map_err(anyhow::Error::from)?;
    let images = arguments
        .image
        .iter()
        .map(|path| embed_file(encoder, path))
        .collect::<Result<Vec<_>, _>>()?;
    output::json(&EmbedAnswer {
        space: encoder.space().to_string(),
        dimension: encoder.space().dimension,
        texts: components(&texts),
        images: components(&images),
    })?;
    Ok(Outcome::Done)
}

/// Files are embedded one at a time, so that full-size images do not fill the memory. An unreadable file
/// fails the command, since vectors are matched to files by position.
fn embed_file(encoder: &dyn Encoder, path: &Path) -> Result<Embedding, Failure> {
    let decoded = read_image(
        path,
        DecodeSize::for_model(encoder.shorter_side()),
        &DecodeLimits::default(),
    )
    .map_err(|reason| Failure::could_not_run(format!("{}: {reason}", output::path(path))))?;
    let pixels = encoder.preprocess(&decoded.image);
    let mut embeddings = encoder.encode_pixels(&[pixels]).map_err(anyhow::Error::from)?;
    Ok(embeddings.swap_remove(0))
}

fn components(embeddings: &[Embedding]) -> Vec<Vec<f32>> {
    embeddings
        .iter()
        .map(|embedding| embedding.as_slice().to_vec())
        .collect()
}
