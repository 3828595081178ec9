//! How captions' vectors are taken to pictures' vectors, learnt from captioned pictures.

use candle_core::Result as EngineResult;
use eidetic_encoder::ScoreRange;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::matrix::Matrix;
use super::ridge::Ridge;

/// Fewer captioned pictures teach nothing that would hold for others.
pub const LEAST_PICTURES: usize = 50;
/// One in so many pictures is held out: none of its captions is learnt from.
const HELD_OUT: usize = 5;
/// Parts for cross-validation.
const FOLDS: usize = 5;
/// Penalties tried, as shares of the sum of all squared inputs.
const STRENGTHS: [f64; 7] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// A caption's vector and the picture that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Of any length other than 0; only its direction counts.
    pub caption: Vec<f32>,
    /// Its place among the pictures.
    pub picture: usize,
}

/// What is added to the projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offset {
    /// Nothing: captions and pictures are taken as they are.
    Nothing,
    /// What takes the mean caption to the mean picture.
    Means,
    /// What takes the mean caption to 0: only what sets a caption apart counts.
    Deviations,
}

/// How a projection was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The penalty, as a share of the sum of all squared inputs.
    pub strength: f64,
    /// What is added.
    pub offset: Offset,
}

/// How often a held-out caption's picture is among the first, of all held-out pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recalls {
    /// The first.
    pub at_1: f64,
    /// The first five.
    pub at_5: f64,
    /// The first ten.
    pub at_10: f64,
}

/// A projection and how well it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// One row a component of pictures' vectors, as long as captions' vectors.
    pub weights: Vec<Vec<f32>>,
    /// As long as pictures' vectors.
    pub offset: Vec<f32>,
    /// Chosen by cross-validation.
    pub recipe: Recipe,
    /// Pictures learnt from.
    pub pictures: usize,
    /// Captions learnt from.
    pub captions: usize,
    /// Pictures held out.
    pub held_out_pictures: usize,
    /// Captions held out.
    pub held_out_captions: usize,
    /// What guessing would give on the held-out part.
    pub chance: Recalls,
    /// What the text model gives without a projection, where its vectors are as long as the pictures'.
    pub before: Option<Recalls>,
    /// What the projection gives.
    pub after: Recalls,
    /// Cosines on the held-out part: the mean of wrong pairs, and that of right ones.
    pub span: ScoreRange,
}

/// Why nothing could be learnt.
#[derive(Debug, Error)]
pub enum FitError {
    /// Too few captioned pictures.
    #[error(
        "{found} captioned pictures are too few to fit a projection from; give at least {LEAST_PICTURES}, better a thousand"
    )]
    TooFew {
        /// Different pictures with captions.
        found: usize,
    },
    /// Vectors that are of no use: all alike, not finite, or of different lengths.
    #[error("no projection can be fitted: {0}")]
    Useless(&'static str),
    /// The products failed.
    #[error("no projection can be fitted: {0}")]
    Engine(#[from] candle_core::Error),
}

/// Fits a projection of captions onto pictures' unit vectors. `keys` names each picture, such as by its path: it decides
/// which ones are held out, so that the same pictures are whatever their order.
pub fn fit_alignment(pairs: &[Pair], pictures: &[Vec<f32>], keys: &[&str]) -> Result<Fitted, FitError> {
    check(pairs, pictures, keys)?;
    let data = Data::new(pairs, pictures);
    let (learnt, held_out) = split(pairs, keys);
    if learnt.len() + held_out.len() < LEAST_PICTURES {
        return Err(FitError::TooFew {
            found: learnt.len() + held_out.len(),
        });
    }
    let recipe = choose(&data, &learnt)?.ok_or(FitError::Useless("the captions' vectors are all alike"))?;
    let train = data.part(&learnt);
    let (weights, offset) = train
        .projection(recipe)?
        .ok_or(FitError::Useless("the captions' vectors are all alike"))?;
    report(&data, [&learnt, &held_out], recipe, (&weights, &offset))
}

fn check(pairs: &[Pair], pictures: &[Vec<f32>], keys: &[&str]) -> Result<(), FitError> {
    if keys.len() != pictures.len() {
        return Err(FitError::Useless("every picture needs one key"));
    }
    if pairs.is_empty() {
        return Err(FitError::TooFew { found: 0 });
    }
    let lengths = are_equal(pairs.iter().map(|pair| pair.caption.len()))
        && are_equal(pictures.iter().map(Vec::len))
        && pairs.iter().all(|pair| pair.picture < pictures.len());
    if !lengths {
        return Err(FitError::Useless("the vectors are of different lengths"));
    }
    let mut values = pairs.iter().flat_map(|pair| &pair.caption);
    if values.all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(FitError::Useless(
            "the text model gives numbers that are not finite",
        ))
    }
}

fn are_equal(mut lengths: impl Iterator<Item = usize>) -> bool {
    let first = lengths.next().unwrap_or(0);
    first > 0 && lengths.all(|length| length == first)
}

/// Pictures to learn from and pictures held out, both in the order of a hash of their keys.
fn split(pairs: &[Pair], keys: &[&str]) -> (Vec<usize>, Vec<usize>) {
    let mut captioned: Vec<usize> = pairs.iter().map(|pair| pair.picture).collect();
    captioned.sort_unstable();
    captioned.dedup();
    captioned.sort_by_cached_key(|&picture| *blake3::hash(keys[picture].as_bytes()).as_bytes());
    let held_out = captioned.len() / HELD_OUT;
    let learnt = captioned.split_off(held_out);
    (learnt, captioned)
}

/// All captions as unit vectors, with their pictures.
struct Data {
    captions: Matrix,
    /// Of each caption.
    picture_of: Vec<usize>,
    pictures: Matrix,
}

/// Some pictures and their captions.
struct Part {
    captions: Matrix,
    /// Of each caption, its place in `pictures`.
    picture_of: Vec<usize>,
    /// Each once.
    pictures: Matrix,
    /// One row a caption.
    targets: Matrix,
}

impl Data {
    fn new(pairs: &[Pair], pictures: &[Vec<f32>]) -> Self {
        let captions: Vec<Vec<f32>> = pairs.iter().map(|pair| unit(&pair.caption)).collect();
        Self {
            captions: Matrix::of_rows(captions.iter().map(Vec::as_slice), captions[0].len()),
            picture_of: pairs.iter().map(|pair| pair.picture).collect(),
            pictures: Matrix::of_rows(pictures.iter().map(Vec::as_slice), pictures[0].len()),
        }
    }

    fn part(&self, chosen: &[usize]) -> Part {
        let mut place = vec![None; self.pictures.rows()];
        for (number, &picture) in chosen.iter().enumerate() {
            place[picture] = Some(number);
        }
        let kept: Vec<(usize, usize)> = self
            .picture_of
            .iter()
            .enumerate()
            .filter_map(|(caption, &picture)| Some((caption, place[picture]?)))
            .collect();
        let take = |from: &Matrix, rows: &[usize]| {
            let mut result = Matrix::zeros(rows.len(), from.columns());
            for (target, &row) in rows.iter().enumerate() {
                result.row_mut(target).copy_from_slice(from.row(row));
            }
            result
        };
        let captions: Vec<usize> = kept.iter().map(|&(caption, _)| caption).collect();
        let picture_of: Vec<usize> = kept.iter().map(|&(_, picture)| picture).collect();
        let pictures = take(&self.pictures, chosen);
        Part {
            captions: take(&self.captions, &captions),
            targets: take(&pictures, &picture_of),
            pictures,
            picture_of,
        }
    }
}

/// A part's regression with what was taken off both sides before, and what is added afterwards.
struct Regression {
    ridge: Ridge,
    caption_mean: Vec<f64>,
    picture_mean: Vec<f64>,
}

impl Part {
    fn regression(&self, offset: Offset) -> EngineResult<Regression> {
        let (mut caption_mean, mut picture_mean) = (self.captions.mean_row(), self.targets.mean_row());
        if offset == Offset::Nothing {
            caption_mean.fill(0.0);
            picture_mean.fill(0.0);
        }
        let ridge = Ridge::new(
            self.captions.shifted(&caption_mean),
            self.targets.shifted(&picture_mean),
        )?;
        if offset == Offset::Deviations {
            picture_mean.fill(0.0);
        }
        Ok(Regression {
            ridge,
            caption_mean,
            picture_mean,
        })
    }

    /// Weights, targets × inputs, and what is added.
    fn projection(&self, recipe: Recipe) -> EngineResult<Option<(Matrix, Vec<f64>)>> {
        let regression = self.regression(recipe.offset)?;
        let Some(coefficients) = regression.ridge.coefficients(recipe.strength)? else {
            return Ok(None);
        };
        let weights = regression.ridge.weights(&coefficients)?;
        let mean = Matrix::zeros(1, weights.columns()).shifted(&negated(&regression.caption_mean));
        let projected = mean.times_transposed(&weights)?;
        let offset = std::iter::zip(&regression.picture_mean, projected.row(0))
            .map(|(mean, projected)| mean - projected)
            .collect();
        Ok(Some((weights, offset)))
    }

    /// Cosines up to a factor a caption: captions × pictures.
    fn scores(&self, predicted: &Matrix) -> EngineResult<Matrix> {
        predicted.times_transposed(&self.pictures)
    }

    /// The place of each caption's picture among all, the first being 1; pictures with the same score count as before it.
    fn ranks(&self, scores: &Matrix) -> Vec<usize> {
        let rank = |caption: usize| {
            let row = scores.row(caption);
            let own = row[self.picture_of[caption]];
            row.iter()
                .filter(|&&other| other >= own || !own.is_finite())
                .count()
        };
        (0..scores.rows()).map(rank).collect()
    }
}

/// The recipe whose projections of folds not learnt from rank the right picture best; `None` if none can be solved. Of
/// equals, the stronger penalty and the plainer offset.
fn choose(data: &Data, learnt: &[usize]) -> Result<Option<Recipe>, FitError> {
    let mut sums = [[0.0; STRENGTHS.len()]; OFFSETS.len()];
    for fold in 0..FOLDS {
        let inside = |place: usize| place % FOLDS == fold;
        let pick = |wanted: bool| -> Vec<usize> {
            let places = learnt.iter().enumerate();
            places
                .filter(|(place, _)| inside(*place) == wanted)
                .map(|(_, &picture)| picture)
                .collect()
        };
        let (train, test) = (data.part(&pick(false)), data.part(&pick(true)));
        for (sums, offset) in sums.iter_mut().zip(OFFSETS) {
            add_ranks(sums, &train, &test, offset)?;
        }
    }
    let mut best: Option<(f64, Recipe)> = None;
    for (sums, offset) in sums.iter().zip(OFFSETS) {
        for (&sum, strength) in sums.iter().zip(STRENGTHS).rev() {
            if sum.is_finite() && best.is_none_or(|(most, _)| sum > most) {
                best = Some((sum, Recipe { strength, offset }));
            }
        }
    }
    Ok(best.map(|(_, recipe)| recipe))
}

/// In the order of preference among equals.
const OFFSETS: [Offset; 3] = [Offset::Nothing, Offset::Means, Offset::Deviations];

/// Adds the mean reciprocal rank of one fold under each strength; minus infinity where the system cannot be solved.
fn add_ranks(
    sums: &mut [f64; STRENGTHS.len()],
    train: &Part,
    test: &Part,
    offset: Offset,
) -> EngineResult<()> {
    let regression = train.regression(offset)?;
    let features = regression
        .ridge
        .features(&test.captions.shifted(&regression.caption_mean))?;
    for (sum, strength) in sums.iter_mut().zip(STRENGTHS) {
        let Some(coefficients) = regression.ridge.coefficients(strength)? else {
            *sum = f64::NEG_INFINITY;
            continue;
        };
        let predicted = features
            .times_transposed(&coefficients.transposed())?
            .shifted(&negated(&regression.picture_mean));
        let ranks = test.ranks(&test.scores(&predicted)?);
        *sum += ranks.iter().map(|&rank| 1.0 / rank as f64).sum::<f64>() / ranks.len().max(1) as f64;
    }
    Ok(())
}

fn report(
    data: &Data,
    [learnt, held_out]: [&[usize]; 2],
    recipe: Recipe,
    (weights, offset): (&Matrix, &[f64]),
) -> Result<Fitted, FitError> {
    let test = data.part(held_out);
    let predicted = test.captions.times_transposed(weights)?.shifted(&negated(offset));
    let scores = test.scores(&predicted)?;
    let before = if test.captions.columns() == test.pictures.columns() {
        Some(recalls(&test.ranks(&test.scores(&test.captions)?)))
    } else {
        None
    };
    let share = |k: usize| (k as f64 / held_out.len() as f64).min(1.0);
    Ok(Fitted {
        weights: (0..weights.rows())
            .map(|row| narrowed(weights.row(row)))
            .collect(),
        offset: narrowed(offset),
        recipe,
        pictures: learnt.len(),
        captions: data.captions.rows() - test.captions.rows(),
        held_out_pictures: held_out.len(),
        held_out_captions: test.captions.rows(),
        chance: Recalls {
            at_1: share(1),
            at_5: share(5),
            at_10: share(10),
        },
        before,
        after: recalls(&test.ranks(&scores)),
        span: span(&test, &predicted, &scores),
    })
}

fn recalls(ranks: &[usize]) -> Recalls {
    let within = |k: usize| {
        let found = ranks.iter().filter(|&&rank| rank <= k).count();
        found as f64 / ranks.len().max(1) as f64
    };
    Recalls {
        at_1: within(1),
        at_5: within(5),
        at_10: within(10),
    }
}

/// Mean cosines of wrong and of right pairs, a little apart at least.
fn span(test: &Part, predicted: &Matrix, scores: &Matrix) -> ScoreRange {
    let (mut wrong, mut right, mut wrongs) = (0.0, 0.0, 0_usize);
    for caption in 0..scores.rows() {
        let length = norm(predicted.row(caption)).max(f64::MIN_POSITIVE);
        for (picture, score) in scores.row(caption).iter().enumerate() {
            if picture == test.picture_of[caption] {
                right += score / length;
            } else {
                wrong += score / length;
                wrongs += 1;
            }
        }
    }
    let low = (wrong / wrongs.max(1) as f64) as f32;
    let high = (right / scores.rows().max(1) as f64) as f32;
    ScoreRange {
        low,
        high: high.max(low + 0.01),
    }
}

fn negated(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| -value).collect()
}

fn narrowed(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The same direction, of length 1; a vector without direction stays as it is.
pub fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|&value| f64::from(value).powi(2))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        vector
            .iter()
            .map(|&value| (f64::from(value) / length) as f32)
            .collect()
    } else {
        vector.to_vec()
    }
}

#[cfg(test)]
mod tests;
