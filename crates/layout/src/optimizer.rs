//! Stochastic gradient descent on the cross entropy between the fuzzy graph and the one that positions in the plane make.
//!
//! In each epoch every point is moved by itself: along its own edges, with negative samples, while all others are where the epoch before
//! left them. So the result does not depend on the number of threads. umap-learn moves both ends of an edge at
//! once; on several threads it gives another result each time.

use std::ops::ControlFlow;

use eidetic_domain::SplitMix64;
use rayon::prelude::*;

use crate::Point;
use crate::curve::{attract, repel};
use crate::fuzzy_graph::{Edge, FuzzyGraph};

/// Is told how many epochs are done, and may end the work, which is lost then.
pub type OnEpoch<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Negative samples for each move along an edge.
const NEGATIVE_SAMPLES: usize = 5;
/// Moves along an edge each time that it is due: those of umap-learn, which moves both ends for each of both directions.
const MOVES: usize = 2;
/// Points that a thread moves at a time, at least.
const MIN_POINTS: usize = 64;
const SEED: u64 = 0x756d_6170;

/// How points move.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Number of epochs.
    pub epochs: usize,
    /// The learning rate of the first epoch, from which it falls to zero.
    pub learning_rate: f32,
}

/// Moves the points behind the first `fixed` ones in `positions`; the n-th of them has the edges of the n-th point of `graph`. `None` if
/// `on_epoch` ended it.
pub fn optimize(
    graph: &FuzzyGraph,
    positions: Vec<Point>,
    fixed: usize,
    schedule: Schedule,
    on_epoch: OnEpoch<'_>,
) -> Option<Vec<Point>> {
    let (mut now, mut next) = (positions.clone(), positions);
    let greatest = graph.greatest();
    for epoch in 0..schedule.epochs {
        let learning_rate = schedule.learning_rate * (1.0 - epoch as f32 / schedule.epochs as f32);
        let moved = next[fixed..].par_iter_mut().with_min_len(MIN_POINTS).enumerate();
        moved.for_each(|(point, place)| {
            let step = Step {
                positions: &now,
                epoch,
                greatest,
                learning_rate,
            };
            *place = step.moved(fixed + point, graph.of(point));
        });
        std::mem::swap(&mut now, &mut next);
        if on_epoch(epoch + 1).is_break() {
            return None;
        }
    }
    Some(now)
}

/// What is the same for all points of an epoch.
struct Step<'a> {
    positions: &'a [Point],
    epoch: usize,
    /// The strength of an edge that is due in every epoch.
    greatest: f32,
    learning_rate: f32,
}

impl Step<'_> {
    /// Where a point is after this epoch.
    fn moved(&self, point: usize, edges: &[Edge]) -> Point {
        let mut own = self.positions[point];
        let mut random = SplitMix64::new(SplitMix64::mix(SEED ^ (self.epoch as u64) << 40) ^ point as u64);
        for edge in edges.iter().filter(|edge| self.is_due(**edge)) {
            let other = self.positions[edge.to as usize];
            for _ in 0..MOVES {
                attract(&mut own, other, self.learning_rate);
            }
            for _ in 0..NEGATIVE_SAMPLES {
                let sample = random.below(self.positions.len());
                if sample != point {
                    repel(&mut own, self.positions[sample], self.learning_rate);
                }
            }
        }
        own
    }

    /// Edges are due as often as they are strong: at regular intervals.
    fn is_due(&self, edge: Edge) -> bool {
        let rate = f64::from(edge.strength / self.greatest);
        (rate * (self.epoch + 1) as f64).floor() > (rate * self.epoch as f64).floor()
    }
}
