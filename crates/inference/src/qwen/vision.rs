//! The vision towers of Qwen2-VL and Qwen3-VL: transformers' `modeling_qwen2_vl.py` and `modeling_qwen3_vl.py`.
//!
//! A picture is a grid of patches, taken group by group (two by two), so that the rows of a group follow each other and
//! become one token by being joined.

use eidetic_encoder::Pixels;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Activation, EpilogueOp, Mask};

use super::attention::{Columns, Grouped, attend};
use super::config::VisionConfig;
use super::linear::Linear;
use super::norm::Norm;
use super::rotary::{Angles, frequencies};
use super::tensors::Tensors;
use crate::error::LoadError;
use crate::layers::matrix::Matrix;

/// θ of both towers' rotary positions.
const THETA: f32 = 10_000.0;
/// Frames of a patch: a picture is seen as two equal ones.
const FRAMES: usize = 2;

/// All parts of a vision tower.
pub struct VisionTower {
    patches: Linear,
    positions: Option<LearntPositions>,
    blocks: Vec<Block>,
    merger: Merger,
    /// Mergers behind some layers.
    deep: Vec<(usize, Merger)>,
    heads: Grouped,
    patch: usize,
    merge: usize,
}

/// What a picture becomes.
pub struct Seen {
    /// A row for each group of patches.
    pub rows: Matrix,
    /// The same number of rows, for each of the decoder's first layers.
    pub deep: Vec<Matrix>,
    /// Groups along height and width.
    pub grid: [usize; 2],
}

/// A square grid of positions, stretched over each picture's own grid.
struct LearntPositions {
    values: Vec<f32>,
    side: usize,
}

struct Block {
    before_attention: Norm,
    /// Queries, keys and values side by side.
    heads: Linear,
    output: Linear,
    before_layers: Norm,
    wide: Linear,
    narrow: Linear,
    activation: Activation,
}

/// Makes one row of a group of patches.
struct Merger {
    norm: Norm,
    order: MergeOrder,
    wide: Linear,
    narrow: Linear,
    group: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MergeOrder {
    NormThenJoin,
    JoinThenNorm,
}

#[derive(Default)]
struct Between {
    normed: Matrix,
    heads: Matrix,
    mixed: Matrix,
    wide: Matrix,
}

impl VisionTower {
    /// Takes `visual.*`; `out` are the decoder's numbers of a row.
    pub fn load(tensors: &mut Tensors, config: &VisionConfig, out: usize) -> Result<Self, LoadError> {
        let (width, patch) = (config.width, config.patch);
        let shape = [width, 3, FRAMES, patch, patch];
        let patches =
            tensors.convolution("visual.patch_embed.proj.weight", &shape, config.names.patch_bias)?;
        let positions = config
            .positions
            .map(|side| LearntPositions::load(tensors, side, width));
        let blocks = (0..config.depth)
            .map(|layer| Block::load(tensors, &format!("visual.blocks.{layer}"), config))
            .collect::<Result<_, LoadError>>()?;
        let deep = config.deep.iter().enumerate().map(|(number, layer)| {
            let name = format!("visual.deepstack_merger_list.{number}");
            Ok((
                *layer,
                Merger::load(tensors, &name, config, MergeOrder::JoinThenNorm, out)?,
            ))
        });
        Ok(Self {
            deep: deep.collect::<Result<_, LoadError>>()?,
            patches,
            positions: positions.transpose()?,
            blocks,
            merger: Merger::load(tensors, "visual.merger", config, MergeOrder::NormThenJoin, out)?,
            heads: Grouped {
                heads: config.heads,
                shared: config.heads,
                width: width / config.heads,
            },
            patch,
            merge: config.merge,
        })
    }

    /// What the decoder reads of one picture, whose sides are whole groups of patches.
    pub fn forward(&self, kernel: Kernel, picture: &Pixels) -> Seen {
        let grid = [picture.height / self.patch, picture.width / self.patch];
        let places = places(grid, self.merge);
        let mut hidden = Matrix::default();
        self.patches.apply(
            kernel,
            &self.unfold(picture, &places),
            EpilogueOp::Store,
            &mut hidden,
        );
        if let Some(positions) = &self.positions {
            positions.add_to(&mut hidden, &places, grid);
        }
        let angles = self.angles(&places);
        let (mut between, mut deep) = (Between::default(), Vec::new());
        for (number, block) in self.blocks.iter().enumerate() {
            block.attend(kernel, self.heads, &angles, &mut hidden, &mut between);
            block.transform(kernel, &mut hidden, &mut between);
            if let Some((_, merger)) = self.deep.iter().find(|(layer, _)| *layer == number) {
                deep.push(merger.forward(kernel, &hidden));
            }
        }
        Seen {
            rows: self.merger.forward(kernel, &hidden),
            deep,
            grid: grid.map(|side| side / self.merge),
        }
    }

    /// A row for each patch: channel by channel, frame by frame, row by row.
    fn unfold(&self, picture: &Pixels, places: &[[u32; 2]]) -> Matrix {
        let (side, size) = (self.patch, self.patch * self.patch);
        let mut rows = Matrix::default();
        rows.reshape(places.len(), 3 * FRAMES * size);
        for (number, [row, column]) in places.iter().enumerate() {
            let (top, left) = (*row as usize * side, *column as usize * side);
            let planes = picture.values.chunks_exact(picture.height * picture.width);
            let channels = rows.row_mut(number).chunks_exact_mut(FRAMES * size);
            for (plane, out) in planes.zip(channels) {
                let (first, second) = out.split_at_mut(size);
                for (line, out) in first.chunks_exact_mut(side).enumerate() {
                    let start = (top + line) * picture.width + left;
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
            .flat_map(|b| [&b.heads, &b.output, &b.wide, &b.narrow]);
        let mergers = self.deep.iter().map(|(_, merger)| merger).chain([&self.merger]);
        let mergers = mergers.flat_map(|merger| [&merger.wide, &merger.narrow]);
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
            .flat_map(|b| [&b.before_attention, &b.before_layers])
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

impl LearntPositions {
    fn load(tensors: &mut Tensors, side: usize, width: usize) -> Result<Self, LoadError> {
        let values = tensors.values("visual.pos_embed.weight", &[side * side, width])?;
        Ok(Self { values, side })
    }

    /// Adds to each patch's row the positions around it, weighted, the corners of both grids laid on each other.
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

    /// The two positions along an axis that `place` of `count` lies between, and their weights.
    fn taps(&self, place: u32, count: usize) -> [(usize, f32); 2] {
        let last = self.side - 1;
        let at = place as f32 * last as f32 / count.saturating_sub(1).max(1) as f32;
        let floor = at.floor();
        [floor, floor + 1.0].map(|tap| ((tap as usize).min(last), (1.0 - (at - tap).abs()).max(0.0)))
    }
}

impl Block {
    fn load(tensors: &mut Tensors, prefix: &str, config: &VisionConfig) -> Result<Self, LoadError> {
        let (width, inner) = (config.width, config.intermediate);
        let name = |part: &str| format!("{prefix}.{part}");
        Ok(Self {
            before_attention: Norm::layer(tensors, &name("norm1"), width)?,
            before_layers: Norm::layer(tensors, &name("norm2"), width)?,
            heads: tensors.biased(&name("attn.qkv"), 3 * width, width)?,
            output: tensors.biased(&name("attn.proj"), width, width)?,
            wide: tensors.biased(&name(config.names.wide), inner, width)?,
            narrow: tensors.biased(&name(config.names.narrow), width, inner)?,
            activation: config.activation,
        })
    }

    fn attend(&self, kernel: Kernel, heads: Grouped, angles: &Angles, hidden: &mut Matrix, b: &mut Between) {
        self.before_attention.apply(kernel, hidden, &mut b.normed);
        self.heads
            .apply(kernel, &b.normed, EpilogueOp::Store, &mut b.heads);
        let width = hidden.width();
        angles.turn(kernel, &mut b.heads, 0, heads.heads);
        angles.turn(kernel, &mut b.heads, width, heads.heads);
        let rows = &b.heads;
        let sides = [0, 1, 2].map(|part| Columns {
            rows,
            first: part * width,
        });
        let picture = 0..hidden.count();
        attend(
            kernel,
            heads,
            Mask::None,
            std::slice::from_ref(&picture),
            sides,
            &mut b.mixed,
        );
        self.output
            .apply(kernel, &b.mixed, EpilogueOp::Accumulate, hidden);
    }

    fn transform(&self, kernel: Kernel, hidden: &mut Matrix, b: &mut Between) {
        self.before_layers.apply(kernel, hidden, &mut b.normed);
        self.wide.apply(
            kernel,
            &b.normed,
            EpilogueOp::Activate(self.activation),
            &mut b.wide,
        );
        self.narrow.apply(kernel, &b.wide, EpilogueOp::Accumulate, hidden);
    }
}

impl Merger {
    fn load(
        tensors: &mut Tensors,
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
            norm: Norm::layer(tensors, &format!("{prefix}.{}", names.merger_norm), normed)?,
            order,
            wide: tensors.biased(&format!("{prefix}.{}", names.merger_wide), joined, joined)?,
            narrow: tensors.biased(&format!("{prefix}.{}", names.merger_narrow), out, joined)?,
            group,
        })
    }

    fn forward(&self, kernel: Kernel, hidden: &Matrix) -> Matrix {
        let (mut normed, mut wide, mut out) = (Matrix::default(), Matrix::default(), Matrix::default());
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
        self.wide
            .apply(kernel, &normed, EpilogueOp::Activate(Activation::Gelu), &mut wide);
        self.narrow.apply(kernel, &wide, EpilogueOp::Store, &mut out);
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
    fn corners_lie_on_corners() {
        let positions = LearntPositions {
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
