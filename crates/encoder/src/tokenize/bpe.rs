//! CLIP's BPE tokenizer: builds its `tokenizer.json` from vocabulary and merges.

use serde_json::{Value, json};

use super::{TokenizerError, unreadable};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// The names of the same tokens in OpenCLIP's own tokenizer.
const OPEN_CLIP_START: &str = "<start_of_text>";
const OPEN_CLIP_END: &str = "<end_of_text>";
/// How CLIP splits a text before BPE: contractions, words, single digits, runs of other characters.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A vocabulary, its merges, and the special tokens.
pub struct BpeModel {
    vocabulary: Value,
    /// Two tokens per merge, as a list or as one text with a space between them.
    merges: Value,
    start: &'static str,
    end: &'static str,
    special_tokens: SpecialTokenMatching,
}

/// Where special tokens within a text are recognized.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SpecialTokenMatching {
    BeforeNormalization,
    AfterNormalization,
}

impl BpeModel {
    /// From `vocab.json` and `merges.txt`.
    pub fn from_files(vocabulary: &[u8], merges: &[u8]) -> Result<Self, TokenizerError> {
        let vocabulary: Value = serde_json::from_slice(vocabulary).map_err(unreadable)?;
        let merges = std::str::from_utf8(merges).map_err(unreadable)?;
        let merges: Vec<&str> = merges
            .lines()
            .filter(|line| !line.starts_with("#version") && !line.is_empty())
            .collect();
        Ok(Self::new(vocabulary, json!(merges)))
    }

    /// From the model of a `tokenizer.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, TokenizerError> {
        let mut file: Value = serde_json::from_slice(json).map_err(unreadable)?;
        let model = file
            .get_mut("model")
            .filter(|model| model.get("merges").is_some());
        let Some(model) = model else {
            return Err(TokenizerError::Unreadable(
                "tokenizer.json has no BPE model".into(),
            ));
        };
        Ok(Self::new(model["vocab"].take(), model["merges"].take()))
    }

    const fn new(vocabulary: Value, merges: Value) -> Self {
        Self {
            vocabulary,
            merges,
            start: START,
            end: END,
            special_tokens: SpecialTokenMatching::BeforeNormalization,
        }
    }

    /// Renames the special tokens to those of OpenCLIP.
    pub fn with_open_clip_names(mut self) -> Result<Self, TokenizerError> {
        for (from, to) in [(START, OPEN_CLIP_START), (END, OPEN_CLIP_END)] {
            let id = self.token_id(from)?;
            if let Some(vocabulary) = self.vocabulary.as_object_mut() {
                vocabulary.remove(from);
                vocabulary.insert(to.to_owned(), json!(id));
            }
        }
        (self.start, self.end) = (OPEN_CLIP_START, OPEN_CLIP_END);
        self.special_tokens = SpecialTokenMatching::AfterNormalization;
        Ok(self)
    }

    /// The file as `CLIPTokenizer` of transformers writes it.
    pub fn tokenizer_json(&self) -> Result<Value, TokenizerError> {
        let (start, end) = (self.token_id(self.start)?, self.token_id(self.end)?);
        let special = |id: u64, content: &str| {
            json!({"id": id, "content": content, "special": true, "normalized": self.special_tokens == SpecialTokenMatching::AfterNormalization,
                   "single_word": false, "lstrip": false, "rstrip": false})
        };
        let words = match self.special_tokens {
            SpecialTokenMatching::BeforeNormalization => {
                format!(r"<\|startoftext\|>|<\|endoftext\|>|{WORDS}")
            }
            SpecialTokenMatching::AfterNormalization => WORDS.to_owned(),
        };
        Ok(json!({
            "version": "1.0",
            "added_tokens": [special(start, self.start), special(end, self.end)],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": true},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            ]},
            "post_processor": {"type": "RobertaProcessing", "sep": [self.end, end], "cls": [self.start, start],
                               "trim_offsets": false, "add_prefix_space": false},
            "model": {"type": "BPE", "vocab": self.vocabulary, "merges": self.merges, "unk_token": self.end,
                      "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false},
        }))
    }

    fn token_id(&self, token: &str) -> Result<u64, TokenizerError> {
        self.vocabulary
            .get(token)
            .and_then(Value::as_u64)
            .ok_or_else(|| TokenizerError::Unreadable(format!("{token:?} is not in the vocabulary")))
    }
}
