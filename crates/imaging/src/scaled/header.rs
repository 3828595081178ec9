//! The segments of a JPEG file (ITU T.81, annex B), as far as a scaled decode follows them.

use super::huffman::{Class, Table};

/// Order in which the coefficients of a block are coded (figure A.6).
pub const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Everything that stands before a scan. Later segments replace what earlier ones said.
#[derive(Default)]
pub struct Header<'a> {
    pub frame: Option<Frame>,
    /// Steps of quantisation in zigzag order.
    pub quantisation: [Option<[u16; 64]>; 4],
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
    /// MCUs between restart markers; 0 for no such markers.
    pub restart_interval: usize,
    /// The EXIF block, from its own header on.
    pub exif: Option<&'a [u8]>,
    /// Adobe's colour transform, where there is its marker.
    transform: Option<u8>,
}

/// A frame of Huffman-coded samples of eight bits, all in one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
}

/// One plane of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    pub id: u8,
    /// Blocks of an MCU across and down.
    pub across: usize,
    pub down: usize,
    /// Which quantisation.
    pub quantisation: usize,
}

/// One component of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded {
    /// Its number in the frame.
    pub component: usize,
    pub dc: usize,
    pub ac: usize,
}

/// What a run of segments ends with.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Entropy-coded data of these components.
    Scan(Vec<Coded>),
    End,
}

impl<'a> Header<'a> {
    /// Reads segments of `bytes` from `at` on, up to and with a scan's header or the end of the picture, and moves `at`
    /// behind them. None for anything that a scaled decode leaves to the full one.
    pub fn read(&mut self, bytes: &'a [u8], at: &mut usize) -> Option<Next> {
        loop {
            let marker = marker(bytes, at)?;
            if marker == 0xD9 {
                return Some(Next::End);
            }
            let length = usize::from(u16::from_be_bytes(*bytes.get(*at..)?.first_chunk()?));
            let segment = bytes.get(*at + 2..*at + length)?;
            *at += length;
            match marker {
                0xC0 | 0xC1 => self.frame(segment)?,
                0xC4 => self.tables(segment)?,
                0xDA => return self.scan(segment).map(Next::Scan),
                0xDB => self.quantisation(segment)?,
                0xDD => self.restart_interval = usize::from(u16::from_be_bytes(segment.try_into().ok()?)),
                0xE1 if segment.starts_with(b"Exif\0\0") => self.exif = Some(segment),
                0xEE if segment.starts_with(b"Adobe") => self.transform = Some(*segment.get(11)?),
                0xE0..=0xEF | 0xFE => {}
                _ => return None,
            }
        }
    }

    /// Whether three components are luminance and two differences of colour, beyond doubt.
    pub fn is_ycc(&self) -> bool {
        let ids = self.frame.iter().flat_map(|frame| &frame.components);
        let ids: Vec<u8> = ids.map(|component| component.id).collect();
        match self.transform {
            None => ids == [1, 2, 3] || ids == [0, 1, 2],
            Some(transform) => transform == 1 && ids.len() == 3,
        }
    }

    fn frame(&mut self, segment: &[u8]) -> Option<()> {
        let [8, h1, h0, w1, w0, count, rest @ ..] = segment else {
            return None;
        };
        if self.frame.is_some() || !matches!(count, 1 | 3) || rest.len() != 3 * usize::from(*count) {
            return None;
        }
        let component = |three: &[u8]| Component {
            id: three[0],
            across: usize::from(three[1] >> 4),
            down: usize::from(three[1] & 15),
            quantisation: three[2].into(),
        };
        let frame = Frame {
            width: u16::from_be_bytes([*w1, *w0]).into(),
            height: u16::from_be_bytes([*h1, *h0]).into(),
            components: rest.chunks_exact(3).map(component).collect(),
        };
        let sound = |component: &Component| {
            (1..=4).contains(&component.across)
                && (1..=4).contains(&component.down)
                && component.quantisation < 4
        };
        if frame.width == 0 || frame.height == 0 || !frame.components.iter().all(sound) {
            return None;
        }
        self.frame = Some(frame);
        Some(())
    }

    fn tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let place = usize::from(kind & 15);
            match kind >> 4 {
                0 => *self.dc.get_mut(place)? = Some(Table::new(Class::Dc, counts, symbols)?),
                1 => *self.ac.get_mut(place)? = Some(Table::new(Class::Ac, counts, symbols)?),
                _ => return None,
            }
            segment = rest;
        }
        Some(())
    }

    fn quantisation(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (steps, rest) = match kind >> 4 {
                0 => rest
                    .split_first_chunk::<64>()
                    .map(|(steps, rest)| (steps.map(u16::from), rest))?,
                1 => {
                    let (steps, rest) = rest.split_first_chunk::<128>()?;
                    let step = |at: usize| u16::from_be_bytes([steps[2 * at], steps[2 * at + 1]]);
                    (std::array::from_fn(step), rest)
                }
                _ => return None,
            };
            *self.quantisation.get_mut(usize::from(kind & 15))? = Some(steps);
            segment = rest;
        }
        Some(())
    }

    fn scan(&self, segment: &[u8]) -> Option<Vec<Coded>> {
        let (&count, rest) = segment.split_first()?;
        let (components, bounds) = rest.split_at_checked(2 * usize::from(count))?;
        if bounds != [0, 63, 0] || count == 0 {
            return None;
        }
        let frame = self.frame.as_ref()?;
        let coded = |two: &[u8]| {
            Some(Coded {
                component: frame
                    .components
                    .iter()
                    .position(|component| component.id == two[0])?,
                dc: usize::from(two[1] >> 4),
                ac: usize::from(two[1] & 15),
            })
        };
        components.chunks_exact(2).map(coded).collect()
    }
}

/// The marker at `at`, filled up with any number of 0xFF before it; moves `at` behind it.
fn marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    if *bytes.get(*at)? != 0xFF {
        return None;
    }
    let fill = bytes[*at..].iter().take_while(|&&byte| byte == 0xFF).count();
    let marker = *bytes.get(*at + fill)?;
    *at += fill + 1;
    (marker != 0).then_some(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zigzag_is_a_permutation_along_the_diagonals() {
        let mut seen = [false; 64];
        for pair in ZIGZAG.windows(2) {
            let diagonal = |at: u8| at / 8 + at % 8;
            assert!(diagonal(pair[1]) - diagonal(pair[0]) <= 1);
        }
        for at in ZIGZAG {
            seen[usize::from(at)] = true;
        }
        assert_eq!(seen, [true; 64]);
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_full_decoder() {
        let picture = |marker: u8, precision: u8, components: u8| {
            let mut bytes = vec![
                0xFF,
                marker,
                0,
                8 + 3 * components,
                precision,
                0,
                9,
                0,
                7,
                components,
            ];
            for id in 1..=components {
                bytes.extend([id, 0x11, 0]);
            }
            bytes.extend([0xFF, 0xD9]);
            Header::default().read(&bytes, &mut 0)
        };
        assert_eq!(picture(0xC0, 8, 3), Some(Next::End));
        assert_eq!(picture(0xC1, 8, 1), Some(Next::End));
        assert_eq!(picture(0xC1, 12, 3), None, "twelve bits");
        assert_eq!(picture(0xC0, 8, 4), None, "four channels");
        for marker in [0xC2, 0xC3, 0xC5, 0xC9, 0xCC, 0xDC] {
            assert_eq!(picture(marker, 8, 3), None, "{marker:X}");
        }
    }
}
