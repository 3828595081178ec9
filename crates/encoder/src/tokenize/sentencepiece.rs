//! SentencePiece's `spiece.model`: a Protocol Buffers message, of which only the fields that change tokens
//! are read.
//!
//! Field numbers are those of `sentencepiece_model.proto`.

use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::{Precompiled, Replace, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{NormalizerWrapper, Tokenizer};

use super::{TokenizerError, settings::set_template, unreadable};

const END: &str = "</s>";
/// The number of the unigram model in `TrainerSpec.ModelType`.
const UNIGRAM: u64 = 1;

/// Builds SigLIP's tokenizer, with an end token and no start token.
pub fn tokenizer(file: &[u8]) -> Result<Tokenizer, TokenizerError> {
    let model = SentencePieceModel::read(file)?;
    if model.kind != UNIGRAM {
        let reason = format!("spiece.model has model type {}, expected 1 (unigram)", model.kind);
        return Err(TokenizerError::Unreadable(reason));
    }
    let unknown = model.unknown.ok_or_else(|| damaged("no unknown piece"))?;
    let unigram = Unigram::from(model.pieces, Some(unknown), false).map_err(unreadable)?;
    let mut tokenizer = Tokenizer::new(unigram);
    tokenizer
        .with_normalizer(Some(normalizer(&model.characters)?))
        .map_err(unreadable)?;
    tokenizer.with_pre_tokenizer(Some(Metaspace::new('▁', PrependScheme::Always, true)));
    set_template(&mut tokenizer, None, Some(END))?;
    Ok(tokenizer)
}

/// The file's character map, then collapsed spaces, and none at the ends.
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

/// The fields that change tokens.
#[derive(Default)]
struct SentencePieceModel {
    pieces: Vec<(String, f64)>,
    unknown: Option<usize>,
    kind: u64,
    /// A character map in SentencePiece's own format.
    characters: Vec<u8>,
}

impl SentencePieceModel {
    fn read(file: &[u8]) -> Result<Self, TokenizerError> {
        let mut model = Self {
            kind: UNIGRAM,
            ..Self::default()
        };
        for field in ProtoFields(file) {
            match field? {
                (1, ProtoField::Bytes(piece)) => model.add_piece(piece)?,
                (2, ProtoField::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, ProtoField::Bytes(normalizer)) => model.read_normalizer(normalizer)?,
                _ => {}
            }
        }
        Ok(model)
    }

    fn add_piece(&mut self, message: &[u8]) -> Result<(), TokenizerError> {
        const UNKNOWN: u64 = 2;
        let (mut text, mut score) = (String::new(), 0.0);
        for field in ProtoFields(message) {
            match field? {
                (1, ProtoField::Bytes(bytes)) => {
                    std::str::from_utf8(bytes)
                        .map_err(unreadable)?
                        .clone_into(&mut text);
                }
                (2, ProtoField::Fixed(bits)) => score = f64::from(f32::from_bits(bits)),
                (3, ProtoField::Number(UNKNOWN)) => self.unknown = Some(self.pieces.len()),
                _ => {}
            }
        }
        self.pieces.push((text, score));
        Ok(())
    }

    fn read_trainer(&mut self, message: &[u8]) -> Result<(), TokenizerError> {
        for field in ProtoFields(message) {
            if let (3, ProtoField::Number(kind)) = field? {
                self.kind = kind;
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, message: &[u8]) -> Result<(), TokenizerError> {
        for field in ProtoFields(message) {
            if let (2, ProtoField::Bytes(map)) = field? {
                self.characters = map.to_vec();
            }
        }
        Ok(())
    }
}

/// The value of a field by wire type.
enum ProtoField<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message, with their numbers.
struct ProtoFields<'a>(&'a [u8]);

impl<'a> Iterator for ProtoFields<'a> {
    type Item = Result<(u64, ProtoField<'a>), TokenizerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| damaged("truncated field")))
    }
}

impl<'a> ProtoFields<'a> {
    fn field(&mut self) -> Option<(u64, ProtoField<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => ProtoField::Number(self.number()?),
            1 => {
                self.take(8)?;
                ProtoField::Other
            }
            2 => {
                let length = self.number()?;
                ProtoField::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => ProtoField::Fixed(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
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
    TokenizerError::Unreadable(format!("spiece.model: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_input_panics(file in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = tokenizer(&file);
        }
    }

    #[test]
    fn empty_file_is_named_in_error() {
        let error = tokenizer(b"").unwrap_err().to_string();
        assert!(error.contains("spiece.model"), "{error}");
    }
}
