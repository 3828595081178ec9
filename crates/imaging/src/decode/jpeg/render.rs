//! From coefficients or samples of the components to pixels.

use image::RgbImage;

use super::coefficients::BlockPlane;
use super::color::ColorModel;
use super::idct::{transform, transform_factors};
use super::lossless::SamplePlane;
use super::segments::Frame;
use super::upsample::Channel;

/// The channels of an image of coefficients.
pub fn channels_of_blocks(frame: &Frame, planes: Vec<BlockPlane>) -> Vec<Channel> {
    // Each component's coefficients are dropped before the next one's samples take memory.
    let channels = frame.components.iter().zip(planes).map(|(component, plane)| {
        let stride = 8 * plane.columns;
        Channel::new(
            frame,
            component,
            stride,
            samples_of_blocks(&plane, frame.precision),
        )
    });
    channels.collect()
}

/// The channels of an image of samples.
pub fn channels_of_samples(frame: &Frame, planes: Vec<SamplePlane>) -> Vec<Channel> {
    let channels = frame.components.iter().zip(planes).map(|(component, plane)| {
        let samples = plane
            .samples
            .iter()
            .map(|&sample| to_8_bits(sample, frame.precision));
        Channel::new(frame, component, plane.columns, samples.collect())
    });
    channels.collect()
}

/// The pixels in RGB.
pub fn render_rgb(frame: &Frame, channels: &[Channel], model: ColorModel) -> RgbImage {
    let mut image = RgbImage::new(frame.width as u32, frame.height as u32);
    let (pixels, _) = image.as_chunks_mut::<3>();
    let mut rows = pixels.chunks_exact_mut(frame.width);
    for_each_row(frame, channels, |lines| {
        if let Some(row) = rows.next() {
            model.write_row(lines, row);
        }
    });
    image
}

/// The pixels with the values of the channels side by side.
pub fn render_stored(frame: &Frame, channels: &[Channel]) -> Vec<u8> {
    let mut pixels = vec![0; frame.width * frame.height * channels.len()];
    let mut rows = pixels.chunks_exact_mut(frame.width * channels.len());
    for_each_row(frame, channels, |lines| {
        if let Some(row) = rows.next() {
            for (place, line) in lines.iter().enumerate() {
                let values = row.iter_mut().skip(place).step_by(lines.len());
                values.zip(*line).for_each(|(value, &sample)| *value = sample);
            }
        }
    });
    pixels
}

/// Calls `write` with a line of each channel for each row of pixels.
fn for_each_row(frame: &Frame, channels: &[Channel], mut write: impl FnMut(&[&[u8]])) {
    let mut lines = vec![vec![0; frame.width]; channels.len()];
    let mut sums = Vec::with_capacity(frame.width + 2);
    for y in 0..frame.height {
        for (channel, line) in channels.iter().zip(&mut lines) {
            channel.write_line(y, &mut sums, line);
        }
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        write(&lines);
    }
}

/// Dequantizes and transforms all blocks.
fn samples_of_blocks(plane: &BlockPlane, precision: u32) -> Vec<u8> {
    let factors = transform_factors(&plane.steps.unwrap_or([1; 64]), precision);
    let mut samples = vec![0; plane.blocks.len() * 64];
    let rows = samples.chunks_exact_mut(64 * plane.columns);
    for (blocks, samples) in plane.blocks.chunks_exact(plane.columns).zip(rows) {
        for (column, block) in blocks.iter().enumerate() {
            let rows = samples.chunks_exact_mut(8 * plane.columns);
            let rows = rows.filter_map(|row| row[8 * column..].first_chunk_mut::<8>());
            if block[1..] == [0; 63] {
                // Most blocks of smooth areas and of chroma have one color.
                let sample = to_sample(f32::from(block[0]) * factors[0]);
                rows.for_each(|row| *row = [sample; 8]);
            } else {
                let values = transform(block, &factors);
                rows.zip(values)
                    .for_each(|(row, values)| *row = values.map(to_sample));
            }
        }
    }
    samples
}

/// `value` as a sample. Unlike a cast, this is vectorized: the sum has the rounded value in its lowest bits.
fn to_sample(value: f32) -> u8 {
    const FRACTIONLESS: f32 = (1 << 23) as f32;
    ((value + 128.0).clamp(0.0, 255.0) + FRACTIONLESS).to_bits() as u8
}

fn to_8_bits(sample: u16, precision: u32) -> u8 {
    let maximum = (1_u32 << precision) - 1;
    ((u32::from(sample).min(maximum) * 255 + maximum / 2) / maximum) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_any_precision_cover_8_bits() {
        for precision in 2..=16 {
            assert_eq!(to_8_bits(0, precision), 0);
            assert_eq!(to_8_bits(((1_u32 << precision) - 1) as u16, precision), 255);
        }
        assert_eq!(to_8_bits(77, 8), 77);
        assert_eq!(to_8_bits(0x8000, 16), 128);
    }

    #[test]
    fn values_are_rounded_and_clamped() {
        let samples = [-200.0, -128.0, -0.6, 0.0, 0.4, 0.6, 126.7, 1e9].map(to_sample);
        assert_eq!(samples, [0, 0, 127, 128, 128, 129, 255, 255]);
    }
}
