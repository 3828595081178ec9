//! The convolutional image tower: a stem, stages of residual blocks, a head, and the mean over the image.

use eidetic_encoder::Pixels;
use eidetic_kernels::matrix::{Activation, EpilogueOp};

use super::convolution::{Convolution, Scratch, Shape};
use super::projection::Projection;
use super::workspace::{Maps, Workspace};
use crate::error::LoadError;
use crate::layers::matrix::Matrix;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;
use crate::two_tower::config::{ConvolutionalConfig, ProjectionKind};

/// The image tower (`vision_model.*` and `visual_projection`); see tools/builtin-model/README.md.
pub struct ConvolutionalTower {
    side: usize,
    stem: Convolution,
    blocks: Vec<Block>,
    head: Convolution,
    projection: Projection,
    activation: Activation,
}

/// Two convolutions beside a shortcut, which is a convolution itself where the block halves the map.
struct Block {
    first: Convolution,
    second: Convolution,
    shortcut: Option<Convolution>,
    activation: Activation,
}

impl ConvolutionalTower {
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        config: &ConvolutionalConfig,
        dimension: usize,
    ) -> Result<Self, LoadError> {
        let stem = shape(3, config.stem, 3, 2);
        let mut blocks = Vec::new();
        let mut inputs = config.stem;
        for (stage, &(width, depth)) in config.stages.iter().enumerate() {
            for block in 0..depth {
                let name = format!("vision_model.stages.{stage}.blocks.{block}");
                blocks.push(Block::load(weights, &name, inputs, width, config.activation)?);
                inputs = width;
            }
        }
        let head = shape(inputs, config.hidden, 1, 1);
        Ok(Self {
            side: config.side,
            stem: Convolution::load(weights, "vision_model.stem", stem)?,
            blocks,
            head: Convolution::load(weights, "vision_model.head", head)?,
            projection: Projection::load(
                weights,
                "visual_projection",
                ProjectionKind::Plain,
                [dimension, config.hidden],
            )?,
            activation: config.activation,
        })
    }

    /// Rows that an image counts for when batches are cut: some images together keep the late stages' products, which
    /// have few positions and most weights, from being bound by memory.
    #[expect(clippy::unused_self, reason = "every tower has it")]
    pub const fn length(&self) -> usize {
        64
    }

    /// Embeddings before scaling to unit length. All images have the model's size.
    pub fn forward(&self, images: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let w = workspace;
        let mut scratch = Scratch {
            kernel: w.kernel,
            columns: &mut w.maps.columns,
            products: &mut w.products,
        };
        let activated = EpilogueOp::Activate(self.activation);
        channels_last(images, &mut w.maps.inner);
        self.stem.apply(
            &w.maps.inner,
            self.side,
            &mut scratch,
            activated,
            &mut w.maps.current,
        );
        let mut side = self.side / 2;
        for block in &self.blocks {
            side = block.forward(side, w);
        }
        let mut scratch = Scratch {
            kernel: w.kernel,
            columns: &mut w.maps.columns,
            products: &mut w.products,
        };
        self.head
            .apply(&w.maps.current, side, &mut scratch, activated, &mut w.maps.inner);
        means(&w.maps.inner, images.len(), &mut w.pooled);
        self.projection
            .forward(w.kernel, &w.pooled, &mut w.products, &mut w.attended)
    }
}

impl Block {
    /// Takes the block `NAME`, which halves the map if it has a `NAME.shortcut`: the first of each stage.
    fn load(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        inputs: usize,
        width: usize,
        activation: Activation,
    ) -> Result<Self, LoadError> {
        let halves = name.ends_with(".0");
        let stride = 1 + usize::from(halves);
        let mut load = |part: &str, shape| Convolution::load(weights, &format!("{name}.{part}"), shape);
        Ok(Self {
            first: load("conv1", shape(inputs, width, 3, stride))?,
            second: load("conv2", shape(width, width, 3, 1))?,
            shortcut: halves
                .then(|| load("shortcut", shape(inputs, width, 1, 1)))
                .transpose()?,
            activation,
        })
    }

    /// Replaces the current maps of `side` × `side` positions and gives their new side.
    fn forward(&self, side: usize, workspace: &mut Workspace) -> usize {
        let Maps {
            current,
            inner,
            next,
            columns,
        } = &mut workspace.maps;
        let mut scratch = Scratch {
            kernel: workspace.kernel,
            columns,
            products: &mut workspace.products,
        };
        let activated = EpilogueOp::Activate(self.activation);
        let added = EpilogueOp::AccumulateActivate(self.activation);
        self.first.apply(current, side, &mut scratch, activated, inner);
        let Some(shortcut) = &self.shortcut else {
            self.second.apply(inner, side, &mut scratch, added, current);
            return side;
        };
        halved(current, side, next);
        shortcut.apply(next, side / 2, &mut scratch, EpilogueOp::Store, current);
        self.second.apply(inner, side / 2, &mut scratch, added, current);
        side / 2
    }
}

const fn shape(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Shape {
    Shape {
        inputs,
        outputs,
        kernel,
        stride,
    }
}

/// Planes to positions with three channels each.
pub(super) fn channels_last(images: &[Pixels], out: &mut Matrix) {
    let size = images.first().map_or(0, |image| image.height * image.width);
    out.reshape(images.len() * size, 3);
    for (number, image) in images.iter().enumerate() {
        for (channel, plane) in image.values.chunks_exact(size).enumerate() {
            for (place, value) in plane.iter().enumerate() {
                out.row_mut(number * size + place)[channel] = *value;
            }
        }
    }
}

/// The mean of each two by two positions.
fn halved(map: &Matrix, side: usize, out: &mut Matrix) {
    let half = side / 2;
    let images = map.count() / (side * side);
    out.reshape(images * half * half, map.width());
    for place in 0..out.count() {
        let (line, x) = (place / half, place % half);
        // Lines of all images follow each other, and each image has an even number of them.
        let upper = 2 * line * side + 2 * x;
        let corners = [upper, upper + 1, upper + side, upper + side + 1].map(|row| map.row(row));
        for (channel, value) in out.row_mut(place).iter_mut().enumerate() {
            *value = corners.iter().map(|corner| corner[channel]).sum::<f32>() / 4.0;
        }
    }
}

/// The mean over each image's positions.
fn means(map: &Matrix, images: usize, out: &mut Matrix) {
    let positions = map.count() / images.max(1);
    out.reshape(images, map.width());
    for image in 0..images {
        out.set_mean(image, map, image * positions..(image + 1) * positions);
    }
}
