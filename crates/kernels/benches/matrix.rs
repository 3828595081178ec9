//! Matrix products in the shapes of ViT-B/32 (50 tokens per image), with weights in f32, bf16 and int8.
//!
//! Criterion's `Gelem/s` are GFLOP/s: a multiplication and an addition count as two operations. For one core:
//! `taskset -c 0 cargo bench -p eidetic-kernels --bench matrix`.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{
    Epilogue, HalfFormat, InputScratch, PackedWeights, ProductInput, Rows, RowsMut, WeightFormat,
};

const TOKENS: usize = 50;
/// Images per batch.
const IMAGES: [usize; 2] = [1, 8];
/// Inputs and outputs of the layers: attention output, query, key and value together, and both layers of
/// the MLP.
const LAYERS: [(usize, usize); 4] = [(768, 768), (768, 2304), (768, 3072), (3072, 768)];

#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

fn products(criterion: &mut Criterion) {
    for images in IMAGES {
        for (inputs, outputs) in LAYERS {
            let rows = images * TOKENS;
            let mut group = criterion.benchmark_group(format!("{rows}x{inputs}x{outputs}"));
            group.throughput(Throughput::Elements((2 * rows * inputs * outputs) as u64));
            let shape = Shape {
                rows,
                inputs,
                outputs,
            };
            for kernel in Kernel::available().filter(|kernel| *kernel != Kernel::scalar()) {
                bench_formats(&mut group, kernel, shape);
            }
            group.finish();
        }
    }
}

fn bench_formats(group: &mut BenchmarkGroup<'_, WallTime>, kernel: Kernel, shape: Shape) {
    let Shape {
        rows,
        inputs,
        outputs,
    } = shape;
    let left = numbers(rows * inputs);
    let left = Rows::new(&left, inputs, rows);
    let weights = numbers(inputs * outputs);
    let bias = vec![0.1; outputs];
    let mut out = vec![0.0; rows * outputs];
    let mut scratch = InputScratch::default();
    for (name, format) in [
        ("f32", WeightFormat::F32),
        ("bf16", WeightFormat::Half(HalfFormat::Bf16)),
        ("int8", WeightFormat::Int8),
    ] {
        let weights = PackedWeights::pack(&weights, format, outputs, inputs);
        group.bench_function(BenchmarkId::new(name, kernel.name()), |bencher| {
            bencher.iter(|| {
                let input = kernel.prepare(left, &weights, &mut scratch);
                let out = RowsMut::new(&mut out, outputs, rows);
                kernel.product(input, &weights, Epilogue::bias(&bias), out);
            });
        });
        if format == WeightFormat::Half(HalfFormat::Bf16) {
            group.bench_function(BenchmarkId::new("bf16 widened", kernel.name()), |bencher| {
                bencher.iter(|| {
                    let out = RowsMut::new(&mut out, outputs, rows);
                    kernel.product(ProductInput::F32(left), &weights, Epilogue::bias(&bias), out);
                });
            });
        }
    }
}

/// Numbers from −1 to 1.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

criterion_group!(benches, products);
criterion_main!(benches);
