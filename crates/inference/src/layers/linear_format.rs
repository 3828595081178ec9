//! The type in which weights are held in memory.

/// The type in which weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearFormat {
    F32,
    /// f32 or 16 bits, as the file has them; a product is exact either way.
    AsInFile,
    /// bf16; where processors multiply it, the other side of products is rounded to bf16 too.
    Bf16,
    Int8,
}
