//! From texts to token ids, by the tokenizer that lies beside a model's weights.

use serde_json::{Value, json};
use thiserror::Error;
use tokenizers::{PostProcessor, Tokenizer, TruncationParams};

use crate::{EncodeError, description};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// How CLIP splits a text before the byte pairs: contractions, words, single digits, runs of other signs.
const CLIP_WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Why a tokenizer cannot be used.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// The description is damaged or of a kind that is not known.
    #[error("the tokenizer's description is not readable: {0}")]
    Unreadable(String),
    /// The model reads so few tokens that start and end alone fill it.
    #[error("the model reads {max_length} tokens, but the tokenizer adds {added} to every text")]
    TooShort {
        /// Tokens that the model reads.
        max_length: usize,
        /// Tokens that the tokenizer adds.
        added: usize,
    },
}

/// Splits texts into the token ids that a model reads: start, at most so many pieces as fit, end.
#[derive(Debug, Clone)]
pub struct TextTokenizer(Tokenizer);

impl TextTokenizer {
    /// Reads `tokenizer.json`. Texts are cut to `max_length` tokens, those at the start and the end included,
    /// whatever cutting and padding the file itself asks for.
    pub fn from_json(json: &[u8], max_length: usize) -> Result<Self, TokenizerError> {
        description::check(json)?;
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(unreadable)?;
        let added = tokenizer
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false));
        if max_length <= added {
            return Err(TokenizerError::TooShort { max_length, added });
        }
        let truncation = TruncationParams {
            max_length,
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(unreadable)?
            .with_padding(None);
        Ok(Self(tokenizer))
    }

    /// Builds CLIP's tokenizer from the older pair of files, `vocab.json` and `merges.txt`.
    pub fn from_vocabulary(
        vocabulary: &[u8],
        merges: &[u8],
        max_length: usize,
    ) -> Result<Self, TokenizerError> {
        let vocabulary: Value = serde_json::from_slice(vocabulary).map_err(unreadable)?;
        let merges = std::str::from_utf8(merges).map_err(unreadable)?;
        let json = clip_description(&vocabulary, merges)?.to_string();
        Self::from_json(json.as_bytes(), max_length)
    }

    /// Token ids of each text, unpadded. An empty text still has its start and end.
    pub fn tokenise(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EncodeError> {
        texts.iter().map(|text| self.tokenise_one(text)).collect()
    }

    fn tokenise_one(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let encoding = self
            .0
            .encode_fast(text, true)
            .map_err(|error| EncodeError::Tokenise(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }
}

/// `tokenizer.json` as transformers' `CLIPTokenizer` would write it.
fn clip_description(vocabulary: &Value, merges: &str) -> Result<Value, TokenizerError> {
    let (start, end) = (id_of(vocabulary, START)?, id_of(vocabulary, END)?);
    let merges: Vec<&str> = merges
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.is_empty())
        .collect();
    let special = |id: u64, content: &str| {
        json!({"id": id, "content": content, "special": true, "normalized": false,
               "single_word": false, "lstrip": false, "rstrip": false})
    };
    Ok(json!({
        "version": "1.0",
        "added_tokens": [special(start, START), special(end, END)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": CLIP_WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "post_processor": {"type": "RobertaProcessing", "sep": [END, end], "cls": [START, start],
                           "trim_offsets": false, "add_prefix_space": false},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges, "unk_token": END,
                  "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false},
    }))
}

fn id_of(vocabulary: &Value, token: &str) -> Result<u64, TokenizerError> {
    vocabulary
        .get(token)
        .and_then(Value::as_u64)
        .ok_or_else(|| TokenizerError::Unreadable(format!("vocab.json does not hold {token:?}")))
}

#[expect(clippy::needless_pass_by_value, reason = "passed by name to map_err")]
fn unreadable(error: impl ToString) -> TokenizerError {
    TokenizerError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str =
        r#"{"a":0,"b":1,"a</w>":2,"b</w>":3,"ab</w>":4,"<|startoftext|>":5,"<|endoftext|>":6}"#;

    fn tokenizer(max_length: usize) -> TextTokenizer {
        TextTokenizer::from_vocabulary(VOCABULARY.as_bytes(), b"#version: 0.2\na b</w>\n", max_length)
            .unwrap()
    }

    #[test]
    fn texts_are_merged_and_framed() {
        let ids = tokenizer(77).tokenise(&["AB  a", "", "b"]).unwrap();
        assert_eq!(ids, [vec![5, 4, 2, 6], vec![5, 6], vec![5, 3, 6]]);
    }

    #[test]
    fn a_long_text_keeps_its_end() {
        let long = "ab ".repeat(5000);
        assert_eq!(tokenizer(4).tokenise(&[&long]).unwrap(), [[5, 4, 4, 6]]);
    }

    #[test]
    fn damage_is_named() {
        assert!(matches!(
            TextTokenizer::from_json(b"{", 77),
            Err(TokenizerError::Unreadable(_))
        ));
        let error = TextTokenizer::from_vocabulary(b"{}", b"", 77).unwrap_err();
        assert!(error.to_string().contains("<|startoftext|>"));
        assert!(matches!(
            TextTokenizer::from_vocabulary(VOCABULARY.as_bytes(), b"a b</w>\n", 2),
            Err(TokenizerError::TooShort {
                max_length: 2,
                added: 2
            })
        ));
    }
}
