//! From texts to token ids, by the tokenizer in a model's files.

mod bpe;
mod normalizer;
mod sentencepiece;
mod settings;
mod wordpiece;

use thiserror::Error;
use tokenizers::normalizers::{Lowercase, Sequence};
use tokenizers::{NormalizerWrapper, PostProcessor, Tokenizer, TruncationParams};

use bpe::BpeModel;
pub use normalizer::TextNormalizer;
pub(crate) use normalizer::unicode_normalize;
pub use settings::TokenizerSettings;

use crate::{EncodeError, tokenizer_json};

/// Why a tokenizer cannot be used.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// The file is damaged or of an unknown kind.
    #[error("cannot read the tokenizer: {0}")]
    Unreadable(String),
    /// The model reads no more tokens than the tokenizer adds.
    #[error("a context of {max_length} tokens is too short: the tokenizer adds {added} to every text")]
    TooShort {
        /// Tokens that the model reads.
        max_length: usize,
        /// Tokens that the tokenizer adds.
        added: usize,
    },
}

/// Splits texts into the token ids that a model reads: a start token, as many tokens of the text as fit, an
/// end token, and padding if the model reads it.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    max_length: usize,
    normalizer: TextNormalizer,
    padding: Option<u32>,
    /// A token, and what replaces it.
    replaced: Option<(u32, u32)>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`. Texts are truncated to `max_length` tokens, including those at the start and
    /// the end. Truncation and padding in the file are ignored.
    pub fn from_json(json: &[u8], max_length: usize) -> Result<Self, TokenizerError> {
        tokenizer_json::check(json)?;
        Self::new(Tokenizer::from_bytes(json).map_err(unreadable)?, max_length)
    }

    /// Builds CLIP's tokenizer from the older pair of files, `vocab.json` and `merges.txt`.
    pub fn from_vocabulary(
        vocabulary: &[u8],
        merges: &[u8],
        max_length: usize,
    ) -> Result<Self, TokenizerError> {
        let json = BpeModel::from_files(vocabulary, merges)?.tokenizer_json()?;
        Self::from_json(json.to_string().as_bytes(), max_length)
    }

    /// Builds OpenCLIP's own tokenizer from the BPE model in a `tokenizer.json`. It differs from that of
    /// transformers in text normalization and in the names of the start and end tokens.
    pub fn open_clip_from_json(json: &[u8], max_length: usize) -> Result<Self, TokenizerError> {
        Self::open_clip(BpeModel::from_json(json)?, max_length)
    }

    /// As [`open_clip_from_json`](Self::open_clip_from_json), from `vocab.json` and `merges.txt`.
    pub fn open_clip_from_vocabulary(
        vocabulary: &[u8],
        merges: &[u8],
        max_length: usize,
    ) -> Result<Self, TokenizerError> {
        Self::open_clip(BpeModel::from_files(vocabulary, merges)?, max_length)
    }

    fn open_clip(bpe: BpeModel, max_length: usize) -> Result<Self, TokenizerError> {
        let json = bpe.with_open_clip_names()?.tokenizer_json()?.to_string();
        Ok(Self::from_json(json.as_bytes(), max_length)?.with_normalizer(TextNormalizer::OpenClipLower))
    }

    /// Builds BERT's tokenizer from `vocab.txt`, one token per line.
    pub fn from_wordpiece(
        vocabulary: &[u8],
        settings: &TokenizerSettings,
        max_length: usize,
    ) -> Result<Self, TokenizerError> {
        Self::new(wordpiece::tokenizer(vocabulary, settings)?, max_length)
    }

    /// Builds SigLIP's tokenizer from `spiece.model`, the file of SentencePiece.
    pub fn from_sentencepiece(model: &[u8], max_length: usize) -> Result<Self, TokenizerError> {
        let tokenizer = Self::new(sentencepiece::tokenizer(model)?, max_length)?;
        Ok(tokenizer.with_normalizer(TextNormalizer::Canonical))
    }

    fn new(mut tokenizer: Tokenizer, max_length: usize) -> Result<Self, TokenizerError> {
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
        Ok(Self {
            tokenizer,
            max_length,
            normalizer: TextNormalizer::None,
            padding: None,
            replaced: None,
        })
    }

    /// Normalizes texts before they are split.
    #[must_use]
    pub const fn with_normalizer(mut self, normalizer: TextNormalizer) -> Self {
        self.normalizer = normalizer;
        self
    }

    /// Pads every text after its end token to `max_length`.
    #[must_use]
    pub const fn padded(mut self, with: u32) -> Self {
        self.padding = Some(with);
        self
    }

    /// Replaces one token by another.
    #[must_use]
    pub const fn replacing(mut self, token: u32, by: u32) -> Self {
        self.replaced = Some((token, by));
        self
    }

    /// The id of a token.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The largest token id plus one.
    pub fn vocab_size(&self) -> usize {
        let greatest = self.tokenizer.get_vocab(true).into_values().max();
        greatest.map_or(0, |id| id as usize + 1)
    }

    /// Most tokens of a text, including those at the start and the end.
    pub const fn max_length(&self) -> usize {
        self.max_length
    }

    /// Whether this is a BPE tokenizer, like Gemma's, rather than SentencePiece's unigram model or WordPiece.
    pub fn is_bpe(&self) -> bool {
        matches!(self.tokenizer.get_model(), tokenizers::ModelWrapper::BPE(_))
    }

    /// Sets the tokens at the start and the end of every text, instead of those in the file.
    pub fn with_special_tokens(
        mut self,
        start: Option<&str>,
        end: Option<&str>,
    ) -> Result<Self, TokenizerError> {
        settings::set_template(&mut self.tokenizer, start, end)?;
        Self::new(self.tokenizer, self.max_length).map(|fresh| Self {
            normalizer: self.normalizer,
            padding: self.padding,
            replaced: self.replaced,
            ..fresh
        })
    }

    /// Lowercases texts before they are split.
    pub fn lowercased(mut self) -> Result<Self, TokenizerError> {
        let mut steps: Vec<NormalizerWrapper> = vec![Lowercase.into()];
        steps.extend(self.tokenizer.get_normalizer().cloned());
        self.tokenizer
            .with_normalizer(Some(Sequence::new(steps)))
            .map_err(unreadable)?;
        Ok(self)
    }

    /// Token ids of each text. An empty text still has start and end tokens.
    pub fn tokenize(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EncodeError> {
        texts.iter().map(|text| self.tokenize_one(text)).collect()
    }

    fn tokenize_one(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let text = match self.normalizer {
            TextNormalizer::None => text,
            normalizer => &normalizer.apply(text),
        };
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| EncodeError::Tokenize(error.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        if let Some(padding) = self.padding {
            ids.resize(self.max_length, padding);
        }
        if let Some((token, by)) = self.replaced {
            ids.iter_mut().filter(|id| **id == token).for_each(|id| *id = by);
        }
        Ok(ids)
    }
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
    fn texts_are_merged_with_special_tokens() {
        let ids = tokenizer(77).tokenize(&["AB  a", "", "b"]).unwrap();
        assert_eq!(ids, [vec![5, 4, 2, 6], vec![5, 6], vec![5, 3, 6]]);
    }

    #[test]
    fn long_text_keeps_end_token() {
        let long = "ab ".repeat(5000);
        assert_eq!(tokenizer(4).tokenize(&[&long]).unwrap(), [[5, 4, 4, 6]]);
    }

    #[test]
    fn open_clip_has_own_special_tokens() {
        let tokenizer =
            TextTokenizer::open_clip_from_vocabulary(VOCABULARY.as_bytes(), b"#version: 0.2\na b</w>\n", 9)
                .unwrap();
        let texts = ["AB &#97;", "a <END_of_text> b", ""];
        let ids = tokenizer.tokenize(&texts).unwrap();
        assert_eq!(ids, [vec![5, 4, 2, 6], vec![5, 2, 6, 3, 6], vec![5, 6]]);
    }

    #[test]
    fn texts_are_padded_and_tokens_replaced() {
        let tokenizer = tokenizer(5).padded(1).replacing(6, 0);
        assert_eq!(
            tokenizer.tokenize(&["a", ""]).unwrap(),
            [[5, 2, 0, 1, 1], [5, 0, 1, 1, 1]]
        );
        assert_eq!(tokenizer.token_id("ab</w>"), Some(4));
    }

    #[test]
    fn special_tokens_can_be_changed() {
        let tokenizer = tokenizer(5)
            .with_special_tokens(None, Some("<|endoftext|>"))
            .unwrap();
        assert_eq!(tokenizer.tokenize(&["a"]).unwrap(), [[2, 6]]);
        let error = tokenizer.with_special_tokens(Some("<s>"), None).unwrap_err();
        assert!(error.to_string().contains("<s>"));
    }

    #[test]
    fn damaged_files_are_errors() {
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
