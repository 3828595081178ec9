//! Writes small TIFF files of any kind, right or wrong.

/// A tag's values.
#[derive(Debug, Clone)]
pub enum Values {
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Bytes(Vec<u8>),
    Rationals(Vec<(u32, u32)>),
}

/// One page: its tags besides the places of its strips, and the strips' contents.
#[derive(Debug, Clone)]
pub struct Page {
    pub tags: Vec<(u16, Values)>,
    pub strips: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub is_big_endian: bool,
    pub is_big_tiff: bool,
}

pub const LITTLE: Kind = Kind {
    is_big_endian: false,
    is_big_tiff: false,
};

pub const TILE_WIDTH: u16 = 322;

impl Page {
    /// An uncompressed page in one strip, with `bits` for each sample.
    pub fn new((width, height): (u32, u32), photometric: u16, bits: &[u16], content: Vec<u8>) -> Self {
        Self {
            tags: vec![
                (256, Values::Longs(vec![width])),
                (257, Values::Longs(vec![height])),
                (258, Values::Shorts(bits.to_vec())),
                (262, Values::Shorts(vec![photometric])),
                (277, Values::Shorts(vec![bits.len() as u16])),
                (278, Values::Longs(vec![height])),
            ],
            strips: vec![content],
        }
    }

    /// The page with `tag`, instead of the one that it has.
    pub fn with(mut self, tag: u16, values: Values) -> Self {
        self.tags.retain(|&(number, _)| number != tag);
        self.tags.push((tag, values));
        self
    }

    pub fn short(self, tag: u16, value: u16) -> Self {
        self.with(tag, Values::Shorts(vec![value]))
    }

    /// The page with its content in these strips or tiles.
    pub fn strips(mut self, strips: Vec<Vec<u8>>) -> Self {
        self.strips = strips;
        self
    }

    pub fn write(self, kind: Kind) -> Vec<u8> {
        write(&[self], kind)
    }
}

/// A file of several pages.
pub fn write(pages: &[Page], kind: Kind) -> Vec<u8> {
    let mut file = File {
        kind,
        bytes: Vec::new(),
    };
    file.bytes.extend(if kind.is_big_endian { b"MM" } else { b"II" });
    file.number(if kind.is_big_tiff { 43 } else { 42 }, 2);
    if kind.is_big_tiff {
        file.number(8, 2);
        file.number(0, 2);
    }
    let mut link = file.bytes.len();
    file.number(0, kind.offset_size());
    for page in pages {
        link = file.page(page, link);
    }
    file.bytes
}

impl Kind {
    fn offset_size(self) -> usize {
        if self.is_big_tiff { 8 } else { 4 }
    }
}

struct File {
    kind: Kind,
    bytes: Vec<u8>,
}

impl File {
    /// Writes a page, puts its offset at `link`, and returns the place of the next link.
    fn page(&mut self, page: &Page, link: usize) -> usize {
        let mut offsets = Vec::new();
        for strip in &page.strips {
            offsets.push(self.bytes.len() as u32);
            self.bytes.extend(strip);
        }
        let is_tiled = page.tags.iter().any(|&(tag, _)| tag == TILE_WIDTH);
        let (offset_tag, length_tag) = if is_tiled { (324, 325) } else { (273, 279) };
        let mut tags = page.tags.clone();
        let has = |tag| page.tags.iter().any(|&(number, _)| number == tag);
        if !has(offset_tag) {
            tags.push((offset_tag, Values::Longs(offsets)));
        }
        if !has(length_tag) {
            let lengths = page.strips.iter().map(|strip| strip.len() as u32);
            tags.push((length_tag, Values::Longs(lengths.collect())));
        }
        tags.sort_by_key(|&(tag, _)| tag);
        self.directory(&tags, link)
    }

    fn directory(&mut self, tags: &[(u16, Values)], link: usize) -> usize {
        let size = self.kind.offset_size();
        let mut entries = Vec::new();
        for (tag, values) in tags {
            let (kind, count, content) = self.encoded(values);
            let value = if content.len() <= size {
                [content.as_slice(), &vec![0; size - content.len()]].concat()
            } else {
                let at = self.bytes.len() as u64;
                self.bytes.extend(content);
                self.encode(at, size)
            };
            entries.extend(self.encode(u64::from(*tag), 2));
            entries.extend(self.encode(kind, 2));
            entries.extend(self.encode(count, size));
            entries.extend(value);
        }
        let start = self.bytes.len() as u64;
        let start = self.encode(start, size);
        self.bytes[link..link + size].copy_from_slice(&start);
        self.number(tags.len() as u64, if self.kind.is_big_tiff { 8 } else { 2 });
        self.bytes.extend(entries);
        let next = self.bytes.len();
        self.number(0, size);
        next
    }

    /// Number of the type, number of values, and their bytes.
    fn encoded(&self, values: &Values) -> (u64, u64, Vec<u8>) {
        match values {
            Values::Bytes(bytes) => (1, bytes.len() as u64, bytes.clone()),
            Values::Shorts(values) => {
                let bytes = values.iter().flat_map(|&value| self.encode(value.into(), 2));
                (3, values.len() as u64, bytes.collect())
            }
            Values::Longs(values) => {
                let bytes = values.iter().flat_map(|&value| self.encode(value.into(), 4));
                (4, values.len() as u64, bytes.collect())
            }
            Values::Rationals(values) => {
                let parts = values
                    .iter()
                    .flat_map(|&(numerator, denominator)| [numerator, denominator]);
                let bytes = parts.flat_map(|part| self.encode(part.into(), 4));
                (5, values.len() as u64, bytes.collect())
            }
        }
    }

    fn number(&mut self, value: u64, size: usize) {
        let bytes = self.encode(value, size);
        self.bytes.extend(bytes);
    }

    fn encode(&self, value: u64, size: usize) -> Vec<u8> {
        if self.kind.is_big_endian {
            value.to_be_bytes()[8 - size..].to_vec()
        } else {
            value.to_le_bytes()[..size].to_vec()
        }
    }
}
