//! From a picture of any size to what a model reads: resize, centre crop, normalize, as the reference does.
//!
//! The references are transformers' processors on Pillow, such as `CLIPImageProcessorPil`, and OpenCLIP's transform on it; the one on torchvision differs from
//! it by up to two grey levels, and by a pixel where it pads an odd number of them. Everything comes from
//! `preprocessor_config.json`; keys that are absent have the reference's defaults.

mod config;
mod dynamic_resolution;
mod geometry;
mod open_clip;
mod resample;

use image::{Rgb, RgbImage, imageops};

use config::{CLIP_DEVIATION, CLIP_MEAN, Filter, Output, Settings, Target};
pub use config::{PreprocessorError, Processor};
pub use dynamic_resolution::{DynamicResize, DynamicResolutionPreprocessor, TokenRange};
use geometry::Window;
use resample::resample;

use crate::Pixels;

/// Prepares pictures as one `preprocessor_config.json` says.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    settings: Settings,
    /// The normalized value of each of the 256 levels, for red, green and blue.
    levels: [[f32; 256]; 3],
}

impl Preprocessor {
    /// Reads CLIP's `preprocessor_config.json`, or the `processor_config.json` of transformers 5 that nests it.
    pub fn from_json(json: &[u8]) -> Result<Self, PreprocessorError> {
        Self::from_json_for(json, Processor::Clip)
    }

    /// As [`from_json`](Self::from_json), for another processor of transformers.
    pub fn from_json_for(json: &[u8], processor: Processor) -> Result<Self, PreprocessorError> {
        Ok(Self::new(Settings::from_json(json, processor)?))
    }

    /// Reads `preprocess_cfg` of OpenCLIP's `open_clip_config.json`.
    pub fn from_open_clip(json: &[u8]) -> Result<Self, PreprocessorError> {
        Ok(Self::new(open_clip::settings(json)?))
    }

    fn new(settings: Settings) -> Self {
        let levels = settings.levels();
        Self { settings, levels }
    }

    /// Rows and columns of every prepared picture; `None` where they follow the picture's own shape.
    pub fn output_size(&self) -> Option<(usize, usize)> {
        match self.settings.output {
            Output::Fixed(size) => Some((size.height as usize, size.width as usize)),
            Output::Patches { .. } => None,
        }
    }

    /// Pixels along a patch, and patches of a picture at most, where pictures follow their own shape.
    pub fn patches(&self) -> Option<(usize, usize)> {
        match self.settings.output {
            Output::Fixed(_) => None,
            Output::Patches { side, most } => Some((side as usize, most as usize)),
        }
    }

    /// The shorter side that pictures are resized to, or the longer one where proportions are not kept; `None` where
    /// single pixels are picked instead of weighed together, or where the picture's exact shape counts.
    pub fn shorter_side(&self) -> Option<u32> {
        self.output_size()?;
        let resize = self.settings.resize?;
        let side = match resize.target {
            Target::ShortestEdge(side) => side,
            Target::Exactly(size) | Target::Within(size) => size.height.max(size.width),
        };
        (resize.filter != Filter::Nearest).then_some(side)
    }

    /// Resizes, crops and normalises one picture.
    pub fn preprocess(&self, image: &RgbImage) -> Pixels {
        normalized(&self.resize_and_crop(image), &self.levels)
    }

    /// The first half of [`preprocess`](Self::preprocess): the picture in 8 bits as the model sees it.
    ///
    /// Only what the crop keeps is computed, so that a strip of 1 × 60,000 pixels costs no more than another picture.
    /// Where the resized picture is smaller than the crop, one colour surrounds it, mostly black.
    pub fn resize_and_crop(&self, image: &RgbImage) -> RgbImage {
        let output = self.settings.output.of(image.dimensions());
        let mut canvas = RgbImage::from_pixel(output.width, output.height, Rgb([self.settings.fill; 3]));
        if image.width() == 0 || image.height() == 0 {
            return canvas;
        }
        let window = Window::of(image.dimensions(), &self.settings, output);
        let filter = self
            .settings
            .resize
            .map_or(Filter::Nearest, |resize| resize.filter);
        let kept = resample(image, filter, &window);
        imageops::replace(
            &mut canvas,
            &kept,
            window.columns.at.into(),
            window.rows.at.into(),
        );
        canvas
    }

    /// A short text that differs where prepared pictures would differ: `bicubic224-crop224`, followed by a hash
    /// where rescaling, mean and deviation are not those of the original CLIP.
    pub fn fingerprint(&self) -> String {
        self.settings.fingerprint()
    }
}

/// Three planes of the values that `levels` give.
fn normalized(image: &RgbImage, levels: &[[f32; 256]; 3]) -> Pixels {
    let (width, height) = image.dimensions();
    let mut values = Vec::with_capacity(image.as_raw().len());
    for (channel, levels) in levels.iter().enumerate() {
        values.extend(image.pixels().map(|pixel| levels[usize::from(pixel.0[channel])]));
    }
    Pixels {
        height: height as usize,
        width: width as usize,
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let v = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503);
            Rgb([(v >> 8) as u8, (v >> 16) as u8, (x * 3 + y * 7) as u8])
        })
    }

    proptest! {
        #[test]
        fn the_crop_is_what_a_full_resize_would_keep(width in 1_u32..90, height in 1_u32..90, crop in 1_u32..24) {
            let edge = 24;
            let json = format!(r#"{{"size":{edge},"crop_size":{crop}}}"#);
            let cropping = Preprocessor::from_json(json.as_bytes()).unwrap();
            let short = width.min(height);
            let full = |side: u32| (f64::from(edge) * f64::from(side) / f64::from(short)) as u32;
            let (full_width, full_height) = (full(width), full(height));
            let json = format!(
                r#"{{"size":{{"width":{full_width},"height":{full_height}}},"do_center_crop":false}}"#
            );
            let whole = Preprocessor::from_json(json.as_bytes()).unwrap();
            let image = noise(width, height);
            let kept = cropping.resize_and_crop(&image);
            let resized = whole.resize_and_crop(&image);
            let (left, top) = ((full_width - crop) / 2, (full_height - crop) / 2);
            for (x, y, pixel) in kept.enumerate_pixels() {
                let reference = resized.get_pixel(left + x, top + y);
                prop_assert_eq!(pixel, reference, "at {},{}", x, y);
            }
        }

        #[test]
        fn any_size_gives_the_output_size(width in 0_u32..3000, height in 0_u32..12) {
            let preprocessor = Preprocessor::from_json(b"{}").unwrap();
            for (w, h) in [(width, height), (height, width)] {
                let pixels = preprocessor.preprocess(&RgbImage::new(w, h));
                prop_assert_eq!((pixels.height, pixels.width, pixels.values.len()), (224, 224, 3 * 224 * 224));
            }
        }
    }

    #[test]
    fn the_side_that_pictures_must_keep_is_told() {
        let side = |json: &str| Preprocessor::from_json(json.as_bytes()).unwrap().shorter_side();
        assert_eq!(side("{}"), Some(224));
        assert_eq!(
            side(r#"{"size":{"height":80,"width":96},"do_center_crop":false}"#),
            Some(96)
        );
        assert_eq!(side(r#"{"resample":0}"#), None, "single pixels are picked");
        assert_eq!(side(r#"{"do_resize":false}"#), None);
    }

    #[test]
    fn planes_come_in_order_and_normalised() {
        let preprocessor = Preprocessor::from_json(b"{}").unwrap();
        let pixels = preprocessor.preprocess(&RgbImage::from_pixel(300, 200, Rgb([255, 0, 128])));
        let plane = 224 * 224;
        let expected = [
            (1.0 - 0.481_454_66) / 0.268_629_54,
            -0.457_827_5 / 0.261_302_58,
            (128.0 / 255.0 - 0.408_210_73) / 0.275_777_11,
        ];
        for (channel, value) in expected.into_iter().enumerate() {
            let got = pixels.values[channel * plane + 5];
            assert!((f64::from(got) - value).abs() < 1e-6, "{got} is not {value}");
        }
    }

    #[test]
    fn a_strip_of_any_length_costs_no_more_than_another_picture() {
        let preprocessor = Preprocessor::from_json(b"{}").unwrap();
        for (width, height) in [(1, 60_000), (60_000, 1), (2_000_000, 1)] {
            let kept = preprocessor.resize_and_crop(&noise(width, height));
            assert_eq!(kept.dimensions(), (224, 224));
        }
    }
}
