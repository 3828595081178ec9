//! The items of a HEIF file, their properties and the references between them: the `meta` box.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::location::{Location, locations};
use super::sequence::first_sample;
use crate::boxes::{Reader, boxes, find};

/// Derivations through identity items are followed this far.
const MAX_CHAIN: usize = 16;

/// A file's items. It borrows the file; its size is bounded by the file's.
#[derive(Debug)]
pub struct Container<'a> {
    file: &'a [u8],
    idat: &'a [u8],
    /// The item to show.
    pub primary: u32,
    /// Types, such as `hvc1`.
    kinds: BTreeMap<u32, [u8; 4]>,
    locations: BTreeMap<u32, Location>,
    properties: Vec<Property<'a>>,
    associations: BTreeMap<u32, Vec<u16>>,
    references: Vec<Reference>,
}

/// Type and content of a property box.
pub type Property<'a> = ([u8; 4], &'a [u8]);

#[derive(Debug)]
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

impl<'a> Container<'a> {
    /// Reads the boxes of `file`. None if it has neither a primary item nor a sequence.
    pub fn read(file: &'a [u8]) -> Option<Self> {
        Self::of_items(file).or_else(|| Self::of_sequence(file))
    }

    /// The first picture of a sequence as the only item.
    fn of_sequence(file: &'a [u8]) -> Option<Self> {
        const ITEM: u32 = 1;
        let sample = first_sample(file)?;
        let indices = (1..=sample.properties.len()).filter_map(|index| u16::try_from(index).ok());
        Some(Self {
            file,
            idat: &[],
            primary: ITEM,
            kinds: BTreeMap::from([(ITEM, sample.kind)]),
            locations: BTreeMap::from([(ITEM, Location::in_file(sample.offset, sample.length))]),
            associations: BTreeMap::from([(ITEM, indices.collect())]),
            properties: sample.properties,
            references: Vec::new(),
        })
    }

    fn of_items(file: &'a [u8]) -> Option<Self> {
        let meta = find(file, *b"meta")?.get(4..)?;
        let (properties, associations) = find(meta, *b"iprp").map(item_properties).unwrap_or_default();
        let mut primary = Reader::new(find(meta, *b"pitm")?);
        let (version, _) = primary.version_and_flags()?;
        Some(Self {
            file,
            idat: find(meta, *b"idat").unwrap_or_default(),
            primary: primary.narrow_or_wide(version > 0)?,
            kinds: item_kinds(find(meta, *b"iinf")?)?,
            locations: locations(find(meta, *b"iloc")?)?,
            properties,
            associations,
            references: find(meta, *b"iref").and_then(item_references).unwrap_or_default(),
        })
    }

    /// The type of an item, such as `hvc1`.
    pub fn kind(&self, item: u32) -> Option<&[u8; 4]> {
        self.kinds.get(&item)
    }

    /// The bytes of an item.
    pub fn bytes(&self, item: u32) -> Option<Cow<'a, [u8]>> {
        self.locations.get(&item)?.bytes(self.file, self.idat)
    }

    /// The properties of an item, in the order in which they apply.
    pub fn properties(&self, item: u32) -> impl Iterator<Item = Property<'a>> {
        let indices = self
            .associations
            .get(&item)
            .map(Vec::as_slice)
            .unwrap_or_default();
        indices
            .iter()
            .filter_map(|&index| self.properties.get(usize::from(index).checked_sub(1)?).copied())
    }

    /// The content of an item's first property of type `kind`.
    pub fn property(&self, item: u32, kind: [u8; 4]) -> Option<&'a [u8]> {
        self.properties(item)
            .find(|(found, _)| *found == kind)
            .map(|(_, content)| content)
    }

    /// The size that an item states.
    pub fn stated_size(&self, item: u32) -> Option<(u32, u32)> {
        let mut reader = Reader::new(self.property(item, *b"ispe")?.get(4..)?);
        Some((reader.u32()?, reader.u32()?))
    }

    /// The items that `item` refers to.
    pub fn targets(&self, item: u32, kind: [u8; 4]) -> &[u32] {
        let reference = |reference: &&Reference| reference.from == item && reference.kind == kind;
        self.references
            .iter()
            .find(reference)
            .map(|reference| reference.to.as_slice())
            .unwrap_or_default()
    }

    /// The items that refer to `item`.
    pub fn sources(&self, item: u32, kind: [u8; 4]) -> impl Iterator<Item = u32> {
        self.references
            .iter()
            .filter(move |reference| reference.kind == kind && reference.to.contains(&item))
            .map(|reference| reference.from)
    }

    /// `item`, the item that it is identical with, and so on to one with pixels.
    pub fn identity_chain(&self, item: u32) -> Vec<u32> {
        let mut chain = vec![item];
        let mut last = item;
        while self.kind(last) == Some(b"iden") && chain.len() < MAX_CHAIN {
            let &[source] = self.targets(last, *b"dimg") else {
                break;
            };
            chain.push(source);
            last = source;
        }
        chain
    }

    /// The picture of `item`'s opacity. Depth maps and gain maps are auxiliary pictures of other types.
    pub fn alpha(&self, item: u32) -> Option<u32> {
        self.sources(item, *b"auxl").find(|&auxiliary| {
            let content = self
                .property(auxiliary, *b"auxC")
                .and_then(|content| content.get(4..));
            let kind = content.and_then(|content| content.split(|&byte| byte == 0).next());
            matches!(
                kind,
                Some(
                    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
                        | b"urn:mpeg:hevc:2015:auxid:1"
                        | b"urn:mpeg:avc:2015:auxid:1"
                )
            )
        })
    }

    /// The EXIF block of the primary item, from its TIFF header.
    pub fn exif(&self) -> Option<Cow<'a, [u8]>> {
        let content = self.bytes(self.describing(*b"Exif")?)?;
        let offset = u32::from_be_bytes(*content.first_chunk()?) as usize;
        // Old files have no offset.
        let start = if content.starts_with(b"II*\0") || content.starts_with(b"MM\0*") {
            0
        } else {
            offset.checked_add(4).filter(|&start| start <= content.len())?
        };
        Some(match content {
            Cow::Borrowed(content) => Cow::Borrowed(&content[start..]),
            Cow::Owned(content) => Cow::Owned(content[start..].to_vec()),
        })
    }

    /// The item of this type that describes the primary one, or none in particular.
    fn describing(&self, kind: [u8; 4]) -> Option<u32> {
        let items = || {
            self.kinds
                .iter()
                .filter(move |(_, found)| **found == kind)
                .map(|(&id, _)| id)
        };
        items()
            .find(|&item| self.targets(item, *b"cdsc").contains(&self.primary))
            .or_else(|| items().find(|&item| self.targets(item, *b"cdsc").is_empty()))
    }
}

/// Reads an `iinf` box. Entries without a type are left out.
fn item_kinds(content: &[u8]) -> Option<BTreeMap<u32, [u8; 4]>> {
    let mut reader = Reader::new(content);
    let (version, _) = reader.version_and_flags()?;
    reader.narrow_or_wide(version > 0)?;
    let entry = |content| {
        let mut reader = Reader::new(content);
        let (version, _) = reader.version_and_flags()?;
        if version < 2 {
            return None;
        }
        let id = reader.narrow_or_wide(version > 2)?;
        reader.u16()?;
        Some((id, reader.array()?))
    };
    let entries = boxes(reader.rest).filter(|(kind, _)| kind == b"infe");
    Some(entries.filter_map(|(_, content)| entry(content)).collect())
}

/// Reads an `iprp` box: the properties, and the numbers of those of each item, from 1.
fn item_properties(content: &[u8]) -> (Vec<Property<'_>>, BTreeMap<u32, Vec<u16>>) {
    let properties = find(content, *b"ipco").map(|content| boxes(content).collect());
    let mut associations = BTreeMap::new();
    for (_, content) in boxes(content).filter(|(kind, _)| kind == b"ipma") {
        // What was read before a damaged entry stands.
        let _ = read_associations(content, &mut associations);
    }
    (properties.unwrap_or_default(), associations)
}

fn read_associations(content: &[u8], associations: &mut BTreeMap<u32, Vec<u16>>) -> Option<()> {
    let mut reader = Reader::new(content);
    let (version, flags) = reader.version_and_flags()?;
    for _ in 0..reader.u32()? {
        let id = reader.narrow_or_wide(version > 0)?;
        let count = reader.u8()?;
        for _ in 0..count {
            let index = if flags & 1 != 0 {
                reader.u16()? & 0x7FFF
            } else {
                u16::from(reader.u8()? & 0x7F)
            };
            associations.entry(id).or_default().push(index);
        }
    }
    Some(())
}

/// Reads an `iref` box.
fn item_references(content: &[u8]) -> Option<Vec<Reference>> {
    let mut reader = Reader::new(content);
    let (version, _) = reader.version_and_flags()?;
    let reference = |(kind, content)| {
        let mut reader = Reader::new(content);
        let from = reader.narrow_or_wide(version > 0)?;
        let count = reader.u16()?;
        let to = (0..count)
            .map(|_| reader.narrow_or_wide(version > 0))
            .collect::<Option<_>>()?;
        Some(Reference { kind, from, to })
    };
    Some(boxes(reader.rest).filter_map(reference).collect())
}
