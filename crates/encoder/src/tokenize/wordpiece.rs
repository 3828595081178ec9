//! BERT's WordPiece tokenizer.

use serde_json::{Map, Value, json};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, Tokenizer};

use super::{TokenizerError, TokenizerSettings, settings::set_template, unreadable};

const UNKNOWN: &str = "[UNK]";
const START: &str = "[CLS]";
const END: &str = "[SEP]";
/// Tokens that are recognized within a text.
const SPECIAL: [&str; 5] = [UNKNOWN, END, "[PAD]", START, "[MASK]"];

/// Reads `vocab.txt`: one token per line, in order of their ids.
pub fn tokenizer(vocabulary: &[u8], settings: &TokenizerSettings) -> Result<Tokenizer, TokenizerError> {
    let text = std::str::from_utf8(vocabulary).map_err(unreadable)?;
    let pieces: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    for needed in [UNKNOWN, START, END] {
        if !pieces.contains(&needed) {
            let reason = format!("{needed:?} is not in vocab.txt");
            return Err(TokenizerError::Unreadable(reason));
        }
    }
    let numbered: Map<String, Value> = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| ((*piece).to_owned(), id.into()))
        .collect();
    let model = json!({
        "type": "WordPiece", "vocab": numbered, "unk_token": UNKNOWN,
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    });
    let model: WordPiece = serde_json::from_str(&model.to_string()).map_err(unreadable)?;
    let mut tokenizer = Tokenizer::new(model);
    let normalizer = BertNormalizer::new(
        true,
        settings.splits_chinese(),
        settings.strip_accents,
        settings.lowercases(),
    );
    tokenizer.with_normalizer(Some(normalizer)).map_err(unreadable)?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    let known = SPECIAL.into_iter().filter(|token| pieces.contains(token));
    let special: Vec<AddedToken> = known.map(|token| AddedToken::from(token, true)).collect();
    tokenizer.add_special_tokens(special).map_err(unreadable)?;
    set_template(&mut tokenizer, Some(START), Some(END))?;
    Ok(tokenizer)
}
