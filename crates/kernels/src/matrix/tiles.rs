//! Register tiles: the inner loops of all matrix products, generic over number format and instruction set.
//!
//! A tile is a block of the result, some rows high and [`Lanes::TILE_WIDTH`] registers wide, whose sums
//! stay in registers over the whole depth of the product. For each row of a panel of weights, its registers
//! are loaded once and multiplied with the corresponding values of each left row, broadcast to all lanes.

use super::PANEL;
use super::packed_weights::Panel;
use super::prefetch::PanelPrefetch;

/// The largest number of rows of a tile, of any instruction set.
const MAX_ROWS: usize = 12;

/// The left operand of a product: rows of groups of values.
#[derive(Debug)]
pub(super) struct Left<'a, G> {
    groups: &'a [G],
    stride: usize,
    count: usize,
}

/// The sums of a tile. Aligned, so that a vector load of what was just stored does not cross a cache line.
#[repr(align(64))]
pub(super) struct TileSums<S>([[S; PANEL]; MAX_ROWS]);

/// Receives the sums of a panel, row by row.
pub(super) trait TileOutput<S> {
    /// Takes the sums of a row; called once for each row of the product.
    fn write(&mut self, row: usize, sums: &[S; PANEL]);
}

/// How one instruction set multiplies and adds numbers of one format.
///
/// # Safety
/// Every function requires that the processor has the instruction set, and that its caller is compiled for
/// it: all of them are inlined into functions with `#[target_feature]`. Pointers need no alignment.
pub(super) trait Lanes {
    /// Values of a left row that are stored together.
    type Group;
    /// One row of a panel of weights: those that `GROUPS` groups are multiplied with, for [`PANEL`] outputs.
    type Row;
    /// The sum of an output.
    type Sum: Copy + Default;
    /// A register of `LANES` sums.
    type Sums: Copy;
    /// The weights of a row of a panel for `LANES` outputs.
    type Weights: Copy;
    /// `GROUPS` groups, each broadcast to all lanes.
    type Broadcast: Copy;
    /// Outputs of a register.
    const LANES: usize;
    /// Registers side by side in a tile: 2 or 4.
    const TILE_WIDTH: usize;
    /// Groups of a left row that belong to a row of a panel.
    const GROUPS: usize;

    /// All sums 0.
    unsafe fn zero() -> Self::Sums;

    /// The weights of outputs `column..column + LANES`.
    unsafe fn load(row: &Self::Row, column: usize) -> Self::Weights;

    /// Broadcasts the first `count` groups from `from` on, which must be readable; the others are 0.
    /// `count` is between 1 and `GROUPS`, and a constant after inlining.
    unsafe fn broadcast(from: *const Self::Group, count: usize) -> Self::Broadcast;

    /// Adds to each sum the products of the groups with the weights of its output.
    unsafe fn multiply_add(sums: Self::Sums, left: Self::Broadcast, weights: Self::Weights) -> Self::Sums;

    /// Writes `LANES` sums from `to` on, which must be writable.
    unsafe fn store(sums: Self::Sums, to: *mut Self::Sum);
}

/// A function that computes the sums of a fixed number of rows, which start at the pointer and are the
/// given number of groups apart, for one panel. See [`tile`].
pub(super) type TileFn<L> = unsafe fn(
    *const <L as Lanes>::Group,
    usize,
    Panel<'_, <L as Lanes>::Row>,
    PanelPrefetch,
    &mut TileSums<<L as Lanes>::Sum>,
);

impl<'a, G> Left<'a, G> {
    /// `count` rows, each `stride` groups after the previous one.
    pub(super) const fn new(groups: &'a [G], stride: usize, count: usize) -> Self {
        Self {
            groups,
            stride,
            count,
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The first `depth` groups of a row.
    pub(super) fn row(&self, row: usize, depth: usize) -> &'a [G] {
        &self.groups[row * self.stride..][..depth]
    }

    /// Panics unless each row has `depth` groups.
    pub(super) fn check(&self, depth: usize) {
        super::check_rows(self.groups.len(), self.stride, self.count, depth);
    }
}

/// Computes all rows of `left` times one panel. `tiles[i]` computes `i + 1` rows.
///
/// # Safety
/// The processor has the instruction set of `L` and of `tiles`; `left` has passed [`Left::check`] for the
/// depth of the panel.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) unsafe fn run<L: Lanes>(
    left: &Left<'_, L::Group>,
    panel: Panel<'_, L::Row>,
    output: &mut impl TileOutput<L::Sum>,
    tiles: &[TileFn<L>],
) {
    let mut sums = TileSums([[L::Sum::default(); PANEL]; MAX_ROWS]);
    let prefetch = PanelPrefetch::new(panel.next, left.count.div_ceil(tiles.len()));
    for (tile, (first, height)) in tile_heights(left.count, tiles.len()).enumerate() {
        let rows = left.groups[first * left.stride..].as_ptr();
        // SAFETY: the caller guarantees the instruction set and the rows `first..first + height`.
        unsafe { tiles[height - 1](rows, left.stride, panel, prefetch.of_tile(tile), &mut sums) };
        for (row, sums) in sums.0[..height].iter().enumerate() {
            output.write(first + row, sums);
        }
    }
}

/// Splits `count` rows into as few tiles of at most `max` rows as possible, whose heights differ by at most
/// one: (first row, height).
fn tile_heights(count: usize, max: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = count.div_ceil(max);
    (0..tiles).map(move |tile| {
        let start = tile * count / tiles;
        (start, (tile + 1) * count / tiles - start)
    })
}

/// The sums of `ROWS` rows, which start at `left` and are `stride` groups apart, for all outputs of a panel.
///
/// # Safety
/// The processor has the instruction set of `L`; each of the rows has `panel.depth` readable groups.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) unsafe fn tile<L: Lanes, const ROWS: usize>(
    left: *const L::Group,
    stride: usize,
    panel: Panel<'_, L::Row>,
    prefetch: PanelPrefetch,
    sums: &mut TileSums<L::Sum>,
) {
    for column in (0..PANEL).step_by(L::LANES * L::TILE_WIDTH) {
        // SAFETY: the caller guarantees the instruction set and the rows. `column` is a multiple of the
        // tile's width, which divides that of the panel.
        unsafe {
            match L::TILE_WIDTH {
                2 => tile_at::<L, ROWS, 2>(left, stride, panel, prefetch, column, sums),
                4 => tile_at::<L, ROWS, 4>(left, stride, panel, prefetch, column, sums),
                _ => unreachable!("tiles are two or four registers wide"),
            }
        }
    }
}

/// # Safety
/// As for [`tile`]; `column + WIDTH · LANES` is at most the width of the panel.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
unsafe fn tile_at<L: Lanes, const ROWS: usize, const WIDTH: usize>(
    left: *const L::Group,
    stride: usize,
    panel: Panel<'_, L::Row>,
    prefetch: PanelPrefetch,
    column: usize,
    sums: &mut TileSums<L::Sum>,
) {
    const { assert!(ROWS <= MAX_ROWS && (L::GROUPS == 1 || L::GROUPS == 2)) };
    // SAFETY: the caller guarantees the instruction set. `column` keeps weights within the row of a panel
    // and sums within the array; the groups read of a row are those before `panel.depth`.
    unsafe {
        let mut tile = [[L::zero(); WIDTH]; ROWS];
        let whole = panel.depth / L::GROUPS;
        for (at, row) in panel.rows[..whole].iter().enumerate() {
            prefetch.fetch(at);
            let left = left.add(at * L::GROUPS);
            add_row::<L, ROWS, WIDTH>(&mut tile, left, stride, L::GROUPS, &row.0, column);
        }
        // `GROUPS` is 1 or 2, so that one group may be left.
        if L::GROUPS == 2 && panel.depth % 2 == 1 {
            let left = left.add(panel.depth - 1);
            add_row::<L, ROWS, WIDTH>(&mut tile, left, stride, 1, &panel.rows[whole].0, column);
        }
        for (tile, sums) in tile.iter().zip(sums.0.iter_mut()) {
            for (register, sum) in tile.iter().enumerate() {
                L::store(*sum, sums.as_mut_ptr().add(column + register * L::LANES));
            }
        }
    }
}

/// Adds the products of a row of a panel to the sums of a tile.
///
/// # Safety
/// As for [`tile_at`]; `count` groups are readable at `left` and at the same place of the other rows.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
unsafe fn add_row<L: Lanes, const ROWS: usize, const WIDTH: usize>(
    tile: &mut [[L::Sums; WIDTH]; ROWS],
    left: *const L::Group,
    stride: usize,
    count: usize,
    weights: &L::Row,
    column: usize,
) {
    // SAFETY: the caller guarantees the instruction set, the weights and the groups.
    unsafe {
        let weights: [L::Weights; WIDTH] =
            std::array::from_fn(|register| L::load(weights, column + register * L::LANES));
        for (row, sums) in tile.iter_mut().enumerate() {
            let groups = L::broadcast(left.add(row * stride), count);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = L::multiply_add(*sum, groups, weights);
            }
        }
    }
}
