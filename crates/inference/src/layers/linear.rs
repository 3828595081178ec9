//! A product with its bias, in either precision.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{
    Activation, Epilogue, InputScratch, PackedWeights, ProductInput, Rows, RowsMut,
};

use super::products::Products;
use crate::error::LoadError;
use crate::layers::matrix::Matrix;
use crate::layers::packing::Stored;
use crate::layers::weights::Weights;
use crate::two_tower::config::Projection as Kind;

/// A product and what is added to it.
pub struct Dense {
    factor: PackedWeights,
    bias: Vec<f32>,
}

/// The product that ends a tower, where it has one.
pub struct Projection(Option<(PackedWeights, Option<Vec<f32>>)>);

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
        codes: &mut InputScratch,
        out: &mut Matrix,
    ) -> Vec<Vec<f32>> {
        let Some((factor, bias)) = &self.0 else {
            return rows.to_vectors();
        };
        let epilogue = bias
            .as_ref()
            .map_or(Epilogue::none(), |bias| Epilogue::bias(bias));
        let input = kernel.prepare(rows.all(), factor, codes);
        out.reshape(rows.count(), factor.outputs());
        kernel.product(input, factor, epilogue, out.all_mut());
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

    pub const fn new(factor: PackedWeights, bias: Vec<f32>) -> Self {
        Self { factor, bias }
    }

    pub const fn factor(&self) -> &PackedWeights {
        &self.factor
    }

    /// The left operand of products with this layer; see [`Kernel::prepare`].
    pub fn input<'a>(
        &self,
        kernel: Kernel,
        rows: &'a Matrix,
        codes: &'a mut InputScratch,
    ) -> ProductInput<'a> {
        kernel.prepare(rows.all(), &self.factor, codes)
    }

    /// As [`input`](Self::input), for some rows of a matrix.
    pub fn input_rows<'a>(
        &self,
        kernel: Kernel,
        rows: Rows<'a>,
        codes: &'a mut InputScratch,
    ) -> ProductInput<'a> {
        kernel.prepare(rows, &self.factor, codes)
    }

    /// `out` becomes the product with its bias, one row for each of `count`.
    pub fn fill(&self, kernel: Kernel, input: ProductInput<'_>, count: usize, out: &mut Matrix) {
        out.reshape(count, self.factor.outputs());
        kernel.product(input, &self.factor, Epilogue::bias(&self.bias), out.all_mut());
    }

    /// As [`fill`](Self::fill), through `activation`.
    pub fn fill_activated(
        &self,
        kernel: Kernel,
        input: ProductInput<'_>,
        count: usize,
        activation: Activation,
        out: &mut Matrix,
    ) {
        out.reshape(count, self.factor.outputs());
        let epilogue = Epilogue::activate(&self.bias, activation);
        kernel.product(input, &self.factor, epilogue, out.all_mut());
    }

    /// Adds the product with its bias to `out`.
    pub fn add_to(&self, kernel: Kernel, input: ProductInput<'_>, out: &mut Matrix) {
        self.add_to_rows(kernel, input, out.all_mut());
    }

    /// As [`add_to`](Self::add_to), for some rows of a matrix.
    pub fn add_to_rows(&self, kernel: Kernel, input: ProductInput<'_>, out: RowsMut<'_>) {
        kernel.product(input, &self.factor, Epilogue::accumulate(&self.bias), out);
    }
}
