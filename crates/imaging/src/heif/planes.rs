//! Decoded pictures of both codecs, as planes of luma and chroma.

use re_rav1d::dav1d::Plane;

use super::properties::CodePoints;

/// A decoded picture: luma alone, or luma and two planes of chroma.
pub struct Planes {
    pub width: usize,
    pub height: usize,
    /// Bits of each sample.
    pub depth: u32,
    pub chroma: Chroma,
    /// What the bitstream says about its colors.
    pub code_points: Option<CodePoints>,
    pub samples: Samples,
}

/// The size of chroma planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    None,
    /// Factors by which they are smaller than luma.
    Subsampled {
        horizontal: usize,
        vertical: usize,
    },
}

/// The samples of the three planes, as the decoder left them.
pub enum Samples {
    Hevc([Vec<i32>; 3]),
    Av1 {
        planes: Vec<Plane>,
        /// Bytes from row to row, for luma and chroma.
        strides: [usize; 2],
    },
}

impl Planes {
    /// Width and height of chroma planes.
    pub fn chroma_size(&self) -> (usize, usize) {
        match self.chroma {
            Chroma::None => (0, 0),
            Chroma::Subsampled { horizontal, vertical } => {
                (self.width.div_ceil(horizontal), self.height.div_ceil(vertical))
            }
        }
    }

    /// Copies row `y` of `plane` (0 is luma). Samples that the decoder left out become 0.
    pub fn row(&self, plane: usize, y: usize, row: &mut [f32]) {
        let width = row.len();
        match &self.samples {
            Samples::Hevc(planes) => {
                let source = planes[plane].get(y * width..).unwrap_or_default();
                row.iter_mut()
                    .zip(source)
                    .for_each(|(to, &from)| *to = from as f32);
            }
            Samples::Av1 { planes, strides } => {
                let start = y * strides[plane.min(1)];
                let plane = planes.get(plane).map(|plane| &plane[..]).unwrap_or_default();
                let source = plane.get(start..).unwrap_or_default();
                if self.depth == 8 {
                    row.iter_mut()
                        .zip(source)
                        .for_each(|(to, &from)| *to = f32::from(from));
                } else {
                    let (source, _) = source.as_chunks::<2>();
                    let samples = source.iter().map(|&bytes| f32::from(u16::from_ne_bytes(bytes)));
                    row.iter_mut().zip(samples).for_each(|(to, from)| *to = from);
                }
            }
        }
    }
}
