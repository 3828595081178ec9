//! The convolutional image tower's configuration.

use eidetic_kernels::matrix::Activation;

use super::LARGEST_SIDE;
use crate::error::LoadError;

/// Each stage halves the side: more than these leave nothing.
const MOST_STAGES: usize = 8;

/// Sizes of a convolutional image tower; see tools/builtin-model/README.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvolutionalConfig {
    /// Side in pixels of the square images that it reads.
    pub side: usize,
    /// Channels of the stem.
    pub stem: usize,
    /// Channels and blocks of each stage.
    pub stages: Vec<(usize, usize)>,
    /// Channels of the head.
    pub hidden: usize,
    pub activation: Activation,
}

impl ConvolutionalConfig {
    pub fn checked(self) -> Result<Self, LoadError> {
        let (side, count) = (self.side, self.stages.len());
        let whole =
            (1..=LARGEST_SIDE).contains(&side) && count <= MOST_STAGES && side.is_multiple_of(2 << count);
        if count == 0 || !whole {
            return Err(LoadError::Config(format!(
                "pictures of {side} pixels cannot pass {count} stages"
            )));
        }
        let empty = |&(width, depth): &(usize, usize)| width == 0 || depth == 0;
        if self.stem == 0 || self.hidden == 0 || self.stages.iter().any(empty) {
            return Err(LoadError::Config(
                "stem_width, hidden_size, stage_widths and stage_depths must be there and positive".into(),
            ));
        }
        Ok(self)
    }
}
