//! BMP, also of OS/2 2, whose longer header the image crate refuses.

use std::borrow::Cow;

use eidetic_domain::ImageFormat;

use super::{Unoriented, raster};
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "BMP";

const FILE_HEADER: usize = 14;
const INFO_HEADER: usize = 40;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    raster::decode(ImageFormat::Bmp, &with_info_header(bytes)?, limits)
}

/// The same file with the header of Windows 3. OS/2 2 has 64 bytes, of which the first 40 are the same, or
/// as many of them as a writer needs.
fn with_info_header(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ImagingError> {
    let header = match bytes.get(FILE_HEADER..FILE_HEADER + 4) {
        Some(&[size @ (16 | 64), 0, 0, 0]) => bytes.get(FILE_HEADER..FILE_HEADER + usize::from(size)),
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let header = header.ok_or_else(|| ImagingError::truncated(FORMAT))?;
    check_compression(header)?;
    let mut file = bytes[..FILE_HEADER].to_vec();
    file.extend(&header[..header.len().min(INFO_HEADER)]);
    file.resize(FILE_HEADER + INFO_HEADER, 0);
    file[FILE_HEADER] = INFO_HEADER as u8;
    file.extend(&bytes[FILE_HEADER + header.len()..]);
    let pixels = u32::from_le_bytes([file[10], file[11], file[12], file[13]]);
    let moved = i64::from(pixels) + INFO_HEADER as i64 - header.len() as i64;
    let moved = u32::try_from(moved).map_err(|_| ImagingError::damaged(FORMAT, "invalid structure"))?;
    file[10..FILE_HEADER].copy_from_slice(&moved.to_le_bytes());
    Ok(Cow::Owned(file))
}

/// 3 and 4 are not what they are in Windows.
fn check_compression(header: &[u8]) -> Result<(), ImagingError> {
    match header.get(16) {
        Some(3) => Err(ImagingError::unsupported_feature(
            FORMAT,
            "Huffman compression of OS/2",
        )),
        Some(4) => Err(ImagingError::unsupported_feature(
            FORMAT,
            "24-bit run lengths of OS/2",
        )),
        _ => Ok(()),
    }
}
