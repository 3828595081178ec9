//! Layers and weights that every family is built from.

pub mod attention;
pub mod checkpoint;
pub mod embedding_table;
pub mod file_rows;
pub mod gguf_blocks;
pub mod linear;
pub mod linear_format;
pub mod matrix;
pub mod norm;
pub mod packing;
pub mod tensor_data;
pub mod weights;
