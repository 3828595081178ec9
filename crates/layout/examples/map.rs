//! Measures the layout of a map on vectors of a file: time of each stage, peak memory, trustworthiness.
//!
//! `cargo run --release -p eidetic-layout --example map -- VECTORS DIMENSION POSITIONS`
//!
//! VECTORS has f32 numbers, little endian, one vector after the other; POSITIONS is written likewise, two numbers for each vector. The file of vectors
//! is made, and another program's layout of it measured, by `tools/layout/umap_peer.py`.
#![expect(clippy::print_stdout, reason = "it prints its measurements")]

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use eidetic_domain::{Embedding, ImageId, SpaceId};
use eidetic_layout::{
    Layout, NeighborLists, Point, Regions, layout, place, principal_start, trustworthiness,
};
use eidetic_vectors::{Neighbors, VectorIndex, VectorStore};

/// Neighbors that trustworthiness is measured by.
const K: usize = 15;
/// Points at which it is measured.
const SAMPLE: usize = 1000;
/// One in this many vectors is new in the measurement of placement.
const NEW_ONE_IN: usize = 50;

const GO_ON: fn(usize) -> ControlFlow<()> = |_| ControlFlow::Continue(());

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vectors, dimension, output] = arguments.as_slice() else {
        return Err("expected: VECTORS DIMENSION POSITIONS".into());
    };
    let dimension: usize = dimension.parse()?;
    let bytes = std::fs::read(vectors)?;
    let rows: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|x| f32::from_le_bytes(*x))
        .collect();
    let directory = tempfile::tempdir()?;
    let mut store = filled(&rows, dimension, directory.path())?;
    println!("{} vectors of dimension {dimension}", store.len());
    let start = Instant::now();
    store.install_graph(store.graph_builder().build());
    println!(
        "search graph, which indexing builds: {:.2} s",
        start.elapsed().as_secs_f64()
    );
    let positions = lay_out(&store)?;
    let start = Instant::now();
    let regions = Regions::of(&positions);
    println!(
        "regions: {} in {:.3} s",
        regions.all().len(),
        start.elapsed().as_secs_f64()
    );
    println!("peak memory: {}", peak_memory().unwrap_or_default());
    println!(
        "trustworthiness at {K}: {:.4}",
        trust(&positions, &rows, dimension)
    );
    measure_placement(&store, &positions, &rows, dimension)?;
    let bytes: Vec<u8> = positions.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(output, bytes)?;
    Ok(())
}

/// The whole layout, as a library computes it.
fn lay_out(store: &VectorStore) -> Result<Vec<Point>, Box<dyn Error>> {
    let (begin, before) = (Instant::now(), processor_seconds());
    let finder = store.neighbor_finder().prepared(&GO_ON).ok_or("it was stopped")?;
    let places: Vec<u32> = (0..store.len() as u32).collect();
    let start = principal_start(places.len(), finder.dimension(), |at, numbers| {
        finder.write_components(at, numbers);
    });
    let principal = begin.elapsed().as_secs_f64();
    let found = finder.find(&places, K, &GO_ON).ok_or("it was stopped")?;
    let list = |list: Neighbors| list.into_iter().map(|(place, cosine)| (place, 1.0 - cosine));
    let neighbors = NeighborLists::new(found.into_iter().map(list));
    let compared = begin.elapsed().as_secs_f64();
    let input = Layout {
        neighbors: &neighbors,
        start: &start,
    };
    let positions = layout(input, &GO_ON).ok_or("it was stopped")?;
    let all = begin.elapsed().as_secs_f64();
    println!(
        "principal components {principal:.2} s, neighbors {:.2} s, UMAP {:.2} s",
        compared - principal,
        all - compared
    );
    println!(
        "layout in all: {all:.2} s, {:.2} s of processors",
        processor_seconds() - before
    );
    Ok(positions)
}

fn filled(
    rows: &[f32],
    dimension: usize,
    directory: &std::path::Path,
) -> Result<VectorStore, Box<dyn Error>> {
    let space = SpaceId {
        model: "layout".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension,
    };
    let (mut store, _) = VectorStore::open(directory, &space, &[])?;
    for (batch, rows) in rows.chunks(4096 * dimension).enumerate() {
        let vectors = rows.chunks_exact(dimension).enumerate().map(|(at, row)| {
            let image = ImageId::of(&(batch * 4096 + at).to_le_bytes());
            Ok((image, Embedding::normalize(row.to_vec())?))
        });
        store.upsert(&vectors.collect::<Result<Vec<_>, Box<dyn Error>>>()?)?;
    }
    store.commit()?;
    Ok(store)
}

/// The trustworthiness at points spread over all.
fn trust(positions: &[Point], rows: &[f32], dimension: usize) -> f64 {
    let step = positions.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<usize> = (0..positions.len()).step_by(step).collect();
    let distances = |point: usize| -> Vec<f32> {
        let own = &rows[point * dimension..][..dimension];
        let mut products = vec![0.0; positions.len()];
        eidetic_kernels::dot_rows(own, rows, &mut products);
        products.iter().map(|product| 1.0 - product).collect()
    };
    trustworthiness(positions, K, &sample, distances)
}

/// Places one in [`NEW_ONE_IN`] vectors in the layout of the others, as if they were new.
fn measure_placement(
    store: &VectorStore,
    positions: &[Point],
    rows: &[f32],
    dimension: usize,
) -> Result<(), Box<dyn Error>> {
    let is_new = |at: &u32| (*at as usize).is_multiple_of(NEW_ONE_IN);
    let all = 0..positions.len() as u32;
    let new: Vec<u32> = all.clone().filter(is_new).collect();
    let kept: Vec<u32> = all.filter(|at| !is_new(at)).collect();
    let mut numbers = vec![0_u32; positions.len()];
    for (number, place) in (0..).zip(kept.iter().chain(&new)) {
        numbers[*place as usize] = number;
    }
    let start = Instant::now();
    let finder = store.neighbor_finder();
    let found = finder.find(&new, K, &GO_ON).ok_or("it was stopped")?;
    let lists = found.into_iter().map(|list| {
        let numbers = &numbers;
        list.into_iter()
            .map(move |(place, cosine)| (numbers[place as usize], 1.0 - cosine))
    });
    let placed: Vec<Point> = kept.iter().map(|at| positions[*at as usize]).collect();
    let added = place(&placed, &NeighborLists::new(lists), &GO_ON).ok_or("it was stopped")?;
    println!(
        "placing {} of them again: {:.2} s",
        new.len(),
        start.elapsed().as_secs_f64()
    );
    let mut all = positions.to_vec();
    for (at, position) in new.iter().zip(added) {
        all[*at as usize] = position;
    }
    let sample: Vec<usize> = new.iter().map(|at| *at as usize).collect();
    let step = sample.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<usize> = sample.into_iter().step_by(step).collect();
    let distances = |point: usize| -> Vec<f32> {
        let own = &rows[point * dimension..][..dimension];
        let mut products = vec![0.0; all.len()];
        eidetic_kernels::dot_rows(own, rows, &mut products);
        products.iter().map(|product| 1.0 - product).collect()
    };
    let before = trustworthiness(positions, K, &sample, distances);
    let after = trustworthiness(&all, K, &sample, distances);
    println!("their trustworthiness: {after:.4}, {before:.4} in the whole layout");
    Ok(())
}

/// Time that all threads have run, on Linux: what a busy machine tells reliably.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// The most memory that the process had, on Linux.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
}
