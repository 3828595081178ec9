//! GIF: the first frame that shows something, composed as viewers do, as far as the file goes.

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use image::{DynamicImage, RgbaImage};

use super::Unoriented;
use super::animation::{MOST_FRAMES, MOST_PIXELS, is_uniform};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError, damage};

const FORMAT: &str = "GIF";

/// The screen, a row of a frame, and its conversion to RGB.
const BYTES_PER_PIXEL: u64 = 4 + 4;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.allow_unknown_blocks(true);
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options.read_info(bytes).map_err(convert_error)?;
    let first = next_frame(&mut decoder)?
        .ok_or_else(|| ImagingError::damaged(FORMAT, "the file contains no image"))?;
    let mut screen = Screen::for_first(&decoder, &first, limits)?;
    let rows = screen.draw(&mut decoder, &first);
    if rows == 0 {
        return Err(ImagingError::truncated(FORMAT));
    }
    let damage = damage::of_part(rows.into(), first.height.into());
    if damage.is_none() {
        screen.skip_blank_frames(&mut decoder, first);
    }
    let image = RgbaImage::from_raw(screen.width, screen.height, screen.content)
        .ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    Ok(Unoriented {
        image: DynamicImage::ImageRgba8(image),
        color: ColorSpace::Srgb,
        exif: ExifData::default(),
        damage,
    })
}

/// Position and kind of a frame.
struct Frame {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    is_interlaced: bool,
    is_transparent: bool,
    disposal: DisposalMethod,
}

/// The composed frames, RGBA.
struct Screen {
    width: u32,
    height: u32,
    content: Vec<u8>,
}

impl Screen {
    /// A screen that `first` fits into: transparent if `first` is, else of the background's color.
    fn for_first(
        decoder: &Decoder<&[u8]>,
        first: &Frame,
        limits: &DecodeLimits,
    ) -> Result<Self, ImagingError> {
        let width = u32::from(decoder.width()).max(first.left + first.width);
        let height = u32::from(decoder.height()).max(first.top + first.height);
        let declared = DeclaredSize {
            width,
            height,
            bytes_per_pixel: BYTES_PER_PIXEL,
        };
        declared.check(FORMAT, limits)?;
        let background = background(decoder).filter(|_| !first.is_transparent);
        let pixel = background.map_or([0; 4], |[red, green, blue]| [red, green, blue, 255]);
        Ok(Self {
            width,
            height,
            content: pixel.repeat(declared.pixels() as usize),
        })
    }

    /// Draws the frame that `decoder` is at, and returns the number of rows for which there were data.
    fn draw(&mut self, decoder: &mut Decoder<&[u8]>, frame: &Frame) -> u32 {
        if frame.width == 0 {
            return frame.height;
        }
        let mut row = vec![0; frame.width as usize * 4];
        let mut drawn = 0;
        for y in row_order(frame) {
            // Indices beyond the palette leave what was there.
            row.fill(0);
            if !matches!(decoder.fill_buffer(&mut row), Ok(true)) {
                break;
            }
            self.draw_row(frame.left, frame.top + y, &row);
            drawn += 1;
        }
        drawn
    }

    fn draw_row(&mut self, left: u32, y: u32, row: &[u8]) {
        if y >= self.height || left >= self.width {
            return;
        }
        let start = (y as usize * self.width as usize + left as usize) * 4;
        let length = row.len().min((self.width - left) as usize * 4);
        let (screen, _) = self.content[start..start + length].as_chunks_mut::<4>();
        let (pixels, _) = row[..length].as_chunks::<4>();
        for (shown, pixel) in screen.iter_mut().zip(pixels) {
            if pixel[3] != 0 {
                *shown = *pixel;
            }
        }
    }

    /// Draws further frames for as long as there is nothing to see.
    fn skip_blank_frames(&mut self, decoder: &mut Decoder<&[u8]>, mut shown: Frame) {
        let mut before = [0; 4];
        let mut pixels = 0;
        for _ in 0..MOST_FRAMES {
            if pixels > MOST_PIXELS || !is_uniform(&self.content, 4, 1) {
                return;
            }
            let Ok(Some(next)) = next_frame(decoder) else {
                return;
            };
            let kept = self.content.first_chunk().copied().unwrap_or_default();
            self.dispose(&shown, before);
            before = kept;
            self.draw(decoder, &next);
            pixels += self.content.len() as u64 / 4;
            shown = next;
        }
    }

    /// Removes a frame. The screen had one color `before` it.
    fn dispose(&mut self, frame: &Frame, before: [u8; 4]) {
        match frame.disposal {
            DisposalMethod::Any | DisposalMethod::Keep => {}
            DisposalMethod::Previous => {
                let (pixels, _) = self.content.as_chunks_mut::<4>();
                pixels.fill(before);
            }
            DisposalMethod::Background => {
                let right = (frame.left + frame.width).min(self.width) as usize;
                let bottom = (frame.top + frame.height).min(self.height);
                for y in frame.top.min(bottom)..bottom {
                    let row = y as usize * self.width as usize;
                    let left = (frame.left as usize).min(right);
                    self.content[(row + left) * 4..(row + right) * 4].fill(0);
                }
            }
        }
    }
}

/// The color of the screen where no frame covers it.
fn background(decoder: &Decoder<&[u8]>) -> Option<[u8; 3]> {
    let (palette, _) = decoder.global_palette()?.as_chunks::<3>();
    palette.get(decoder.bg_color()?).copied()
}

fn next_frame(decoder: &mut Decoder<&[u8]>) -> Result<Option<Frame>, ImagingError> {
    let frame = decoder.next_frame_info().map_err(convert_error)?;
    Ok(frame.map(|frame| Frame {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
        height: frame.height.into(),
        is_interlaced: frame.interlaced,
        is_transparent: frame.transparent.is_some(),
        disposal: frame.dispose,
    }))
}

/// The rows in the order in which they are stored.
fn row_order(frame: &Frame) -> impl Iterator<Item = u32> + use<> {
    const PASSES: [(u32, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];
    const ONE_PASS: [(u32, usize); 1] = [(0, 1)];
    let passes: &'static [(u32, usize)] = if frame.is_interlaced { &PASSES } else { &ONE_PASS };
    let height = frame.height;
    passes
        .iter()
        .flat_map(move |&(first, step)| (first..height).step_by(step))
}

fn convert_error(error: DecodingError) -> ImagingError {
    match error {
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImagingError::truncated(FORMAT)
        }
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => ImagingError::out_of_memory_limit(),
        other => ImagingError::damaged(FORMAT, other),
    }
}
