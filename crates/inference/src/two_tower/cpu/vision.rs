//! The image tower: patches, the transformer, one vector per image.

use eidetic_encoder::Pixels;
use eidetic_kernels::matrix::{EpilogueOp, Mask};

use super::pool::AttentionPool;
use super::projection::Projection;
use super::transformer::{Norm, Sequence, Transformer};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;
use crate::two_tower::config::{FirstNorm, ProjectionKind, VitConfig, VitKind, VitPooling};
use crate::two_tower::patches::Patches;
use crate::two_tower::position_embeddings::{Positions, table_side};

/// The image tower (`vision_model.*` and `visual_projection`).
pub struct VisionTower {
    patches: Patches,
    /// Patches of an image, at most.
    most: usize,
    patch_embedding: Linear,
    /// The class token with its position, where there is one.
    class: Option<Vec<f32>>,
    positions: Positions,
    width: usize,
    before: Option<Norm>,
    transformer: Transformer,
    after: Norm,
    ending: Ending,
}

/// How rows become an embedding.
enum Ending {
    Class(VitPooling, Projection),
    Attention(Box<AttentionPool>),
}

impl VisionTower {
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        config: &VitConfig,
        dimension: usize,
    ) -> Result<Self, LoadError> {
        let (tower, width, side) = (&config.tower, config.tower.hidden, config.patch);
        let embedding = "vision_model.embeddings.patch_embedding";
        let bias = format!("{embedding}.bias");
        let (bias, norm) = match config.kind {
            VitKind::Siglip => (Some(&bias[..]), FirstNorm::Absent),
            VitKind::Clip { norm, .. } => (None, norm),
        };
        let before = (norm == FirstNorm::Present)
            // The reference's own spelling.
            .then(|| Norm::load(weights, "vision_model.pre_layrnorm", tower))
            .transpose()?;
        let (class, positions) = load_positions(weights, config)?;
        Ok(Self {
            patches: Patches { side },
            most: config.most_patches(),
            patch_embedding: Linear::load_tensor(
                weights,
                &format!("{embedding}.weight"),
                &[width, 3, side, side],
                bias,
            )?,
            class,
            positions,
            width,
            before,
            transformer: Transformer::load(weights, "vision_model.encoder.layers", tower, Mask::None)?,
            after: Norm::load(weights, "vision_model.post_layernorm", tower)?,
            ending: Ending::load(weights, config, dimension)?,
        })
    }

    /// Rows of all sequences together.
    pub fn rows(&self, images: &[Pixels]) -> usize {
        images.iter().map(|image| self.length(image)).sum()
    }

    /// Rows of the sequence of any image, at most.
    pub fn longest(&self) -> usize {
        self.most + self.class_rows()
    }

    fn length(&self, image: &Pixels) -> usize {
        self.patches.count(image) + self.class_rows()
    }

    fn class_rows(&self) -> usize {
        usize::from(self.class.is_some())
    }

    /// Embeddings before scaling to unit length.
    pub fn forward(&self, images: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let w = workspace;
        let sequences = self.sequences(images);
        self.embed(images, &sequences, w);
        if let Some(norm) = &self.before {
            norm.forward(w.kernel, &w.hidden, &mut w.normed);
            std::mem::swap(&mut w.hidden, &mut w.normed);
        }
        match &self.ending {
            Ending::Class(VitPooling::Class, projection) => {
                self.transformer.forward(&sequences, w);
                self.after.forward(w.kernel, &w.pooled, &mut w.normed);
                projection.forward(w.kernel, &w.normed, &mut w.products, &mut w.attended)
            }
            Ending::Class(pooling, projection) => {
                self.transformer.forward_all(&sequences, w);
                self.mean(*pooling, &sequences, w);
                projection.forward(w.kernel, &w.pooled, &mut w.products, &mut w.attended)
            }
            Ending::Attention(pool) => {
                self.transformer.forward_all(&sequences, w);
                self.after.forward(w.kernel, &w.hidden, &mut w.normed);
                pool.forward(&sequences, w);
                w.hidden.to_vectors()
            }
        }
    }

    /// One sequence per image, its class token first.
    fn sequences(&self, images: &[Pixels]) -> Vec<Sequence> {
        let mut start = 0;
        images
            .iter()
            .map(|image| {
                let rows = start..start + self.length(image);
                start = rows.end;
                Sequence {
                    pooled: rows.start,
                    rows,
                }
            })
            .collect()
    }

    /// Class tokens and patches with their positions into `hidden`. The convolution of the reference does not overlap, so
    /// it is one product with the patches laid out as rows.
    fn embed(&self, images: &[Pixels], sequences: &[Sequence], w: &mut Workspace) {
        let counts = images.iter().map(|image| self.patches.count(image));
        w.inner.reshape(counts.sum(), self.patches.size());
        let mut row = 0;
        for image in images {
            for patch in 0..self.patches.count(image) {
                self.patches.unfold(image, patch, w.inner.row_mut(row));
                row += 1;
            }
        }
        let input = self.patch_embedding.input(w.kernel, &w.inner, &mut w.products);
        self.patch_embedding
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.attended);
        let rows = sequences.last().map_or(0, |sequence| sequence.rows.end);
        w.hidden.reshape(rows, self.width);
        let mut patch = 0;
        for (image, sequence) in images.iter().zip(sequences) {
            self.place(image, sequence, &w.attended, patch, &mut w.hidden);
            patch += self.patches.count(image);
        }
    }

    /// Writes one sequence, whose patches begin at row `patch` of `embedded`.
    fn place(&self, image: &Pixels, sequence: &Sequence, embedded: &Matrix, patch: usize, out: &mut Matrix) {
        let positions = self.positions.of(self.patches.grid(image));
        let first = sequence.rows.start + self.class_rows();
        if let Some(class) = &self.class {
            out.row_mut(sequence.rows.start).copy_from_slice(class);
        }
        for (number, position) in positions.chunks_exact(self.width).enumerate() {
            let source = embedded.row(patch + number);
            for ((x, source), position) in out.row_mut(first + number).iter_mut().zip(source).zip(position) {
                *x = source + position;
            }
        }
    }

    /// Leaves the mean of each image's patches in `pooled`.
    fn mean(&self, pooling: VitPooling, sequences: &[Sequence], w: &mut Workspace) {
        if pooling == VitPooling::MeanOfNormed {
            self.after.forward(w.kernel, &w.hidden, &mut w.normed);
            std::mem::swap(&mut w.hidden, &mut w.normed);
        }
        w.pooled.reshape(sequences.len(), self.width);
        for (number, sequence) in sequences.iter().enumerate() {
            let patches = sequence.rows.start + self.class_rows()..sequence.rows.end;
            w.pooled.set_mean(number, &w.hidden, patches);
        }
        if pooling == VitPooling::NormOfMean {
            self.after.forward(w.kernel, &w.pooled, &mut w.normed);
            std::mem::swap(&mut w.pooled, &mut w.normed);
        }
    }
}

impl Ending {
    fn load(
        weights: &mut Weights<PackedTensor>,
        config: &VitConfig,
        dimension: usize,
    ) -> Result<Self, LoadError> {
        Ok(match config.kind {
            VitKind::Siglip => Self::Attention(Box::new(AttentionPool::load(weights, &config.tower)?)),
            VitKind::Clip { pooling, .. } => {
                let shape = [dimension, config.tower.hidden];
                let projection =
                    Projection::load(weights, "visual_projection", ProjectionKind::Plain, shape)?;
                Self::Class(pooling, projection)
            }
        })
    }
}

/// The class token with its position, and the positions of the patches.
fn load_positions(
    weights: &mut Weights<PackedTensor>,
    config: &VitConfig,
) -> Result<(Option<Vec<f32>>, Positions), LoadError> {
    let width = config.tower.hidden;
    let side = table_side(weights, config)?;
    let name = "vision_model.embeddings.position_embedding.weight";
    let mut table = weights.values(name, &[side * side + config.class_rows(), width])?;
    let patches = table.split_off(config.class_rows() * width);
    let class = match config.kind {
        VitKind::Siglip => None,
        VitKind::Clip { .. } => {
            let mut class = weights.values("vision_model.embeddings.class_embedding", &[width])?;
            for (x, position) in class.iter_mut().zip(&table) {
                *x += position;
            }
            Some(class)
        }
    };
    Ok((class, Positions::new(patches, side, width, config.resampling)))
}
