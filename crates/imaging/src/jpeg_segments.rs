//! The segments of a JPEG file (ITU T.81, B.1.1.4).

/// Marker and content of each segment up to the first scan.
pub fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let start = rest
                .windows(2)
                .position(|pair| pair[0] == 0xFF && pair[1] >= 0xC0 && pair[1] != 0xFF)?;
            let marker = rest[start + 1];
            rest = &rest[start + 2..];
            if matches!(marker, 0xD0..=0xD8) {
                continue;
            }
            if marker == 0xDA {
                return None;
            }
            let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
            let segment = rest.get(2..length)?;
            rest = &rest[length..];
            return Some((marker, segment));
        }
    })
}
