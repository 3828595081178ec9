use crate::EncodeError;

/// A model that knows texts only. Its vectors live in a space of their own, which a fitted projection can lead to that of
/// pictures.
pub trait TextModel: Send + Sync {
    /// What people call it: the hub's id or its directory's name.
    fn name(&self) -> &str;

    /// A hash of everything that decides its vectors.
    fn revision(&self) -> &str;

    /// Numbers of a vector.
    fn dimension(&self) -> usize;

    /// One vector a text, in order, as the model gives it: not of unit length.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError>;
}
