//! The functions that enable an instruction set; everything else is generic and becomes part of them.

/// The functions of one instruction set: `$panel` runs tiles of the heights listed, which `$tile` computes.
macro_rules! float_kernel {
    ($panel:ident, $tile:ident, $lanes:ty, $features:literal, [$($rows:literal)*]) => {
        /// # Safety
        /// The processor has the instruction set; `rows` holds rows of `panel.steps.len()` numbers.
        #[target_feature(enable = $features)]
        pub(crate) unsafe fn $panel(rows: Rows<'_>, panel: &FloatPanel<'_>, target: &mut Target<'_>) {
            // SAFETY: the caller vouches for both.
            unsafe { floats::run(rows, panel, target, &[$($tile::<$rows>),*]) }
        }

        /// # Safety
        /// As for [`floats::tile`].
        #[target_feature(enable = $features)]
        unsafe fn $tile<const ROWS: usize>(
            left: *const f32,
            stride: usize,
            steps: &[FloatStep],
            ahead: Ahead,
            sums: &mut Sums<f32>,
        ) {
            // SAFETY: the caller vouches for all of it.
            unsafe { floats::tile::<$lanes, ROWS>(left, stride, steps, ahead, sums) }
        }
    };
}

/// As `float_kernel`, for whole numbers.
macro_rules! integer_kernel {
    ($panel:ident, $tile:ident, $lanes:ty, $features:literal, [$($rows:literal)*]) => {
        /// # Safety
        /// The processor has the instruction set; `codes` holds rows of 4 · `panel.steps.len()` codes.
        #[target_feature(enable = $features)]
        pub(crate) unsafe fn $panel(codes: &Codes, panel: &IntegerPanel<'_>, target: &mut Target<'_>) {
            let offset = <$lanes as QuadLanes>::OFFSET;
            // SAFETY: the caller vouches for both.
            unsafe { integers::run(codes, panel, target, offset, &[$($tile::<$rows>),*]) }
        }

        /// # Safety
        /// As for [`integers::tile`].
        #[target_feature(enable = $features)]
        unsafe fn $tile<const ROWS: usize>(
            left: *const u8,
            stride: usize,
            steps: &[IntegerStep],
            ahead: Ahead,
            sums: &mut Sums<i32>,
        ) {
            // SAFETY: the caller vouches for all of it.
            unsafe { integers::tile::<$lanes, ROWS>(left, stride, steps, ahead, sums) }
        }
    };
}

pub(crate) use {float_kernel, integer_kernel};
