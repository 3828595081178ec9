//! Measures a store on vectors from files, for one or more files of queries:
//! `cargo run --release -p eidetic-vectors --example ann -- BASE.f32 DIMENSION LIMIT THREADS QUERIES.f32...`
#![expect(clippy::print_stdout, reason = "an example's output")]

use std::error::Error;
use std::io::Read;

use eidetic_vectors::bench::IndexBench;

const EFS: [usize; 9] = [32, 40, 48, 56, 64, 80, 96, 128, 192];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, dimension, limit, threads, queries @ ..] = arguments.as_slice() else {
        return Err("usage: ann BASE.f32 DIMENSION LIMIT THREADS QUERIES.f32...".into());
    };
    let (dimension, limit, threads) = (dimension.parse()?, limit.parse::<usize>()?, threads.parse()?);
    let base = read(base, limit.saturating_mul(dimension))?;
    let bench = IndexBench::new(&base, dimension, threads, &std::env::temp_dir())?;
    println!(
        "vectors {}  threads {threads}  build {:.1} s  open {:.0} ms  {} MB",
        base.len() / dimension,
        bench.build_seconds,
        bench.open_milliseconds,
        bench.bytes / 1_000_000
    );
    drop(base);
    for path in queries {
        let queries = read(path, usize::MAX)?;
        println!(
            "{path}: scan of all codes in {:.2} ms",
            bench.exact_milliseconds(&queries)?
        );
        for point in bench.points(&queries, &EFS)? {
            println!(
                "ef {:4}  recall@10 {:.4}  {:.0} queries/s",
                point.ef, point.recall, point.queries_per_second
            );
        }
        for point in bench.filters(&queries)? {
            println!(
                "filter {:?} {:.3}  recall@10 {:.4}  {:.0} queries/s",
                point.filter, point.share, point.recall, point.queries_per_second
            );
        }
    }
    Ok(())
}

/// Reads up to `count` little-endian numbers.
fn read(path: &str, count: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let file = std::fs::File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let (mut numbers, mut bytes) = (Vec::new(), Vec::new());
    let mut file = file.take((count as u64).saturating_mul(4));
    loop {
        bytes.clear();
        if file.by_ref().take(1 << 20).read_to_end(&mut bytes)? == 0 {
            return Ok(numbers);
        }
        numbers.extend(bytes.as_chunks::<4>().0.iter().copied().map(f32::from_le_bytes));
    }
}
