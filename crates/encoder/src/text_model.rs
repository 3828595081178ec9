use crate::EncodeError;

/// A model that reads texts only. Its vectors lie in a space of its own, of any length; a projection that was fitted from
/// captioned pictures takes them into the space of a picture model.
pub trait TextModel: Send + Sync {
    /// What people call it, such as `Qwen/Qwen2.5-7B-Instruct`.
    fn name(&self) -> &str;

    /// Changes whenever its vectors do.
    fn revision(&self) -> &str;

    /// Components of a vector.
    fn dimension(&self) -> usize;

    /// One vector a text, in order.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError>;
}
