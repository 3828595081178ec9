//! The Qwen families: a decoder that was trained to give embeddings, with a vision tower in front of it or without.
//!
//! One decoder and one vision tower run all of them; what generations differ in is configuration ([`config`]), what their
//! reference programs do around the model is [`family`]. Weights stay in memory as the files hold them, 16 bits or 4, and
//! are widened while they are multiplied; sums are f32. See docs/decisions/0016-qwen-families.md.

mod attention;
mod config;
mod decoder;
mod encoder;
mod family;
mod gguf;
mod gguf_values;
mod linear;
#[cfg(test)]
mod memory;
mod norm;
mod raw_config;
mod rotary;
mod tensors;
mod text;
mod vision;

pub use encoder::QwenEncoder;
pub use family::Family;
pub use text::load as load_text;
