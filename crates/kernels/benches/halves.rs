//! Products with bf16 weights beside the same with f32, for few rows (a query's tokens) and many (a picture's).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eidetic_kernels::matrix::{
    Finish, FloatFactor, Half, HalfFactor, HalfScratch, MatrixKernel, Rows, RowsMut,
};

/// A dense layer of a decoder of two billion weights.
const INPUTS: usize = 1536;
const OUTPUTS: usize = 8960;

fn products(criterion: &mut Criterion) {
    let halves: Vec<u16> = (0x3c00..0x3e00).cycle().take(INPUTS * OUTPUTS).collect();
    let wide: Vec<f32> = halves.iter().map(|bits| Half::Bf16.widened(*bits)).collect();
    let half = HalfFactor::pack(&halves, Half::Bf16, OUTPUTS, INPUTS);
    let float = FloatFactor::pack(&wide, OUTPUTS, INPUTS);
    let kernel = MatrixKernel::best();
    for count in [24, 320] {
        let left = vec![0.5; count * INPUTS];
        let mut out = vec![0.0; count * OUTPUTS];
        let mut group = criterion.benchmark_group(format!("{count} rows"));
        group.throughput(Throughput::Elements((2 * count * INPUTS * OUTPUTS) as u64));
        group.bench_function("f32", |bencher| {
            bencher.iter(|| {
                let rows = Rows::new(&left, INPUTS, count);
                kernel.product(
                    rows,
                    &float,
                    Finish::Plain,
                    RowsMut::new(&mut out, OUTPUTS, count),
                );
            });
        });
        let mut scratch = HalfScratch::default();
        group.bench_function("bf16", |bencher| {
            bencher.iter(|| {
                let rows = Rows::new(&left, INPUTS, count);
                let out = RowsMut::new(&mut out, OUTPUTS, count);
                kernel.half_product(rows, &half, Finish::Plain, out, &mut scratch);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, products);
criterion_main!(benches);
