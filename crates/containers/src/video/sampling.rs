//! Which frames of a video stand for it.

use std::collections::VecDeque;

use eidetic_domain::Moment;
use image::imageops::{FilterType, resize};
use image::{GrayImage, RgbImage};

use super::Frame;

/// Side of the small pictures that are compared.
const SIDE: u32 = 32;
/// Mean difference of two such pictures, of 255, from which they show another shot.
const NEW_SHOT: f32 = 18.0;
/// A long shot gives a frame this often.
const LONG_SHOT_MS: u64 = 30_000;
/// Frames closer than this are not taken, whatever they show.
const CLOSEST_MS: u64 = 1_500;
/// Frames of one minute at most.
const MOST_A_MINUTE: usize = 10;
/// Standard deviation of brightness, of 255, below which a frame shows nothing.
const BLANK: f32 = 4.0;

/// Takes the frames that begin a new shot, some of long shots, and none that show nothing.
#[derive(Default)]
pub struct Sampler {
    last: Option<(Moment, RgbImage)>,
    /// Moments of the frames taken within the last minute.
    recent: VecDeque<Moment>,
    first_blank: Option<Frame>,
}

impl Sampler {
    /// Whether the frame is taken, which comes after those before it or starts from the beginning again.
    pub fn takes(&mut self, frame: &Frame) -> bool {
        let small = resize(&frame.image, SIDE, SIDE, FilterType::Triangle);
        if deviation(&small) < BLANK {
            if self.first_blank.is_none() {
                self.first_blank = Some(frame.clone());
            }
            return false;
        }
        if !self.is_new(frame.moment, &small) || self.is_too_many(frame.moment) {
            return false;
        }
        self.recent.push_back(frame.moment);
        self.last = Some((frame.moment, small));
        true
    }

    /// The first frame that showed nothing.
    pub fn into_first_blank(self) -> Option<Frame> {
        self.first_blank
    }

    fn is_new(&self, moment: Moment, small: &RgbImage) -> bool {
        let Some((last, shown)) = &self.last else {
            return true;
        };
        let gap = moment.milliseconds.abs_diff(last.milliseconds);
        gap >= LONG_SHOT_MS || (gap >= CLOSEST_MS && difference(small, shown) >= NEW_SHOT)
    }

    fn is_too_many(&mut self, moment: Moment) -> bool {
        self.recent
            .retain(|taken| moment.milliseconds.abs_diff(taken.milliseconds) < 60_000);
        self.recent.len() >= MOST_A_MINUTE
    }
}

/// Mean absolute difference of the samples.
fn difference(left: &RgbImage, right: &RgbImage) -> f32 {
    let samples = left.as_raw().iter().zip(right.as_raw());
    let sum: u32 = samples
        .map(|(left, right)| u32::from(left.abs_diff(*right)))
        .sum();
    sum as f32 / left.as_raw().len() as f32
}

/// Standard deviation of the brightness.
fn deviation(image: &RgbImage) -> f32 {
    let gray: GrayImage = image::imageops::grayscale(image);
    let count = gray.as_raw().len() as f32;
    let mean = gray.as_raw().iter().map(|&value| f32::from(value)).sum::<f32>() / count;
    let squares: f32 = gray
        .as_raw()
        .iter()
        .map(|&value| (f32::from(value) - mean).powi(2))
        .sum();
    (squares / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// A frame with a pattern of its own for each `shot`; shot 0 shows nothing.
    fn frame(milliseconds: u64, shot: u32) -> Frame {
        let pixel = |x: u32, y: u32| {
            let on = shot > 0 && ((x / 8 + y / 8 * shot) * shot).is_multiple_of(shot + 1);
            Rgb(if on { [255; 3] } else { [0; 3] })
        };
        Frame {
            moment: Moment { milliseconds },
            image: RgbImage::from_fn(64, 64, pixel),
            full_size: (64, 64),
        }
    }

    fn taken(frames: &[(u64, u32)]) -> Vec<u64> {
        let mut sampler = Sampler::default();
        let mut frames: Vec<Frame> = frames.iter().map(|&(at, shot)| frame(at, shot)).collect();
        frames.retain(|frame| sampler.takes(frame));
        frames
            .into_iter()
            .map(|frame| frame.moment.milliseconds)
            .collect()
    }

    #[test]
    fn new_shots_are_taken() {
        let frames = [(0, 1), (2_000, 1), (4_000, 2), (5_000, 3), (6_000, 3)];
        assert_eq!(taken(&frames), [0, 4_000, 6_000]);
    }

    #[test]
    fn long_shot_gives_frames_now_and_then() {
        let frames: Vec<(u64, u32)> = (0..70).map(|second| (second * 1_000, 1)).collect();
        assert_eq!(taken(&frames), [0, 30_000, 60_000]);
    }

    #[test]
    fn minute_has_bounded_number_of_frames() {
        let frames: Vec<(u64, u32)> = (0..30).map(|at| (at * 2_000, 1 + (at % 2) as u32)).collect();
        assert_eq!(taken(&frames).len(), MOST_A_MINUTE);
    }

    #[test]
    fn blank_frames_are_kept_as_last_resort() {
        assert_eq!(taken(&[(0, 0), (2_000, 0), (4_000, 1)]), [4_000]);
        let mut sampler = Sampler::default();
        assert!(!sampler.takes(&frame(0, 0)) && !sampler.takes(&frame(2_000, 0)));
        assert_eq!(sampler.into_first_blank().unwrap().moment.milliseconds, 0);
    }
}
