//! The first picture of an image sequence: a track without items (ISO/IEC 14496-12, 8.5 to 8.7).

use super::container::Property;
use crate::boxes::{Reader, boxes, find};

/// The first sample of a track.
pub struct FirstSample<'a> {
    /// Type of its coding, such as `hvc1`.
    pub kind: [u8; 4],
    /// The decoder's configuration, color and the like; they are boxes as the properties of items are.
    pub properties: Vec<Property<'a>>,
    pub offset: u64,
    pub length: u64,
}

/// The first sample of the first track of pictures or video.
pub fn first_sample(file: &[u8]) -> Option<FirstSample<'_>> {
    let movie = find(file, *b"moov")?;
    boxes(movie)
        .filter(|(kind, _)| kind == b"trak")
        .find_map(|(_, track)| first_of_track(track))
}

fn first_of_track(track: &[u8]) -> Option<FirstSample<'_>> {
    const ENTRY_FIELDS: usize = 78;
    let media = find(track, *b"mdia")?;
    let handler = find(media, *b"hdlr")?.get(8..12)?;
    if !matches!(handler, b"pict" | b"vide") {
        return None;
    }
    let tables = find(find(media, *b"minf")?, *b"stbl")?;
    let (kind, entry) = boxes(find(tables, *b"stsd")?.get(8..)?).next()?;
    let mut sizes = Reader::new(find(tables, *b"stsz")?.get(4..)?);
    let length = match (sizes.u32()?, sizes.u32()?) {
        (0, _) => sizes.u32()?,
        (of_all, _) => of_all,
    };
    let offset = match find(tables, *b"stco") {
        Some(chunks) => Reader::new(chunks.get(8..)?).u32()?.into(),
        None => Reader::new(find(tables, *b"co64")?.get(8..)?).u64()?,
    };
    Some(FirstSample {
        kind,
        properties: boxes(entry.get(ENTRY_FIELDS..)?).collect(),
        offset,
        length: length.into(),
    })
}
