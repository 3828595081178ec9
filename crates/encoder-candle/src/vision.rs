//! The picture tower: patches, a class token, the transformer, one vector a picture.

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_encoder::Pixels;

use crate::config::ClipConfig;
use crate::error::LoadError;
use crate::transformer::{Batch, Norm, Transformer};
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
    patch_side: usize,
    grid: usize,
    device: Device,
}

impl VisionTower {
    pub fn load(weights: &mut Weights, config: &ClipConfig, device: &Device) -> Result<Self, LoadError> {
        let tower = config.vision.tower()?;
        let (side, grid, hidden) = (config.vision.patch_side()?, config.vision.grid()?, tower.hidden);
        let count = grid * grid;
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
            patch_side: side,
            grid,
            device: device.clone(),
        })
    }

    /// Rows of a sequence: the class token and every patch.
    pub const fn length(&self) -> usize {
        self.grid * self.grid + 1
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
        let mut values = Vec::with_capacity(pictures.len() * count * 3 * self.patch_side * self.patch_side);
        for picture in pictures {
            self.unfold(picture, &mut values);
        }
        let size = values.len() / (pictures.len() * count);
        let patches = Tensor::from_vec(values, (pictures.len() * count, size), &self.device)?
            .matmul(&self.patches)?
            .reshape((pictures.len(), count, width))?
            .broadcast_add(&self.positions)?;
        let class = self.class.broadcast_as((pictures.len(), 1, width))?;
        Tensor::cat(&[&class, &patches], 1)?.reshape((pictures.len() * (count + 1), width))
    }

    /// Appends the picture's patches, each as its three planes row by row.
    fn unfold(&self, picture: &Pixels, values: &mut Vec<f32>) {
        let side = self.patch_side;
        let plane_size = picture.height * picture.width;
        for (top, left) in (0..self.grid).flat_map(|y| (0..self.grid).map(move |x| (y * side, x * side))) {
            for plane in picture.values.chunks_exact(plane_size) {
                for row in top..top + side {
                    let start = row * picture.width + left;
                    values.extend_from_slice(&plane[start..start + side]);
                }
            }
        }
    }
}
