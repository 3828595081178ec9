//! `tokenizer_config.json`, as far as it changes tokens.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::Tokenizer;
use tokenizers::processors::template::TemplateProcessing;

use super::{TokenizerError, unreadable};

/// What `tokenizer_config.json` says beside a tokenizer. All of it may be absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TokenizerSettings {
    do_lower_case: Option<bool>,
    pub(super) strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    model_max_length: Option<f64>,
    pad_token: Option<Value>,
    sep_token: Option<Value>,
    bos_token: Option<Value>,
    eos_token: Option<Value>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
}

impl TokenizerSettings {
    /// Reads the file.
    pub fn from_json(json: &[u8]) -> Result<Self, TokenizerError> {
        // A list of values would do for serde, too.
        serde_json::from_slice(json)
            .and_then(|map: Map<String, Value>| Self::deserialize(Value::Object(map)))
            .map_err(|error| TokenizerError::Unreadable(format!("tokenizer_config.json: {error}")))
    }

    /// The token that texts are padded with.
    pub fn pad_token(&self) -> Option<&str> {
        content(self.pad_token.as_ref())
    }

    /// The token that ends a text of BERT's tokenizer.
    pub fn sep_token(&self) -> Option<&str> {
        content(self.sep_token.as_ref())
    }

    /// The shorter of `longest` and what the file allows.
    pub fn max_length(&self, longest: usize) -> usize {
        match self.model_max_length {
            Some(length) if length >= 1.0 && length < longest as f64 => length as usize,
            _ => longest,
        }
    }

    /// What frames a text, where the file says whether anything does.
    pub fn bos_eos(&self) -> Option<(Option<&str>, Option<&str>)> {
        let (start, end) = (self.add_bos_token?, self.add_eos_token?);
        let start = content(self.bos_token.as_ref()).filter(|_| start);
        let end = content(self.eos_token.as_ref()).filter(|_| end);
        Some((start, end))
    }

    pub(super) fn lowercases(&self) -> bool {
        self.do_lower_case.unwrap_or(true)
    }

    pub(super) fn splits_chinese(&self) -> bool {
        self.tokenize_chinese_chars.unwrap_or(true)
    }
}

/// A token is written as a text or as an object that holds it.
fn content(token: Option<&Value>) -> Option<&str> {
    let token = token?;
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// Puts these tokens around every text.
pub fn set_template(
    tokenizer: &mut Tokenizer,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(), TokenizerError> {
    let id = |token: &&str| {
        let id = tokenizer.token_to_id(token);
        id.ok_or_else(|| TokenizerError::Unreadable(format!("the vocabulary does not hold {token:?}")))
    };
    let mut special = Vec::new();
    for token in [start, end].into_iter().flatten() {
        special.push((token.to_owned(), id(&token)?));
    }
    special.dedup();
    let parts: Vec<String> = [start, Some("$A"), end]
        .into_iter()
        .flatten()
        .map(|part| part.replace(' ', ""))
        .collect();
    let template = TemplateProcessing::builder()
        .try_single(parts)
        .map_err(unreadable)?
        .special_tokens(special)
        .build()
        .map_err(unreadable)?;
    tokenizer.with_post_processor(Some(template));
    Ok(())
}
