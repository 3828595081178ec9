//! The picture tower: patches, a class token, the transformer, one vector a picture.

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_encoder::Pixels;

use super::transformer::{Batch, Norm, Transformer};
use crate::config::ClipConfig;
use crate::error::LoadError;
use crate::patches::Patches;
use crate::weights::Weights;

/// The picture tower (`vision_model.*` and `visual_projection`).
pub struct VisionTower {
    /// Values of a patch × width.
    patches: Tensor,
    /// The class token with its position added, 1 × width.
    class: Tensor,
    /// Positions of the patches, patches × width.
    positions: Tensor,
    before: Norm,
    transformer: Transformer,
    after: Norm,
    /// Width × dimension.
    projection: Tensor,
    cut: Patches,
    device: Device,
}

impl VisionTower {
    pub fn load(
        weights: &mut Weights<Tensor>,
        config: &ClipConfig,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let tower = config.vision.tower()?;
        let cut = Patches::new(config)?;
        let (side, count, hidden) = (cut.side, cut.count(), tower.hidden);
        let class = weights.take("vision_model.embeddings.class_embedding", &[hidden])?;
        let patches = weights.take(
            "vision_model.embeddings.patch_embedding.weight",
            &[hidden, 3, side, side],
        )?;
        let positions = weights.take(
            "vision_model.embeddings.position_embedding.weight",
            &[count + 1, hidden],
        )?;
        Ok(Self {
            patches: patches.reshape((hidden, 3 * side * side))?.t()?,
            class: (class.reshape((1, hidden))? + positions.narrow(0, 0, 1)?)?,
            positions: positions.narrow(0, 1, count)?.contiguous()?,
            // The reference's own spelling.
            before: Norm::load(weights, "vision_model.pre_layrnorm", &tower)?,
            transformer: Transformer::load(weights, "vision_model.encoder.layers", &tower)?,
            after: Norm::load(weights, "vision_model.post_layernorm", &tower)?,
            projection: weights
                .take("visual_projection.weight", &[config.projection, hidden])?
                .t()?,
            cut,
            device: device.clone(),
        })
    }

    /// Rows of a sequence: the class token and every patch.
    pub const fn length(&self) -> usize {
        self.cut.count() + 1
    }

    /// Embeddings before scaling to unit length, pictures × dimension. All pictures have the model's size.
    pub fn forward(&self, pictures: &[Pixels]) -> EngineResult<Tensor> {
        let batch = Batch {
            sequences: pictures.len(),
            length: self.length(),
        };
        let hidden = self.before.forward(&self.embed(pictures)?)?;
        let class_rows: Vec<u32> = (0..pictures.len()).map(|i| (i * batch.length) as u32).collect();
        let class_rows = Tensor::new(class_rows, &self.device)?;
        let pooled = self.transformer.forward(hidden, batch, None, &class_rows)?;
        self.after.forward(&pooled)?.matmul(&self.projection)
    }

    /// Class token and patches with their positions, one row each. The convolution of the reference does not overlap,
    /// so it is one product with the patches laid out as rows.
    fn embed(&self, pictures: &[Pixels]) -> EngineResult<Tensor> {
        let (count, width) = self.positions.dims2()?;
        let size = self.cut.size();
        let mut values = vec![0.0; pictures.len() * count * size];
        for (number, out) in values.chunks_exact_mut(size).enumerate() {
            self.cut.unfold(&pictures[number / count], number % count, out);
        }
        let patches = Tensor::from_vec(values, (pictures.len() * count, size), &self.device)?
            .matmul(&self.patches)?
            .reshape((pictures.len(), count, width))?
            .broadcast_add(&self.positions)?;
        let class = self.class.broadcast_as((pictures.len(), 1, width))?;
        Tensor::cat(&[&class, &patches], 1)?.reshape((pictures.len() * (count + 1), width))
    }
}
