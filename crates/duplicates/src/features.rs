//! Local features: places that are found again in a crop or beside a caption, with the signs of what surrounds them.
//!
//! Places are extremes of differences of Gaussians over position and scale (D. Lowe, "Distinctive Image Features from
//! Scale-Invariant Keypoints", 2004). What surrounds one is described by the signs of the low frequencies of a cosine
//! transform, which compare by counting bits.

use crate::cosine::Cosines;
use crate::plane::Plane;

/// Most features of a picture.
pub(crate) const MAX_FEATURES: usize = 48;
/// Bits of a description.
pub(crate) const SIGN_BITS: u32 = 48;
/// Longer side of the picture in which features are found, in pixels.
pub(crate) const FEATURE_SIDE: usize = 128;

/// Scales of an octave.
const SCALES: usize = 3;
const FIRST_SIGMA: f32 = 1.6;
/// What a camera's picture is assumed to be blurred by.
const PRIOR_SIGMA: f32 = 0.5;
/// Smallest side of an octave.
const SMALLEST_SIDE: usize = 12;
/// Weaker extremes are noise, in levels of gray.
const MIN_CONTRAST: f32 = 1.5;
/// Edges, whose curvatures differ by more than this, have no place along the edge.
const MAX_CURVATURE_RATIO: f32 = 10.0;
/// Half of the side of what is described, in standard deviations of the scale.
const PATCH_RADIUS: f32 = 6.0;
const PATCH_SIDE: usize = 12;
/// The picture is divided into so many cells a side, of which each gives a share of the features.
const CELLS: usize = 4;
const FEATURES_PER_CELL: usize = 5;

/// A place in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    /// Position, in 255ths of the longer side.
    pub(crate) x: u8,
    /// Position, in 255ths of the longer side.
    pub(crate) y: u8,
    /// Size: 16 times the binary logarithm of its standard deviation in pixels.
    pub(crate) scale: u8,
    /// Signs of the surroundings.
    pub(crate) signs: u64,
}

/// A feature with what decides whether it is kept.
struct Extreme {
    x: f32,
    y: f32,
    sigma: f32,
    strength: f32,
    signs: u64,
}

/// The strongest features of `plane`, spread over it.
pub(crate) fn features(plane: &Plane) -> Vec<Feature> {
    let cosines = Cosines::new(PATCH_SIDE);
    let mut extremes = Vec::new();
    let mut base = plane.blurred((FIRST_SIGMA.powi(2) - PRIOR_SIGMA.powi(2)).sqrt());
    let mut pixel = 1.0;
    while base.width.min(base.height) >= SMALLEST_SIDE {
        let levels = octave(base);
        find_extremes(&levels, pixel, &cosines, &mut extremes);
        base = levels[SCALES].halved();
        pixel *= 2.0;
    }
    let longer = plane.width.max(plane.height) as f32;
    let kept = strongest(extremes, plane);
    kept.iter().map(|extreme| extreme.feature(longer)).collect()
}

impl Extreme {
    fn feature(&self, longer: f32) -> Feature {
        let place = |at: f32| ((at + 0.5) / longer * 255.0).round().clamp(0.0, 255.0) as u8;
        Feature {
            x: place(self.x),
            y: place(self.y),
            scale: (16.0 * self.sigma.log2()).round().clamp(0.0, 255.0) as u8,
            signs: self.signs,
        }
    }
}

fn sigma_at(level: f32) -> f32 {
    FIRST_SIGMA * (level / SCALES as f32).exp2()
}

fn octave(base: Plane) -> Vec<Plane> {
    let mut levels = vec![base];
    for level in 1..SCALES + 3 {
        let (before, now) = (sigma_at(level as f32 - 1.0), sigma_at(level as f32));
        let blurred = levels[level - 1].blurred((now * now - before * before).sqrt());
        levels.push(blurred);
    }
    levels
}

fn find_extremes(levels: &[Plane], pixel: f32, cosines: &Cosines, found: &mut Vec<Extreme>) {
    let differences: Vec<Plane> = levels
        .windows(2)
        .map(|pair| difference(&pair[0], &pair[1]))
        .collect();
    for (below, window) in differences.windows(3).enumerate() {
        let (width, height) = (window[1].width, window[1].height);
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let value = window[1].values[y * width + x];
                if value.abs() < MIN_CONTRAST || !is_extreme(window, x, y) || is_edge(&window[1], x, y) {
                    continue;
                }
                let (dx, dy, dscale) = peak(window, x, y);
                let (x, y) = (x as f32 + dx, y as f32 + dy);
                let sigma = sigma_at(below as f32 + 1.0 + dscale);
                found.push(Extreme {
                    x: (x + 0.5) * pixel - 0.5,
                    y: (y + 0.5) * pixel - 0.5,
                    sigma: sigma * pixel,
                    strength: value.abs(),
                    signs: describe(&levels[below + 1], (x, y), sigma, cosines),
                });
            }
        }
    }
}

fn difference(fine: &Plane, coarse: &Plane) -> Plane {
    let pairs = fine.values.iter().zip(&coarse.values);
    Plane {
        width: fine.width,
        height: fine.height,
        values: pairs.map(|(fine, coarse)| coarse - fine).collect(),
    }
}

/// Whether a value is the largest or smallest of its 26 neighbors.
fn is_extreme(window: &[Plane], x: usize, y: usize) -> bool {
    let width = window[1].width;
    let value = window[1].values[y * width + x];
    let all = |holds: &dyn Fn(f32) -> bool| {
        window.iter().enumerate().all(|(level, plane)| {
            (y - 1..=y + 1).all(|row| {
                (x - 1..=x + 1).all(|column| {
                    (level, row, column) == (1, y, x) || holds(plane.values[row * width + column])
                })
            })
        })
    };
    if value > 0.0 {
        all(&|other| other < value)
    } else {
        all(&|other| other > value)
    }
}

fn is_edge(plane: &Plane, x: usize, y: usize) -> bool {
    let at = |dx: isize, dy: isize| plane.clamped(x as isize + dx, y as isize + dy);
    let center = 2.0 * at(0, 0);
    let (xx, yy) = (at(1, 0) + at(-1, 0) - center, at(0, 1) + at(0, -1) - center);
    let xy = 0.25 * (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1));
    let (trace, determinant) = (xx + yy, xx * yy - xy * xy);
    let limit = (MAX_CURVATURE_RATIO + 1.0).powi(2) / MAX_CURVATURE_RATIO;
    determinant <= 0.0 || trace * trace / determinant > limit
}

/// Where the parabolas through an extreme and its neighbors peak, by position and scale.
fn peak(window: &[Plane], x: usize, y: usize) -> (f32, f32, f32) {
    let at = |level: usize, dx: isize, dy: isize| window[level].clamped(x as isize + dx, y as isize + dy);
    let center = at(1, 0, 0);
    (
        parabola(at(1, -1, 0), center, at(1, 1, 0)),
        parabola(at(1, 0, -1), center, at(1, 0, 1)),
        parabola(at(0, 0, 0), center, at(2, 0, 0)),
    )
}

fn parabola(before: f32, center: f32, after: f32) -> f32 {
    let curvature = before - 2.0 * center + after;
    if curvature.abs() < 1e-6 {
        return 0.0;
    }
    (0.5 * (before - after) / curvature).clamp(-0.5, 0.5)
}

fn describe(level: &Plane, (x, y): (f32, f32), sigma: f32, cosines: &Cosines) -> u64 {
    let step = 2.0 * PATCH_RADIUS * sigma / PATCH_SIDE as f32;
    let offset = |at: usize| (at as f32 + 0.5 - 0.5 * PATCH_SIDE as f32) * step;
    let mut patch = [0.0; PATCH_SIDE * PATCH_SIDE];
    for (at, value) in patch.iter_mut().enumerate() {
        *value = level.sample(x + offset(at % PATCH_SIDE), y + offset(at / PATCH_SIDE));
    }
    cosines.signs(&patch, SIGN_BITS)
}

/// The strongest of each cell, then the strongest of all others.
fn strongest(mut extremes: Vec<Extreme>, plane: &Plane) -> Vec<Extreme> {
    extremes.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    let mut in_cell = [0; CELLS * CELLS];
    let cell = |at: f32, side: usize| ((at / side as f32 * CELLS as f32) as usize).min(CELLS - 1);
    let (mut kept, rest): (Vec<_>, Vec<_>) = extremes.into_iter().partition(|extreme| {
        let count = &mut in_cell[cell(extreme.y, plane.height) * CELLS + cell(extreme.x, plane.width)];
        *count += 1;
        *count <= FEATURES_PER_CELL
    });
    kept.extend(rest);
    kept.truncate(MAX_FEATURES);
    kept
}
