//! Entropy-coded data to planes of samples (ITU T.81, F.2).

use super::Scale;
use super::bits::Bits;
use super::header::{Coded, Frame, Header, ZIGZAG};
use super::huffman::Table;
use super::inverse::{Coefficients, Inverse, flat, inverse};

/// The first coefficients of later blocks are sums of differences; in eight bits they stay far below this.
const LARGEST_SUM: i32 = 1 << 15;

/// Samples of one component, as many across and down as every other of the picture.
pub struct Plane {
    /// Samples across an MCU's block and down.
    block: (usize, usize),
    pub stride: usize,
    pub samples: Vec<u8>,
    inverse: Inverse,
    /// The last coefficient in zigzag order that the inverse reads.
    last: u32,
    /// Whether a scan has filled it.
    pub is_done: bool,
}

/// MCUs across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub across: usize,
    pub down: usize,
}

/// The planes of a frame at a scale, grey; none where a component would need more than 8 samples a block.
pub fn planes(frame: &Frame, scale: Scale) -> Option<(Grid, Vec<Plane>)> {
    let most = |side: fn(&super::header::Component) -> usize| frame.components.iter().map(side).max();
    let (across, down) = (most(|c| c.across)?, most(|c| c.down)?);
    let grid = Grid {
        across: frame.width.div_ceil(8 * across),
        down: frame.height.div_ceil(8 * down),
    };
    let points = scale.points();
    let plane = |component: &super::header::Component| {
        if !across.is_multiple_of(component.across) || !down.is_multiple_of(component.down) {
            return None;
        }
        let block = (points * across / component.across, points * down / component.down);
        let stride = grid.across * across * points;
        Some(Plane {
            block,
            stride,
            samples: vec![128; stride * grid.down * down * points],
            inverse: inverse(block.0, block.1)?,
            last: last_read(block),
            is_done: false,
        })
    };
    Some((grid, frame.components.iter().map(plane).collect::<Option<_>>()?))
}

/// The last coefficient in zigzag order among the first `across` × `down`.
fn last_read((across, down): (usize, usize)) -> u32 {
    let read = |at: &u8| usize::from(at % 8) < across && usize::from(at / 8) < down;
    ZIGZAG.iter().rposition(read).unwrap_or(0) as u32
}

/// Decodes one scan that begins at `at` and moves `at` to the marker behind it. None at anything that is not as it should
/// be: an unknown code, data that end too soon or too late, a component that was there before.
pub fn decode(
    header: &Header,
    coded: &[Coded],
    grid: Grid,
    planes: &mut [Plane],
    bytes: &[u8],
    at: &mut usize,
) -> Option<()> {
    let frame = header.frame.as_ref()?;
    let mut parts = Vec::with_capacity(coded.len());
    for coded in coded {
        let plane = planes.get_mut(coded.component)?;
        if plane.is_done {
            return None;
        }
        plane.is_done = true;
        parts.push(Part::new(header, frame, coded)?);
    }
    let interleaved = parts.len() > 1;
    let grid = match (parts.as_mut_slice(), interleaved) {
        ([single], false) => single.alone(frame, grid),
        _ => grid,
    };
    let mut scan = Scan {
        bits: Bits::new(bytes, *at),
        bytes,
        parts,
        until_restart: header.restart_interval,
        restart_interval: header.restart_interval,
        restarts: 0,
    };
    for row in 0..grid.down {
        scan.row(planes, grid.across, row)?;
        if scan.bits.is_overrun() {
            return None;
        }
    }
    *at = scan.bits.end()?;
    Some(())
}

struct Scan<'a> {
    bits: Bits<'a>,
    bytes: &'a [u8],
    parts: Vec<Part<'a>>,
    until_restart: usize,
    restart_interval: usize,
    /// Restart markers met so far.
    restarts: usize,
}

/// One component in a scan.
struct Part<'a> {
    component: usize,
    /// Blocks of an MCU.
    across: usize,
    down: usize,
    dc: &'a Table,
    ac: &'a Table,
    /// Steps of quantisation in zigzag order.
    steps: [f32; 64],
    /// The first coefficient of the block before.
    sum: i32,
}

impl<'a> Part<'a> {
    fn new(header: &'a Header, frame: &Frame, coded: &Coded) -> Option<Self> {
        let component = frame.components.get(coded.component)?;
        let steps = header.quantisation.get(component.quantisation)?.as_ref()?;
        Some(Self {
            component: coded.component,
            across: component.across,
            down: component.down,
            dc: header.dc.get(coded.dc)?.as_ref()?,
            ac: header.ac.get(coded.ac)?.as_ref()?,
            steps: steps.map(f32::from),
            sum: 0,
        })
    }

    /// A scan of one component goes block by block, and only over blocks that hold some of the picture (A.2.3).
    fn alone(&mut self, frame: &Frame, grid: Grid) -> Grid {
        let most = |side: fn(&super::header::Component) -> usize| frame.components.iter().map(side).max();
        let (across, down) = (most(|c| c.across).unwrap_or(1), most(|c| c.down).unwrap_or(1));
        let blocks = |side: usize, own: usize, most: usize| (side * own).div_ceil(most).div_ceil(8);
        let own = Grid {
            across: blocks(frame.width, self.across, across).min(grid.across * self.across),
            down: blocks(frame.height, self.down, down).min(grid.down * self.down),
        };
        (self.across, self.down) = (1, 1);
        own
    }

    /// The next block of this component, into its place.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn block(&mut self, bits: &mut Bits, plane: &mut Plane, column: usize, row: usize) -> Option<()> {
        self.sum += self.dc.difference(bits)?;
        if self.sum.abs() > LARGEST_SUM {
            return None;
        }
        let first = self.sum as f32 * self.steps[0];
        let place = row * plane.block.1 * plane.stride + column * plane.block.0;
        let samples = plane.samples.get_mut(place..)?;
        if plane.last == 0 {
            *samples.first_mut()? = flat(first);
            return self.ac.skip_rest(bits, 1);
        }
        let mut block: Coefficients = [0.0; 64];
        block[0] = first;
        self.coefficients(bits, plane.last, &mut block)?;
        (plane.inverse)(&block, samples, plane.stride);
        Some(())
    }

    /// Coefficients up to `last`; the rest is passed over.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn coefficients(&self, bits: &mut Bits, last: u32, block: &mut Coefficients) -> Option<()> {
        let mut next = 1;
        while next <= last {
            let step = self.ac.coefficient(bits)?;
            if step.ends_block() {
                return Some(());
            }
            next += u32::from(step.run);
            let at = next as usize;
            block[usize::from(*ZIGZAG.get(at)?)] = f32::from(step.value) * self.steps[at];
            next += 1;
        }
        self.ac.skip_rest(bits, next)
    }
}

impl Scan<'_> {
    fn row(&mut self, planes: &mut [Plane], across: usize, row: usize) -> Option<()> {
        for column in 0..across {
            self.restart_if_due()?;
            let mut bits = self.bits;
            mcu(&mut self.parts, &mut bits, planes, (column, row))?;
            self.bits = bits;
        }
        Some(())
    }

    fn restart_if_due(&mut self) -> Option<()> {
        if self.restart_interval == 0 {
            return Some(());
        }
        if self.until_restart > 0 {
            self.until_restart -= 1;
            return Some(());
        }
        let at = self.bits.end()?;
        if *self.bytes.get(at + 1)? != 0xD0 + (self.restarts % 8) as u8 {
            return None;
        }
        self.restarts += 1;
        self.until_restart = self.restart_interval - 1;
        self.bits = Bits::new(self.bytes, at + 2);
        self.parts.iter_mut().for_each(|part| part.sum = 0);
        Some(())
    }
}

/// The blocks of one MCU.
#[inline]
fn mcu(
    parts: &mut [Part],
    bits: &mut Bits,
    planes: &mut [Plane],
    (column, row): (usize, usize),
) -> Option<()> {
    for part in parts {
        let plane = planes.get_mut(part.component)?;
        for y in 0..part.down {
            for x in 0..part.across {
                part.block(bits, plane, column * part.across + x, row * part.down + y)?;
            }
        }
    }
    Some(())
}
