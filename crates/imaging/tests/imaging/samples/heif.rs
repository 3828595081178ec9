//! HEIF files that hold the coded picture of another file in new arrangements.

/// Builds a file. The primary item is the picture, or a grid that repeats it.
pub struct HeifBuilder {
    configuration: Vec<u8>,
    coded: Vec<u8>,
    properties: Vec<Vec<u8>>,
    part_properties: Vec<Vec<u8>>,
    part_is_thumbnail: bool,
    grid: Option<Grid>,
}

struct Grid {
    content: Vec<u8>,
    parts: Vec<u16>,
}

const PICTURE: u16 = 1;
const GRID: u16 = 2;

impl HeifBuilder {
    /// Takes the HEVC picture of a file that has one.
    pub fn from_file(file: &[u8]) -> Self {
        Self {
            configuration: box_content(file, *b"hvcC").to_vec(),
            coded: box_content(file, *b"mdat").to_vec(),
            properties: Vec::new(),
            part_properties: Vec::new(),
            part_is_thumbnail: false,
            grid: None,
        }
    }

    /// Adds a property box to the primary item.
    pub fn property(mut self, property: Vec<u8>) -> Self {
        self.properties.push(property);
        self
    }

    /// Adds a property box to the picture that a grid repeats.
    pub fn part_property(mut self, property: Vec<u8>) -> Self {
        self.part_properties.push(property);
        self
    }

    /// Makes the picture that a grid repeats the thumbnail of the grid, too.
    pub fn with_part_as_thumbnail(mut self) -> Self {
        self.part_is_thumbnail = true;
        self
    }

    /// Repeats the picture in a grid of `width` × `height` pixels.
    pub fn grid(mut self, columns: u8, rows: u8, width: u16, height: u16) -> Self {
        let mut content = vec![0, 0, rows - 1, columns - 1];
        content.extend(width.to_be_bytes());
        content.extend(height.to_be_bytes());
        let parts = vec![PICTURE; usize::from(columns) * usize::from(rows)];
        self.grid = Some(Grid { content, parts });
        self
    }

    /// Changes the number of the grid's parts.
    pub fn with_parts(mut self, count: usize) -> Self {
        if let Some(grid) = &mut self.grid {
            grid.parts.truncate(count);
        }
        self
    }

    /// Makes the grid its own part.
    pub fn containing_itself(mut self) -> Self {
        if let Some(grid) = &mut self.grid {
            grid.parts.fill(GRID);
        }
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let primary = if self.grid.is_some() { GRID } else { PICTURE };
        let file_type = new_box(*b"ftyp", b"heic\0\0\0\0mif1heic");
        let idat = self
            .grid
            .as_ref()
            .map(|grid| grid.content.clone())
            .unwrap_or_default();
        let meta = |offset: usize| {
            let content = [
                vec![0; 4],
                new_box(*b"pitm", &[&[0; 4], &primary.to_be_bytes()[..]].concat()),
                Self::items(),
                self.locations(offset as u32, idat.len() as u32),
                self.item_properties(primary),
                self.references(),
                new_box(*b"idat", &idat),
            ];
            new_box(*b"meta", &content.concat())
        };
        let offset = file_type.len() + meta(0).len() + 8;
        [file_type, meta(offset), new_box(*b"mdat", &self.coded)].concat()
    }

    fn items() -> Vec<u8> {
        let entry = |id: u16, kind: &[u8; 4]| {
            let content = [&[2, 0, 0, 0], &id.to_be_bytes()[..], &[0, 0], kind, &[0]].concat();
            new_box(*b"infe", &content)
        };
        let content = [
            &[0, 0, 0, 0, 0, 2][..],
            &entry(PICTURE, b"hvc1"),
            &entry(GRID, b"grid"),
        ]
        .concat();
        new_box(*b"iinf", &content)
    }

    fn locations(&self, offset: u32, grid_length: u32) -> Vec<u8> {
        let item = |id: u16, method: u8, offset: u32, length: u32| {
            let mut bytes = id.to_be_bytes().to_vec();
            bytes.extend([0, method, 0, 0, 0, 1]);
            bytes.extend(offset.to_be_bytes());
            bytes.extend(length.to_be_bytes());
            bytes
        };
        let content = [
            vec![1, 0, 0, 0, 0x44, 0, 0, 2],
            item(PICTURE, 0, offset, self.coded.len() as u32),
            item(GRID, 1, 0, grid_length),
        ];
        new_box(*b"iloc", &content.concat())
    }

    fn item_properties(&self, primary: u16) -> Vec<u8> {
        let boxes = [
            vec![new_box(*b"hvcC", &self.configuration)],
            self.properties.clone(),
            self.part_properties.clone(),
        ]
        .concat();
        let of_part = 2 + self.properties.len() as u8;
        let indices: Vec<u8> = (2..of_part).collect();
        let part_indices: Vec<u8> = (of_part..of_part + self.part_properties.len() as u8).collect();
        let mut associations = vec![0, 0, 0, 0, 0, 0, 0, 2];
        for id in [PICTURE, GRID] {
            let mut of_item = if id == PICTURE { vec![1] } else { vec![] };
            if id == PICTURE {
                of_item.extend(&part_indices);
            }
            if id == primary {
                of_item.extend(&indices);
            }
            associations.extend(id.to_be_bytes());
            associations.push(of_item.len() as u8);
            associations.extend(of_item);
        }
        let content = [
            new_box(*b"ipco", &boxes.concat()),
            new_box(*b"ipma", &associations),
        ];
        new_box(*b"iprp", &content.concat())
    }

    fn references(&self) -> Vec<u8> {
        let Some(grid) = &self.grid else {
            return Vec::new();
        };
        let mut content = GRID.to_be_bytes().to_vec();
        content.extend((grid.parts.len() as u16).to_be_bytes());
        content.extend(grid.parts.iter().flat_map(|part| part.to_be_bytes()));
        let mut references = vec![0; 4];
        references.extend(new_box(*b"dimg", &content));
        if self.part_is_thumbnail {
            let content = [PICTURE, 1, GRID].map(u16::to_be_bytes).concat();
            references.extend(new_box(*b"thmb", &content));
        }
        new_box(*b"iref", &references)
    }
}

/// A rotation of quarter turns to the left.
pub fn irot(quarters: u8) -> Vec<u8> {
    new_box(*b"irot", &[quarters])
}

/// A crop around the center.
pub fn clap(width: u32, height: u32) -> Vec<u8> {
    let numbers = [width, 1, height, 1, 0, 1, 0, 1];
    new_box(*b"clap", &numbers.map(u32::to_be_bytes).concat())
}

/// The size of a picture.
pub fn ispe(width: u32, height: u32) -> Vec<u8> {
    let numbers = [0, width, height];
    new_box(*b"ispe", &numbers.map(u32::to_be_bytes).concat())
}

fn new_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 8) as u32;
    [&length.to_be_bytes()[..], &kind, content].concat()
}

/// The content of the first box of this type anywhere in the file.
fn box_content(file: &[u8], kind: [u8; 4]) -> &[u8] {
    let at = file
        .windows(4)
        .position(|window| window == kind)
        .expect("such a box");
    let length = u32::from_be_bytes(file[at - 4..at].try_into().expect("four bytes")) as usize;
    &file[at + 4..at - 4 + length]
}
