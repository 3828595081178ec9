//! Measures how long a store of 100,000 vectors takes to write, open and search:
//! `cargo run --release -p eidetic-vectors --example open -- FOLDER [VECTORS] [DIMENSION]`
#![expect(clippy::print_stdout, reason = "an example's output")]

use std::error::Error;
use std::time::Instant;

use eidetic_domain::{Embedding, ImageId, SpaceId, SplitMix64};
use eidetic_vectors::{VectorIndex, VectorStore};

const SEARCHES: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: open FOLDER [VECTORS] [DIMENSION]")?;
    let count: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let dimension: usize = arguments.next().map_or(Ok(512), |dimension| dimension.parse())?;
    let space = SpaceId {
        model: "random".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension,
    };
    let folder = std::path::Path::new(&folder);
    std::fs::create_dir(folder)?;

    let (mut store, _) = VectorStore::open(folder, &space, &[])?;
    let start = Instant::now();
    for first in (0..count).step_by(1000) {
        let batch = (first..count.min(first + 1000)).map(|n| random(n, dimension));
        store.upsert(&batch.collect::<Result<Vec<_>, _>>()?)?;
    }
    store.commit()?;
    println!("written and committed in {:.2} s", start.elapsed().as_secs_f64());
    let live: Vec<_> = store.live().collect();
    drop(store);

    for _ in 0..3 {
        let start = Instant::now();
        let (store, report) = VectorStore::open(folder, &space, &live)?;
        let opened = start.elapsed();
        let start = Instant::now();
        for n in 0..SEARCHES {
            let found = store.search(&random(n, dimension)?.1, 10, None)?;
            assert!(found[0].score >= 0.999_999, "an image is nearest to itself");
        }
        println!(
            "opened {} in {:.0} ms ({} damaged), exact search {:.2} ms",
            store.len(),
            opened.as_secs_f64() * 1e3,
            report.damaged.len(),
            start.elapsed().as_secs_f64() * 1e3 / SEARCHES as f64
        );
    }
    Ok(())
}

/// The image number `n`, with a vector that looks random.
fn random(n: usize, dimension: usize) -> Result<(ImageId, Embedding), Box<dyn Error>> {
    let mut random = SplitMix64::new(n as u64);
    let components = std::iter::repeat_with(|| random.signed_unit());
    let vector = Embedding::normalize(components.take(dimension).collect())?;
    Ok((ImageId::of(&n.to_le_bytes()), vector))
}
