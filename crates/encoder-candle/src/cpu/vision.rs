//! The picture tower: patches, a class token, the transformer, one vector a picture.

use eidetic_encoder::Pixels;
use eidetic_kernels::matrix::{Finish, Mask};

use super::dense::Factor;
use super::matrix::Matrix;
use super::products::Products;
use super::store::Stored;
use super::transformer::{Norm, Sequence, Transformer};
use super::workspace::Workspace;
use crate::config::ClipConfig;
use crate::error::LoadError;
use crate::patches::Patches;
use crate::weights::Weights;

/// The picture tower (`vision_model.*` and `visual_projection`).
pub struct VisionTower {
    patches: Patches,
    patch_embedding: Factor,
    /// Width numbers.
    class: Vec<f32>,
    /// Class token and patches × width.
    positions: Vec<f32>,
    width: usize,
    before: Norm,
    transformer: Transformer,
    after: Norm,
    projection: Factor,
    dimension: usize,
}

impl VisionTower {
    pub fn load(weights: &mut Weights<Stored>, config: &ClipConfig) -> Result<Self, LoadError> {
        let tower = config.vision.tower()?;
        let patches = Patches::new(config)?;
        let (side, width) = (patches.side, tower.hidden);
        Ok(Self {
            patch_embedding: weights.factor(
                "vision_model.embeddings.patch_embedding.weight",
                &[width, 3, side, side],
            )?,
            class: weights.values("vision_model.embeddings.class_embedding", &[width])?,
            positions: weights.values(
                "vision_model.embeddings.position_embedding.weight",
                &[patches.count() + 1, width],
            )?,
            width,
            // The reference's own spelling.
            before: Norm::load(weights, "vision_model.pre_layrnorm", &tower)?,
            transformer: Transformer::load(weights, "vision_model.encoder.layers", &tower, Mask::None)?,
            after: Norm::load(weights, "vision_model.post_layernorm", &tower)?,
            projection: weights.factor("visual_projection.weight", &[config.projection, width])?,
            dimension: config.projection,
            patches,
        })
    }

    /// Rows of a sequence: the class token and every patch.
    pub const fn length(&self) -> usize {
        self.patches.count() + 1
    }

    /// Embeddings before scaling to unit length. All pictures have the model's size.
    pub fn forward(&self, pictures: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let w = workspace;
        self.embed(pictures, w);
        self.before.forward(w.kernel, &w.normed, &mut w.hidden);
        let sequence = |picture: usize| Sequence {
            rows: picture * self.length()..(picture + 1) * self.length(),
            pooled: picture * self.length(),
        };
        let sequences: Vec<Sequence> = (0..pictures.len()).map(sequence).collect();
        self.transformer.forward(&sequences, w);
        self.after.forward(w.kernel, &w.pooled, &mut w.normed);
        let input = self.projection.input(w.kernel, &w.normed, &mut w.codes);
        w.mixed.reshape(pictures.len(), self.dimension);
        self.projection
            .apply(w.kernel, input, Finish::Plain, w.mixed.all_mut());
        w.mixed.to_vectors()
    }

    /// Nothing but the products that [`forward`](Self::forward) makes of `pictures` pictures, attention's own left out.
    pub fn products(&self, pictures: usize, products: &mut Products) {
        products.run(pictures * self.patches.count(), &self.patch_embedding);
        self.transformer
            .products(pictures, pictures * self.length(), products);
        products.run(pictures, &self.projection);
    }

    /// Class token and patches with their positions into `normed`. The convolution of the reference does not overlap, so
    /// it is one product with the patches laid out as rows.
    fn embed(&self, pictures: &[Pixels], w: &mut Workspace) {
        let count = self.patches.count();
        w.wide.reshape(pictures.len() * count, self.patches.size());
        for (picture, pixels) in pictures.iter().enumerate() {
            for patch in 0..count {
                self.patches
                    .unfold(pixels, patch, w.wide.row_mut(picture * count + patch));
            }
        }
        let input = self.patch_embedding.input(w.kernel, &w.wide, &mut w.codes);
        w.mixed.reshape(pictures.len() * count, self.width);
        self.patch_embedding
            .apply(w.kernel, input, Finish::Plain, w.mixed.all_mut());
        w.normed.reshape(pictures.len() * (count + 1), self.width);
        for picture in 0..pictures.len() {
            self.place(picture, &w.mixed, &mut w.normed);
        }
    }

    fn place(&self, picture: usize, embedded: &Matrix, out: &mut Matrix) {
        let count = self.patches.count();
        for (row, position) in self.positions.chunks_exact(self.width).enumerate() {
            let source = match row {
                0 => &self.class[..],
                patch => embedded.row(picture * count + patch - 1),
            };
            let out = out.row_mut(picture * (count + 1) + row);
            for ((x, source), position) in out.iter_mut().zip(source).zip(position) {
                *x = source + position;
            }
        }
    }
}
