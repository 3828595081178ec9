//! Tokenizes prompts of chat models, in whose text special tokens are spelled out.

use tokenizers::Tokenizer;

use crate::{EncodeError, TokenizerError, tokenizer_json};

/// Splits prompts into token ids, repeats a placeholder token, and truncates as transformers does.
#[derive(Debug, Clone)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    /// The tokens that end every prompt.
    ending: Vec<u32>,
    max_length: usize,
}

impl PromptTokenizer {
    /// Reads `tokenizer.json`. Prompts are truncated to `max_length` tokens, including those that the
    /// tokenizer adds to the end. Truncation and padding in the file are ignored.
    pub fn from_json(json: &[u8], max_length: usize) -> Result<Self, TokenizerError> {
        tokenizer_json::check(json)?;
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(unreadable)?;
        tokenizer
            .with_truncation(None)
            .map_err(unreadable)?
            .with_padding(None);
        let ending = ending(&tokenizer)?;
        if max_length <= ending.len() {
            return Err(TokenizerError::TooShort {
                max_length,
                added: ending.len(),
            });
        }
        Ok(Self {
            tokenizer,
            ending,
            max_length,
        })
    }

    /// The id of a special token.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The largest token id plus one.
    pub fn vocab_size(&self) -> usize {
        let greatest = self.tokenizer.get_vocab(true).into_values().max();
        greatest.map_or(0, |id| id as usize + 1)
    }

    /// Token ids of one prompt. A prompt that is too long is truncated at its end.
    pub fn ids(&self, prompt: &str) -> Result<Vec<u32>, EncodeError> {
        Ok(self.truncate(self.untruncated_ids(prompt)?))
    }

    /// As [`ids`](Self::ids), with the first token `placeholder` repeated `count` times before truncation.
    pub fn ids_with_placeholder(
        &self,
        prompt: &str,
        placeholder: u32,
        count: usize,
    ) -> Result<Vec<u32>, EncodeError> {
        let mut ids = self.untruncated_ids(prompt)?;
        if let Some(place) = ids.iter().position(|&id| id == placeholder) {
            ids.splice(place..=place, std::iter::repeat_n(placeholder, count));
        }
        Ok(self.truncate(ids))
    }

    fn untruncated_ids(&self, prompt: &str) -> Result<Vec<u32>, EncodeError> {
        let encoding = self.tokenizer.encode_fast(prompt, false);
        let encoding = encoding.map_err(|error| EncodeError::Tokenize(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    fn truncate(&self, mut ids: Vec<u32>) -> Vec<u32> {
        ids.truncate(self.max_length - self.ending.len());
        ids.extend(&self.ending);
        ids
    }
}

/// The tokens that the tokenizer adds to every prompt, which must be at its end.
fn ending(tokenizer: &Tokenizer) -> Result<Vec<u32>, TokenizerError> {
    let ids = |text: &str, special: bool| -> Result<Vec<u32>, TokenizerError> {
        let encoding = tokenizer.encode_fast(text, special).map_err(unreadable)?;
        Ok(encoding.get_ids().to_vec())
    };
    let ending = ids("", true)?;
    let expected = [ids("x", false)?, ending.clone()].concat();
    if ids("x", true)? == expected {
        return Ok(ending);
    }
    Err(TokenizerError::Unreadable(
        "it adds tokens in other places than the end of the text".into(),
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "passed by name to map_err")]
fn unreadable(error: impl ToString) -> TokenizerError {
    TokenizerError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = r#"{"version":"1.0","added_tokens":[
        {"id":2,"content":"<pad>","special":true,"normalized":false,"single_word":false,"lstrip":false,"rstrip":false},
        {"id":3,"content":"<end>","special":true,"normalized":false,"single_word":false,"lstrip":false,"rstrip":false}],
        "pre_tokenizer":null,"post_processor":POST,
        "model":{"type":"BPE","vocab":{"a":0,"x":1},"merges":[]}}"#;
    const TEMPLATE: &str = r#"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},
        {"SpecialToken":{"id":"<end>","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}}],
        "special_tokens":{"<end>":{"id":"<end>","ids":[3],"tokens":["<end>"]}}}"#;

    fn tokenizer(post: &str, max_length: usize) -> Result<PromptTokenizer, TokenizerError> {
        PromptTokenizer::from_json(WORDS.replace("POST", post).as_bytes(), max_length)
    }

    #[test]
    fn placeholder_is_repeated_before_truncation() {
        let plain = tokenizer("null", 5).unwrap();
        assert_eq!(plain.ids("a<pad>x").unwrap(), [0, 2, 1]);
        assert_eq!(
            plain.ids_with_placeholder("a<pad>x<pad>", 2, 3).unwrap(),
            [0, 2, 2, 2, 1]
        );
        assert_eq!((plain.token_id("<pad>"), plain.vocab_size()), (Some(2), 4));
    }

    #[test]
    fn added_end_token_survives_truncation() {
        let ending = tokenizer(TEMPLATE, 4).unwrap();
        assert_eq!(ending.ids("ax").unwrap(), [0, 1, 3]);
        assert_eq!(ending.ids("axaxax").unwrap(), [0, 1, 0, 3]);
        assert_eq!(ending.ids("").unwrap(), [3]);
    }

    #[test]
    fn unsupported_tokenizers_are_rejected() {
        let front = TEMPLATE.replace(
            r#""single":[{"Sequence":{"id":"A","type_id":0}},
        {"SpecialToken":{"id":"<end>","type_id":0}}]"#,
            r#""single":[{"SpecialToken":{"id":"<end>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]"#,
        );
        for (post, max_length) in [(front.as_str(), 9), (TEMPLATE, 1)] {
            assert!(tokenizer(post, max_length).is_err(), "{post}");
        }
        assert!(PromptTokenizer::from_json(b"[", 9).is_err());
    }
}
