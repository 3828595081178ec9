//! Qwen2.5 from one GGUF file: sizes, tokenizer and weights in ggml's blocks.

use eidetic_hub::HubError;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use eidetic_domain::Precision;
use eidetic_encoder::PromptTokenizer;
use safetensors::Dtype;
use serde_json::{Value as Json, json};

use super::family::{Details, QwenFamily};
use super::gguf_values::{GgufHeader, Source, TensorInfo, Value, damaged};
use super::pack_options;
use super::parts::TextModelParts;
use super::shapes::DecoderConfig;
use crate::error::LoadError;
use crate::layers::file_rows::{LEAST_BYTES, RowsPlace};
use crate::layers::packing::{PackedTensor, pack};
use crate::layers::tensor_data::{TensorData, TensorValues};
use crate::layers::weights::Weights;
use crate::tensor_names::Names;

/// How Qwen2's tokenizer splits a text before the byte pairs.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// ggml's numbers for kinds of tokens.
const NORMAL: u64 = 1;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;

/// A file whose header was read.
pub struct GgufModel {
    /// Kept open by a table that stays in it.
    file: Arc<File>,
    source: Source<BufReader<File>>,
    values: HashMap<String, Value>,
    tensors: Vec<TensorInfo>,
}

impl GgufModel {
    /// Reads the header.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let failed = |source| {
            LoadError::Hub(HubError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let reader = BufReader::new(file.try_clone().map_err(failed)?);
        let mut source = Source::new(reader, length);
        let GgufHeader { values, tensors } = source.header()?;
        Ok(Self {
            file: Arc::new(file),
            source,
            values,
            tensors,
        })
    }

    /// Reads everything. Quantized blocks stay as they are in any precision.
    pub fn into_parts(mut self, precision: Precision) -> Result<TextModelParts, LoadError> {
        let architecture = self.text("general.architecture")?;
        if architecture != "qwen2" {
            return Err(LoadError::UnknownArchitecture {
                found: architecture.to_owned(),
            });
        }
        let decoder = self.decoder()?;
        let longest = QwenFamily::Qwen2
            .longest()
            .min(self.whole("qwen2.context_length")?);
        let tokenizer = PromptTokenizer::from_json(self.tokenizer()?.to_string().as_bytes(), longest)?;
        let vocabulary = self.texts("tokenizer.ggml.tokens")?.len();
        let weights = self.read_weights(precision)?;
        Ok(TextModelParts {
            decoder,
            vocabulary,
            tokenizer,
            weights,
            revision: self.source.hasher.finalize(),
        })
    }

    fn decoder(&self) -> Result<DecoderConfig, LoadError> {
        let size = |key: &str| self.whole(&format!("qwen2.{key}"));
        let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
        let head_width = hidden.checked_div(heads).unwrap_or(0);
        let decoder = DecoderConfig {
            hidden,
            intermediate: size("feed_forward_length")?,
            layers: size("block_count")?,
            heads,
            shared_heads: size("attention.head_count_kv")?,
            head_width,
            epsilon: self.real("qwen2.attention.layer_norm_rms_epsilon")?,
            theta: self.real("qwen2.rope.freq_base")?,
            details: Details::Biases,
            axes: Vec::new(),
        };
        decoder.check()?;
        Ok(DecoderConfig {
            axes: vec![0; head_width / 2],
            ..decoder
        })
    }

    /// `tokenizer.json` as transformers' `Qwen2Tokenizer` would write it.
    fn tokenizer(&self) -> Result<Json, LoadError> {
        let kinds = match self.values.get("tokenizer.ggml.token_type") {
            Some(Value::Wholes(kinds)) => kinds.as_slice(),
            _ => &[],
        };
        let (mut vocabulary, mut added) = (serde_json::Map::new(), Vec::new());
        for (id, token) in self.texts("tokenizer.ggml.tokens")?.iter().enumerate() {
            match kinds.get(id).copied().unwrap_or(NORMAL) {
                NORMAL => {
                    vocabulary.insert(token.clone(), id.into());
                }
                kind @ (CONTROL | USER_DEFINED) => added.push(json!({"id": id, "content": token,
                    "special": kind == CONTROL, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false})),
                // Tokens that fill the vocabulary up.
                _ => {}
            }
        }
        Ok(json!({
            "version": "1.0", "added_tokens": added, "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": false},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
            ]},
            "post_processor": null,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": self.texts("tokenizer.ggml.merges")?},
        }))
    }

    /// Reads all tensors in file order, except those that embeddings do not need.
    fn read_weights(&mut self, precision: Precision) -> Result<Weights<PackedTensor>, LoadError> {
        let mut infos = std::mem::take(&mut self.tensors);
        infos.sort_by_key(|info| info.offset);
        let alignment = self.alignment()?;
        let start = self.source.position.next_multiple_of(alignment);
        let options = pack_options(precision);
        let mut weights = Weights::new(Names::Gguf);
        for info in &infos {
            let kind = kind(info)?;
            let bytes = size(info, kind)?;
            let place = start.checked_add(info.offset);
            self.source
                .skip_to(place.ok_or_else(|| damaged("a tensor's offset is out of range"))?)?;
            let is_table = weights.needs_whole(&info.name, |ours| options.is_table(ours, &info.shape));
            let place = RowsPlace::in_gguf(&self.file, self.source.position, kind, &info.shape);
            let data = if let Some(place) = place.filter(|_| is_table && bytes >= LEAST_BYTES) {
                TensorData::on_disk(&info.shape, place, |count| self.source.take(count))?
            } else if weights.needs(&info.name) {
                tensor_data(&info.shape, kind, self.source.take(bytes)?)
            } else {
                self.source.skip_to(self.source.position.saturating_add(bytes))?;
                continue;
            };
            weights.add(&info.name, data, &|name, data| pack(name, data, &options))?;
        }
        Ok(weights)
    }

    fn alignment(&self) -> Result<u64, LoadError> {
        match self.values.get("general.alignment") {
            None => Ok(32),
            Some(Value::Whole(alignment)) if alignment.is_power_of_two() && *alignment <= 1 << 16 => {
                Ok(*alignment)
            }
            Some(other) => Err(damaged(&format!("an alignment of {other:?}"))),
        }
    }

    fn whole(&self, key: &str) -> Result<usize, LoadError> {
        match self.values.get(key) {
            Some(Value::Whole(whole)) => Ok(usize::try_from(*whole).unwrap_or(usize::MAX)),
            _ => Err(missing(key)),
        }
    }

    fn real(&self, key: &str) -> Result<f32, LoadError> {
        match self.values.get(key) {
            Some(Value::Real(real)) => Ok(*real as f32),
            _ => Err(missing(key)),
        }
    }

    fn text(&self, key: &str) -> Result<&str, LoadError> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(missing(key)),
        }
    }

    fn texts(&self, key: &str) -> Result<&[String], LoadError> {
        match self.values.get(key) {
            Some(Value::Texts(texts)) => Ok(texts),
            _ => Err(missing(key)),
        }
    }
}

/// The type of a tensor's blocks, by ggml's number for it.
fn kind(info: &TensorInfo) -> Result<GgmlDType, LoadError> {
    Ok(match info.kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => {
            return Err(LoadError::TensorType {
                name: info.name.clone(),
                found: format!("ggml type {other}"),
            });
        }
    })
}

/// Bytes of a tensor, whose rows must be whole blocks.
fn size(info: &TensorInfo, kind: GgmlDType) -> Result<u64, LoadError> {
    let numbers = info
        .shape
        .iter()
        .try_fold(1_usize, |all, side| all.checked_mul(*side));
    let whole = info
        .shape
        .last()
        .is_some_and(|row| row.is_multiple_of(kind.block_size()));
    let bytes = numbers.and_then(|numbers| (numbers / kind.block_size()).checked_mul(kind.type_size()));
    match bytes.filter(|_| whole) {
        Some(bytes) => Ok(bytes as u64),
        None => Err(damaged(&format!(
            "the tensor {} has the shape {:?}",
            info.name, info.shape
        ))),
    }
}

fn tensor_data(shape: &[usize], kind: GgmlDType, bytes: Vec<u8>) -> TensorData {
    let plain = match kind {
        GgmlDType::F32 => Some(Dtype::F32),
        GgmlDType::F16 => Some(Dtype::F16),
        GgmlDType::BF16 => Some(Dtype::BF16),
        _ => None,
    };
    let plain = plain.and_then(|dtype| TensorData::from_bytes(dtype, shape.to_vec(), &bytes));
    plain.unwrap_or_else(|| TensorData {
        shape: shape.to_vec(),
        values: TensorValues::Gguf(kind, bytes),
    })
}

fn missing(key: &str) -> LoadError {
    damaged(&format!("the GGUF file has no usable {key}"))
}
