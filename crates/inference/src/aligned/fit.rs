//! Fits a linear projection from the space of captions to that of images, by ridge regression on captioned images.

use candle_core::Result as EngineResult;
use eidetic_encoder::ScoreRange;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::matrix::MatrixF64;
use super::ridge::Ridge;

/// Fewer captioned images do not generalize.
pub const MIN_IMAGES: usize = 50;
/// One in this many images is held out with all its captions.
const HELD_OUT: usize = 5;
/// Folds of the cross-validation.
const FOLDS: usize = 5;
/// Candidate penalties, relative to the sum of all squared inputs.
const STRENGTHS: [f64; 7] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// The vector of a caption, and its image.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionPair {
    /// Not empty and not necessarily normalized: only its direction is used.
    pub caption: Vec<f32>,
    /// Index of the image.
    pub image: usize,
}

/// Whether vectors are centered before the regression, and where the projection maps the mean caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Centering {
    /// Captions and images are not centered.
    #[serde(rename = "nothing")]
    None,
    /// Both are centered, and the mean caption is mapped to the mean image.
    #[serde(rename = "means")]
    ToMean,
    /// Both are centered, and the mean caption is mapped to 0, so that only deviations from it count.
    #[serde(rename = "deviations")]
    ToZero,
}

/// The hyperparameters of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hyperparameters {
    /// The penalty, relative to the sum of all squared inputs.
    pub strength: f64,
    /// How vectors are centered.
    #[serde(rename = "offset")]
    pub centering: Centering,
}

/// Recall at k on the held-out part: the share of captions whose image is among the first k of all held-out images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallAtK {
    /// Recall at 1.
    pub at_1: f64,
    /// Recall at 5.
    pub at_5: f64,
    /// Recall at 10.
    pub at_10: f64,
}

/// A projection with its recall on held-out images.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Dimension of images × dimension of captions.
    pub weights: Vec<Vec<f32>>,
    /// Added to the product with the weights; of the dimension of images.
    pub offset: Vec<f32>,
    /// Chosen by cross-validation.
    pub hyperparameters: Hyperparameters,
    /// Images in the training part.
    pub images: usize,
    /// Captions in the training part.
    pub captions: usize,
    /// Images in the held-out part.
    pub held_out_images: usize,
    /// Captions in the held-out part.
    pub held_out_captions: usize,
    /// The recall of random guesses.
    pub chance: RecallAtK,
    /// The recall of the text model without a projection, if both dimensions are equal.
    pub before: Option<RecallAtK>,
    /// The recall with the projection.
    pub after: RecallAtK,
    /// Mean cosines on the held-out part: of wrong pairs and of right pairs.
    pub score_range: ScoreRange,
}

/// Why a projection could not be fitted.
#[derive(Debug, Error)]
pub enum FitError {
    /// Too few captioned images.
    #[error(
        "{found} captioned pictures are too few to fit a projection; give at least {MIN_IMAGES}, better a thousand"
    )]
    TooFew {
        /// Distinct images with captions.
        found: usize,
    },
    /// The vectors are all equal, not finite, or of different lengths.
    #[error("cannot fit a projection: {0}")]
    InvalidVectors(&'static str),
    /// A matrix product failed.
    #[error("cannot fit a projection: {0}")]
    Engine(#[from] candle_core::Error),
}

/// Fits a projection from captions to the unit vectors of images. `keys` has a name for each image, such as its path; its
/// hash determines whether the image is held out, so that the split does not depend on the order.
pub fn fit_alignment(pairs: &[CaptionPair], images: &[Vec<f32>], keys: &[&str]) -> Result<Fitted, FitError> {
    check(pairs, images, keys)?;
    let data = Dataset::new(pairs, images);
    let (train, held_out) = split(pairs, keys);
    if train.len() + held_out.len() < MIN_IMAGES {
        return Err(FitError::TooFew {
            found: train.len() + held_out.len(),
        });
    }
    let all_equal = FitError::InvalidVectors("the vectors of all captions are equal");
    let Some(hyperparameters) = choose(&data, &train)? else {
        return Err(all_equal);
    };
    let Some((weights, offset)) = data.subset(&train).projection(hyperparameters)? else {
        return Err(all_equal);
    };
    report(&data, [&train, &held_out], hyperparameters, (&weights, &offset))
}

fn check(pairs: &[CaptionPair], images: &[Vec<f32>], keys: &[&str]) -> Result<(), FitError> {
    if keys.len() != images.len() {
        return Err(FitError::InvalidVectors("every picture needs one key"));
    }
    if pairs.is_empty() {
        return Err(FitError::TooFew { found: 0 });
    }
    let lengths = are_equal(pairs.iter().map(|pair| pair.caption.len()))
        && are_equal(images.iter().map(Vec::len))
        && pairs.iter().all(|pair| pair.image < images.len());
    if !lengths {
        return Err(FitError::InvalidVectors("the vectors have different lengths"));
    }
    let mut values = pairs.iter().flat_map(|pair| &pair.caption);
    if values.all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(FitError::InvalidVectors(
            "the vectors of the text model are not finite",
        ))
    }
}

fn are_equal(mut lengths: impl Iterator<Item = usize>) -> bool {
    let first = lengths.next().unwrap_or(0);
    first > 0 && lengths.all(|length| length == first)
}

/// The images of the training part and of the held-out part, both ordered by a hash of their keys.
fn split(pairs: &[CaptionPair], keys: &[&str]) -> (Vec<usize>, Vec<usize>) {
    let mut captioned: Vec<usize> = pairs.iter().map(|pair| pair.image).collect();
    captioned.sort_unstable();
    captioned.dedup();
    captioned.sort_by_cached_key(|&image| *blake3::hash(keys[image].as_bytes()).as_bytes());
    let held_out = captioned.len() / HELD_OUT;
    let train = captioned.split_off(held_out);
    (train, captioned)
}

/// All captions as unit vectors, with their images.
struct Dataset {
    captions: MatrixF64,
    /// For each caption, the row of its image in `images`.
    image_of: Vec<usize>,
    images: MatrixF64,
}

/// Some images with all their captions.
struct Subset {
    captions: MatrixF64,
    /// For each caption, the row of its image in `images`.
    image_of: Vec<usize>,
    /// One row for each image.
    images: MatrixF64,
    /// The image of each caption: one row for each caption.
    targets: MatrixF64,
}

impl Dataset {
    fn new(pairs: &[CaptionPair], images: &[Vec<f32>]) -> Self {
        let captions: Vec<Vec<f32>> = pairs.iter().map(|pair| unit(&pair.caption)).collect();
        Self {
            captions: MatrixF64::of_rows(captions.iter().map(Vec::as_slice), captions[0].len()),
            image_of: pairs.iter().map(|pair| pair.image).collect(),
            images: MatrixF64::of_rows(images.iter().map(Vec::as_slice), images[0].len()),
        }
    }

    fn subset(&self, chosen: &[usize]) -> Subset {
        let mut row_of = vec![None; self.images.rows()];
        for (row, &image) in chosen.iter().enumerate() {
            row_of[image] = Some(row);
        }
        let kept: Vec<(usize, usize)> = self
            .image_of
            .iter()
            .enumerate()
            .filter_map(|(caption, &image)| Some((caption, row_of[image]?)))
            .collect();
        let take = |from: &MatrixF64, rows: &[usize]| {
            let mut result = MatrixF64::zeros(rows.len(), from.columns());
            for (target, &row) in rows.iter().enumerate() {
                result.row_mut(target).copy_from_slice(from.row(row));
            }
            result
        };
        let captions: Vec<usize> = kept.iter().map(|&(caption, _)| caption).collect();
        let image_of: Vec<usize> = kept.iter().map(|&(_, image)| image).collect();
        let images = take(&self.images, chosen);
        Subset {
            captions: take(&self.captions, &captions),
            targets: take(&images, &image_of),
            images,
            image_of,
        }
    }
}

/// The regression of a subset, with the vector that is subtracted from captions and the one that is added to results.
struct Regression {
    ridge: Ridge,
    caption_mean: Vec<f64>,
    image_mean: Vec<f64>,
}

impl Subset {
    fn regression(&self, centering: Centering) -> EngineResult<Regression> {
        let (mut caption_mean, mut image_mean) = (self.captions.mean_row(), self.targets.mean_row());
        if centering == Centering::None {
            caption_mean.fill(0.0);
            image_mean.fill(0.0);
        }
        let ridge = Ridge::new(
            self.captions.shifted(&caption_mean),
            self.targets.shifted(&image_mean),
        )?;
        if centering == Centering::ToZero {
            image_mean.fill(0.0);
        }
        Ok(Regression {
            ridge,
            caption_mean,
            image_mean,
        })
    }

    /// The weights, targets × inputs, and the offset; `None` if the system cannot be solved.
    fn projection(&self, hyperparameters: Hyperparameters) -> EngineResult<Option<(MatrixF64, Vec<f64>)>> {
        let regression = self.regression(hyperparameters.centering)?;
        let Some(coefficients) = regression.ridge.coefficients(hyperparameters.strength)? else {
            return Ok(None);
        };
        let weights = regression.ridge.weights(&coefficients)?;
        let mean = MatrixF64::zeros(1, weights.columns()).shifted(&negated(&regression.caption_mean));
        let projected = mean.times_transposed(&weights)?;
        let offset = std::iter::zip(&regression.image_mean, projected.row(0))
            .map(|(mean, projected)| mean - projected)
            .collect();
        Ok(Some((weights, offset)))
    }

    /// Cosines times a factor for each caption: captions × images.
    fn scores(&self, predicted: &MatrixF64) -> EngineResult<MatrixF64> {
        predicted.times_transposed(&self.images)
    }

    /// For each caption, the rank of its image from 1; images with equal scores rank before it.
    fn ranks(&self, scores: &MatrixF64) -> Vec<usize> {
        let rank = |caption: usize| {
            let row = scores.row(caption);
            let own = row[self.image_of[caption]];
            row.iter()
                .filter(|&&other| other >= own || !own.is_finite())
                .count()
        };
        (0..scores.rows()).map(rank).collect()
    }
}

/// Cross-validation: the hyperparameters with the best mean reciprocal rank; `None` if no system can be solved. Of equals,
/// the stronger penalty and the simpler centering.
fn choose(data: &Dataset, train: &[usize]) -> Result<Option<Hyperparameters>, FitError> {
    let mut sums = [[0.0; STRENGTHS.len()]; CENTERINGS.len()];
    for fold in 0..FOLDS {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (index, &image) in train.iter().enumerate() {
            let side = if index % FOLDS == fold {
                &mut inside
            } else {
                &mut outside
            };
            side.push(image);
        }
        let (train, test) = (data.subset(&outside), data.subset(&inside));
        for (sums, centering) in sums.iter_mut().zip(CENTERINGS) {
            add_ranks(sums, &train, &test, centering)?;
        }
    }
    let mut best: Option<(f64, Hyperparameters)> = None;
    for (sums, centering) in sums.iter().zip(CENTERINGS) {
        for (&sum, strength) in sums.iter().zip(STRENGTHS).rev() {
            if sum.is_finite() && best.is_none_or(|(most, _)| sum > most) {
                best = Some((sum, Hyperparameters { strength, centering }));
            }
        }
    }
    Ok(best.map(|(_, hyperparameters)| hyperparameters))
}

/// In order of preference among equals.
const CENTERINGS: [Centering; 3] = [Centering::None, Centering::ToMean, Centering::ToZero];

/// Adds the mean reciprocal rank of one fold with each penalty; minus infinity if the system cannot be solved.
fn add_ranks(
    sums: &mut [f64; STRENGTHS.len()],
    train: &Subset,
    test: &Subset,
    centering: Centering,
) -> EngineResult<()> {
    let regression = train.regression(centering)?;
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
            .shifted(&negated(&regression.image_mean));
        let ranks = test.ranks(&test.scores(&predicted)?);
        *sum += ranks.iter().map(|&rank| 1.0 / rank as f64).sum::<f64>() / ranks.len().max(1) as f64;
    }
    Ok(())
}

fn report(
    data: &Dataset,
    [train, held_out]: [&[usize]; 2],
    hyperparameters: Hyperparameters,
    (weights, offset): (&MatrixF64, &[f64]),
) -> Result<Fitted, FitError> {
    let test = data.subset(held_out);
    let predicted = test.captions.times_transposed(weights)?.shifted(&negated(offset));
    let scores = test.scores(&predicted)?;
    let before = if test.captions.columns() == test.images.columns() {
        Some(recall_at_k(&test.ranks(&test.scores(&test.captions)?)))
    } else {
        None
    };
    let share = |k: usize| (k as f64 / held_out.len() as f64).min(1.0);
    Ok(Fitted {
        weights: (0..weights.rows())
            .map(|row| narrowed(weights.row(row)))
            .collect(),
        offset: narrowed(offset),
        hyperparameters,
        images: train.len(),
        captions: data.captions.rows() - test.captions.rows(),
        held_out_images: held_out.len(),
        held_out_captions: test.captions.rows(),
        chance: RecallAtK {
            at_1: share(1),
            at_5: share(5),
            at_10: share(10),
        },
        before,
        after: recall_at_k(&test.ranks(&scores)),
        score_range: score_range(&test, &predicted, &scores),
    })
}

fn recall_at_k(ranks: &[usize]) -> RecallAtK {
    let within = |k: usize| {
        let found = ranks.iter().filter(|&&rank| rank <= k).count();
        found as f64 / ranks.len().max(1) as f64
    };
    RecallAtK {
        at_1: within(1),
        at_5: within(5),
        at_10: within(10),
    }
}

/// Mean cosines of wrong and of right pairs, at least 0.01 apart.
fn score_range(test: &Subset, predicted: &MatrixF64, scores: &MatrixF64) -> ScoreRange {
    let (mut wrong, mut right, mut wrong_pairs) = (0.0, 0.0, 0_usize);
    for caption in 0..scores.rows() {
        let length = norm(predicted.row(caption)).max(f64::MIN_POSITIVE);
        for (image, score) in scores.row(caption).iter().enumerate() {
            if image == test.image_of[caption] {
                right += score / length;
            } else {
                wrong += score / length;
                wrong_pairs += 1;
            }
        }
    }
    let low = (wrong / wrong_pairs.max(1) as f64) as f32;
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

/// The vector scaled to length 1; a vector of length 0 stays as it is.
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
