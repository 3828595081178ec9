//! The flattened picture: planes of rows, packed or not, to interleaved 8-bit samples.

use miniz_oxide::inflate::decompress_slice_iter_to_slice;

use super::FORMAT;
use super::document::Document;
use crate::{ImagingError, pixels};

/// The first `channels` planes as interleaved samples of 8 bits. Rows that are missing at the end of the file are white.
pub fn interleaved(document: &Document, channels: usize) -> Result<Vec<u8>, ImagingError> {
    let (width, height) = (document.width as usize, document.height as usize);
    let row_bytes = match document.depth {
        1 => width.div_ceil(8),
        8 => width,
        16 => width * 2,
        32 => width * 4,
        depth => {
            return Err(ImagingError::damaged(
                FORMAT,
                format_args!("samples of {depth} bits"),
            ));
        }
    };
    let (method, data) = document
        .picture
        .split_first_chunk::<2>()
        .ok_or_else(|| ImagingError::truncated(FORMAT))?;
    let mut result = vec![u8::MAX; width * height * channels];
    let mut put = |row: usize, samples: &[u8]| {
        let (channel, y) = (row / height, row % height);
        let target = result[y * width * channels..][..width * channels].iter_mut();
        let targets = target.skip(channel).step_by(channels);
        samples_of_8_bits(document, samples, targets);
    };
    let rows = channels * height;
    match u16::from_be_bytes(*method) {
        0 => data
            .chunks(row_bytes)
            .take(rows)
            .enumerate()
            .for_each(|(row, samples)| put(row, samples)),
        1 => unpack_rows(document, data, row_bytes, rows, put)?,
        2 => {
            let mut planes = vec![0; row_bytes * rows];
            // What was inflated before damage is shown.
            let _ = decompress_slice_iter_to_slice(&mut planes, std::iter::once(data), true, true);
            planes
                .chunks(row_bytes)
                .enumerate()
                .for_each(|(row, samples)| put(row, samples));
        }
        method => {
            return Err(ImagingError::unsupported_feature(
                FORMAT,
                format_args!("compression {method}"),
            ));
        }
    }
    Ok(result)
}

/// The packed length of every row of every channel, then the rows.
fn unpack_rows(
    document: &Document,
    data: &[u8],
    row_bytes: usize,
    rows: usize,
    mut put: impl FnMut(usize, &[u8]),
) -> Result<(), ImagingError> {
    let length_bytes = if document.is_large { 4 } else { 2 };
    let all_rows = document.channels * document.height as usize;
    let (lengths, mut packed) = data
        .split_at_checked(all_rows * length_bytes)
        .ok_or_else(|| ImagingError::truncated(FORMAT))?;
    let mut samples = vec![0; row_bytes];
    for (row, length) in lengths.chunks_exact(length_bytes).take(rows).enumerate() {
        let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (row_data, rest) = packed.split_at(length.min(packed.len()));
        if row_data.is_empty() {
            break;
        }
        let filled = unpack(row_data, &mut samples);
        put(row, &samples[..filled]);
        packed = rest;
    }
    Ok(())
}

/// `PackBits` (Apple technical note 1023). Returns the number of bytes written.
fn unpack(packed: &[u8], target: &mut [u8]) -> usize {
    let (mut rest, mut filled) = (packed, 0);
    while let [control, tail @ ..] = rest {
        let control = *control as i8;
        let space = target.len() - filled;
        if control >= 0 {
            let count = (control as usize + 1).min(tail.len()).min(space);
            target[filled..filled + count].copy_from_slice(&tail[..count]);
            (rest, filled) = (&tail[count..], filled + count);
        } else if control == i8::MIN {
            rest = tail;
        } else {
            let [value, tail @ ..] = tail else { break };
            let count = (1 - isize::from(control)).unsigned_abs().min(space);
            target[filled..filled + count].fill(*value);
            (rest, filled) = (tail, filled + count);
        }
        if filled == target.len() {
            break;
        }
    }
    filled
}

/// Bits of a bitmap are black where set; samples of 16 bits lose their low byte; of 32 bits they are linear light.
fn samples_of_8_bits<'a>(document: &Document, samples: &[u8], targets: impl Iterator<Item = &'a mut u8>) {
    match (document.depth, document.mode) {
        (1, _) => {
            for (index, target) in targets.enumerate().take(samples.len() * 8) {
                let is_black = samples[index / 8] & (0x80 >> (index % 8)) != 0;
                *target = if is_black { 0 } else { u8::MAX };
            }
        }
        (8, _) => targets
            .zip(samples)
            .for_each(|(target, sample)| *target = *sample),
        (16, _) => targets
            .zip(samples.as_chunks::<2>().0)
            .for_each(|(target, sample)| {
                *target = (u32::from(u16::from_be_bytes(*sample)) * 255 / 65_535) as u8;
            }),
        _ => targets
            .zip(samples.as_chunks::<4>().0)
            .for_each(|(target, sample)| *target = pixels::srgb_encode(f32::from_be_bytes(*sample))),
    }
}
