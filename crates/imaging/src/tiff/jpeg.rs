//! JPEG streams within TIFF: strips or tiles of their own ("new style", Technical Note 2), and the older
//! kind (TIFF 6.0, section 22), whose parts lie scattered in the file.

use std::borrow::Cow;

use super::chunks::Location;
use super::directory::Directory;
use super::layout::{FORMAT, Layout, Photometric};
use super::source::PixelBuffer;
use super::tag;
use super::ycbcr::YCbCrToRgb;
use crate::ImagingError;
use crate::decode::jpeg::{StreamColors, decode_stream};

const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Decodes the JPEG stream of one chunk, which has `samples` samples a pixel and at most `pixels` pixels.
/// YCbCr becomes RGB if `layout` says that the samples are YCbCr.
pub fn decode_chunk(
    layout: &Layout,
    stream: &[u8],
    samples: usize,
    pixels: u64,
) -> Result<PixelBuffer, ImagingError> {
    let tables = layout.directory.bytes(tag::JPEG_TABLES).unwrap_or_default();
    decode(&with_tables(tables, stream), samples, pixels, layout.photometric)
}

/// An abbreviated stream is preceded by the tables, without the marker that ends them.
fn with_tables<'a>(tables: &[u8], stream: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(stream_content) = stream.strip_prefix(&START_OF_IMAGE) else {
        return Cow::Borrowed(stream);
    };
    if !tables.starts_with(&START_OF_IMAGE) {
        return Cow::Borrowed(stream);
    }
    let tables = tables.strip_suffix(&END_OF_IMAGE).unwrap_or(tables);
    Cow::Owned([tables, stream_content].concat())
}

fn decode(
    stream: &[u8],
    samples: usize,
    pixels: u64,
    photometric: Photometric,
) -> Result<PixelBuffer, ImagingError> {
    // Sides may be rounded up to whole blocks.
    let most_pixels = pixels + pixels / 2 + (1 << 16);
    // The directory knows the colors, the stream guesses.
    let colors = if photometric == Photometric::YCbCr && samples == 3 {
        StreamColors::YCbCrToRgb
    } else {
        StreamColors::Stored
    };
    let decoded = decode_stream(stream, samples, most_pixels, colors);
    let decoded = decoded.map_err(|error| match error {
        ImagingError::TooLarge { .. } => {
            ImagingError::damaged(FORMAT, "a JPEG strip does not match the image")
        }
        error => error,
    })?;
    Ok(PixelBuffer {
        row_bytes: decoded.width * samples,
        content: decoded.content,
    })
}

/// The whole image of a file with the older kind of JPEG compression, as RGB, gray or inks.
pub fn decode_old(layout: &Layout, pixels: u64) -> Result<PixelBuffer, ImagingError> {
    if layout.is_planar {
        return Err(super::layout::unsupported(
            "old JPEG compression in separate color planes",
        ));
    }
    let stream = old_stream(layout)
        .ok_or_else(|| ImagingError::damaged(FORMAT, "parts of its JPEG compression are missing"))?;
    let has_levels = layout.directory.values(tag::REFERENCE_BLACK_WHITE).is_some();
    if layout.photometric != Photometric::YCbCr || !has_levels {
        return decode(&stream, layout.samples, pixels, layout.photometric);
    }
    // Its YCbCr may have other levels than those of JPEG.
    let mut decoded = decode(&stream, layout.samples, pixels, Photometric::Rgb)?;
    let colors = YCbCrToRgb::new(&layout.directory);
    let (pixels, _) = decoded.content.as_chunks_mut::<3>();
    for pixel in pixels {
        *pixel = colors.convert(pixel[0], pixel[1], pixel[2]);
    }
    Ok(decoded)
}

/// Puts together a JPEG stream: from a complete one, or from headers and the coded strips.
fn old_stream<'a>(layout: &Layout<'a>) -> Option<Cow<'a, [u8]>> {
    let interchange = interchange(&layout.directory);
    if let Some(stream) = interchange.filter(|stream| is_complete(stream)) {
        return Some(Cow::Borrowed(stream));
    }
    let first = strip(layout, 0)?;
    if first.starts_with(&START_OF_IMAGE) {
        return Some(Cow::Borrowed(first));
    }
    let mut stream = match interchange {
        Some(headers) => headers.to_vec(),
        None => headers_from_tags(layout)?,
    };
    let count = layout.chunk_count();
    let has_scan_header = find_marker(&stream, 0xDA).is_some();
    if !has_scan_header && !first.starts_with(&[0xFF, 0xDA]) {
        stream.extend(scan_header(layout.samples));
    }
    if count > 1 {
        add_restart_interval(layout, &mut stream);
    }
    for index in 0..count {
        if index > 0 {
            // Strips begin anew, as after a restart marker.
            stream.extend([0xFF, 0xD0 + (index - 1) as u8 % 8]);
        }
        let content = strip(layout, index)?;
        stream.extend(content.strip_suffix(&END_OF_IMAGE).unwrap_or(content));
    }
    stream.extend(END_OF_IMAGE);
    Some(Cow::Owned(stream))
}

/// The bytes that the tags of the interchange format point to.
fn interchange<'a>(directory: &Directory<'a>) -> Option<&'a [u8]> {
    let start = usize::try_from(directory.unsigned(tag::JPEG_INTERCHANGE)?).ok()?;
    let rest = directory.file.bytes.get(start..)?;
    let length = directory
        .unsigned(tag::JPEG_INTERCHANGE_LENGTH)
        .filter(|&length| length > 0)
        .unwrap_or(u64::MAX)
        .min(rest.len() as u64) as usize;
    rest[..length]
        .starts_with(&START_OF_IMAGE)
        .then_some(&rest[..length])
}

/// Whether coded data follow the scan header.
fn is_complete(stream: &[u8]) -> bool {
    find_marker(stream, 0xDA).is_some_and(|at| {
        let Some(length) = stream.get(at + 2..at + 4) else {
            return false;
        };
        let header = usize::from(u16::from_be_bytes([length[0], length[1]]));
        stream.len() > at + 2 + header + END_OF_IMAGE.len()
    })
}

/// The position of a header segment.
fn find_marker(stream: &[u8], wanted: u8) -> Option<usize> {
    let mut at = START_OF_IMAGE.len();
    loop {
        let head = stream.get(at..at + 4)?;
        if head[0] != 0xFF {
            return None;
        }
        if head[1] == wanted {
            return Some(at);
        }
        at += 2 + usize::from(u16::from_be_bytes([head[2], head[3]]));
    }
}

fn strip<'a>(layout: &Layout<'a>, index: usize) -> Option<&'a [u8]> {
    match layout.locate(index, u64::MAX) {
        Location::Bytes(bytes) => Some(bytes),
        Location::Sparse | Location::Missing => None,
    }
}

/// Headers for an image of which the file has only the tables.
fn headers_from_tags(layout: &Layout) -> Option<Vec<u8>> {
    let mut stream = START_OF_IMAGE.to_vec();
    for component in 0..layout.samples {
        let number = component as u8;
        let quantization = table(layout, tag::JPEG_Q_TABLES, component)?.get(..64)?;
        segment(&mut stream, 0xDB, &[&[number], quantization]);
        for (class, tag) in [(0, tag::JPEG_DC_TABLES), (1, tag::JPEG_AC_TABLES)] {
            let codes = table(layout, tag, component)?;
            let symbols = codes
                .get(..16)?
                .iter()
                .map(|&count| usize::from(count))
                .sum::<usize>();
            segment(
                &mut stream,
                0xC4,
                &[&[class << 4 | number], codes.get(..16 + symbols)?],
            );
        }
    }
    let [height, width] = [layout.height, layout.width].map(|side| (side as u16).to_be_bytes());
    let (across, down) = layout.subsampling;
    let mut frame = vec![8, height[0], height[1], width[0], width[1], layout.samples as u8];
    for component in 0..layout.samples as u8 {
        let factors = if component == 0 { across << 4 | down } else { 0x11 };
        frame.extend([component, factors as u8, component]);
    }
    segment(&mut stream, 0xC0, &[&frame]);
    Some(stream)
}

/// Says in the headers that each strip begins anew.
fn add_restart_interval(layout: &Layout, headers: &mut Vec<u8>) {
    let (across, down) = layout.subsampling;
    let units = layout.width.div_ceil(8 * across as u32) * (layout.chunks.height / (8 * down as u32));
    let mut interval = Vec::new();
    segment(&mut interval, 0xDD, &[&(units as u16).to_be_bytes()]);
    if let Some(at) = find_marker(headers, 0xDD) {
        headers.splice(at..(at + interval.len()).min(headers.len()), interval);
    } else {
        let at = find_marker(headers, 0xDA).unwrap_or(headers.len());
        headers.splice(at..at, interval);
    }
}

/// A table of one component; the tag has its offset.
fn table<'a>(layout: &Layout<'a>, tag: u16, component: usize) -> Option<&'a [u8]> {
    let offset = layout.directory.values(tag)?.unsigned(component)?;
    layout.directory.file.bytes.get(usize::try_from(offset).ok()?..)
}

fn scan_header(samples: usize) -> Vec<u8> {
    let mut header = vec![samples as u8];
    for component in 0..samples as u8 {
        header.extend([component, component << 4 | component]);
    }
    header.extend([0, 63, 0]);
    let mut stream = Vec::new();
    segment(&mut stream, 0xDA, &[&header]);
    stream
}

fn segment(stream: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length: usize = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    stream.extend([0xFF, marker]);
    stream.extend((length as u16).to_be_bytes());
    stream.extend(parts.concat());
}
