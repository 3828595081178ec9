//! A sentence encoder as a text model.

use std::path::Path;

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, TextModel, TextTokenizer, TokenizerSettings};
use eidetic_hub::{PROMPTS, SENTENCE_CONFIG, TOKENIZER_CONFIG};
use eidetic_kernels::Kernel;

use super::config::EncoderConfig;
use super::encoder::Encoder;
use super::folder::ModelFolder;
use super::json_file::JsonFile;
use super::modules::Modules;
use super::prompts;
use crate::error::LoadError;
use crate::layers::matrix::Matrix;
use crate::layers::packing::{Exactness, HalfWeights, PackOptions, TensorUse};

/// Tokens that go through the encoder together.
const TOKENS: usize = 4096;
/// Outputs of a part of a matrix: enough parts for all threads.
const PART: usize = 128;
const TOKENIZER: &str = "tokenizer.json";

/// An encoder with its tokenizer and the modules after it.
struct SentenceEncoder {
    name: String,
    revision: String,
    tokenizer: TextTokenizer,
    prompt: String,
    /// Tokens of the prompt, with the one that starts every text.
    prompt_tokens: usize,
    encoder: Encoder,
    modules: Modules,
}

/// Loads the model in `directory`, which errors call `place`. A given `prompt` replaces the model's own.
pub fn load(
    directory: &Path,
    name: &str,
    place: &str,
    precision: Precision,
    prompt: Option<&str>,
) -> Result<Box<dyn TextModel>, LoadError> {
    let mut folder = ModelFolder::new(directory, place);
    let config = EncoderConfig::from_json(&folder.read("config.json")?)?;
    let tokenizer = tokenizer(&mut folder, &config)?;
    let own_prompt = prompts::prompt(&folder.json(PROMPTS)?, name)?;
    let prompt = prompt.map_or(own_prompt, str::to_owned);
    folder.add("prompt", prompt.as_bytes());
    let modules = Modules::load(&mut folder, config.hidden)?;
    let mut weights = folder.weights("", &pack_options(precision))?;
    Ok(Box::new(SentenceEncoder {
        prompt_tokens: prompt_tokens(&tokenizer, &prompt)?,
        name: name.to_owned(),
        revision: folder.revision(),
        encoder: Encoder::load(&mut weights, &config)?,
        tokenizer,
        prompt,
        modules,
    }))
}

const fn pack_options(precision: Precision) -> PackOptions {
    PackOptions {
        use_of,
        precision,
        halves: HalfWeights::Widened,
        part: PART,
    }
}

/// Matrices are for products, except tables of embeddings, of positions and of distances.
fn use_of(name: &str, shape: &[usize]) -> TensorUse {
    if name.ends_with("word_embeddings.weight") {
        TensorUse::Table
    } else if shape.len() < 2 || name.starts_with("embeddings.") || name.contains("relative_attention_bias") {
        TensorUse::Values
    } else {
        TensorUse::Linear(Exactness::Rounded)
    }
}

/// The tokenizer, which truncates texts to what `sentence_bert_config.json` says, and at most to the positions that there are.
fn tokenizer(folder: &mut ModelFolder<'_>, config: &EncoderConfig) -> Result<TextTokenizer, LoadError> {
    let json = folder.read(TOKENIZER)?;
    let settings = match folder.find(TOKENIZER_CONFIG)? {
        Some(json) => TokenizerSettings::from_json(&json)?,
        None => TokenizerSettings::default(),
    };
    let file = folder.json(SENTENCE_CONFIG)?;
    let longest = match file.optional("max_seq_length")? {
        Some(length) => config.longest().min(length),
        None => settings.max_length(config.longest()),
    };
    let mut tokenizer = TextTokenizer::from_json(&json, longest)?;
    if file.optional("do_lower_case")? == Some(true) {
        tokenizer = tokenizer.lowercased()?;
    }
    check_tokens(&tokenizer, config)?;
    Ok(tokenizer)
}

/// Errors: a token without an embedding, or a text without a token.
fn check_tokens(tokenizer: &TextTokenizer, config: &EncoderConfig) -> Result<(), LoadError> {
    let found = tokenizer.vocab_size();
    if found > config.vocabulary {
        let file = JsonFile::empty("config.json");
        let reason = format!(
            "vocab_size is {}, and {TOKENIZER} has {found} tokens",
            config.vocabulary
        );
        return Err(file.invalid(reason));
    }
    match tokenize(tokenizer, &[""])?.first() {
        Some(ids) if !ids.is_empty() => Ok(()),
        _ => Err(JsonFile::empty(TOKENIZER).invalid("post_processor adds no token to texts".into())),
    }
}

/// Errors: the prompt leaves no token of a text.
fn prompt_tokens(tokenizer: &TextTokenizer, prompt: &str) -> Result<usize, LoadError> {
    if prompt.is_empty() {
        return Ok(0);
    }
    let count = tokenize(tokenizer, &[prompt])?.first().map_or(0, Vec::len);
    if count >= tokenizer.max_length() {
        let reason = format!("prompts: {prompt:?} has as many tokens as a text may have");
        return Err(JsonFile::empty(PROMPTS).invalid(reason));
    }
    // All but the token that ends it.
    Ok(count - 1)
}

fn tokenize(tokenizer: &TextTokenizer, texts: &[&str]) -> Result<Vec<Vec<u32>>, LoadError> {
    let ids = tokenizer.tokenize(texts);
    ids.map_err(|error| JsonFile::empty(TOKENIZER).invalid(error.to_string()))
}

impl SentenceEncoder {
    fn encode_group(&self, group: &[&[u32]]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let kernel = Kernel::best();
        let states = self.encoder.forward(kernel, group)?;
        let pooled: Vec<Vec<f32>> = states
            .texts
            .iter()
            .map(|rows| self.modules.pooling.apply(&states.rows, rows, self.prompt_tokens))
            .collect();
        let mut rows = Matrix::default();
        rows.reshape(pooled.len(), pooled.first().map_or(0, Vec::len));
        for (number, vector) in pooled.iter().enumerate() {
            rows.row_mut(number).copy_from_slice(vector);
        }
        self.modules.finish(kernel, &mut rows);
        let vectors = rows.to_vectors();
        if vectors.iter().flatten().all(|x| x.is_finite()) {
            return Ok(vectors);
        }
        Err(EncodeError::Engine(
            "the model's numbers are not finite, a sign of broken weights".into(),
        ))
    }
}

impl TextModel for SentenceEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn revision(&self) -> &str {
        &self.revision
    }

    fn dimension(&self) -> usize {
        self.modules.dimension()
    }

    fn prompt(&self) -> Option<&str> {
        Some(&self.prompt)
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let prompted: Vec<String> = texts
            .iter()
            .map(|text| format!("{}{text}", self.prompt))
            .collect();
        let prompted: Vec<&str> = prompted.iter().map(String::as_str).collect();
        let ids = self.tokenizer.tokenize(&prompted)?;
        let mut vectors = vec![Vec::new(); texts.len()];
        for group in groups(&ids) {
            let members: Vec<&[u32]> = group.iter().map(|&text| ids[text].as_slice()).collect();
            for (text, vector) in group.iter().zip(self.encode_group(&members)?) {
                vectors[*text] = vector;
            }
        }
        Ok(vectors)
    }
}

/// Texts of similar length together, the longest first: the numbers of each group.
fn groups(texts: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(texts[text].len()));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut tokens = 0;
    for text in order {
        let length = texts[text].len();
        if let Some(group) = groups.last_mut().filter(|_| tokens + length <= TOKENS) {
            group.push(text);
        } else {
            groups.push(vec![text]);
            tokens = 0;
        }
        tokens += length;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_text_once() {
        let texts: Vec<Vec<u32>> = (0..500).map(|text| vec![0; 1 + text * 37 % 600]).collect();
        let groups = groups(&texts);
        let mut numbers: Vec<usize> = groups.concat();
        let lengths: Vec<usize> = numbers.iter().map(|&text| texts[text].len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b));
        for group in &groups {
            assert!(group.iter().map(|&text| texts[text].len()).sum::<usize>() <= TOKENS);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn text_longer_than_group_is_alone() {
        let texts = [vec![0; 3], vec![0; TOKENS + 1], vec![0; 4]];
        assert_eq!(groups(&texts), [vec![1], vec![2, 0]]);
        assert!(groups(&[]).is_empty());
    }
}
