//! SVG, drawn by resvg: without text, scripts and other files, at a size for models and screens rather than the natural one.
//!
//! resvg limits neither time nor memory, so what a drawing takes is estimated before each of its steps: reading the XML
//! ([`document`]), resolving references and style sheets ([`complexity`]), and drawing ([`effort`]).

use std::borrow::Cow;
use std::io::Read;
use std::panic::resume_unwind;
use std::thread;

use flate2::read::GzDecoder;
use image::{DynamicImage, RgbImage};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Error, Options, Tree, roxmltree};

use super::{Scaled, Unoriented};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

mod complexity;
mod document;
mod effort;
mod embedded;
mod styles;

use effort::Effort;

const FORMAT: &str = "SVG";

/// Drawings have no pixels of their own. Small ones are drawn larger, since models and thumbnails read a few hundred
/// pixels a side, and large ones smaller.
const SIDES: std::ops::RangeInclusive<f32> = 512.0..=2048.0;

/// The least longer side at which a drawing is shown that takes too long at more.
const LEAST_SIDE: f32 = 128.0;

/// Most bytes of unpacked XML.
const MAX_TEXT: usize = 16 << 20;

/// Bytes that elements and paths take for each byte of XML.
const BYTES_PER_TEXT_BYTE: u64 = 12;

/// Nested elements are visited by recursion. A stack takes only the memory that is used.
const STACK: usize = 128 << 20;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Scaled, ImagingError> {
    let text = text(bytes)?;
    document::check(&text)?;
    thread::scope(|scope| {
        let draw = || draw(&text, limits);
        let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, draw);
        let worker = worker.map_err(|error| ImagingError::damaged(FORMAT, error))?;
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The XML, unpacked if it is compressed (`.svgz`).
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, ImagingError> {
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return characters(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes)
        .take(MAX_TEXT as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| ImagingError::damaged(FORMAT, error))?;
    characters(Cow::Owned(unpacked))
}

/// UTF-8, else Latin-1, which older programs write.
fn characters(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, ImagingError> {
    if bytes.len() > MAX_TEXT {
        return Err(too_complex("its text has more than 16 MiB"));
    }
    Ok(match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), Cow::Borrowed),
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map_or_else(|error| latin1(error.as_bytes()), Cow::Owned)
        }
    })
}

fn latin1(bytes: &[u8]) -> Cow<'static, str> {
    Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())
}

fn draw(text: &str, limits: &DecodeLimits) -> Result<Scaled, ImagingError> {
    let options = roxmltree::ParsingOptions {
        // Programs define names of their own for namespaces.
        allow_dtd: true,
        nodes_limit: complexity::MAX_NODES,
        ..Default::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options)
        .map_err(|error| convert_error(&Error::ParsingFailed(error)))?;
    complexity::check(&document)?;
    let options = Options {
        image_href_resolver: embedded::resolver(limits),
        ..Options::default()
    };
    let tree = Tree::from_xmltree(&document, &options).map_err(|error| convert_error(&error))?;
    let held = text.len() as u64 * BYTES_PER_TEXT_BYTE;
    let canvas = Canvas::choose(&tree, held, limits)?;
    Ok(Scaled {
        unoriented: Unoriented {
            image: DynamicImage::ImageRgb8(canvas.draw(&tree)?),
            color: ColorSpace::Srgb,
            exif: ExifData::default(),
            damage: None,
        },
        full_size: natural_size(&tree),
    })
}

/// The size that the file names, in CSS pixels.
fn natural_size(tree: &Tree) -> (u32, u32) {
    let pixels = |length: f32| (length.round() as u32).max(1);
    (pixels(tree.size().width()), pixels(tree.size().height()))
}

/// The size at which a drawing is drawn.
struct Canvas {
    width: u32,
    height: u32,
    transform: Transform,
}

impl Canvas {
    /// The largest size that the drawing may have within time and memory.
    fn choose(tree: &Tree, held: u64, limits: &DecodeLimits) -> Result<Self, ImagingError> {
        let natural = tree.size().width().max(tree.size().height());
        let mut side = natural.clamp(*SIDES.start(), *SIDES.end());
        loop {
            let canvas = Self::new(tree, side);
            let effort = Effort::of(tree, &canvas);
            let memory = effort.memory().saturating_add(held);
            let is_last = side / 2.0 < LEAST_SIDE;
            if is_last && effort.is_excessive() {
                return Err(too_complex("it takes too long to draw"));
            }
            if is_last || !(effort.is_excessive() || memory > limits.memory) {
                canvas.check(memory, limits)?;
                return Ok(canvas);
            }
            side /= 2.0;
        }
    }

    fn new(tree: &Tree, side: f32) -> Self {
        let size = tree.size();
        let scale = side / size.width().max(size.height());
        let pixels = |length: f32| ((length * scale).round() as u32).max(1);
        let (width, height) = (pixels(size.width()), pixels(size.height()));
        Self {
            width,
            height,
            transform: Transform::from_scale(width as f32 / size.width(), height as f32 / size.height()),
        }
    }

    fn check(&self, memory: u64, limits: &DecodeLimits) -> Result<(), ImagingError> {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let declared = DeclaredSize {
            width: self.width,
            height: self.height,
            bytes_per_pixel: memory.div_ceil(pixels.max(1)),
        };
        declared.check(FORMAT, limits)
    }

    fn draw(&self, tree: &Tree) -> Result<RgbImage, ImagingError> {
        let mut pixmap =
            Pixmap::new(self.width, self.height).ok_or_else(ImagingError::out_of_memory_limit)?;
        pixmap.fill(Color::WHITE);
        resvg::render(tree, self.transform, &mut pixmap.as_mut());
        let mut pixels = pixmap.take();
        let count = pixels.len() / 4;
        for index in 0..count {
            pixels.copy_within(4 * index..4 * index + 3, 3 * index);
        }
        pixels.truncate(3 * count);
        RgbImage::from_raw(self.width, self.height, pixels)
            .ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))
    }
}

fn convert_error(error: &Error) -> ImagingError {
    match error {
        Error::ElementsLimitReached | Error::ParsingFailed(roxmltree::Error::NodesLimitReached) => {
            too_complex("it has too many elements")
        }
        error => ImagingError::damaged(FORMAT, error),
    }
}

/// The error for a drawing that would take too much time or memory.
fn too_complex(reason: &str) -> ImagingError {
    ImagingError::TooLarge {
        reason: format!("the drawing is too complex: {reason}"),
        memory: None,
    }
}
