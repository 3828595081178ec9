//! Small blocks of metadata for tests.

use crate::exif::tag;

/// The value of a tag.
#[derive(Debug, Clone)]
pub enum Value {
    /// Bytes of this type: 1 byte, 2 text, 7 undefined.
    Bytes(u16, Vec<u8>),
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Fractions(Vec<(u32, u32)>),
    SignedFractions(Vec<(i32, i32)>),
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Bytes(2, [text.as_bytes(), &[0]].concat())
    }

    /// Type, count and bytes.
    fn encode(&self) -> (u16, usize, Vec<u8>) {
        match self {
            Self::Bytes(kind, bytes) => (*kind, bytes.len(), bytes.clone()),
            Self::Shorts(items) => (
                3,
                items.len(),
                items.iter().flat_map(|item| item.to_le_bytes()).collect(),
            ),
            Self::Longs(items) => (
                4,
                items.len(),
                items.iter().flat_map(|item| item.to_le_bytes()).collect(),
            ),
            Self::Fractions(items) => {
                let halves = items
                    .iter()
                    .flat_map(|&(numerator, denominator)| [numerator, denominator]);
                (5, items.len(), halves.flat_map(u32::to_le_bytes).collect())
            }
            Self::SignedFractions(items) => {
                let halves = items
                    .iter()
                    .flat_map(|&(numerator, denominator)| [numerator, denominator]);
                (10, items.len(), halves.flat_map(i32::to_le_bytes).collect())
            }
        }
    }
}

/// A block with a TIFF header, its first directory, and those for EXIF and GPS.
pub fn exif_block(main: &[(u16, Value)], photo: &[(u16, Value)], gps: &[(u16, Value)]) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    let mut main = main.to_vec();
    let pointers = main.len();
    main.push((tag::EXIF, Value::Longs(vec![0])));
    main.push((tag::GPS, Value::Longs(vec![0])));
    let places = append_directory(&mut block, &main);
    for (index, directory) in [photo, gps].into_iter().enumerate() {
        let offset = u32::try_from(block.len()).expect("a small block");
        let place = places[pointers + index];
        block[place..place + 4].copy_from_slice(&offset.to_le_bytes());
        append_directory(&mut block, directory);
    }
    block
}

/// Returns where the value of each entry, or its offset, is.
fn append_directory(block: &mut Vec<u8>, fields: &[(u16, Value)]) -> Vec<usize> {
    let start = block.len();
    let mut data = Vec::new();
    let data_start = start + 2 + 12 * fields.len() + 4;
    let mut places = Vec::new();
    block.extend((fields.len() as u16).to_le_bytes());
    for (tag, value) in fields {
        let (kind, count, mut bytes) = value.encode();
        block.extend(tag.to_le_bytes());
        block.extend(kind.to_le_bytes());
        block.extend((count as u32).to_le_bytes());
        places.push(block.len());
        if bytes.len() <= 4 {
            bytes.resize(4, 0);
            block.extend(bytes);
        } else {
            block.extend(((data_start + data.len()) as u32).to_le_bytes());
            data.extend(bytes);
        }
    }
    block.extend([0; 4]);
    block.extend(data);
    places
}
