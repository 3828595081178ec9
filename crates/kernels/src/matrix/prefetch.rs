//! Prefetching the next panel of weights while the current one is multiplied.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Which cache lines of the next panel to prefetch at which step, so that all tiles of the current panel
/// together prefetch all of it. Without this the first tile of each panel waits for main memory, which
/// takes a quarter of the time in f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct PanelPrefetch {
    next: *const u8,
    /// A line is prefetched at every 2^`shift`-th row of the panel.
    shift: u32,
    rows: usize,
}

impl PanelPrefetch {
    /// `next` is the next panel, which has as many rows as the current one; `tiles` is the number of tiles
    /// of a panel.
    pub(super) fn new<T>(next: &[T], tiles: usize) -> Self {
        let lines_per_row = size_of::<T>().div_ceil(LINE).max(1);
        Self {
            next: next.as_ptr().cast(),
            shift: (tiles / lines_per_row).max(1).ilog2(),
            rows: next.len(),
        }
    }

    /// The share of tile number `tile`.
    pub(super) const fn of_tile(self, tile: usize) -> Self {
        Self {
            next: self.next.wrapping_add(tile * (self.rows >> self.shift) * LINE),
            ..self
        }
    }

    /// Prefetches the line that belongs to row `row` of the current panel. Only on x86-64: the intrinsic
    /// for Arm is not stable.
    #[inline(always)]
    pub(super) fn fetch(self, row: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            // SAFETY: SSE is part of x86-64, and prefetching is sound at any address.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(self.line(row)) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = self.line(row);
    }

    /// The address to prefetch at row `row`. It may lie beyond the panel, since a prefetch is not a memory
    /// access.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called in the innermost loop")]
    const fn line(self, row: usize) -> *const i8 {
        self.next.wrapping_add((row >> self.shift) * LINE).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_together_prefetch_whole_panel() {
        #[repr(align(64))]
        struct Row([u8; 128]);
        for (tiles, depth) in [(2, 64), (17, 768), (5, 96), (40, 4096)] {
            let panel: Vec<Row> = (0..depth).map(|_| Row([0; 128])).collect();
            let first = panel[0].0.as_ptr();
            let prefetch = PanelPrefetch::new(&panel, tiles);
            let mut fetched = vec![false; 2 * depth];
            for tile in 0..tiles {
                for row in 0..depth {
                    let line = (prefetch.of_tile(tile).line(row) as usize - first as usize) / LINE;
                    if let Some(fetched) = fetched.get_mut(line) {
                        *fetched = true;
                    }
                }
            }
            let missing = fetched.iter().filter(|fetched| !**fetched).count();
            assert!(
                missing <= 2 * tiles,
                "{tiles} tiles, depth {depth}: {missing} lines missing"
            );
        }
    }
}
