//! The ICC profile of a JPEG file, in one or several APP2 segments (ICC.1:2022, B.4).

use super::ColorSpace;
use super::profile::MAX_PROFILE_BYTES;
use crate::jpeg_segments::segments;

const SIGNATURE: &[u8] = b"ICC_PROFILE\0";

/// None if the file has no profile for its number of channels.
pub fn color_space(bytes: &[u8]) -> Option<ColorSpace> {
    let mut chunks: Vec<(u8, &[u8])> = Vec::new();
    let mut components = 0;
    for (marker, segment) in segments(bytes) {
        match marker {
            0xE2 => {
                if let Some([number, _, data @ ..]) = segment.strip_prefix(SIGNATURE) {
                    chunks.push((*number, data));
                }
            }
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                components = segment.get(5).copied().unwrap_or(0);
            }
            _ => {}
        }
    }
    let length: usize = chunks.iter().map(|(_, data)| data.len()).sum();
    if chunks.is_empty() || length > MAX_PROFILE_BYTES {
        return None;
    }
    chunks.sort_by_key(|&(number, _)| number);
    let profile: Vec<u8> = chunks.into_iter().flat_map(|(_, data)| data).copied().collect();
    // The header names the channels (ICC.1:2022, 7.2.6).
    let expected = match profile.get(16..20)? {
        b"GRAY" => 1,
        b"CMYK" => 4,
        _ => 3,
    };
    (components == expected).then(|| ColorSpace::from_icc(&profile))
}
