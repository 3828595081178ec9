//! Zero-shot tags: the words of a vocabulary that describe an image, without training.
//!
//! Each word is embedded as the mean of several prompts that contain it, and compared with the image
//! (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", 3.1.4).

mod album;
mod choice;
mod prompts;
mod vocabulary;

pub use album::{recommended_tags, tag_weight, taggability};
pub use choice::{LOW_TAG_SHARE, TagRule, choose_tags, merge_tags};
pub use prompts::{TagVectors, prompts};
pub use vocabulary::{
    BUNDLED_NAME, MAX_TAG_LENGTH, MAX_TAGS, MAX_VOCABULARIES, MAX_VOCABULARY_BYTES, NamedVocabulary,
    Vocabulary, VocabularyError,
};
