//! Zero-shot tags: the words of a vocabulary that describe an image, without training.
//!
//! Each word is embedded as the mean of several prompts that contain it, and compared with the image
//! (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", 3.1.4).

mod choice;
mod prompts;
mod vocabulary;

pub use choice::{MIN_TAG_CONFIDENCE, TagRule, choose_tags};
pub use prompts::{TagVectors, prompts};
pub use vocabulary::{MAX_TAG_LENGTH, MAX_TAGS, MAX_VOCABULARY_BYTES, Vocabulary, VocabularyError};
