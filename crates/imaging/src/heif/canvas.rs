//! The picture that coded parts are written into.

use image::{DynamicImage, ImageBuffer};

use super::planes::Planes;
use super::properties::{CodePoints, Crop};
use super::ycbcr::{RowConverter, Sample};

/// A picture in the making.
pub enum Canvas {
    Rgb8(Grid<[u8; 3]>),
    /// Where 8 bits would show steps after tone mapping.
    Rgb16(Grid<[u16; 3]>),
    /// Luma alone, for opacity.
    Gray(Grid<u8>),
}

/// What a canvas holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Color8,
    Color16,
    Opacity,
}

/// Rows of pixels.
pub struct Grid<P> {
    width: usize,
    height: usize,
    pixels: Vec<P>,
}

/// The opacity of a picture, of its size or another.
pub struct Opacity {
    pub values: Grid<u8>,
    /// Whether the colors are multiplied by it already.
    pub is_premultiplied: bool,
}

impl Canvas {
    pub fn new(width: u32, height: u32, used_for: Use) -> Self {
        let (width, height) = (width as usize, height as usize);
        match used_for {
            Use::Color8 => Self::Rgb8(Grid::new(width, height)),
            Use::Color16 => Self::Rgb16(Grid::new(width, height)),
            Use::Opacity => Self::Gray(Grid::new(width, height)),
        }
    }

    /// Writes a part, of which what is beyond the canvas is cut off.
    pub fn write(&mut self, planes: &Planes, stated: Option<CodePoints>, left: usize, top: usize) {
        let mut rows = RowConverter::new(planes, stated);
        let size = (planes.width, planes.height);
        match self {
            Self::Rgb8(grid) => grid.write(size, left, top, |y, row| rows.rgb(y, row)),
            Self::Rgb16(grid) => grid.write(size, left, top, |y, row| rows.rgb(y, row)),
            Self::Gray(grid) => grid.write(size, left, top, |y, row| rows.gray(y, row)),
        }
    }

    /// The values of a canvas for opacity.
    pub fn into_opacity(self) -> Option<Grid<u8>> {
        match self {
            Self::Gray(grid) => Some(grid),
            Self::Rgb8(_) | Self::Rgb16(_) => None,
        }
    }

    /// The part within `crop`, with the opacity `alpha` of the whole canvas.
    pub fn into_image(self, crop: Option<Crop>, alpha: Option<&Opacity>) -> Option<DynamicImage> {
        match (self, alpha) {
            (Self::Rgb8(grid), None) => grid.cropped(crop).into_buffer().map(DynamicImage::ImageRgb8),
            (Self::Rgb16(grid), None) => grid.cropped(crop).into_buffer().map(DynamicImage::ImageRgb16),
            (Self::Rgb8(grid), Some(alpha)) => {
                let grid = grid.with_opacity(alpha).cropped(crop);
                grid.into_buffer().map(DynamicImage::ImageRgba8)
            }
            (Self::Rgb16(grid), Some(alpha)) => {
                let grid = grid.with_opacity(alpha).cropped(crop);
                grid.into_buffer().map(DynamicImage::ImageRgba16)
            }
            (Self::Gray(_), _) => None,
        }
    }
}

impl<P: Copy + Default> Grid<P> {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![P::default(); width * height],
        }
    }

    /// Writes a part of `size` row by row, each of which `convert` fills.
    fn write(
        &mut self,
        size: (usize, usize),
        left: usize,
        top: usize,
        mut convert: impl FnMut(usize, &mut [P]),
    ) {
        let width = size.0.min(self.width.saturating_sub(left));
        let height = size.1.min(self.height.saturating_sub(top));
        let mut row = vec![P::default(); size.0];
        for y in 0..height {
            let start = (top + y) * self.width + left;
            let target = &mut self.pixels[start..start + width];
            if width == size.0 {
                convert(y, target);
            } else {
                convert(y, &mut row);
                target.copy_from_slice(&row[..width]);
            }
        }
    }

    fn cropped(mut self, crop: Option<Crop>) -> Self {
        let Some(crop) = crop else {
            return self;
        };
        let (left, width) = (crop.left as usize, crop.width as usize);
        let mut written = 0;
        for y in crop.top as usize..(crop.top + crop.height) as usize {
            let start = y * self.width + left;
            self.pixels.copy_within(start..start + width, written);
            written += width;
        }
        self.pixels.truncate(written);
        self.pixels.shrink_to_fit();
        Self {
            width,
            height: crop.height as usize,
            pixels: self.pixels,
        }
    }
}

impl<T: Sample> Grid<[T; 3]> {
    fn with_opacity(self, alpha: &Opacity) -> Grid<[T; 4]> {
        let Opacity {
            values,
            is_premultiplied,
        } = alpha;
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for (y, row) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let alpha_row = (y * values.height / self.height) * values.width;
            for (x, &color) in row.iter().enumerate() {
                let value = values.pixels[alpha_row + x * values.width / self.width];
                let [r, g, b] = if *is_premultiplied {
                    divided(color, value)
                } else {
                    color
                };
                pixels.push([r, g, b, T::from_8_bits(value)]);
            }
        }
        Grid {
            width: self.width,
            height: self.height,
            pixels,
        }
    }
}

/// The color that was multiplied by `alpha`.
fn divided<T: Sample>(color: [T; 3], alpha: u8) -> [T; 3] {
    if alpha == 0 {
        return color;
    }
    color.map(|value| T::nearest(value.value() * 255.0 / f32::from(alpha)))
}

impl<T: Sample + image::Primitive, const N: usize> Grid<[T; N]> {
    fn into_buffer<C: image::Pixel<Subpixel = T>>(self) -> Option<ImageBuffer<C, Vec<T>>> {
        ImageBuffer::from_raw(
            self.width as u32,
            self.height as u32,
            self.pixels.into_flattened(),
        )
    }
}
