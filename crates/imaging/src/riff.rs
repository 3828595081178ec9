//! Chunks of RIFF files, such as WebP.

/// The content of the first chunk of type `kind`.
pub fn chunk(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    const HEADER: usize = 12;
    let mut rest = bytes.get(HEADER..)?;
    loop {
        let (found, after) = rest.split_first_chunk::<4>()?;
        let (length, content) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if *found == kind {
            return content.get(..length);
        }
        rest = content.get(length.checked_next_multiple_of(2)?..)?;
    }
}
