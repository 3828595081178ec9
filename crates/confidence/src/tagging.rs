//! Which words of a vocabulary describe a picture, without any training: each word is put into several prompts, whose
//! vectors' mean stands for it (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
//! Supervision", 3.1.4), and is held against the picture's vector.

mod choice;
mod prompts;
mod vocabulary;

pub use choice::{FLOOR, TagRule, choose};
pub use prompts::{TagVectors, prompts};
pub use vocabulary::{LARGEST_VOCABULARY, LONGEST_TAG, MOST_TAGS, Vocabulary, VocabularyError};
