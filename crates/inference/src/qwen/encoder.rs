//! Texts, images and both together through a Qwen model to unit vectors of one space.

use eidetic_hub::HubError;
use std::path::Path;

use eidetic_domain::{Embedding, Precision, SpaceId};
use eidetic_encoder::{
    DynamicResolutionPreprocessor, EncodeError, Encoder, Pixels, PromptTokenizer, ScoreCalibration,
};
use eidetic_kernels::Kernel;
use image::RgbImage;

use super::config::QwenConfig;
use super::decoder::{Added, Batch, Decoder};
use super::family::{Content, IMAGE_TOKEN, QwenFamily};
use super::read_weights;
use super::shapes::VisionConfig;
use super::vision::{VisionFeatures, VisionTower};
use crate::error::LoadError;
use crate::layers::embedding_table::EmbeddingTable;
use crate::layers::file_rows::RowError;
use eidetic_hub::PROCESSORS;
use eidetic_hub::Shards;

/// Tokens that go through the decoder together, unless one prompt alone is longer.
const TOKENS: usize = 4096;

/// No checkpoint holds the factor that training compared logits with; 20, a temperature of 0.05, is usual for encoders
/// that grew out of language models.
const LOGIT_SCALE: f32 = 20.0;

/// A model of one of the Qwen families that embeds texts, images, and both together.
pub struct QwenEncoder {
    space: SpaceId,
    family: QwenFamily,
    preprocessor: DynamicResolutionPreprocessor,
    tokenizer: PromptTokenizer,
    image_token: u32,
    vision: VisionTower,
    table: EmbeddingTable,
    decoder: Decoder,
    hidden: usize,
    kernel: Kernel,
}

/// One thing to embed.
#[derive(Clone, Copy)]
struct Item<'a> {
    content: Content<'a>,
    /// In place of the family's own.
    instruction: Option<&'a str>,
    pixels: Option<&'a Pixels>,
}

/// One thing to embed, as token ids.
struct Prompt<'a> {
    ids: Vec<u32>,
    pixels: Option<&'a Pixels>,
}

impl QwenEncoder {
    /// Reads all files of the model in `directory`, which errors call `place`. `name` becomes the space's model.
    pub(crate) fn load(
        name: &str,
        directory: &Path,
        place: &str,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let file = |file: &'static str| {
            eidetic_hub::require_file(eidetic_hub::read_file(&directory.join(file))?, file, place)
        };
        let config_json = file("config.json")?;
        let config = QwenConfig::from_json(&config_json)?;
        let Some(vision) = &config.vision else {
            return Err(LoadError::Hub(HubError::TextOnly {
                model: name.to_owned(),
                family: "qwen2".into(),
            }));
        };
        let processor_json = match eidetic_hub::read_file(&directory.join(PROCESSORS[0][0]))? {
            Some(json) => json,
            None => file(PROCESSORS[1][0])?,
        };
        let tokenizer_json = file("tokenizer.json")?;
        let preprocessor = preprocessor(&processor_json, config.family, vision)?;
        let tokenizer = tokenizer(&tokenizer_json, &config)?;
        let mut hasher = eidetic_hub::file_hasher([&config_json[..], &processor_json, &tokenizer_json, &[]]);
        let shards = Shards::in_directory(directory, place)?;
        let mut weights = read_weights(&shards, precision, &mut hasher)?;
        let hidden = config.decoder.hidden;
        Ok(Self {
            family: config.family,
            image_token: config.image_token,
            vision: VisionTower::load(&mut weights, vision, hidden)?,
            table: weights.table("embed_tokens.weight", [config.vocabulary, hidden])?,
            decoder: Decoder::load(&mut weights, &config.decoder)?,
            space: SpaceId {
                model: name.to_owned(),
                revision: hasher.finalize().to_hex()[..16].to_owned(),
                preprocessing: preprocessor.fingerprint(),
                dimension: hidden,
            },
            preprocessor,
            tokenizer,
            hidden,
            kernel: Kernel::best(),
        })
    }

    /// The same model with shorter vectors, where it was trained for truncation (Matryoshka).
    pub(crate) fn with_dimension(mut self, dimension: usize) -> Result<Self, LoadError> {
        let least = self.family.least_dimension().unwrap_or(self.hidden);
        if !(least..=self.hidden).contains(&dimension) {
            return Err(LoadError::Config(format!(
                "{} does not support embeddings of {dimension} dimensions; expected {least} to {}",
                self.space.model, self.hidden
            )));
        }
        self.space.dimension = dimension;
        Ok(self)
    }

    fn encode(&self, items: &[Item]) -> Result<Vec<Embedding>, EncodeError> {
        let prompts = items.iter().map(|item| self.prompt(item));
        let prompts: Vec<Prompt> = prompts.collect::<Result<_, _>>()?;
        let mut embeddings = Vec::with_capacity(prompts.len());
        let mut rest = &prompts[..];
        while !rest.is_empty() {
            let (group, after) = rest.split_at(fitting(rest));
            embeddings.append(&mut self.encode_group(group)?);
            rest = after;
        }
        Ok(embeddings)
    }

    fn prompt<'a>(&self, item: &Item<'a>) -> Result<Prompt<'a>, EncodeError> {
        let prompt = self.family.prompt(item.content, item.instruction);
        let ids = match item.pixels {
            None => self.tokenizer.ids(&prompt)?,
            Some(pixels) => {
                let group = self.preprocessor.patch() * self.preprocessor.merge();
                let count = (pixels.height / group) * (pixels.width / group);
                self.tokenizer
                    .ids_with_placeholder(&prompt, self.image_token, count)?
            }
        };
        Ok(Prompt {
            ids,
            pixels: item.pixels,
        })
    }

    fn encode_group(&self, prompts: &[Prompt]) -> Result<Vec<Embedding>, EncodeError> {
        let mut batch = Batch::default();
        let count = prompts.iter().map(|prompt| prompt.ids.len()).sum();
        batch.hidden.reshape(count, self.hidden);
        for prompt in prompts {
            self.add(prompt, &mut batch)?;
        }
        let last: Vec<usize> = batch.sequences.iter().map(|rows| rows.end - 1).collect();
        let states = self.decoder.forward(self.kernel, batch);
        let embedding = |row: usize| Embedding::normalize(states.row(row)[..self.space.dimension].to_vec());
        last.into_iter().map(|row| Ok(embedding(row)?)).collect()
    }

    /// Appends a prompt's rows to `batch`.
    fn add(&self, prompt: &Prompt, batch: &mut Batch) -> Result<(), RowError> {
        let first = batch.sequences.last().map_or(0, |rows| rows.end);
        for (number, id) in prompt.ids.iter().enumerate() {
            self.table
                .read(self.kernel, *id as usize, batch.hidden.row_mut(first + number))?;
        }
        batch.sequences.push(first..first + prompt.ids.len());
        let place = prompt.ids.iter().position(|id| *id == self.image_token);
        let seen = prompt
            .pixels
            .map(|pixels| self.vision.forward(self.kernel, pixels));
        let image = place.zip(seen.as_ref().map(|seen| seen.grid));
        let image = image.filter(|_| self.family.has_image_positions());
        batch.positions.extend(positions(prompt.ids.len(), image));
        if let Some((seen, place)) = seen.zip(place) {
            batch.put(seen, first + place);
        }
        Ok(())
    }

    /// Bytes of memory that everything takes that was loaded.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        (self.table.bytes() + self.decoder.bytes() + self.vision.bytes()) as u64
    }

    fn encode_texts_under(
        &self,
        texts: &[&str],
        instruction: Option<&str>,
    ) -> Result<Vec<Embedding>, EncodeError> {
        let items = texts.iter().map(|text| Item {
            content: Content::Text(text),
            instruction,
            pixels: None,
        });
        self.encode(&items.collect::<Vec<_>>())
    }

    fn encode_pixels_under(
        &self,
        batch: &[Pixels],
        instruction: Option<&str>,
    ) -> Result<Vec<Embedding>, EncodeError> {
        batch.iter().try_for_each(|pixels| self.check_shape(pixels))?;
        let item = |pixels| Item {
            content: Content::Image,
            instruction,
            pixels: Some(pixels),
        };
        let items: Vec<Item> = batch.iter().map(item).collect();
        self.encode(&items)
    }

    fn check_shape(&self, pixels: &Pixels) -> Result<(), EncodeError> {
        let group = self.preprocessor.patch() * self.preprocessor.merge();
        let whole = |side: usize| side.div_ceil(group).max(1) * group;
        let (height, width) = (whole(pixels.height), whole(pixels.width));
        let tokens = (height / group).saturating_mul(width / group);
        let fits = tokens <= self.preprocessor.max_tokens()
            && (pixels.height, pixels.width) == (height, width)
            && pixels.values.len() == 3 * height * width;
        if fits {
            return Ok(());
        }
        Err(EncodeError::PixelShape {
            expected_height: height,
            expected_width: width,
            height: pixels.height,
            width: pixels.width,
        })
    }
}

impl Encoder for QwenEncoder {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn score_calibration(&self) -> ScoreCalibration {
        ScoreCalibration::of_gme(LOGIT_SCALE)
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.preprocessor.preprocess(image)
    }

    /// Texts longer than the reference reads are cut as it cuts them: GME's at the very end, whatever is there.
    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        self.encode_texts_under(texts, None)
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        self.encode_pixels_under(batch, None)
    }

    fn encode_texts_as(
        &self,
        texts: &[&str],
        instruction: &str,
    ) -> Result<Option<Vec<Embedding>>, EncodeError> {
        self.encode_texts_under(texts, Some(instruction)).map(Some)
    }

    fn encode_pixels_as(
        &self,
        batch: &[Pixels],
        instruction: &str,
    ) -> Result<Option<Vec<Embedding>>, EncodeError> {
        self.encode_pixels_under(batch, Some(instruction)).map(Some)
    }

    fn encode_fused(&self, parts: &[(&str, &Pixels)]) -> Result<Option<Vec<Embedding>>, EncodeError> {
        parts
            .iter()
            .try_for_each(|(_, pixels)| self.check_shape(pixels))?;
        let items = parts.iter().map(|(text, pixels)| Item {
            content: Content::Fused(text),
            instruction: None,
            pixels: Some(*pixels),
        });
        self.encode(&items.collect::<Vec<_>>()).map(Some)
    }
}

impl std::fmt::Debug for QwenEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QwenEncoder")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

/// How many of the prompts go through the decoder together; one at least.
fn fitting(prompts: &[Prompt]) -> usize {
    let mut tokens = 0;
    let fits = prompts.iter().take_while(|prompt| {
        tokens += prompt.ids.len();
        tokens <= TOKENS
    });
    fits.count().max(1)
}

/// Time, row and column of each token. Those of an image share one time and have its grid's rows and columns; later
/// tokens continue where the grid's longer side ends. `image` is the token at which the grid begins, and its sides.
fn positions(count: usize, image: Option<(usize, [usize; 2])>) -> impl Iterator<Item = [u32; 3]> {
    (0..count).map(move |token| {
        let at = |numbers: [usize; 3]| numbers.map(|number| number as u32);
        match image {
            Some((first, [height, width])) if token >= first => {
                let inside = token - first;
                if inside < height * width {
                    at([first, first + inside / width, first + inside % width])
                } else {
                    at([first + height.max(width) + inside - height * width; 3])
                }
            }
            _ => at([token; 3]),
        }
    })
}

impl Batch {
    /// Replaces the rows of the last sequence from `first` on by an image's, as far as there are rows. Its deepstack
    /// features are added later.
    fn put(&mut self, seen: VisionFeatures, first: usize) {
        let end = self.sequences.last().map_or(first, |rows| rows.end);
        let rows = first..end.min(first + seen.rows.count());
        for (number, row) in rows.clone().enumerate() {
            self.hidden.row_mut(row).copy_from_slice(seen.rows.row(number));
        }
        self.added.push(Added {
            rows,
            by_layer: seen.deep,
        });
    }
}

/// The image processor, which must cut images as the model reads them.
fn preprocessor(
    json: &[u8],
    family: QwenFamily,
    vision: &VisionConfig,
) -> Result<DynamicResolutionPreprocessor, LoadError> {
    let preprocessor = DynamicResolutionPreprocessor::from_json(json, family.resize())?;
    if (preprocessor.patch(), preprocessor.merge()) == (vision.patch, vision.merge) {
        return Ok(preprocessor);
    }
    Err(LoadError::Config(format!(
        "the model reads patches of {}, {} by {}; its processor gives patches of {}, {} by {}",
        vision.patch,
        vision.merge,
        vision.merge,
        preprocessor.patch(),
        preprocessor.merge(),
        preprocessor.merge()
    )))
}

/// The tokenizer, whose ids the model must know.
fn tokenizer(json: &[u8], config: &QwenConfig) -> Result<PromptTokenizer, LoadError> {
    let longest = config.family.longest().min(config.longest);
    let tokenizer = PromptTokenizer::from_json(json, longest)?;
    if tokenizer.vocab_size() > config.vocabulary {
        return Err(LoadError::Config(format!(
            "the tokenizer has {} tokens, the model {}",
            tokenizer.vocab_size(),
            config.vocabulary
        )));
    }
    if tokenizer.token_id(IMAGE_TOKEN) != Some(config.image_token) {
        return Err(LoadError::Config(format!(
            "image_token_id {} is not the tokenizer's {IMAGE_TOKEN}",
            config.image_token
        )));
    }
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_after_image_continue_after_longer_side() {
        let found: Vec<[u32; 3]> = positions(9, Some((2, [1, 3]))).collect();
        assert_eq!(found[..5], [[0; 3], [1; 3], [2, 2, 2], [2, 2, 3], [2, 2, 4]]);
        assert_eq!(found[5..], [[5; 3], [6; 3], [7; 3], [8; 3]]);
        let plain: Vec<[u32; 3]> = positions(2, None).collect();
        assert_eq!(plain, [[0; 3], [1; 3]]);
    }
}
