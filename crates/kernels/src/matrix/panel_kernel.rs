//! The functions that enable an instruction set for a matrix product. Generic code is inlined into them.

/// Defines `$panel`, which multiplies all rows of a left operand with one panel in tiles of 1, 2, … rows as
/// listed.
macro_rules! panel_kernel {
    ($panel:ident, $lanes:ty, $features:literal, [$($rows:literal)*]) => {
        /// # Safety
        /// The processor has the instruction set; `left` has passed `Left::check` for the depth of the panel.
        #[target_feature(enable = $features)]
        pub(in crate::matrix) unsafe fn $panel(
            left: &Left<'_, <$lanes as Lanes>::Group>,
            panel: Panel<'_, <$lanes as Lanes>::Row>,
            output: &mut impl TileOutput<<$lanes as Lanes>::Sum>,
        ) {
            /// # Safety
            /// As for [`tiles::tile`].
            #[target_feature(enable = $features)]
            unsafe fn tile<const ROWS: usize>(
                left: *const <$lanes as Lanes>::Group,
                stride: usize,
                panel: Panel<'_, <$lanes as Lanes>::Row>,
                prefetch: PanelPrefetch,
                sums: &mut TileSums<<$lanes as Lanes>::Sum>,
            ) {
                // SAFETY: the caller guarantees the instruction set and the rows.
                unsafe { tiles::tile::<$lanes, ROWS>(left, stride, panel, prefetch, sums) }
            }
            // SAFETY: the caller guarantees the instruction set and the rows.
            unsafe { tiles::run::<$lanes>(left, panel, output, &[$(tile::<$rows>),*]) }
        }
    };
}

pub(super) use panel_kernel;
