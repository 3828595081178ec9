//! Qwen2.5 as a text encoder: the mean of the last hidden states over a text's tokens.

use std::ops::Range;
use std::path::Path;

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, PromptTokenizer, TextModel};
use eidetic_kernels::Kernel;

use super::config::QwenConfig;
use super::decoder::{Batch, Decoder};
use super::family::QwenFamily;
use super::gguf::GgufModel;
use super::parts::TextModelParts;
use super::read_weights;
use crate::error::LoadError;
use crate::layers::embedding_table::EmbeddingTable;
use crate::layers::matrix::Matrix;
use eidetic_hub::Shards;

/// Tokens that go through the decoder together.
const TOKENS: usize = 4096;
/// What a text without a token is read as.
const END: &str = "<|endoftext|>";

/// A decoder that was trained on texts alone.
struct QwenText {
    name: String,
    revision: String,
    tokenizer: PromptTokenizer,
    table: EmbeddingTable,
    decoder: Decoder,
    hidden: usize,
    end: u32,
}

/// Loads the text model at `path`, a GGUF file or a directory in the Hugging Face layout, which errors call `place`.
pub fn load(
    path: &Path,
    name: &str,
    place: &str,
    precision: Precision,
) -> Result<Box<dyn TextModel>, LoadError> {
    let parts = if path.is_dir() {
        from_directory(path, place, precision)?
    } else {
        GgufModel::open(path)?.into_parts(precision)?
    };
    Ok(Box::new(QwenText::new(name, parts)?))
}

fn from_directory(directory: &Path, place: &str, precision: Precision) -> Result<TextModelParts, LoadError> {
    let file = |file: &'static str| {
        eidetic_hub::require_file(eidetic_hub::read_file(&directory.join(file))?, file, place)
    };
    let [config_json, tokenizer_json] = [file("config.json")?, file("tokenizer.json")?];
    let config = QwenConfig::from_json(&config_json)?;
    if config.family != QwenFamily::Qwen2 {
        return Err(LoadError::Config(
            "this model is not one that reads texts only".into(),
        ));
    }
    let longest = config.family.longest().min(config.longest);
    let tokenizer = PromptTokenizer::from_json(&tokenizer_json, longest)?;
    let mut hasher = eidetic_hub::file_hasher([&config_json[..], &[], &tokenizer_json, &[]]);
    let weights = read_weights(&Shards::in_directory(directory, place)?, precision, &mut hasher)?;
    Ok(TextModelParts {
        decoder: config.decoder,
        vocabulary: config.vocabulary,
        tokenizer,
        weights,
        revision: hasher.finalize(),
    })
}

impl QwenText {
    fn new(name: &str, mut parts: TextModelParts) -> Result<Self, LoadError> {
        let TextModelParts {
            decoder: config,
            vocabulary,
            tokenizer,
            ..
        } = parts;
        let end = tokenizer.token_id(END).unwrap_or(0);
        if tokenizer.vocab_size() > vocabulary || end as usize >= vocabulary {
            return Err(LoadError::Config(format!(
                "the tokenizer has {} tokens, the model {vocabulary}",
                tokenizer.vocab_size()
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            revision: parts.revision.to_hex()[..16].to_owned(),
            table: parts
                .weights
                .table("embed_tokens.weight", [vocabulary, config.hidden])?,
            decoder: Decoder::load(&mut parts.weights, &config)?,
            hidden: config.hidden,
            tokenizer,
            end,
        })
    }

    fn encode_group(&self, group: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let kernel = Kernel::best();
        let mut batch = Batch::default();
        batch
            .hidden
            .reshape(group.iter().map(Vec::len).sum(), self.hidden);
        for ids in group {
            let first = batch.sequences.last().map_or(0, |rows| rows.end);
            batch.sequences.push(first..first + ids.len());
            for (number, id) in ids.iter().enumerate() {
                self.table
                    .read(kernel, *id as usize, batch.hidden.row_mut(first + number))?;
                batch.positions.push([number as u32; 3]);
            }
        }
        let sequences = batch.sequences.clone();
        let states = self.decoder.forward(kernel, batch);
        let means: Vec<Vec<f32>> = sequences.into_iter().map(|rows| mean(&states, rows)).collect();
        if means.iter().flatten().all(|x| x.is_finite()) {
            return Ok(means);
        }
        Err(EncodeError::Engine(
            "the model's numbers are not finite, a sign of broken weights".into(),
        ))
    }
}

/// The mean of some rows, summed in f64: texts are long.
fn mean(states: &Matrix, rows: Range<usize>) -> Vec<f32> {
    let count = rows.len() as f64;
    let mut sums = vec![0.0_f64; states.width()];
    for row in rows {
        let each = sums.iter_mut().zip(states.row(row));
        each.for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

impl TextModel for QwenText {
    fn name(&self) -> &str {
        &self.name
    }

    fn revision(&self) -> &str {
        &self.revision
    }

    fn dimension(&self) -> usize {
        self.hidden
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let mut vectors = Vec::with_capacity(texts.len());
        let (mut group, mut tokens) = (Vec::new(), 0);
        for text in texts {
            let mut ids = self.tokenizer.ids(text)?;
            if ids.is_empty() {
                ids.push(self.end);
            }
            if tokens + ids.len() > TOKENS {
                vectors.append(&mut self.encode_group(&group)?);
                (group, tokens) = (Vec::new(), 0);
            }
            tokens += ids.len();
            group.push(ids);
        }
        vectors.append(&mut self.encode_group(&group)?);
        Ok(vectors)
    }
}
