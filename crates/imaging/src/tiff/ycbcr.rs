//! Uncompressed YCbCr with subsampled chroma (TIFF 6.0, section 21).

use super::directory::Directory;
use super::tag;

/// Converts 8-bit YCbCr to 8-bit RGB by the coefficients and reference levels of a directory.
pub struct YCbCrToRgb {
    luma: Vec<f32>,
    /// What each code of Cb adds to blue and takes from green.
    blue: Vec<(f32, f32)>,
    /// What each code of Cr adds to red and takes from green.
    red: Vec<(f32, f32)>,
}

impl YCbCrToRgb {
    pub fn new(directory: &Directory) -> Self {
        let [red, green, blue] = coefficients(directory);
        let levels = reference_levels(directory);
        let scaled = |code: usize, component: usize, range: f64| {
            let (black, white) = (levels[2 * component], levels[2 * component + 1]);
            (code as f64 - black) * range / (white - black)
        };
        let chroma = |component: usize, own: f64| -> Vec<(f32, f32)> {
            (0..256)
                .map(|code| {
                    let difference = scaled(code, component, 127.0) * (2.0 - 2.0 * own);
                    (difference as f32, (difference * own / green) as f32)
                })
                .collect()
        };
        Self {
            luma: (0..256).map(|code| scaled(code, 0, 255.0) as f32).collect(),
            blue: chroma(1, blue),
            red: chroma(2, red),
        }
    }

    pub fn convert(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let luma = self.luma[usize::from(y)] + 0.5;
        let (to_blue, green_of_blue) = self.blue[usize::from(cb)];
        let (to_red, green_of_red) = self.red[usize::from(cr)];
        // Conversion from floating point saturates.
        [
            (luma + to_red) as u8,
            (luma - green_of_blue - green_of_red) as u8,
            (luma + to_blue) as u8,
        ]
    }
}

/// Of red, green and blue in luma: those of ITU-R BT.601 unless the file has usable ones.
fn coefficients(directory: &Directory) -> [f64; 3] {
    const BT601: [f64; 3] = [0.299, 0.587, 0.114];
    let Some(values) = directory.values(tag::YCBCR_COEFFICIENTS) else {
        return BT601;
    };
    let read = [0, 1, 2].map(|index| values.real(index).unwrap_or(0.0));
    if read.iter().all(|value| (0.01..1.0).contains(value)) {
        read
    } else {
        BT601
    }
}

/// Black and white of luma, zero and greatest of Cb and of Cr.
fn reference_levels(directory: &Directory) -> [f64; 6] {
    const FULL_RANGE: [f64; 6] = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];
    let Some(values) = directory.values(tag::REFERENCE_BLACK_WHITE) else {
        return FULL_RANGE;
    };
    let read: [f64; 6] = std::array::from_fn(|index| values.real(index).unwrap_or(0.0));
    let is_usable = read
        .chunks(2)
        .all(|range| (1.0..=512.0).contains(&(range[1] - range[0])));
    if is_usable { read } else { FULL_RANGE }
}
