//! Fetching the next panel of weights while the present one is being multiplied.

/// Bytes that a processor fetches at once.
const LINE: usize = 64;

/// Where the next panel lies, and how fast its lines must be asked for so that the tiles of the present one ask for all
/// of them. Without this the first tile of each panel waits for main memory: a quarter of the time in f32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prefetch {
    next: *const u8,
    /// Lines are asked for at every 2^`shift`-th step.
    shift: u32,
    depth: usize,
}

impl Prefetch {
    /// For `tiles` tiles of `depth` steps each, of `lines` lines, before the panel at `next`.
    pub(crate) fn new<T>(next: &[T], depth: usize, tiles: usize) -> Self {
        let lines_a_step = size_of::<T>().div_ceil(LINE).max(1);
        Self {
            next: next.as_ptr().cast(),
            shift: (tiles / lines_a_step).max(1).ilog2(),
            depth,
        }
    }

    /// What the tile with this number asks for.
    pub(crate) const fn of_tile(self, tile: usize) -> Self {
        Self {
            next: self.next.wrapping_add(tile * (self.depth >> self.shift) * LINE),
            ..self
        }
    }

    /// Asks for what a step has to ask for. On Arm that is left to the processor: the intrinsic is not stable.
    #[inline(always)]
    pub(crate) fn fetch(self, step: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            // SAFETY: SSE is part of x86-64, and asking for a line is sound wherever it lies.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(self.line(step)) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = self.line(step);
    }

    /// The line to ask for at a step. It may lie beyond the panel: asking for a line is no access to it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "stands in the innermost loop")]
    const fn line(self, step: usize) -> *const i8 {
        self.next.wrapping_add((step >> self.shift) * LINE).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tiles_together_ask_for_the_whole_panel() {
        #[repr(align(64))]
        struct Step([u8; 128]);
        for (tiles, depth) in [(2, 64), (17, 768), (5, 96), (40, 4096)] {
            let panel: Vec<Step> = (0..depth).map(|_| Step([0; 128])).collect();
            let first = panel[0].0.as_ptr();
            let ahead = Prefetch::new(&panel, depth, tiles);
            let mut asked = vec![false; 2 * depth];
            for tile in 0..tiles {
                for step in 0..depth {
                    let line = (ahead.of_tile(tile).line(step) as usize - first as usize) / LINE;
                    if let Some(asked) = asked.get_mut(line) {
                        *asked = true;
                    }
                }
            }
            let missing = asked.iter().filter(|asked| !**asked).count();
            assert!(
                missing <= 2 * tiles,
                "{tiles} tiles, depth {depth}: {missing} lines missing"
            );
        }
    }
}
