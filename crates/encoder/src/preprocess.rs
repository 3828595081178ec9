//! From an image of any size to what a model reads: resize, center crop, normalize, as the reference does.
//!
//! The references are the processors of transformers on Pillow, such as `CLIPImageProcessorPil`, and
//! OpenCLIP's transform on Pillow. The processor on torchvision differs from these by up to two gray levels,
//! and by a pixel where it pads an odd number of them. All parameters come from the model's files; missing
//! keys have the reference's defaults.

mod config;
mod dynamic_resolution;
mod geometry;
mod hugging_face;
mod open_clip;
mod resample;

use image::{Rgb, RgbImage, imageops};

pub use config::PreprocessorError;
use config::{OutputSize, ProcessorConfig, ResampleFilter, ResizeTarget};
pub use dynamic_resolution::{DynamicResize, DynamicResolutionPreprocessor, TokenRange};
use geometry::CropWindow;
pub use hugging_face::Processor;
use resample::resample;

use crate::Pixels;

/// Prepares images as a model's configuration defines.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    config: ProcessorConfig,
    /// The normalized value of each of the 256 levels, for red, green and blue.
    levels: [[f32; 256]; 3],
}

impl Preprocessor {
    /// Reads CLIP's `preprocessor_config.json`, or the `processor_config.json` of transformers 5 that nests
    /// it.
    pub fn from_json(json: &[u8]) -> Result<Self, PreprocessorError> {
        Self::from_json_for(json, Processor::Clip)
    }

    /// As [`from_json`](Self::from_json), for another processor of transformers.
    pub fn from_json_for(json: &[u8], processor: Processor) -> Result<Self, PreprocessorError> {
        Ok(Self::new(hugging_face::parse(json, processor)?))
    }

    /// Reads `preprocess_cfg` of OpenCLIP's `open_clip_config.json`.
    pub fn from_open_clip(json: &[u8]) -> Result<Self, PreprocessorError> {
        Ok(Self::new(open_clip::parse(json)?))
    }

    fn new(config: ProcessorConfig) -> Self {
        let levels = config.levels();
        Self { config, levels }
    }

    /// Height and width of every prepared image; `None` where they follow the image's own shape.
    pub fn output_size(&self) -> Option<(usize, usize)> {
        match self.config.output {
            OutputSize::Fixed(size) => Some((size.height as usize, size.width as usize)),
            OutputSize::Patches { .. } => None,
        }
    }

    /// Pixels along a patch and largest number of patches per image, where images keep their own shape.
    pub fn patches(&self) -> Option<(usize, usize)> {
        match self.config.output {
            OutputSize::Fixed(_) => None,
            OutputSize::Patches { side, max } => Some((side as usize, max as usize)),
        }
    }

    /// The shorter side that images are resized to, or the longer one where proportions are not kept. `None`
    /// where the nearest pixel is taken instead of a weighted sum, or where the image's exact shape matters.
    pub fn shorter_side(&self) -> Option<u32> {
        self.output_size()?;
        let resize = self.config.resize?;
        let side = match resize.target {
            ResizeTarget::ShortestEdge(side) => side,
            ResizeTarget::Exactly(size) | ResizeTarget::Within(size) => size.height.max(size.width),
        };
        (resize.filter != ResampleFilter::Nearest).then_some(side)
    }

    /// Resizes, crops and normalizes one image.
    pub fn preprocess(&self, image: &RgbImage) -> Pixels {
        normalize(&self.resize_and_crop(image), &self.levels)
    }

    /// The first half of [`preprocess`](Self::preprocess): the resized and cropped image in 8 bits.
    ///
    /// Computes only what the crop keeps, so that a strip of 1 × 60,000 pixels costs no more than another
    /// image. Where the resized image is smaller than the crop, a uniform border surrounds it, black in most
    /// models.
    pub fn resize_and_crop(&self, image: &RgbImage) -> RgbImage {
        let output = self.config.output.for_image(image.dimensions());
        let mut canvas = RgbImage::from_pixel(output.width, output.height, Rgb([self.config.fill; 3]));
        if image.width() == 0 || image.height() == 0 {
            return canvas;
        }
        let window = CropWindow::new(image.dimensions(), &self.config, output);
        let filter = self
            .config
            .resize
            .map_or(ResampleFilter::Nearest, |resize| resize.filter);
        let kept = resample(image, filter, &window);
        imageops::replace(
            &mut canvas,
            &kept,
            window.columns.offset.into(),
            window.rows.offset.into(),
        );
        canvas
    }

    /// A short text that differs where prepared images would differ: `bicubic224-crop224`, followed by a hash
    /// where rescaling, mean and standard deviation are not those of the original CLIP.
    pub fn fingerprint(&self) -> String {
        self.config.fingerprint()
    }
}

/// Three planes, with the value that `levels` has for each channel of each pixel.
fn normalize(image: &RgbImage, levels: &[[f32; 256]; 3]) -> Pixels {
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
        fn crop_equals_part_of_full_resize(width in 1_u32..90, height in 1_u32..90, crop in 1_u32..24) {
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
        fn any_size_gives_output_size(width in 0_u32..3000, height in 0_u32..12) {
            let preprocessor = Preprocessor::from_json(b"{}").unwrap();
            for (w, h) in [(width, height), (height, width)] {
                let pixels = preprocessor.preprocess(&RgbImage::new(w, h));
                prop_assert_eq!((pixels.height, pixels.width, pixels.values.len()), (224, 224, 3 * 224 * 224));
            }
        }
    }

    #[test]
    fn shorter_side_follows_resize_target() {
        let side = |json: &str| Preprocessor::from_json(json.as_bytes()).unwrap().shorter_side();
        assert_eq!(side("{}"), Some(224));
        assert_eq!(
            side(r#"{"size":{"height":80,"width":96},"do_center_crop":false}"#),
            Some(96)
        );
        assert_eq!(side(r#"{"resample":0}"#), None, "the nearest pixel is taken");
        assert_eq!(side(r#"{"do_resize":false}"#), None);
    }

    #[test]
    fn planes_are_ordered_and_normalized() {
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
    fn strip_of_any_length_has_bounded_cost() {
        let preprocessor = Preprocessor::from_json(b"{}").unwrap();
        for (width, height) in [(1, 60_000), (60_000, 1), (2_000_000, 1)] {
            let kept = preprocessor.resize_and_crop(&noise(width, height));
            assert_eq!(kept.dimensions(), (224, 224));
        }
    }
}
