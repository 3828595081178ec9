//! CLIP's byte pairs: their description as a `tokenizer.json`.

use serde_json::{Value, json};

use super::{TokenizerError, unreadable};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// What OpenCLIP's own tokenizer calls the same tokens.
const OPEN_CLIP_START: &str = "<start_of_text>";
const OPEN_CLIP_END: &str = "<end_of_text>";
/// How CLIP splits a text before the byte pairs: contractions, words, single digits, runs of other signs.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A vocabulary, its merges, and what frames a text.
pub struct BpeFiles {
    vocabulary: Value,
    /// Two pieces a merge, as a list or with a space between.
    merges: Value,
    start: &'static str,
    end: &'static str,
    /// Whether start and end are found in a text before or after it was normalized.
    found: Found,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Before,
    After,
}

impl BpeFiles {
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
                "tokenizer.json holds no byte pairs".into(),
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
            found: Found::Before,
        }
    }

    /// The same pairs with the names that OpenCLIP gives start and end.
    pub fn named_as_in_open_clip(mut self) -> Result<Self, TokenizerError> {
        for (theirs, ours) in [(START, OPEN_CLIP_START), (END, OPEN_CLIP_END)] {
            let id = self.token_id(theirs)?;
            if let Some(vocabulary) = self.vocabulary.as_object_mut() {
                vocabulary.remove(theirs);
                vocabulary.insert(ours.to_owned(), json!(id));
            }
        }
        (self.start, self.end, self.found) = (OPEN_CLIP_START, OPEN_CLIP_END, Found::After);
        Ok(self)
    }

    /// `tokenizer.json` as transformers' `CLIPTokenizer` would write it.
    pub fn description(&self) -> Result<Value, TokenizerError> {
        let (start, end) = (self.token_id(self.start)?, self.token_id(self.end)?);
        let special = |id: u64, content: &str| {
            json!({"id": id, "content": content, "special": true, "normalized": self.found == Found::After,
                   "single_word": false, "lstrip": false, "rstrip": false})
        };
        let words = match self.found {
            Found::Before => format!(r"<\|startoftext\|>|<\|endoftext\|>|{WORDS}"),
            Found::After => WORDS.to_owned(),
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
            .ok_or_else(|| TokenizerError::Unreadable(format!("the vocabulary does not hold {token:?}")))
    }
}
