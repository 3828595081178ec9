//! The image tower: patches, the transformer, one vector per image.

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_encoder::Pixels;

use super::pool::AttentionPool;
use super::transformer::{Batch, Norm, Projection, Transformer};
use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{self, FirstNorm, VitConfig, VitKind, VitPooling};
use crate::two_tower::patches::Patches;
use crate::two_tower::position_embeddings::{Grid, Positions, table_side};

/// The image tower (`vision_model.*` and `visual_projection`).
pub struct VisionTower {
    /// Values of a patch × width.
    patches: Tensor,
    /// Width numbers, where there is one.
    patch_bias: Option<Tensor>,
    /// The class token with its position, 1 × width, where there is one.
    class: Option<Tensor>,
    positions: Positions,
    before: Option<Norm>,
    transformer: Transformer,
    after: Norm,
    ending: Ending,
    cut: Patches,
    most: usize,
    device: Device,
}

/// How rows become an embedding.
enum Ending {
    Class(VitPooling, Projection),
    Attention(AttentionPool),
}

impl VisionTower {
    pub fn load(
        weights: &mut Weights<Tensor>,
        config: &VitConfig,
        dimension: usize,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let (tower, hidden, side) = (&config.tower, config.tower.hidden, config.patch);
        let embedding = "vision_model.embeddings.patch_embedding";
        let patches = weights.take(&format!("{embedding}.weight"), &[hidden, 3, side, side])?;
        let (patch_bias, before) = match config.kind {
            VitKind::Siglip => (Some(weights.take(&format!("{embedding}.bias"), &[hidden])?), None),
            VitKind::Clip { norm, .. } => (
                None,
                (norm == FirstNorm::Present)
                    // The reference's own spelling.
                    .then(|| Norm::load(weights, "vision_model.pre_layrnorm", tower))
                    .transpose()?,
            ),
        };
        let (class, positions) = load_positions(weights, config)?;
        Ok(Self {
            patches: patches.reshape((hidden, 3 * side * side))?.t()?,
            patch_bias,
            class,
            positions,
            before,
            transformer: Transformer::load(weights, "vision_model.encoder.layers", tower)?,
            after: Norm::load(weights, "vision_model.post_layernorm", tower)?,
            ending: Ending::load(weights, config, dimension)?,
            cut: Patches { side },
            most: config.most_patches(),
            device: device.clone(),
        })
    }

    /// Rows of a sequence, at most.
    pub fn length(&self) -> usize {
        self.most + usize::from(self.class.is_some())
    }

    /// Embeddings before scaling to unit length, images × dimension. All images have the same size.
    pub fn forward(&self, images: &[Pixels]) -> EngineResult<Tensor> {
        let Some(first) = images.first() else {
            return Tensor::zeros((0, 0), candle_core::DType::F32, &self.device);
        };
        let grid = self.cut.grid(first);
        let batch = Batch {
            sequences: images.len(),
            length: grid.0 * grid.1 + usize::from(self.class.is_some()),
        };
        let mut hidden = self.embed(images, grid)?;
        if let Some(norm) = &self.before {
            hidden = norm.forward(&hidden)?;
        }
        match &self.ending {
            Ending::Class(VitPooling::Class, projection) => {
                let rows: Vec<u32> = (0..images.len()).map(|i| (i * batch.length) as u32).collect();
                let rows = Tensor::new(rows, &self.device)?;
                let pooled = self.transformer.forward(hidden, batch, None, &rows)?;
                projection.forward(self.after.forward(&pooled)?)
            }
            Ending::Class(pooling, projection) => {
                let hidden = self.transformer.forward_all(hidden, batch, None)?;
                projection.forward(self.mean(*pooling, &hidden, batch)?)
            }
            Ending::Attention(pool) => {
                let hidden = self.transformer.forward_all(hidden, batch, None)?;
                pool.forward(&self.after.forward(&hidden)?, batch)
            }
        }
    }

    /// The mean of each image's patches.
    fn mean(&self, pooling: VitPooling, hidden: &Tensor, batch: Batch) -> EngineResult<Tensor> {
        let mean = |rows: &Tensor| {
            let rows = rows.reshape((batch.sequences, batch.length, rows.dim(1)?))?;
            let class = usize::from(self.class.is_some());
            rows.narrow(1, class, batch.length - class)?.mean(1)
        };
        match pooling {
            VitPooling::NormOfMean => self.after.forward(&mean(hidden)?),
            _ => mean(&self.after.forward(hidden)?),
        }
    }

    /// Class tokens and patches with their positions, one row each. The convolution of the reference does not overlap,
    /// so it is one product with the patches laid out as rows.
    fn embed(&self, images: &[Pixels], grid: Grid) -> EngineResult<Tensor> {
        let (count, size, width) = (grid.0 * grid.1, self.cut.size(), self.patches.dim(1)?);
        let mut values = vec![0.0; images.len() * count * size];
        for (number, out) in values.chunks_exact_mut(size).enumerate() {
            self.cut.unfold(&images[number / count], number % count, out);
        }
        let mut patches =
            Tensor::from_vec(values, (images.len() * count, size), &self.device)?.matmul(&self.patches)?;
        if let Some(bias) = &self.patch_bias {
            patches = patches.broadcast_add(bias)?;
        }
        let positions = Tensor::from_slice(&self.positions.of(grid), (count, width), &self.device)?;
        let mut rows = patches
            .reshape((images.len(), count, width))?
            .broadcast_add(&positions)?;
        if let Some(class) = &self.class {
            let class = class.broadcast_as((images.len(), 1, width))?;
            rows = Tensor::cat(&[&class, &rows], 1)?;
        }
        rows.flatten_to(1)
    }
}

impl Ending {
    fn load(weights: &mut Weights<Tensor>, config: &VitConfig, dimension: usize) -> Result<Self, LoadError> {
        Ok(match config.kind {
            VitKind::Siglip => Self::Attention(AttentionPool::load(weights, &config.tower)?),
            VitKind::Clip { pooling, .. } => {
                let shape = [dimension, config.tower.hidden];
                let projection =
                    Projection::load(weights, "visual_projection", config::ProjectionKind::Plain, shape)?;
                Self::Class(pooling, projection)
            }
        })
    }
}

/// The class token with its position, and the positions of the patches.
fn load_positions(
    weights: &mut Weights<Tensor>,
    config: &VitConfig,
) -> Result<(Option<Tensor>, Positions), LoadError> {
    let width = config.tower.hidden;
    let (side, class_rows) = (table_side(weights, config)?, config.class_rows());
    let name = "vision_model.embeddings.position_embedding.weight";
    let table = weights.take(name, &[side * side + class_rows, width])?;
    let class = match config.kind {
        VitKind::Siglip => None,
        VitKind::Clip { .. } => {
            let class = weights.take("vision_model.embeddings.class_embedding", &[width])?;
            Some((class.reshape((1, width))? + table.narrow(0, 0, 1)?)?)
        }
    };
    let patches = table
        .narrow(0, class_rows, side * side)?
        .flatten_all()?
        .to_vec1()?;
    Ok((class, Positions::new(patches, side, width, config.resampling)))
}
