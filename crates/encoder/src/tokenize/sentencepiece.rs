//! sentencepiece's `spiece.model`: a message of protocol buffers, of which only what decides tokens is read.
//!
//! Field numbers are those of sentencepiece's `sentencepiece_model.proto`.

use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::{Precompiled, Replace, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{NormalizerWrapper, Tokenizer};

use super::{TokenizerError, settings::set_template, unreadable};

const END: &str = "</s>";
/// The trainer's number for the unigram model.
const UNIGRAM: u64 = 1;

/// Builds SigLIP's tokenizer: pieces, then the end.
pub fn tokenizer(file: &[u8]) -> Result<Tokenizer, TokenizerError> {
    let model = Model::read(file)?;
    if model.kind != UNIGRAM {
        let reason = format!(
            "spiece.model is of kind {}; only unigram models are known",
            model.kind
        );
        return Err(TokenizerError::Unreadable(reason));
    }
    let unknown = model.unknown.ok_or_else(|| damaged("it has no unknown piece"))?;
    let unigram = Unigram::from(model.pieces, Some(unknown), false).map_err(unreadable)?;
    let mut tokenizer = Tokenizer::new(unigram);
    tokenizer
        .with_normalizer(Some(normalizer(&model.characters)?))
        .map_err(unreadable)?;
    tokenizer.with_pre_tokenizer(Some(Metaspace::new('▁', PrependScheme::Always, true)));
    set_template(&mut tokenizer, None, Some(END))?;
    Ok(tokenizer)
}

/// The file's map of characters, then no more than one space at a time and none at the ends.
fn normalizer(characters: &[u8]) -> Result<Sequence, TokenizerError> {
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if !characters.is_empty() {
        let map = Precompiled::from(characters).map_err(|error| damaged(&format!("{error:?}")))?;
        steps.push(map.into());
    }
    steps.push(Strip::new(true, true).into());
    let spaces = tokenizers::normalizers::replace::ReplacePattern::Regex(" {2,}".into());
    steps.push(Replace::new(spaces, " ").map_err(unreadable)?.into());
    Ok(Sequence::new(steps))
}

/// What decides tokens.
#[derive(Default)]
struct Model {
    pieces: Vec<(String, f64)>,
    unknown: Option<usize>,
    kind: u64,
    /// A map of characters in sentencepiece's own form.
    characters: Vec<u8>,
}

impl Model {
    fn read(file: &[u8]) -> Result<Self, TokenizerError> {
        let mut model = Self {
            kind: UNIGRAM,
            ..Self::default()
        };
        for field in Fields(file) {
            match field? {
                (1, Field::Bytes(piece)) => model.add_piece(piece)?,
                (2, Field::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, Field::Bytes(normalizer)) => model.read_normalizer(normalizer)?,
                _ => {}
            }
        }
        Ok(model)
    }

    fn add_piece(&mut self, message: &[u8]) -> Result<(), TokenizerError> {
        const UNKNOWN: u64 = 2;
        let (mut text, mut score) = (String::new(), 0.0);
        for field in Fields(message) {
            match field? {
                (1, Field::Bytes(bytes)) => {
                    std::str::from_utf8(bytes)
                        .map_err(unreadable)?
                        .clone_into(&mut text);
                }
                (2, Field::Fixed(bits)) => score = f64::from(f32::from_bits(bits)),
                (3, Field::Number(UNKNOWN)) => self.unknown = Some(self.pieces.len()),
                _ => {}
            }
        }
        self.pieces.push((text, score));
        Ok(())
    }

    fn read_trainer(&mut self, message: &[u8]) -> Result<(), TokenizerError> {
        for field in Fields(message) {
            if let (3, Field::Number(kind)) = field? {
                self.kind = kind;
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, message: &[u8]) -> Result<(), TokenizerError> {
        for field in Fields(message) {
            if let (2, Field::Bytes(map)) = field? {
                self.characters = map.to_vec();
            }
        }
        Ok(())
    }
}

/// The value of a field.
enum Field<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message, with their numbers.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), TokenizerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| damaged("it ends inside a field")))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Field::Number(self.number()?),
            1 => {
                self.take(8)?;
                Field::Other
            }
            2 => {
                let length = self.number()?;
                Field::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => Field::Fixed(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

fn damaged(reason: &str) -> TokenizerError {
    TokenizerError::Unreadable(format!("spiece.model cannot be used: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = tokenizer(&file);
        }
    }

    #[test]
    fn an_empty_file_is_refused_in_words() {
        let error = tokenizer(b"").unwrap_err().to_string();
        assert!(error.contains("spiece.model"), "{error}");
    }
}
