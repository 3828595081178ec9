//! Interpolation of subsampled components, as libjpeg does it.

use super::segments::Frame;
use crate::jpeg_scaled::Component;

/// The samples of one component.
pub struct Channel {
    stride: usize,
    samples: Vec<u8>,
    /// Samples across and down that belong to the image.
    width: usize,
    height: usize,
    horizontal: Ratio,
    vertical: Ratio,
}

/// How many times fewer samples than pixels an axis has.
#[derive(Debug, Clone, Copy)]
enum Ratio {
    One,
    Two,
    Other { own: usize, max: usize },
}

impl Ratio {
    fn new(own: usize, max: usize) -> Self {
        match max {
            _ if max == own => Self::One,
            _ if max == 2 * own => Self::Two,
            _ => Self::Other { own, max },
        }
    }

    /// The sample nearest to pixel `at`.
    fn nearest(self, at: usize) -> usize {
        match self {
            Self::One => at,
            Self::Two => at / 2,
            Self::Other { own, max } => at * own / max,
        }
    }

    /// The sample on the other side of pixel `at`, below `count`.
    fn second(self, at: usize, count: usize) -> usize {
        match self {
            Self::Two if at.is_multiple_of(2) => (at / 2).saturating_sub(1),
            Self::Two => (at / 2 + 1).min(count - 1),
            Self::One | Self::Other { .. } => self.nearest(at),
        }
    }
}

impl Channel {
    /// `samples` are row by row, with `stride` samples in a row.
    pub fn new(frame: &Frame, component: &Component, stride: usize, samples: Vec<u8>) -> Self {
        let (horizontal, vertical) = frame.max_sampling();
        Self {
            stride,
            samples,
            width: (frame.width * component.horizontal).div_ceil(horizontal),
            height: (frame.height * component.vertical).div_ceil(vertical),
            horizontal: Ratio::new(component.horizontal, horizontal),
            vertical: Ratio::new(component.vertical, vertical),
        }
    }

    /// Writes the samples of pixel row `y`. Between two samples the nearer one has three quarters of the
    /// weight.
    ///
    /// `sums` is memory to reuse.
    pub fn write_line(&self, y: usize, sums: &mut Vec<u16>, line: &mut [u8]) {
        let row = |row: usize| &self.samples[row * self.stride..row * self.stride + self.width];
        let near = row(self.vertical.nearest(y).min(self.height - 1));
        let far = row(self.vertical.second(y, self.height).min(self.height - 1));
        match (self.horizontal, self.vertical) {
            (Ratio::One, Ratio::One | Ratio::Other { .. }) => line.copy_from_slice(near),
            (Ratio::One, Ratio::Two) => {
                for ((out, &near), &far) in line.iter_mut().zip(near).zip(far) {
                    *out = ((weighted(near, far) + 2) / 4) as u8;
                }
            }
            (Ratio::Two, _) => {
                // With the first and last value twice, so that all have neighbors.
                sums.clear();
                sums.push(weighted(near[0], far[0]));
                sums.extend(near.iter().zip(far).map(|(&near, &far)| weighted(near, far)));
                sums.push(weighted(near[self.width - 1], far[self.width - 1]));
                for (pair, neighbors) in line.chunks_mut(2).zip(sums.windows(3)) {
                    let middle = 3 * neighbors[1];
                    pair[0] = ((middle + neighbors[0] + 8) / 16) as u8;
                    if let Some(second) = pair.get_mut(1) {
                        *second = ((middle + neighbors[2] + 7) / 16) as u8;
                    }
                }
            }
            (Ratio::Other { .. }, _) => {
                for (x, out) in line.iter_mut().enumerate() {
                    let x = self.horizontal.nearest(x);
                    *out = ((weighted(near[x], far[x]) + 2) / 4) as u8;
                }
            }
        }
    }
}

/// Four times the value between two samples.
fn weighted(near: u8, far: u8) -> u16 {
    3 * u16::from(near) + u16::from(far)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::jpeg::segments::Mode;

    fn channel((horizontal, vertical): (usize, usize), width: usize, height: usize) -> Channel {
        let component = |horizontal, vertical| Component {
            id: 1,
            horizontal,
            vertical,
            quantization: 0,
        };
        let frame = Frame {
            mode: Mode::Sequential,
            is_arithmetic: false,
            precision: 8,
            width,
            height,
            components: vec![component(horizontal, vertical), component(1, 1)],
        };
        Channel::new(&frame, &frame.components[1], 3, vec![0, 80, 160, 40, 120, 200])
    }

    fn line(channel: &Channel, y: usize, width: usize) -> Vec<u8> {
        let mut line = vec![0; width];
        channel.write_line(y, &mut Vec::new(), &mut line);
        line
    }

    #[test]
    fn halved_axes_are_interpolated() {
        let both = channel((2, 2), 5, 3);
        assert_eq!(line(&both, 0, 5), [0, 20, 60, 100, 140]);
        assert_eq!(line(&both, 1, 5), [10, 30, 70, 110, 150]);
        assert_eq!(line(&both, 2, 5), [30, 50, 90, 130, 170]);
        assert_eq!(line(&channel((1, 2), 3, 4), 1, 3), [10, 90, 170]);
        assert_eq!(line(&channel((2, 1), 6, 2), 1, 6), [40, 60, 100, 140, 180, 200]);
    }

    #[test]
    fn other_ratios_repeat_samples() {
        assert_eq!(line(&channel((3, 1), 7, 2), 0, 7), [0, 0, 0, 80, 80, 80, 160]);
        assert_eq!(line(&channel((1, 4), 3, 8), 5, 3), [40, 120, 200]);
    }
}
