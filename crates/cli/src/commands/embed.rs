use std::path::Path;

use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_imaging::DecodeSize;
use eidetic_library::{LoadedModel, ModelSource};
use serde::Serialize;

use super::warn_of_fallback;
use crate::Outcome;
use crate::arguments::{Embed, Global};
use crate::failure::Failure;
use crate::progress::DownloadBar;
use crate::{output, pictures};

/// The JSON of `eidetic embed`.
#[derive(Debug, Serialize)]
struct Vectors {
    space: String,
    dimension: usize,
    texts: Vec<Vec<f32>>,
    images: Vec<Vec<f32>>,
}

/// `eidetic embed`: JSON, whether asked for or not, because vectors are for programs.
pub(crate) fn run(_global: &Global, arguments: &Embed) -> Result<Outcome, Failure> {
    if arguments.text.is_empty() && arguments.image.is_empty() {
        return Err(Failure::arguments("nothing to embed; give --text or --image"));
    }
    let source = arguments
        .model
        .clone()
        .map_or(ModelSource::BestAvailable, ModelSource::Named);
    let model = LoadedModel::load(
        &source,
        arguments.precision.into(),
        (&arguments.loading).into(),
        &DownloadBar::default(),
    )
    .map_err(anyhow::Error::from)?;
    warn_of_fallback(model.fallback);
    let encoder = model.encoder.as_ref();
    let texts: Vec<&str> = arguments.text.iter().map(String::as_str).collect();
    let texts = encoder.encode_texts(&texts).map_err(anyhow::Error::from)?;
    let images = arguments
        .image
        .iter()
        .map(|path| embed_file(encoder, path))
        .collect::<Result<Vec<_>, _>>()?;
    output::json(&Vectors {
        space: encoder.space().to_string(),
        dimension: encoder.space().dimension,
        texts: plain(&texts),
        images: plain(&images),
    })?;
    Ok(Outcome::Done)
}

/// One at a time, so that full-size pictures do not pile up. Every vector must be there, or the positions would lie.
fn embed_file(encoder: &dyn Encoder, path: &Path) -> Result<Embedding, Failure> {
    let named = |reason: String| Failure::could_not_run(format!("{}: {reason}", path.display()));
    let decoded = pictures::read(path, DecodeSize::for_model(encoder.shorter_side())).map_err(named)?;
    let pixels = encoder.preprocess(&decoded.image);
    let mut embeddings = encoder.encode_pixels(&[pixels]).map_err(anyhow::Error::from)?;
    Ok(embeddings.swap_remove(0))
}

fn plain(embeddings: &[Embedding]) -> Vec<Vec<f32>> {
    embeddings
        .iter()
        .map(|embedding| embedding.as_slice().to_vec())
        .collect()
}
