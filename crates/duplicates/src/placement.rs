//! Where one picture lies in another.

use crate::features::{FEATURE_SIDE, Feature};
use crate::orientation::Orientation;

/// Maps places of a picture to places of another one that was turned by `orientation`: `scale * at + offset` in each
/// direction. Both pictures are unit squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    pub(crate) orientation: Orientation,
    pub(crate) scale: [f32; 2],
    pub(crate) offset: [f32; 2],
}

impl Placement {
    /// Of a picture with the same borders.
    pub(crate) const fn whole(orientation: Orientation) -> Self {
        Self {
            orientation,
            scale: [1.0; 2],
            offset: [0.0; 2],
        }
    }

    /// The shares of the two pictures that show the same.
    pub(crate) fn overlaps(&self) -> [f32; 2] {
        let mut shares = [1.0; 2];
        for (scale, offset) in self.scale.iter().zip(&self.offset) {
            let (start, end) = (offset.max(0.0), (scale + offset).min(1.0));
            let common = (end - start).max(0.0);
            shares[0] *= common / scale.max(1e-6);
            shares[1] *= common;
        }
        shares
    }
}

/// Two features that look alike, of two pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    pub(crate) from: Feature,
    pub(crate) to: Feature,
}

/// Matches agree where their scales differ by less than this factor, and places by less than this many pixels.
const SCALE_TOLERANCE: f32 = 1.3;
const PLACE_TOLERANCE: f32 = 5.0;
/// Matches that must agree.
const MIN_AGREEING: usize = 2;
/// Most matches of two pictures that are looked at.
const MAX_MATCHES: usize = 64;

/// The placement on which most of `matches` agree. `aspects` are widths divided by heights.
pub(crate) fn agreed_placement(matches: &[Match], aspects: [f32; 2]) -> Option<Placement> {
    let matches: Vec<Located> = matches.iter().take(MAX_MATCHES).map(Located::of).collect();
    let agreeing = |with: &Located| {
        let others = matches.iter().filter(|other| with.agrees(other));
        distinct(others.copied().collect())
    };
    let best = matches.iter().map(agreeing).max_by_key(Vec::len)?;
    if best.len() < MIN_AGREEING {
        return None;
    }
    let scale = geometric_mean(best.iter().map(|found| found.scale));
    let fit = |axis: usize| {
        let count = best.len() as f32;
        let mean =
            |at: fn(&Located) -> [f32; 2]| best.iter().map(|found| at(found)[axis]).sum::<f32>() / count;
        let (from, to) = (mean(|found| found.from), mean(|found| found.to));
        let slope = slope(&best, axis, (from, to), scale);
        (slope, to - slope * from)
    };
    let (across, down) = (fit(0), fit(1));
    let sides = aspects.map(unit_sides);
    let scaled = |axis: usize, (slope, offset): (f32, f32)| {
        (slope * sides[0][axis] / sides[1][axis], offset / sides[1][axis])
    };
    let ((scale_x, offset_x), (scale_y, offset_y)) = (scaled(0, across), scaled(1, down));
    Some(Placement {
        orientation: Orientation::UPRIGHT,
        scale: [scale_x, scale_y],
        offset: [offset_x, offset_y],
    })
}

/// A match in units of the longer side.
#[derive(Debug, Clone, Copy)]
struct Located {
    from: [f32; 2],
    to: [f32; 2],
    scale: f32,
    key: [Feature; 2],
}

impl Located {
    fn of(found: &Match) -> Self {
        let place = |feature: &Feature| [feature.x, feature.y].map(|at| f32::from(at) / 255.0);
        Self {
            from: place(&found.from),
            to: place(&found.to),
            scale: ((f32::from(found.to.scale) - f32::from(found.from.scale)) / 16.0).exp2(),
            key: [found.from, found.to],
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        let ratio = (self.scale / other.scale).max(other.scale / self.scale);
        let is_near = |axis: usize| {
            let expected = self.to[axis] + self.scale * (other.from[axis] - self.from[axis]);
            let tolerance = PLACE_TOLERANCE / FEATURE_SIDE as f32
                + 0.12 * self.scale * (other.from[axis] - self.from[axis]).abs();
            (expected - other.to[axis]).abs() <= tolerance
        };
        ratio <= SCALE_TOLERANCE && is_near(0) && is_near(1)
    }
}

/// Each feature of the first picture once.
fn distinct(mut matches: Vec<Located>) -> Vec<Located> {
    let key = |found: &Located| (found.key[0].x, found.key[0].y, found.key[0].scale);
    matches.sort_by_key(key);
    matches.dedup_by_key(|found| key(found));
    matches.sort_by_key(|found| (found.key[1].x, found.key[1].y, found.key[1].scale));
    matches.dedup_by_key(|found| (found.key[1].x, found.key[1].y, found.key[1].scale));
    matches
}

fn geometric_mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    (values.map(f32::ln).sum::<f32>() / count).exp()
}

/// How far apart features must be for their distance to say more of the scale than their sizes do.
const WIDE_SPREAD: f32 = 0.15;

fn slope(matches: &[Located], axis: usize, (from, to): (f32, f32), scale: f32) -> f32 {
    let mut sums = (0.0, 0.0);
    for found in matches {
        let (x, y) = (found.from[axis] - from, found.to[axis] - to);
        sums = (sums.0 + x * x, sums.1 + x * y);
    }
    if (sums.0 / matches.len() as f32).sqrt() < WIDE_SPREAD {
        return scale;
    }
    (sums.1 / sums.0).clamp(scale / SCALE_TOLERANCE, scale * SCALE_TOLERANCE)
}

/// The sides of a picture of which the longer one is 1.
fn unit_sides(aspect: f32) -> [f32; 2] {
    [aspect.min(1.0), (1.0 / aspect).min(1.0)]
}
