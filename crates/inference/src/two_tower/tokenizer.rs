//! The tokenizer of each family, from the files that its models come with.

use eidetic_encoder::{TextNormalizer, TextTokenizer, TokenizerError, TokenizerSettings};

use crate::error::LoadError;
use crate::two_tower::config::{self, Family, ModelConfig, OpenClipTexts, OpenClipTokenizer, Padding};
use eidetic_hub::{ModelFiles, TokenizerFiles};

/// What SigLIP pads with; it is also its end.
const SIGLIP_PADDING: &str = "</s>";
/// What Gemma's tokenizer, which SigLIP 2 uses, pads with.
const GEMMA_PADDING: &str = "<pad>";
/// What ends a text of BERT's tokenizer.
const BERT_END: &str = "[SEP]";

/// Reads the tokenizer that belongs to a model.
pub fn read(files: &ModelFiles, config: &ModelConfig) -> Result<TextTokenizer, LoadError> {
    let settings = match &files.tokenizer_config {
        None => TokenizerSettings::default(),
        Some(json) => TokenizerSettings::from_json(json)?,
    };
    let longest = config.text.longest;
    let tokenizer = match config.family {
        Family::Clip => clip(&files.tokenizer, longest)?,
        Family::ChineseClip => beside(&files.tokenizer, &settings, settings.max_length(longest))?,
        Family::Siglip | Family::Naflex => siglip(&files.tokenizer, &settings, longest)?,
        Family::OpenClip(texts) => open_clip(texts, &files.tokenizer, &settings, longest)?,
    };
    match config.text.padding {
        Padding::Unseen => Ok(tokenizer),
        Padding::With(token) => Ok(tokenizer.padded(token)),
        Padding::FromTokenizer => padded(tokenizer, &settings),
    }
}

fn clip(files: &TokenizerFiles, longest: usize) -> Result<TextTokenizer, LoadError> {
    match files {
        TokenizerFiles::Json(json) => Ok(TextTokenizer::from_json(json, longest)?),
        TokenizerFiles::Bpe { vocabulary, merges } => {
            Ok(TextTokenizer::from_vocabulary(vocabulary, merges, longest)?)
        }
        TokenizerFiles::WordPiece(_) | TokenizerFiles::SentencePiece(_) => {
            Err(stranger("CLIP reads byte pairs"))
        }
    }
}

/// Any tokenizer, as its file describes it.
fn beside(
    files: &TokenizerFiles,
    settings: &TokenizerSettings,
    longest: usize,
) -> Result<TextTokenizer, LoadError> {
    Ok(match files {
        TokenizerFiles::WordPiece(vocabulary) => {
            TextTokenizer::from_wordpiece(vocabulary, settings, longest)?
        }
        TokenizerFiles::SentencePiece(model) => {
            TextTokenizer::from_sentencepiece(model, longest)?.with_normalizer(TextNormalizer::None)
        }
        files => clip(files, longest)?,
    })
}

/// SigLIP's own by sentence pieces, without punctuation; or Gemma's byte pairs, in small letters.
fn siglip(
    files: &TokenizerFiles,
    settings: &TokenizerSettings,
    longest: usize,
) -> Result<TextTokenizer, LoadError> {
    let tokenizer = beside(files, settings, longest)?;
    if !tokenizer.is_bpe() {
        return Ok(tokenizer.with_normalizer(TextNormalizer::Canonical));
    }
    Ok(framed(tokenizer, settings)?.lowercased()?)
}

/// As `tokenizer_config.json` frames texts, which for Gemma's tokenizer decides.
fn framed(tokenizer: TextTokenizer, settings: &TokenizerSettings) -> Result<TextTokenizer, LoadError> {
    Ok(match settings.bos_eos() {
        Some((start, end)) => tokenizer.with_special_tokens(start, end)?,
        None => tokenizer,
    })
}

fn open_clip(
    texts: OpenClipTexts,
    files: &TokenizerFiles,
    settings: &TokenizerSettings,
    longest: usize,
) -> Result<TextTokenizer, LoadError> {
    let tokenizer = match (texts.tokenizer, files) {
        (OpenClipTokenizer::Own, TokenizerFiles::Json(json)) => {
            TextTokenizer::open_clip_from_json(json, longest)?
        }
        (OpenClipTokenizer::Own, TokenizerFiles::Bpe { vocabulary, merges }) => {
            TextTokenizer::open_clip_from_vocabulary(vocabulary, merges, longest)?
        }
        (OpenClipTokenizer::Own, _) => return Err(stranger("OpenCLIP reads byte pairs")),
        (OpenClipTokenizer::Beside, files) => framed(beside(files, settings, longest)?, settings)?,
    };
    let tokenizer = tokenizer.with_normalizer(match texts.cleaning {
        config::TextCleaning::Whitespace => TextNormalizer::OpenClip,
        config::TextCleaning::Lower => TextNormalizer::OpenClipLower,
        config::TextCleaning::Canonicalize => TextNormalizer::OpenClipCanonical,
    });
    match tokenizer.token_id(settings.sep_token().unwrap_or(BERT_END)) {
        Some(end) if texts.strips_end => Ok(tokenizer.replacing(end, 0)),
        None if texts.strips_end => Err(stranger("strip_sep_token is set, but there is no such token")),
        _ => Ok(tokenizer),
    }
}

/// With the token that `tokenizer_config.json` names, else the one that this kind of tokenizer pads with.
fn padded(tokenizer: TextTokenizer, settings: &TokenizerSettings) -> Result<TextTokenizer, LoadError> {
    let usual = if tokenizer.is_bpe() {
        GEMMA_PADDING
    } else {
        SIGLIP_PADDING
    };
    let token = settings.pad_token().unwrap_or(usual);
    match tokenizer.token_id(token) {
        Some(id) => Ok(tokenizer.padded(id)),
        None => Err(stranger(&format!(
            "the padding {token:?} is not in the vocabulary"
        ))),
    }
}

fn stranger(reason: &str) -> LoadError {
    TokenizerError::Unreadable(reason.to_owned()).into()
}
