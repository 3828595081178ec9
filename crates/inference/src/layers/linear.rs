//! A product with its bias, in either precision.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Activation, Epilogue, PackedF32, PackedInt8, QuantizedRows, Rows, RowsMut};

use super::products::Products;
use crate::error::LoadError;
use crate::layers::matrix::Matrix;
use crate::layers::packing::Stored;
use crate::layers::weights::Weights;
use crate::two_tower::config::Projection as Kind;

/// The right side of a product.
pub enum Factor {
    F32(PackedF32),
    Int8(PackedInt8),
}

/// The left side of a product, as the right one needs it. Made once for all products that share it.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    Rows(Rows<'a>),
    Codes(&'a QuantizedRows),
}

/// A product and what is added to it.
pub struct Dense {
    factor: Factor,
    bias: Vec<f32>,
}

/// The product that ends a tower, where it has one.
pub struct Projection(Option<(Factor, Option<Vec<f32>>)>);

impl Factor {
    /// Brings `rows` into the form that products with this factor take.
    pub fn input<'a>(&self, kernel: Kernel, rows: &'a Matrix, codes: &'a mut QuantizedRows) -> Input<'a> {
        self.input_rows(kernel, rows.all(), codes)
    }

    /// As [`input`](Self::input), for some rows of a matrix.
    pub fn input_rows<'a>(&self, kernel: Kernel, rows: Rows<'a>, codes: &'a mut QuantizedRows) -> Input<'a> {
        match self {
            Self::F32(_) => Input::Rows(rows),
            Self::Int8(_) => {
                codes.quantize(kernel, rows, self.inputs());
                Input::Codes(codes)
            }
        }
    }

    /// The product, finished, into `out`.
    pub fn apply(&self, kernel: Kernel, input: Input<'_>, epilogue: Epilogue<'_>, out: RowsMut<'_>) {
        match (self, input) {
            (Self::F32(factor), Input::Rows(rows)) => kernel.product(rows, factor, epilogue, out),
            (Self::Int8(factor), Input::Codes(codes)) => kernel.int8_product(codes, factor, epilogue, out),
            _ => unreachable!("an input is made by a factor of the same precision"),
        }
    }

    pub const fn outputs(&self) -> usize {
        match self {
            Self::F32(factor) => factor.outputs(),
            Self::Int8(factor) => factor.outputs(),
        }
    }

    pub const fn inputs(&self) -> usize {
        match self {
            Self::F32(factor) => factor.inputs(),
            Self::Int8(factor) => factor.inputs(),
        }
    }
}

impl Projection {
    /// Takes `NAME.weight`, and `NAME.bias` where there is one.
    pub fn load(
        weights: &mut Weights<Stored>,
        name: &str,
        kind: Kind,
        shape: [usize; 2],
    ) -> Result<Self, LoadError> {
        if kind == Kind::None {
            return Ok(Self(None));
        }
        let factor = weights.factor(&format!("{name}.weight"), &shape)?;
        let bias = (kind == Kind::Biased)
            .then(|| weights.values(&format!("{name}.bias"), &shape[..1]))
            .transpose()?;
        Ok(Self(Some((factor, bias))))
    }

    /// The embedding of each of `rows`; `out` is for what lies between.
    pub fn forward(
        &self,
        kernel: Kernel,
        rows: &Matrix,
        codes: &mut QuantizedRows,
        out: &mut Matrix,
    ) -> Vec<Vec<f32>> {
        let Some((factor, bias)) = &self.0 else {
            return rows.to_vectors();
        };
        let epilogue = bias
            .as_ref()
            .map_or(Epilogue::none(), |bias| Epilogue::bias(bias));
        let input = factor.input(kernel, rows, codes);
        out.reshape(rows.count(), factor.outputs());
        factor.apply(kernel, input, epilogue, out.all_mut());
        out.to_vectors()
    }

    /// Nothing but the product of `rows` rows.
    pub fn products(&self, rows: usize, products: &mut Products) {
        if let Some((factor, _)) = &self.0 {
            products.run(rows, factor);
        }
    }
}

impl Dense {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(
        weights: &mut Weights<Stored>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            factor: weights.factor(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: weights.values(&format!("{name}.bias"), &[outputs])?,
        })
    }

    pub const fn new(factor: Factor, bias: Vec<f32>) -> Self {
        Self { factor, bias }
    }

    pub const fn factor(&self) -> &Factor {
        &self.factor
    }

    /// See [`Factor::input`].
    pub fn input<'a>(&self, kernel: Kernel, rows: &'a Matrix, codes: &'a mut QuantizedRows) -> Input<'a> {
        self.factor.input(kernel, rows, codes)
    }

    /// See [`Factor::input_rows`].
    pub fn input_rows<'a>(&self, kernel: Kernel, rows: Rows<'a>, codes: &'a mut QuantizedRows) -> Input<'a> {
        self.factor.input_rows(kernel, rows, codes)
    }

    /// `out` becomes the product with its bias, one row for each of `count`.
    pub fn fill(&self, kernel: Kernel, input: Input<'_>, count: usize, out: &mut Matrix) {
        out.reshape(count, self.factor.outputs());
        self.factor
            .apply(kernel, input, Epilogue::bias(&self.bias), out.all_mut());
    }

    /// As [`fill`](Self::fill), through `activation`.
    pub fn fill_activated(
        &self,
        kernel: Kernel,
        input: Input<'_>,
        count: usize,
        activation: Activation,
        out: &mut Matrix,
    ) {
        out.reshape(count, self.factor.outputs());
        let epilogue = Epilogue::activate(&self.bias, activation);
        self.factor.apply(kernel, input, epilogue, out.all_mut());
    }

    /// Adds the product with its bias to `out`.
    pub fn add_to(&self, kernel: Kernel, input: Input<'_>, out: &mut Matrix) {
        self.add_to_rows(kernel, input, out.all_mut());
    }

    /// As [`add_to`](Self::add_to), for some rows of a matrix.
    pub fn add_to_rows(&self, kernel: Kernel, input: Input<'_>, out: RowsMut<'_>) {
        self.factor
            .apply(kernel, input, Epilogue::accumulate(&self.bias), out);
    }
}
