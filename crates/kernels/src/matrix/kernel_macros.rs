//! The functions that enable an instruction set; everything else is generic and becomes part of them.

/// The functions of one instruction set: `$panel` runs tiles of the heights listed, which `$tile` computes.
macro_rules! float_kernel {
    ($panel:ident, $tile:ident, $lanes:ty, $features:literal, [$($rows:literal)*]) => {
        /// # Safety
        /// The processor has the instruction set; `rows` holds rows of `panel.steps.len()` numbers.
        #[target_feature(enable = $features)]
        pub(crate) unsafe fn $panel(rows: Rows<'_>, panel: &F32Panel<'_>, target: &mut Target<'_>) {
            // SAFETY: the caller vouches for both.
            unsafe { f32_tiles::run(rows, panel, target, &[$($tile::<$rows>),*]) }
        }

        /// # Safety
        /// As for [`f32_tiles::tile`].
        #[target_feature(enable = $features)]
        unsafe fn $tile<const ROWS: usize>(
            left: *const f32,
            stride: usize,
            steps: &[F32PanelRow],
            prefetch: Prefetch,
            sums: &mut Sums<f32>,
        ) {
            // SAFETY: the caller vouches for all of it.
            unsafe { f32_tiles::tile::<$lanes, ROWS>(left, stride, steps, prefetch, sums) }
        }
    };
}

/// As `float_kernel`, for whole numbers.
macro_rules! integer_kernel {
    ($panel:ident, $tile:ident, $lanes:ty, $features:literal, [$($rows:literal)*]) => {
        /// # Safety
        /// The processor has the instruction set; `codes` holds rows of 4 · `panel.steps.len()` codes.
        #[target_feature(enable = $features)]
        pub(crate) unsafe fn $panel(codes: &QuantizedRows, panel: &Int8Panel<'_>, target: &mut Target<'_>) {
            let offset = <$lanes as QuadLanes>::OFFSET;
            // SAFETY: the caller vouches for both.
            unsafe { int8_tiles::run(codes, panel, target, offset, &[$($tile::<$rows>),*]) }
        }

        /// # Safety
        /// As for [`int8_tiles::tile`].
        #[target_feature(enable = $features)]
        unsafe fn $tile<const ROWS: usize>(
            left: *const u8,
            stride: usize,
            steps: &[Int8PanelRow],
            prefetch: Prefetch,
            sums: &mut Sums<i32>,
        ) {
            // SAFETY: the caller vouches for all of it.
            unsafe { int8_tiles::tile::<$lanes, ROWS>(left, stride, steps, prefetch, sums) }
        }
    };
}

pub(crate) use {float_kernel, integer_kernel};
