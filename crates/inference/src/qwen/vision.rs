//! The vision towers of Qwen2-VL and Qwen3-VL: transformers' `modeling_qwen2_vl.py` and `modeling_qwen3_vl.py`.
//!
//! An image is a grid of patches, read group by group (two by two), so that the rows of a group follow each other and are
//! joined to one token.

use eidetic_encoder::Pixels;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Activation, EpilogueOp, Mask};

use super::rotary::{Angles, frequencies};
use super::shapes::VisionConfig;
use crate::error::LoadError;
use crate::layers::attention::{Columns, GqaHeads, Scoring, attention};
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::norm::Norm;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;

/// θ of both towers' rotary positions.
const THETA: f32 = 10_000.0;
/// The ε of every norm of both towers.
const EPSILON: f32 = 1e-6;
/// Frames of a patch: an image is seen as two equal ones.
const FRAMES: usize = 2;

/// All parts of a vision tower.
pub struct VisionTower {
    patches: Linear,
    positions: Option<PositionTable>,
    blocks: Vec<Block>,
    merger: Merger,
    /// Mergers after some layers.
    deep: Vec<(usize, Merger)>,
    heads: GqaHeads,
    patch: usize,
    merge: usize,
}

/// What the decoder reads of an image.
pub struct VisionFeatures {
    /// A row for each group of patches.
    pub rows: Matrix,
    /// The same number of rows, for each of the decoder's first layers.
    pub deep: Vec<Matrix>,
    /// Groups along height and width.
    pub grid: [usize; 2],
}

/// A square grid of learned positions, interpolated to each image's own grid.
struct PositionTable {
    values: Vec<f32>,
    side: usize,
}

struct Block {
    norm1: Norm,
    /// Queries, keys and values side by side.
    qkv: Linear,
    output: Linear,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

/// Joins a group of patches to one row.
struct Merger {
    norm: Norm,
    order: MergeOrder,
    fc1: Linear,
    fc2: Linear,
    group: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MergeOrder {
    NormThenJoin,
    JoinThenNorm,
}

#[derive(Default)]
struct Activations {
    normed: Matrix,
    qkv: Matrix,
    attended: Matrix,
    inner: Matrix,
}

impl VisionTower {
    /// Takes `visual.*`; `out` is the decoder's width.
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        config: &VisionConfig,
        out: usize,
    ) -> Result<Self, LoadError> {
        let (width, patch) = (config.width, config.patch);
        let shape = [width, 3, FRAMES, patch, patch];
        let patches = Linear::load_tensor(
            weights,
            "visual.patch_embed.proj.weight",
            &shape,
            config.names.patch_bias,
        )?;
        let positions = config
            .positions
            .map(|side| PositionTable::load(weights, side, width));
        let blocks = (0..config.depth)
            .map(|layer| Block::load(weights, &format!("visual.blocks.{layer}"), config))
            .collect::<Result<_, LoadError>>()?;
        let deep = config.deep.iter().enumerate().map(|(number, layer)| {
            let name = format!("visual.deepstack_merger_list.{number}");
            Ok((
                *layer,
                Merger::load(weights, &name, config, MergeOrder::JoinThenNorm, out)?,
            ))
        });
        Ok(Self {
            deep: deep.collect::<Result<_, LoadError>>()?,
            patches,
            positions: positions.transpose()?,
            blocks,
            merger: Merger::load(weights, "visual.merger", config, MergeOrder::NormThenJoin, out)?,
            heads: GqaHeads {
                heads: config.heads,
                shared: config.heads,
                width: width / config.heads,
            },
            patch,
            merge: config.merge,
        })
    }

    /// The features of one image, whose sides are whole groups of patches.
    pub fn forward(&self, kernel: Kernel, image: &Pixels) -> VisionFeatures {
        let grid = [image.height / self.patch, image.width / self.patch];
        let places = places(grid, self.merge);
        let mut hidden = Matrix::default();
        self.patches.forward_parallel(
            kernel,
            &self.unfold(image, &places),
            EpilogueOp::Store,
            &mut hidden,
        );
        if let Some(positions) = &self.positions {
            positions.add_to(&mut hidden, &places, grid);
        }
        let angles = self.angles(&places);
        let (mut activations, mut deep) = (Activations::default(), Vec::new());
        for (number, block) in self.blocks.iter().enumerate() {
            block.attend(kernel, self.heads, &angles, &mut hidden, &mut activations);
            block.mlp(kernel, &mut hidden, &mut activations);
            if let Some((_, merger)) = self.deep.iter().find(|(layer, _)| *layer == number) {
                deep.push(merger.forward(kernel, &hidden));
            }
        }
        VisionFeatures {
            rows: self.merger.forward(kernel, &hidden),
            deep,
            grid: grid.map(|side| side / self.merge),
        }
    }

    /// A row for each patch: channel by channel, frame by frame, row by row.
    fn unfold(&self, image: &Pixels, places: &[[u32; 2]]) -> Matrix {
        let (side, size) = (self.patch, self.patch * self.patch);
        let mut rows = Matrix::default();
        rows.reshape(places.len(), 3 * FRAMES * size);
        for (number, [row, column]) in places.iter().enumerate() {
            let (top, left) = (*row as usize * side, *column as usize * side);
            let planes = image.values.chunks_exact(image.height * image.width);
            let channels = rows.row_mut(number).chunks_exact_mut(FRAMES * size);
            for (plane, out) in planes.zip(channels) {
                let (first, second) = out.split_at_mut(size);
                for (line, out) in first.chunks_exact_mut(side).enumerate() {
                    let start = (top + line) * image.width + left;
                    out.copy_from_slice(&plane[start..start + side]);
                }
                second.copy_from_slice(first);
            }
        }
        rows
    }

    /// Half of a head's pairs turn with the row, half with the column.
    fn angles(&self, places: &[[u32; 2]]) -> Angles {
        let quarter = self.heads.width / 4;
        let frequencies = frequencies(THETA, quarter);
        let axes: Vec<u8> = [vec![0; quarter], vec![1; quarter]].concat();
        Angles::new(places, &axes, &[&frequencies[..], &frequencies[..]].concat())
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let positions = self
            .positions
            .as_ref()
            .map_or(0, |positions| 4 * positions.values.len());
        let blocks = self
            .blocks
            .iter()
            .flat_map(|b| [&b.qkv, &b.output, &b.fc1, &b.fc2]);
        let mergers = self.deep.iter().map(|(_, merger)| merger).chain([&self.merger]);
        let mergers = mergers.flat_map(|merger| [&merger.fc1, &merger.fc2]);
        let linears: usize = blocks
            .chain(mergers)
            .chain([&self.patches])
            .map(Linear::bytes)
            .sum();
        let merger_norms = self
            .deep
            .iter()
            .map(|(_, merger)| &merger.norm)
            .chain([&self.merger.norm]);
        let norms = self
            .blocks
            .iter()
            .flat_map(|b| [&b.norm1, &b.norm2])
            .chain(merger_norms);
        positions + linears + norms.map(Norm::bytes).sum::<usize>()
    }
}

/// Row and column of each patch, group by group.
fn places([height, width]: [usize; 2], merge: usize) -> Vec<[u32; 2]> {
    let mut places = Vec::with_capacity(height * width);
    for top in (0..height).step_by(merge) {
        for left in (0..width).step_by(merge) {
            for row in top..top + merge {
                places.extend((left..left + merge).map(|column| [row as u32, column as u32]));
            }
        }
    }
    places
}

impl PositionTable {
    fn load(weights: &mut Weights<PackedTensor>, side: usize, width: usize) -> Result<Self, LoadError> {
        let values = weights.values("visual.pos_embed.weight", &[side * side, width])?;
        Ok(Self { values, side })
    }

    /// Adds to each patch's row its position, interpolated bilinearly with the corners of both grids aligned.
    fn add_to(&self, hidden: &mut Matrix, places: &[[u32; 2]], grid: [usize; 2]) {
        let width = hidden.width();
        for (number, place) in places.iter().enumerate() {
            let [rows, columns] = [0, 1].map(|axis| self.taps(place[axis], grid[axis]));
            for (row, by_row) in rows {
                for (column, by_column) in columns {
                    let position = &self.values[(row * self.side + column) * width..][..width];
                    let weight = by_row * by_column;
                    let out = hidden.row_mut(number).iter_mut().zip(position);
                    out.for_each(|(x, position)| *x += weight * position);
                }
            }
        }
    }

    /// The two positions along an axis on either side of `place` of `count`, and their weights.
    fn taps(&self, place: u32, count: usize) -> [(usize, f32); 2] {
        let last = self.side - 1;
        let at = place as f32 * last as f32 / count.saturating_sub(1).max(1) as f32;
        let floor = at.floor();
        [floor, floor + 1.0].map(|tap| ((tap as usize).min(last), (1.0 - (at - tap).abs()).max(0.0)))
    }
}

impl Block {
    fn load(
        weights: &mut Weights<PackedTensor>,
        prefix: &str,
        config: &VisionConfig,
    ) -> Result<Self, LoadError> {
        let (width, inner) = (config.width, config.intermediate);
        let name = |part: &str| format!("{prefix}.{part}");
        Ok(Self {
            norm1: Norm::layer(weights, &name("norm1"), width, EPSILON)?,
            norm2: Norm::layer(weights, &name("norm2"), width, EPSILON)?,
            qkv: Linear::load(weights, &name("attn.qkv"), [3 * width, width])?,
            output: Linear::load(weights, &name("attn.proj"), [width, width])?,
            fc1: Linear::load(weights, &name(config.names.wide), [inner, width])?,
            fc2: Linear::load(weights, &name(config.names.narrow), [width, inner])?,
            activation: config.activation,
        })
    }

    fn attend(
        &self,
        kernel: Kernel,
        heads: GqaHeads,
        angles: &Angles,
        hidden: &mut Matrix,
        b: &mut Activations,
    ) {
        self.norm1.apply(kernel, hidden, &mut b.normed);
        self.qkv
            .forward_parallel(kernel, &b.normed, EpilogueOp::Store, &mut b.qkv);
        let width = hidden.width();
        angles.turn(kernel, &mut b.qkv, 0, heads.heads);
        angles.turn(kernel, &mut b.qkv, width, heads.heads);
        let rows = &b.qkv;
        let sides = [0, 1, 2].map(|part| Columns {
            rows,
            first: part * width,
        });
        let image = 0..hidden.count();
        attention(
            kernel,
            heads,
            Scoring::masked(Mask::None),
            std::slice::from_ref(&image),
            sides,
            &mut b.attended,
        );
        self.output
            .forward_parallel(kernel, &b.attended, EpilogueOp::Accumulate, hidden);
    }

    fn mlp(&self, kernel: Kernel, hidden: &mut Matrix, b: &mut Activations) {
        self.norm2.apply(kernel, hidden, &mut b.normed);
        let op = EpilogueOp::Activate(self.activation);
        self.fc1.forward_parallel(kernel, &b.normed, op, &mut b.inner);
        self.fc2
            .forward_parallel(kernel, &b.inner, EpilogueOp::Accumulate, hidden);
    }
}

impl Merger {
    fn load(
        weights: &mut Weights<PackedTensor>,
        prefix: &str,
        config: &VisionConfig,
        order: MergeOrder,
        out: usize,
    ) -> Result<Self, LoadError> {
        let (group, names) = (config.merge * config.merge, config.names);
        let joined = group * config.width;
        let normed = match order {
            MergeOrder::NormThenJoin => config.width,
            MergeOrder::JoinThenNorm => joined,
        };
        Ok(Self {
            norm: Norm::layer(
                weights,
                &format!("{prefix}.{}", names.merger_norm),
                normed,
                EPSILON,
            )?,
            order,
            fc1: Linear::load(
                weights,
                &format!("{prefix}.{}", names.merger_wide),
                [joined, joined],
            )?,
            fc2: Linear::load(
                weights,
                &format!("{prefix}.{}", names.merger_narrow),
                [out, joined],
            )?,
            group,
        })
    }

    fn forward(&self, kernel: Kernel, hidden: &Matrix) -> Matrix {
        let (mut normed, mut inner, mut out) = (Matrix::default(), Matrix::default(), Matrix::default());
        match self.order {
            MergeOrder::NormThenJoin => {
                self.norm.apply(kernel, hidden, &mut normed);
                normed.join(self.group);
            }
            MergeOrder::JoinThenNorm => {
                let mut joined = hidden.clone();
                joined.join(self.group);
                self.norm.apply(kernel, &joined, &mut normed);
            }
        }
        let op = EpilogueOp::Activate(Activation::Gelu);
        self.fc1.forward_parallel(kernel, &normed, op, &mut inner);
        self.fc2
            .forward_parallel(kernel, &inner, EpilogueOp::Store, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_come_group_by_group() {
        let found = places([2, 4], 2);
        assert_eq!(
            found,
            [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [0, 3], [1, 2], [1, 3]]
        );
    }

    #[test]
    fn corners_of_both_grids_align() {
        let positions = PositionTable {
            values: Vec::new(),
            side: 6,
        };
        assert_eq!(positions.taps(0, 14)[0], (0, 1.0));
        let [(low, below), (high, above)] = positions.taps(13, 14);
        assert!(low == 5 && high == 5 && (below - 1.0).abs() < 1e-6 && above < 1e-6);
        assert_eq!(positions.taps(0, 1)[0], (0, 1.0));
        assert_eq!(positions.taps(1, 3)[0], (2, 0.5));
    }
}
