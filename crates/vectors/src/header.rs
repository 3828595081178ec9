//! The header page of a vector file: magic, format version and space.
//!
//! | bytes | content |
//! | --- | --- |
//! | 0..8 | `EIDETVEC` |
//! | 8..12 | format version |
//! | 12..16 | dimension |
//! | 16..20 | length of the space's text form |
//! | 20.. | the space's text form, UTF-8, then zeros |
//! | 4092..4096 | CRC-32 of all bytes before |
//!
//! Numbers are unsigned 32-bit integers in little-endian order. Magic, version and checksum keep their places in every
//! future version, so that an older program can report that it is too old.

use std::path::Path;

use eidetic_domain::SpaceId;

use crate::IndexError;

/// Size of the page; the rows follow it.
pub(crate) const HEADER_BYTES: usize = 4096;
const MAGIC: &[u8; 8] = b"EIDETVEC";
const VERSION: u32 = 1;
const SPACE_AT: usize = 20;
const CHECKSUM_AT: usize = HEADER_BYTES - 4;
/// Larger than that of any model; limits the sizes computed from a dimension.
const MAX_DIMENSION: usize = 1 << 16;

/// The page of a new file. Fails if the dimension is not in 1..=65,536 or the name of the space is too long.
pub(crate) fn encode(space: &SpaceId, path: &Path) -> Result<Box<[u8; HEADER_BYTES]>, IndexError> {
    let text = space.to_string();
    let invalid = |reason: &str| IndexError::Io {
        path: path.to_owned(),
        source: std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!("space {text}: {reason}"),
        ),
    };
    if !(1..=MAX_DIMENSION).contains(&space.dimension) {
        return Err(invalid("expected a dimension in 1..=65536"));
    }
    if text.len() > CHECKSUM_AT - SPACE_AT {
        return Err(invalid("the name is longer than 4072 bytes"));
    }
    let mut page = Box::new([0; HEADER_BYTES]);
    page[..8].copy_from_slice(MAGIC);
    put(&mut page, 8, VERSION);
    put(&mut page, 12, space.dimension as u32);
    put(&mut page, 16, text.len() as u32);
    page[SPACE_AT..SPACE_AT + text.len()].copy_from_slice(text.as_bytes());
    let checksum = crc32fast::hash(&page[..CHECKSUM_AT]);
    put(&mut page, CHECKSUM_AT, checksum);
    Ok(page)
}

/// Checks that a page read from `path` is the header of a readable vector file of `space`.
pub(crate) fn check(page: &[u8; HEADER_BYTES], space: &SpaceId, path: &Path) -> Result<(), IndexError> {
    let damaged = |reason: &str| IndexError::Damaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if let Some(fault) = fault(page) {
        return Err(damaged(fault));
    }
    let version = get(page, 8);
    if version != VERSION {
        return Err(IndexError::UnsupportedVersion {
            path: path.to_owned(),
            found: version,
            supported: VERSION,
        });
    }
    let text = space_text(page).ok_or_else(|| damaged("the name of its space is not valid UTF-8"))?;
    if text != space.to_string() || get(page, 12) as usize != space.dimension {
        return Err(IndexError::SpaceMismatch {
            path: path.to_owned(),
            found: text.into(),
            expected: Box::new(space.clone()),
        });
    }
    Ok(())
}

/// The space that a whole header names.
pub(crate) fn space(page: &[u8; HEADER_BYTES]) -> Option<SpaceId> {
    match fault(page) {
        Some(_) => None,
        None => space_text(page)?.parse().ok(),
    }
}

/// Why the page is not as it was written, if it is not.
fn fault(page: &[u8; HEADER_BYTES]) -> Option<&'static str> {
    if &page[..8] != MAGIC {
        return Some("it is not a vector file");
    }
    let is_whole = get(page, CHECKSUM_AT) == crc32fast::hash(&page[..CHECKSUM_AT]);
    (!is_whole).then_some("checksum mismatch in its header")
}

fn space_text(page: &[u8; HEADER_BYTES]) -> Option<&str> {
    let bytes = page[SPACE_AT..CHECKSUM_AT].get(..get(page, 16) as usize)?;
    std::str::from_utf8(bytes).ok()
}

fn put(page: &mut [u8; HEADER_BYTES], at: usize, value: u32) {
    page[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn get(page: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(model: &str, dimension: usize) -> SpaceId {
        SpaceId {
            model: model.into(),
            revision: "r1".into(),
            preprocessing: "none".into(),
            dimension,
        }
    }

    #[test]
    fn header_opens_for_its_own_space_only() {
        let path = Path::new("vectors.bin");
        let page = encode(&space("a", 8), path).unwrap();
        assert!(check(&page, &space("a", 8), path).is_ok());
        for other in [space("b", 8), space("a", 9)] {
            let error = check(&page, &other, path).unwrap_err();
            assert!(matches!(error, IndexError::SpaceMismatch { .. }));
            assert!(error.to_string().contains("a@r1/none/8"), "{error}");
        }
    }

    #[test]
    fn any_flipped_bit_is_damage() {
        let path = Path::new("vectors.bin");
        let page = encode(&space("a", 8), path).unwrap();
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = page.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = check(&flipped, &space("a", 8), path).unwrap_err();
            assert!(matches!(error, IndexError::Damaged { .. }), "bit {bit}: {error}");
        }
    }

    #[test]
    fn other_version_is_unsupported() {
        let path = Path::new("vectors.bin");
        let mut page = encode(&space("a", 8), path).unwrap();
        put(&mut page, 8, 2);
        let checksum = crc32fast::hash(&page[..CHECKSUM_AT]);
        put(&mut page, CHECKSUM_AT, checksum);
        let error = check(&page, &space("a", 8), path).unwrap_err();
        assert!(matches!(error, IndexError::UnsupportedVersion { found: 2, .. }));
    }

    #[test]
    fn spaces_that_do_not_fit_are_rejected() {
        let path = Path::new("vectors.bin");
        assert!(encode(&space("a", 0), path).is_err());
        assert!(encode(&space("a", usize::MAX), path).is_err());
        assert!(encode(&space(&"a".repeat(5000), 8), path).is_err());
    }
}
