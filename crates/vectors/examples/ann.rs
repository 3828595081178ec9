//! Measures exact search and the graph on vectors from files:
//! `cargo run --release -p eidetic-vectors --example ann -- BASE.f32 QUERIES.f32 DIMENSION LIMIT THREADS [EF]...`
#![expect(clippy::print_stdout, reason = "an example's output")]

use std::error::Error;

use eidetic_vectors::bench_points;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, queries, dimension, limit, threads, efs @ ..] = arguments.as_slice() else {
        return Err("usage: ann BASE.f32 QUERIES.f32 DIMENSION LIMIT THREADS [EF]...".into());
    };
    let (dimension, limit, threads) = (dimension.parse()?, limit.parse::<usize>()?, threads.parse()?);
    let efs = efs
        .iter()
        .map(|ef| ef.parse())
        .collect::<Result<Vec<usize>, _>>()?;

    let (mut base, queries) = (read(base)?, read(queries)?);
    base.truncate(limit * dimension);
    let report = bench_points(&base, &queries, dimension, threads, &efs, &std::env::temp_dir())?;
    println!(
        "vectors {}  threads {threads}  open {:.0} ms  exact {:.2} ms  build {:.1} s  {} MB",
        base.len() / dimension,
        report.open_milliseconds,
        report.exact_milliseconds,
        report.build_seconds,
        report.bytes / 1_000_000
    );
    for point in report.points {
        println!(
            "ef {:4}  recall@10 {:.4}  {:.0} queries/s",
            point.ef, point.recall, point.queries_per_second
        );
    }
    for point in report.filters {
        println!(
            "kept {:?} {:.3}  recall@10 {:.4}  {:.0} queries/s",
            point.kept, point.share, point.recall, point.queries_per_second
        );
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let (numbers, _) = bytes.as_chunks::<4>();
    Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
}
