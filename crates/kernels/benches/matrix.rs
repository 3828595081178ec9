//! Matrix products in the shapes of ViT-B/32 (50 tokens an image), with weights as f32, int8 and bf16.
//!
//! Criterion's `Gelem/s` are GFLOP/s: a multiplication and an addition count as two. For a single core:
//! `taskset -c 0 cargo bench -p eidetic-kernels --bench matrix`.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{
    Epilogue, HalfFormat, HalfScratch, PackedF32, PackedHalf, PackedInt8, QuantizedRows, Rows, RowsMut,
};

const TOKENS: usize = 50;
/// Images whose tokens are multiplied at once.
const IMAGES: [usize; 2] = [1, 8];
/// Inputs and outputs: attention's output, its three inputs at once, and the two layers of the MLP.
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
            let shape = Shape {
                rows: images * TOKENS,
                inputs,
                outputs,
            };
            let mut group = criterion.benchmark_group(format!("{}x{inputs}x{outputs}", shape.rows));
            let operations = 2 * shape.rows * inputs * outputs;
            group.throughput(Throughput::Elements(operations as u64));
            for kernel in Kernel::available() {
                if kernel != Kernel::scalar() {
                    precisions(&mut group, kernel, shape);
                }
            }
            group.finish();
        }
    }
}

fn precisions(group: &mut BenchmarkGroup<'_, WallTime>, kernel: Kernel, shape: Shape) {
    let Shape {
        rows,
        inputs,
        outputs,
    } = shape;
    let left = numbers(rows * inputs);
    let left = Rows::new(&left, inputs, rows);
    let weights = numbers(inputs * outputs);
    let bias = vec![0.1; outputs];
    let epilogue = Epilogue::bias(&bias);
    let mut out = vec![0.0; rows * outputs];
    let name = |precision: &str| format!("{precision}/{}", kernel.name());

    let packed = PackedF32::pack(&weights, outputs, inputs);
    group.bench_function(name("f32"), |bencher| {
        bencher.iter(|| kernel.product(left, &packed, epilogue, RowsMut::new(&mut out, outputs, rows)));
    });
    let packed = PackedInt8::pack(&weights, outputs, inputs);
    let mut quantized = QuantizedRows::default();
    group.bench_function(name("int8"), |bencher| {
        bencher.iter(|| {
            quantized.quantize(kernel, left, inputs);
            kernel.int8_product(
                &quantized,
                &packed,
                epilogue,
                RowsMut::new(&mut out, outputs, rows),
            );
        });
    });
    let halves: Vec<u16> = weights.iter().copied().map(upper_half).collect();
    let packed = PackedHalf::pack(&halves, HalfFormat::Bf16, outputs, inputs);
    let mut scratch = HalfScratch::default();
    group.bench_function(name("bf16"), |bencher| {
        bencher.iter(|| {
            let out = RowsMut::new(&mut out, outputs, rows);
            kernel.half_product(left, &packed, epilogue, out, &mut scratch);
        });
    });
}

/// The bf16 that truncation gives.
fn upper_half(x: f32) -> u16 {
    let [_, _, low, high] = x.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Numbers from −1 to 1.
fn numbers(count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(1);
    (0..count).map(|_| random.signed_unit()).collect()
}

criterion_group!(benches, products);
criterion_main!(benches);
