//! Whole prompts to token ids: what chat models read, special tokens written out in the text.

use tokenizers::Tokenizer;

use crate::{EncodeError, TokenizerError, tokenizer_json};

/// Splits prompts into token ids, in which one token may stand for many, and cuts them as transformers does.
#[derive(Debug, Clone)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    /// What the tokenizer adds to the end of every prompt.
    ending: Vec<u32>,
    longest: usize,
}

impl PromptTokenizer {
    /// Reads `tokenizer.json`. Prompts are cut to `longest` tokens, those counted that the tokenizer adds to the end,
    /// whatever cutting and padding the file itself asks for.
    pub fn from_json(json: &[u8], longest: usize) -> Result<Self, TokenizerError> {
        tokenizer_json::check(json)?;
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(unreadable)?;
        tokenizer
            .with_truncation(None)
            .map_err(unreadable)?
            .with_padding(None);
        let ending = ending(&tokenizer)?;
        if longest <= ending.len() {
            return Err(TokenizerError::TooShort {
                max_length: longest,
                added: ending.len(),
            });
        }
        Ok(Self {
            tokenizer,
            ending,
            longest,
        })
    }

    /// The id of a token that is written out in prompts.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// One more than the greatest id that any prompt can have.
    pub fn vocab_size(&self) -> usize {
        let greatest = self.tokenizer.get_vocab(true).into_values().max();
        greatest.map_or(0, |id| id as usize + 1)
    }

    /// Token ids of one prompt, its end cut off where it is too long.
    pub fn ids(&self, prompt: &str) -> Result<Vec<u32>, EncodeError> {
        Ok(self.cut(self.pieces(prompt)?))
    }

    /// As [`ids`](Self::ids), the first token `placeholder` put down `count` times, which happens before the cut.
    pub fn ids_with_placeholder(
        &self,
        prompt: &str,
        placeholder: u32,
        count: usize,
    ) -> Result<Vec<u32>, EncodeError> {
        let mut pieces = self.pieces(prompt)?;
        if let Some(place) = pieces.iter().position(|&id| id == placeholder) {
            pieces.splice(place..=place, std::iter::repeat_n(placeholder, count));
        }
        Ok(self.cut(pieces))
    }

    fn pieces(&self, prompt: &str) -> Result<Vec<u32>, EncodeError> {
        let encoding = self.tokenizer.encode_fast(prompt, false);
        let encoding = encoding.map_err(|error| EncodeError::Tokenize(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    fn cut(&self, mut pieces: Vec<u32>) -> Vec<u32> {
        pieces.truncate(self.longest - self.ending.len());
        pieces.extend(&self.ending);
        pieces
    }
}

/// What the tokenizer adds to every prompt, which must come after it.
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
        "it adds tokens elsewhere than at the end".into(),
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

    fn tokenizer(post: &str, longest: usize) -> Result<PromptTokenizer, TokenizerError> {
        PromptTokenizer::from_json(WORDS.replace("POST", post).as_bytes(), longest)
    }

    #[test]
    fn a_placeholder_is_multiplied_before_the_cut() {
        let plain = tokenizer("null", 5).unwrap();
        assert_eq!(plain.ids("a<pad>x").unwrap(), [0, 2, 1]);
        assert_eq!(
            plain.ids_with_placeholder("a<pad>x<pad>", 2, 3).unwrap(),
            [0, 2, 2, 2, 1]
        );
        assert_eq!((plain.token_id("<pad>"), plain.vocab_size()), (Some(2), 4));
    }

    #[test]
    fn an_ending_of_the_tokenizers_own_survives_the_cut() {
        let ending = tokenizer(TEMPLATE, 4).unwrap();
        assert_eq!(ending.ids("ax").unwrap(), [0, 1, 3]);
        assert_eq!(ending.ids("axaxax").unwrap(), [0, 1, 0, 3]);
        assert_eq!(ending.ids("").unwrap(), [3]);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let front = TEMPLATE.replace(
            r#""single":[{"Sequence":{"id":"A","type_id":0}},
        {"SpecialToken":{"id":"<end>","type_id":0}}]"#,
            r#""single":[{"SpecialToken":{"id":"<end>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]"#,
        );
        for (post, longest) in [(front.as_str(), 9), (TEMPLATE, 1)] {
            assert!(tokenizer(post, longest).is_err(), "{post}");
        }
        assert!(PromptTokenizer::from_json(b"[", 9).is_err());
    }
}
