//! Sentence encoders: BERT, RoBERTa, XLM-RoBERTa and MPNet with the modules that sentence-transformers puts after them.
//!
//! `config.json` describes the encoder ([`config`], [`encoder`]); `modules.json` the pooling of its last hidden states
//! ([`pooling`]), dense layers and normalization ([`modules`]); `config_sentence_transformers.json` the prompt before every
//! text ([`prompts`]). See docs/decisions/0030-sentence-encoders.md.

mod config;
mod dense;
mod encoder;
mod folder;
mod json_file;
mod model;
mod modules;
mod pooling;
mod prompts;
mod relative;

pub use model::load;
