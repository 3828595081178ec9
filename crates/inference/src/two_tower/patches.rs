//! How an image is cut into the patches that a vision transformer reads.

use eidetic_encoder::Pixels;

use crate::two_tower::position_embeddings::Grid;

/// A grid of square patches; what is left over at the right and the bottom is not seen.
#[derive(Debug, Clone, Copy)]
pub struct Patches {
    /// Pixels along a patch.
    pub side: usize,
}

impl Patches {
    /// Rows and columns of an image's patches.
    pub const fn grid(self, image: &Pixels) -> Grid {
        (image.height / self.side, image.width / self.side)
    }

    /// Patches of an image.
    pub const fn count(self, image: &Pixels) -> usize {
        let (rows, columns) = self.grid(image);
        rows * columns
    }

    /// Values of a patch.
    pub const fn size(self) -> usize {
        3 * self.side * self.side
    }

    /// Writes one patch to `out`: its three planes, each row by row.
    pub fn unfold(self, image: &Pixels, patch: usize, out: &mut [f32]) {
        let columns = image.width / self.side;
        let (top, left) = (patch / columns * self.side, patch % columns * self.side);
        let planes = image.values.chunks_exact(image.height * image.width);
        for (plane, out) in planes.zip(out.chunks_exact_mut(self.side * self.side)) {
            for (row, out) in out.chunks_exact_mut(self.side).enumerate() {
                let start = (top + row) * image.width + left;
                out.copy_from_slice(&plane[start..start + self.side]);
            }
        }
    }
}
