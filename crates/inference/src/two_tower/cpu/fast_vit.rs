//! The FastViT picture tower: convolutions of single channels, products between them, attention in the last stage.

use eidetic_domain::Precision;
use eidetic_encoder::Pixels;
use eidetic_kernels::matrix::{Activation, Attention, Epilogue, Heads, Mask, PackedWeights, WeightFormat};

use super::convolution::{Convolution, Scratch, Shape};
use super::convolutional::channels_last;
use super::depthwise::{ChannelConvolution, places};
use super::excitation::{Excitation, activate};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::{Dense, Projection};
use crate::layers::packing::Stored;
use crate::layers::products::Products;
use crate::layers::weights::Weights;
use crate::two_tower::config::{FastVitConfig, Projection as Kind};
use crate::two_tower::fastvit_weights::{
    self, BlockWeights, FastVitWeights, Folded, MixerWeights, StageWeights,
};

/// Positions that go through the two dense layers of a block at a time: what lies between stays in a core's own cache.
const POSITIONS: usize = 256;
const GELU: Activation = Activation::Gelu;

/// The picture tower (`visual.trunk.*` of OpenCLIP's layout).
pub struct FastVitTower {
    side: usize,
    stem: Convolution,
    stem_channels: ChannelConvolution,
    stem_point: Dense,
    stages: Vec<Stage>,
    last: ChannelConvolution,
    last_excitation: Excitation,
    /// Where the means of the last map's channels stand.
    last_places: Vec<usize>,
    projection: Projection,
}

struct Stage {
    downsampling: Option<Downsampling>,
    positions: Option<ChannelConvolution>,
    blocks: Vec<Block>,
}

struct Downsampling {
    large: ChannelConvolution,
    excitation: Option<Excitation>,
    point: Dense,
}

struct Block {
    mixer: Mixer,
    spread: ChannelConvolution,
    wide: Dense,
    narrow: Dense,
}

enum Mixer {
    Convolution(ChannelConvolution),
    Attention(Box<Attention>),
}

struct Attention {
    queries: Dense,
    keys: Dense,
    values: Dense,
    output: Dense,
    heads: Heads,
}

impl FastVitTower {
    pub fn load(
        weights: &mut Weights<Stored>,
        config: &FastVitConfig,
        dimension: usize,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let folded = FastVitWeights::load(weights, config)?;
        let last_places = places(&folded.last);
        let shape = [dimension, folded.last.shape.outputs];
        let [stem, channels, point] = &folded.stem;
        Ok(Self {
            side: config.side,
            stem: stem_convolution(stem),
            stem_channels: ChannelConvolution::pack(channels),
            stem_point: dense(point, precision),
            stages: folded
                .stages
                .iter()
                .map(|stage| Stage::pack(stage, precision))
                .collect(),
            last: ChannelConvolution::pack(&folded.last),
            last_excitation: Excitation::pack(&folded.last_excitation, &last_places),
            last_places,
            projection: Projection::load(weights, "visual_projection", Kind::Biased, shape)?,
        })
    }

    /// Rows that a picture counts for when batches are cut.
    #[expect(clippy::unused_self, reason = "asked of every tower")]
    pub const fn length(&self) -> usize {
        256
    }

    /// Embeddings before scaling to unit length. All pictures have the model's size.
    pub fn forward(&self, pictures: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let w = workspace;
        let mut side = self.enter(pictures, w);
        for stage in &self.stages {
            side = stage.forward(side, w);
        }
        self.last
            .apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
        self.last_excitation
            .apply(w.kernel, &mut w.maps.inner, pictures.len());
        self.pool(pictures.len(), w);
        self.projection
            .forward(w.kernel, &w.pooled, &mut w.codes, &mut w.mixed)
    }

    /// Nothing but the products that [`forward`](Self::forward) makes of `pictures` pictures.
    pub fn products(&self, pictures: usize, products: &mut Products) {
        let mut side = self.side;
        self.stem.products(pictures, side, products);
        side /= 4;
        products.run(pictures * side * side, self.stem_point.factor());
        for stage in &self.stages {
            if let Some(downsampling) = &stage.downsampling {
                side /= 2;
                products.run(pictures * side * side, downsampling.point.factor());
            }
            for block in &stage.blocks {
                block.products(pictures * side * side, products);
            }
        }
        self.projection.products(pictures, products);
    }

    /// The stem: leaves the first maps in `current` and gives their side.
    fn enter(&self, pictures: &[Pixels], w: &mut Workspace) -> usize {
        let maps = &mut w.maps;
        channels_last(pictures, &mut maps.inner);
        let mut scratch = Scratch {
            kernel: w.kernel,
            columns: &mut maps.columns,
            codes: &mut w.codes,
        };
        let activated = |bias| Epilogue::activate(bias, GELU);
        self.stem
            .apply(&maps.inner, self.side, &mut scratch, activated, &mut maps.current);
        let side = self
            .stem_channels
            .apply(w.kernel, &maps.current, self.side / 2, &mut maps.inner);
        activate(w.kernel, &mut maps.inner);
        fill_activated(&self.stem_point, w);
        side
    }

    /// The mean of each picture's last map, in the order of the file.
    fn pool(&self, pictures: usize, w: &mut Workspace) {
        let positions = w.maps.inner.count() / pictures.max(1);
        w.mixed.reshape(pictures, self.last_places.len());
        w.pooled.reshape(pictures, self.last_places.len());
        for picture in 0..pictures {
            let rows = picture * positions..(picture + 1) * positions;
            w.mixed.set_mean(picture, &w.maps.inner, rows);
            let means = w.pooled.row_mut(picture).iter_mut().zip(&self.last_places);
            for (mean, &place) in means {
                *mean = w.mixed.row(picture)[place];
            }
        }
    }
}

impl Stage {
    fn pack(folded: &StageWeights, precision: Precision) -> Self {
        let downsampling = folded
            .downsampling
            .as_ref()
            .map(|folded| Downsampling::pack(folded, precision));
        Self {
            downsampling,
            positions: folded.positions.as_ref().map(ChannelConvolution::pack),
            blocks: folded
                .blocks
                .iter()
                .map(|block| Block::pack(block, precision))
                .collect(),
        }
    }

    /// Replaces the current maps of `side` × `side` positions and gives their new side.
    fn forward(&self, side: usize, w: &mut Workspace) -> usize {
        let mut side = side;
        if let Some(downsampling) = &self.downsampling {
            side = downsampling.forward(side, w);
        }
        if let Some(positions) = &self.positions {
            positions.apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
            std::mem::swap(&mut w.maps.current, &mut w.maps.inner);
        }
        for block in &self.blocks {
            block.forward(side, w);
        }
        side
    }
}

impl Downsampling {
    fn pack(folded: &fastvit_weights::Downsampling, precision: Precision) -> Self {
        let places = places(&folded.large);
        let excitation = folded.excitation.as_ref();
        Self {
            large: ChannelConvolution::pack(&folded.large),
            excitation: excitation.map(|excitation| Excitation::pack(excitation, &places)),
            point: dense(&folded.point.with_inputs_at(&places), precision),
        }
    }

    fn forward(&self, side: usize, w: &mut Workspace) -> usize {
        let pictures = w.maps.current.count() / (side * side);
        let side = self
            .large
            .apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
        match &self.excitation {
            Some(excitation) => excitation.apply(w.kernel, &mut w.maps.inner, pictures),
            None => activate(w.kernel, &mut w.maps.inner),
        }
        fill_activated(&self.point, w);
        side
    }
}

impl Block {
    fn pack(folded: &BlockWeights, precision: Precision) -> Self {
        let mixer = match &folded.mixer {
            MixerWeights::Convolution(mixer) => Mixer::Convolution(ChannelConvolution::pack(mixer)),
            MixerWeights::Attention(folded) => Mixer::Attention(Box::new(Attention::pack(folded, precision))),
        };
        Self {
            mixer,
            spread: ChannelConvolution::pack(&folded.spread),
            wide: dense(&folded.wide, precision),
            narrow: dense(&folded.narrow, precision),
        }
    }

    fn forward(&self, side: usize, w: &mut Workspace) {
        match &self.mixer {
            Mixer::Convolution(mixer) => {
                mixer.apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
                std::mem::swap(&mut w.maps.current, &mut w.maps.inner);
            }
            Mixer::Attention(attention) => attention.add(side, w),
        }
        self.spread
            .apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
        self.add_layers(w);
    }

    /// Adds to `current` what the two dense layers make of each position of `inner`.
    fn add_layers(&self, w: &mut Workspace) {
        let count = w.maps.inner.count();
        for first in (0..count).step_by(POSITIONS) {
            let rows = POSITIONS.min(count - first);
            let input = self
                .wide
                .input_rows(w.kernel, w.maps.inner.rows(first, rows), &mut w.codes);
            self.wide.fill_activated(w.kernel, input, rows, GELU, &mut w.wide);
            let input = self.narrow.input(w.kernel, &w.wide, &mut w.codes);
            self.narrow
                .add_to_rows(w.kernel, input, w.maps.current.rows_mut(first, rows));
        }
    }

    fn products(&self, rows: usize, products: &mut Products) {
        if let Mixer::Attention(attention) = &self.mixer {
            for dense in [
                &attention.queries,
                &attention.keys,
                &attention.values,
                &attention.output,
            ] {
                products.run(rows, dense.factor());
            }
        }
        for first in (0..rows).step_by(POSITIONS) {
            products.run(POSITIONS.min(rows - first), self.wide.factor());
            products.run(POSITIONS.min(rows - first), self.narrow.factor());
        }
    }
}

impl Attention {
    fn pack(folded: &fastvit_weights::AttentionWeights, precision: Precision) -> Self {
        Self {
            queries: dense(&folded.queries, precision),
            keys: dense(&folded.keys, precision),
            values: dense(&folded.values, precision),
            output: dense(&folded.output, precision),
            heads: Heads {
                count: folded.output.shape.outputs / FastVitConfig::HEAD,
                width: FastVitConfig::HEAD,
            },
        }
    }

    /// Adds to `current` what attention makes of each picture's positions.
    fn add(&self, side: usize, w: &mut Workspace) {
        let (map, length) = (&mut w.maps.current, side * side);
        let count = map.count();
        let input = self.queries.input(w.kernel, map, &mut w.codes);
        self.queries.fill(w.kernel, input, count, &mut w.queries);
        self.keys.fill(w.kernel, input, count, &mut w.keys);
        self.values.fill(w.kernel, input, count, &mut w.values);
        w.mixed.reshape(count, map.width());
        for first in (0..count).step_by(length) {
            let attention = Attention {
                heads: self.heads,
                mask: Mask::None,
                queries: w.queries.rows(first, length),
                keys: w.keys.rows(first, length),
                values: w.values.rows(first, length),
            };
            w.kernel
                .attention(attention, w.mixed.rows_mut(first, length), &mut w.attention);
        }
        let input = self.output.input(w.kernel, &w.mixed, &mut w.codes);
        self.output.add_to(w.kernel, input, map);
    }
}

/// Replaces `current` by what a dense layer makes of each position of `inner`.
fn fill_activated(dense: &Dense, w: &mut Workspace) {
    let Workspace {
        kernel, maps, codes, ..
    } = w;
    let input = dense.input(*kernel, &maps.inner, codes);
    dense.fill_activated(*kernel, input, maps.inner.count(), GELU, &mut maps.current);
}

fn dense(folded: &Folded, precision: Precision) -> Dense {
    Dense::new(
        factor(&folded.weight, &folded.bias, precision),
        folded.bias.clone(),
    )
}

fn factor(weight: &[f32], bias: &[f32], precision: Precision) -> PackedWeights {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let format = match precision {
        // bf16 was refused when the weights were read.
        Precision::F32 | Precision::Bf16 => WeightFormat::F32,
        Precision::Int8 => WeightFormat::Int8,
    };
    PackedWeights::pack(weight, format, outputs, inputs)
}

/// In f32 whatever the precision of the rest: three channels of pixels cost little and, rounded, would cost most.
fn stem_convolution(folded: &Folded) -> Convolution {
    let shape = folded.shape;
    let taps = shape.kernel * shape.kernel;
    // As unfolded: all channels of a position side by side.
    let mut weight = Vec::with_capacity(folded.weight.len());
    for output in folded.weight.chunks_exact(shape.inputs * taps) {
        weight
            .extend((0..taps).flat_map(|tap| (0..shape.inputs).map(move |input| output[input * taps + tap])));
    }
    Convolution::new(
        factor(&weight, &folded.bias, Precision::F32),
        folded.bias.clone(),
        Shape {
            inputs: shape.inputs,
            outputs: shape.outputs,
            kernel: shape.kernel,
            stride: shape.stride,
        },
    )
}
