//! Matrix products with packed weights, and what stands between them in a neural network.
//!
//! A product here is rows times a [`Factor`]: weights that were laid out once, when a model was loaded, in the order in
//! which the innermost loop reads them. The sums of a small tile of the result stay in registers for the whole depth of
//! the product; what follows a product in a network (bias, activation, residual; see [`Finish`]) is done to each tile
//! while it lies in the innermost cache.
//!
//! There are three kinds of factor. [`FloatFactor`] holds f32. [`HalfFactor`] holds bf16 or f16, widened while they are
//! multiplied. [`IntegerFactor`] holds whole numbers from −127 to 127 with
//! one scale an output; its left side are [`Codes`], rows brought to 0 … 255 with one scale and one zero a row. Its sums
//! are exact, so that every instruction set gives the same result to the last bit.
//!
//! Threads are the caller's business: rows of a product do not depend on each other.

mod ahead;
mod attention;
mod codes;
mod decoder;
mod depthwise;
mod factor;
mod finish;
mod floats;
mod halves;
mod integers;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod kernel_macros;
#[cfg(target_arch = "aarch64")]
mod neon;
mod passes;
mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub use attention::{AttentionScratch, Heads, Mask};
pub use codes::Codes;
pub use depthwise::{Depthwise, SquareMap};
pub use factor::{FloatFactor, IntegerFactor};
pub use finish::{Activation, Finish};
pub use halves::{Half, HalfFactor, HalfScratch};

use finish::Target;

/// Outputs that lie side by side in a packed factor.
pub(crate) const PANEL: usize = 32;

/// Rows that follow each other at a distance in a slice.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
}

/// Rows to be written; see [`Rows`].
#[derive(Debug)]
pub struct RowsMut<'a> {
    values: &'a mut [f32],
    stride: usize,
    count: usize,
}

/// One way to compute matrix products that this processor can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixKernel(Level);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl<'a> Rows<'a> {
    /// `count` rows, each `stride` numbers after the one before.
    pub const fn new(values: &'a [f32], stride: usize, count: usize) -> Self {
        Self {
            values,
            stride,
            count,
        }
    }

    fn check(&self, width: usize) {
        check_rows(self.values.len(), self.stride, self.count, width);
    }
}

impl<'a> RowsMut<'a> {
    /// `count` rows, each `stride` numbers after the one before.
    pub const fn new(values: &'a mut [f32], stride: usize, count: usize) -> Self {
        Self {
            values,
            stride,
            count,
        }
    }
}

/// Panics unless rows of `width` numbers fit.
fn check_rows(length: usize, stride: usize, count: usize, width: usize) {
    if count == 0 {
        return;
    }
    let end = (count - 1)
        .checked_mul(stride)
        .and_then(|start| start.checked_add(width));
    assert!(
        end.is_some_and(|end| end <= length) && width <= stride,
        "{count} rows of {width} at a distance of {stride} do not fit {length} numbers"
    );
}

impl MatrixKernel {
    /// The kernel of plain Rust, which runs everywhere.
    pub const fn plain() -> Self {
        Self(Level::Plain)
    }

    /// AVX2 with FMA; whole numbers by `vpmaddubsw`, codes split so that nothing saturates.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Some(Self(Level::Avx2));
        }
        None
    }

    /// AVX2 with FMA; whole numbers by the 256-bit `vpdpbusd` of AVX-VNNI.
    pub fn avx_vnni() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if Self::avx2().is_some() && is_x86_feature_detected!("avxvnni") {
            return Some(Self(Level::AvxVnni));
        }
        None
    }

    /// AVX-512; whole numbers as by [`avx2`](Self::avx2).
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if Self::avx2().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
        {
            return Some(Self(Level::Avx512));
        }
        None
    }

    /// AVX-512; whole numbers by the 512-bit `vpdpbusd`.
    pub fn avx512_vnni() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if Self::avx512().is_some() && is_x86_feature_detected!("avx512vnni") {
            return Some(Self(Level::Avx512Vnni));
        }
        None
    }

    /// 64-bit Arm.
    pub fn neon() -> Option<Self> {
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return Some(Self(Level::Neon));
        }
        None
    }

    /// Every kernel that this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            Self::avx512_vnni(),
            Self::avx512(),
            Self::avx_vnni(),
            Self::avx2(),
            Self::neon(),
            Some(Self::plain()),
        ]
        .into_iter()
        .flatten()
    }

    /// The fastest kernel of this processor; looked up once per process.
    pub fn best() -> Self {
        static BEST: OnceLock<MatrixKernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::plain()))
    }

    /// The instruction set's name, such as `avx512-vnni`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Level::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Level::Neon => "neon",
        }
    }

    /// `rows` (n × inputs) times `factor` (inputs × outputs), finished, into `out` (n × outputs).
    ///
    /// # Panics
    /// If `out` has another number of rows, or either slice is too short.
    pub fn product(self, rows: Rows<'_>, factor: &FloatFactor, finish: Finish<'_>, out: RowsMut<'_>) {
        rows.check(factor.inputs());
        check_out(&out, rows.count, factor.outputs(), finish);
        let mut out = out;
        for number in 0..factor.panel_count() {
            let mut target = Target::new(&mut out, finish, number, factor.outputs());
            floats::panel(self.0, rows, &factor.panel(number), &mut target);
        }
    }

    /// `codes` (n × inputs) times `factor` (inputs × outputs), brought back to f32, finished, into `out` (n × outputs).
    ///
    /// # Panics
    /// If `out` has another number of rows or is too short, or `codes` another width.
    pub fn integer_product(
        self,
        codes: &Codes,
        factor: &IntegerFactor,
        finish: Finish<'_>,
        out: RowsMut<'_>,
    ) {
        assert_eq!(codes.width(), factor.inputs(), "codes of another width");
        check_out(&out, codes.count(), factor.outputs(), finish);
        let mut out = out;
        for number in 0..factor.panel_count() {
            let mut target = Target::new(&mut out, finish, number, factor.outputs());
            integers::panel(self.0, codes, &factor.panel(number), &mut target);
        }
    }
}

fn check_out(out: &RowsMut<'_>, rows: usize, outputs: usize, finish: Finish<'_>) {
    assert_eq!(out.count, rows, "as many rows out as in");
    check_rows(out.values.len(), out.stride, out.count, outputs);
    if let Some(bias) = finish.bias() {
        assert_eq!(bias.len(), outputs, "one bias an output");
    }
}
