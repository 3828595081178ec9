//! The keys of `tokenizer_config.json` that change tokens.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::Tokenizer;
use tokenizers::processors::template::TemplateProcessing;

use super::{TokenizerError, unreadable};

/// `tokenizer_config.json`, which accompanies a tokenizer. All keys are optional.
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
        // A map first, since serde would accept a list of values, too.
        serde_json::from_slice(json)
            .and_then(|map: Map<String, Value>| Self::deserialize(Value::Object(map)))
            .map_err(|error| TokenizerError::Unreadable(format!("tokenizer_config.json: {error}")))
    }

    /// The padding token.
    pub fn pad_token(&self) -> Option<&str> {
        content(self.pad_token.as_ref())
    }

    /// The separator token, which ends a text of BERT's tokenizer.
    pub fn sep_token(&self) -> Option<&str> {
        content(self.sep_token.as_ref())
    }

    /// The smaller of `limit` and the length in the file.
    pub fn max_length(&self, limit: usize) -> usize {
        match self.model_max_length {
            Some(length) if length >= 1.0 && length < limit as f64 => length as usize,
            _ => limit,
        }
    }

    /// The tokens at the start and the end of every text; `None` where the file does not define whether there
    /// are any.
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

/// A token is a text, or an object with the text in `content`.
fn content(token: Option<&Value>) -> Option<&str> {
    let token = token?;
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// Sets the tokens at the start and the end of every text.
pub fn set_template(
    tokenizer: &mut Tokenizer,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(), TokenizerError> {
    let id = |token: &&str| {
        let id = tokenizer.token_to_id(token);
        id.ok_or_else(|| TokenizerError::Unreadable(format!("{token:?} is not in the vocabulary")))
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
