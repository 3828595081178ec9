//! Models of texts alone.

use crate::EncodeError;

/// A model that reads texts only. Its vectors have their own space, from which a fitted projection can lead
/// to that of an image model.
pub trait TextModel: Send + Sync {
    /// Its display name: the id on the hub, or the name of its directory.
    fn name(&self) -> &str;

    /// A hash of everything that determines its vectors.
    fn revision(&self) -> &str;

    /// Components of a vector.
    fn dimension(&self) -> usize;

    /// What the model puts before every text, which may be nothing; `None` for models that have no prompts.
    fn prompt(&self) -> Option<&str> {
        None
    }

    /// One vector per text, in order, as the model outputs it: not of unit length.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError>;
}
