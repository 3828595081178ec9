//! The chunks of a PNG file, wherever they stand.

/// Type and content of each chunk, up to the first that reaches beyond the end. Checksums are not checked.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    const SIGNATURE: usize = 8;
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let content = after.get(..length)?;
        rest = after.get(length.checked_add(4)?..).unwrap_or_default();
        Some((kind, content))
    })
}
