//! Dot products of 512 numbers: one pair in the cache, and a matrix of 10,000 rows.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eidetic_kernels::Kernel;

const DIMENSION: usize = 512;
const ROWS: usize = 10_000;

fn pair(c: &mut Criterion) {
    let mut group = c.benchmark_group("dot_512");
    let (a, b) = (vec![0.5_f32; DIMENSION], vec![0.25_f32; DIMENSION]);
    for kernel in Kernel::available() {
        group.bench_function(kernel.name(), |bencher| {
            bencher.iter(|| kernel.dot(black_box(&a), black_box(&b)));
        });
    }
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("dot_rows_10000x512");
    group.throughput(Throughput::Elements(ROWS as u64));
    let (query, matrix) = (vec![0.5_f32; DIMENSION], vec![0.25_f32; DIMENSION * ROWS]);
    let mut scores = vec![0.0; ROWS];
    for kernel in Kernel::available() {
        group.bench_function(kernel.name(), |bencher| {
            bencher.iter(|| kernel.dot_rows(black_box(&query), black_box(&matrix), &mut scores));
        });
    }
}

criterion_group!(benches, pair, rows);
criterion_main!(benches);
