//! Chunks of RIFF files, such as WebP.

/// A chunk.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    pub kind: [u8; 4],
    /// In a file that is cut, what is there.
    pub content: &'a [u8],
    pub is_whole: bool,
}

/// The chunks of a file.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    const HEADER: usize = 12;
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let next = length
            .checked_next_multiple_of(2)
            .and_then(|end| after.get(end..));
        rest = next.unwrap_or_default();
        Some(Chunk {
            kind: *kind,
            content: &after[..length.min(after.len())],
            is_whole: length <= after.len(),
        })
    })
}

/// The content of the first chunk of type `kind`, if it is whole.
pub fn chunk(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let found = chunks(bytes).find(|chunk| chunk.kind == kind)?;
    found.is_whole.then_some(found.content)
}
