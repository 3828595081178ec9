//! Bounds on what one file may hold, whatever it claims.

/// Members of an archive that are looked at.
pub const MOST_MEMBERS: usize = 1_000_000;
/// Pages of a document or of a TIFF file that are read.
pub const MOST_PAGES: usize = 10_000;
/// Frames that are taken from a video.
pub const MOST_FRAMES: usize = 2_000;

/// Bytes that all members of an archive of `size` bytes may unpack to: far more than pictures are compressed, since they
/// are compressed already.
pub const fn most_unpacked(size: u64) -> u64 {
    size.saturating_mul(200).saturating_add(64 << 20)
}
