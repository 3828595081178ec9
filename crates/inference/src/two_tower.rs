//! Models of two towers: one for texts, one for images.

mod candle;
pub mod config;
mod cpu;
mod encoder;
pub mod fastvit_weights;
mod patches;
mod position_embeddings;
mod tokenizer;

pub use encoder::ClipEncoder;
