//! The graph of a store: recall, filters, changes, reopening, and damaged files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId, SplitMix64};
use eidetic_vectors::{GRAPH_THRESHOLD, IndexKind, RowSet, VectorIndex, VectorStore};
use proptest::prelude::*;

const DIMENSION: usize = 16;
/// Enough for a search for ten neighbors to use the graph.
const COUNT: usize = 10_000;

fn space() -> SpaceId {
    SpaceId {
        model: "test".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension: DIMENSION,
    }
}

/// `count` unit vectors around 50 centers; they depend on the seed alone.
fn vectors(count: usize, seed: u32) -> Vec<(ImageId, Embedding)> {
    let mut random = SplitMix64::new(seed.into());
    let mut number = || random.signed_unit();
    let centers: Vec<f32> = (0..50 * DIMENSION).map(|_| number()).collect();
    (0..count)
        .map(|image| {
            let center = &centers[image % 50 * DIMENSION..][..DIMENSION];
            let components = center.iter().map(|c| c + 0.8 * number()).collect();
            let vector = Embedding::normalize(components).expect("not all zero");
            (
                ImageId::of(&[seed.to_le_bytes(), (image as u32).to_le_bytes()].concat()),
                vector,
            )
        })
        .collect()
}

fn open(directory: &Path) -> VectorStore {
    VectorStore::open(directory, &space(), &[]).expect("opening").0
}

/// Opens the store in `directory` with these live rows.
fn reopen(directory: &Path, live: &[(RowId, ImageId)]) -> VectorStore {
    VectorStore::open(directory, &space(), live).expect("opening").0
}

/// A store with a graph and one without, in the folders `graph` and `plain`.
fn with_and_without_graph(directory: &Path, vectors: &[(ImageId, Embedding)]) -> (VectorStore, VectorStore) {
    let stores = ["graph", "plain"].map(|name| {
        let directory = directory.join(name);
        fs::create_dir(&directory).expect("making a folder");
        let mut store = open(&directory);
        store.upsert(vectors).expect("adding");
        store.commit().expect("committing");
        store
    });
    let [mut graph, plain] = stores;
    graph.install_graph(graph.graph_builder().build());
    (graph, plain)
}

/// The rows of these images.
fn rows_of(store: &VectorStore, images: &HashSet<ImageId>) -> RowSet {
    let rows = store
        .live()
        .filter(|(_, image)| images.contains(image))
        .map(|(row, _)| row);
    RowSet::below(store.end(), rows)
}

/// Recall@10 among the `matching` images. Also checks that every result is live and matching, and has its exact score.
fn recall(found_by: &VectorStore, truth: &VectorStore, matching: Option<&HashSet<ImageId>>) -> f64 {
    let filters = [found_by, truth].map(|store| matching.map(|images| rows_of(store, images)));
    let (mut hits, mut possible) = (0, 0);
    for (_, query) in vectors(100, 77) {
        let found = found_by
            .search(&query, 10, filters[0].as_ref())
            .expect("searching");
        let expected = truth.search(&query, 10, filters[1].as_ref()).expect("searching");
        assert_eq!(found.len(), expected.len());
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for neighbor in &found {
            let vector = truth.vector(&neighbor.image).expect("results are live");
            assert!(matching.is_none_or(|images| images.contains(&neighbor.image)));
            let products = query.as_slice().iter().zip(vector.as_slice()).map(|(q, v)| q * v);
            assert!((products.sum::<f32>() - neighbor.score).abs() < 1e-5);
        }
        let found: HashSet<ImageId> = found.iter().map(|neighbor| neighbor.image).collect();
        hits += expected
            .iter()
            .filter(|neighbor| found.contains(&neighbor.image))
            .count();
        possible += expected.len();
    }
    f64::from(u32::try_from(hits).expect("small")) / possible as f64
}

#[test]
fn graph_finds_what_scan_finds() {
    let directory = tempfile::tempdir().unwrap();
    let (graph, plain) = with_and_without_graph(directory.path(), &vectors(COUNT, 1));
    assert_eq!(graph.stats().unwrap().kind, IndexKind::Hnsw);
    assert_eq!(plain.stats().unwrap().kind, IndexKind::Exact);
    let recall = recall(&graph, &plain, None);
    assert!(recall >= 0.99, "recall {recall}");
}

#[test]
fn code_scan_equals_exact_search() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let mut store = open(directory.path());
    store.upsert(&all).unwrap();
    let queries: Vec<Embedding> = vectors(100, 77).into_iter().map(|(_, query)| query).collect();
    let filters = [
        None,
        Some(RowSet::below(store.end(), (0..100).map(|row| RowId(row * 7)))),
    ];
    for recall in store.recall(&queries, &filters, 10).unwrap() {
        assert_eq!((recall.found, recall.expected), (1_000, 1_000));
    }
}

#[test]
fn filters_and_large_k_keep_recall() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (graph, plain) = with_and_without_graph(directory.path(), &all);
    for one_in in [2, 10, 100, 3_000] {
        let matching: HashSet<ImageId> = all.iter().step_by(one_in).map(|(image, _)| *image).collect();
        let recall = recall(&graph, &plain, Some(&matching));
        assert!(recall >= 0.99, "one in {one_in}: recall {recall}");
    }
    let everything = graph.search(&all[0].1, COUNT, None).unwrap();
    assert_eq!(everything.len(), COUNT);
}

/// Enough rows for a filter of a quarter of them to use the filtered graph search.
#[test]
fn filtered_graph_search_keeps_recall() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(40_000, 1);
    let (graph, plain) = with_and_without_graph(directory.path(), &all);
    let scattered = |at: usize| at.wrapping_mul(2_654_435_761) % 1_000 < 250;
    let some_groups = |at: usize| at % 50 < 13;
    let other_groups = |at: usize| at % 50 >= 38;
    let half_the_groups = |at: usize| at % 50 < 25;
    let filters: [&dyn Fn(usize) -> bool; 4] = [&scattered, &some_groups, &other_groups, &half_the_groups];
    for (number, matches) in filters.into_iter().enumerate() {
        let matching: HashSet<ImageId> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| matches(*at))
            .map(|(_, (image, _))| *image)
            .collect();
        let recall = recall(&graph, &plain, Some(&matching));
        assert!(recall >= 0.99, "filter {number}: recall {recall}");
    }
}

#[test]
fn changes_after_build_are_searchable() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (mut graph, mut plain) = with_and_without_graph(directory.path(), &all);
    let new = vectors(1_500, 2);
    let gone: Vec<ImageId> = all[..900].iter().map(|(image, _)| *image).collect();
    let back = &all[100..200];
    for store in [&mut graph, &mut plain] {
        store.remove(&gone).unwrap();
        store.upsert(&new).unwrap();
        store.upsert(back).unwrap();
        store.commit().unwrap();
    }
    let check = |graph: &VectorStore, when: &str| {
        let recall = recall(graph, &plain, None);
        assert!(recall >= 0.99, "{when}: recall {recall}");
        for (image, vector) in new.iter().chain(back).take(50) {
            assert_eq!(graph.search(vector, 1, None).unwrap()[0].image, *image, "{when}");
        }
    };
    check(&graph, "unindexed");
    while graph.insert_pending() {}
    check(&graph, "inserted");
    graph.pending_snapshot().expect("a new graph").save().unwrap();
    let live: Vec<_> = graph.live().collect();
    let mut graph = reopen(&directory.path().join("graph"), &live);
    assert!(!graph.insert_pending());
    check(&graph, "reopened");
    assert_eq!(
        graph.stats().unwrap().tombstones,
        plain.stats().unwrap().tombstones + 900
    );
    graph.install_graph(graph.graph_builder().build());
    check(&graph, "rebuilt");
    let free = graph.upsert(&vectors(1, 3)).unwrap()[0];
    assert_eq!(
        free,
        RowId(0),
        "a new graph frees the rows reserved for the old one"
    );
}

#[test]
fn rows_reassigned_during_build_find_new_images() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let mut store = open(directory.path());
    store.upsert(&all).unwrap();
    let builder = store.graph_builder();
    let gone: Vec<ImageId> = all[..300].iter().map(|(image, _)| *image).collect();
    store.remove(&gone).unwrap();
    let new = vectors(400, 2);
    store.upsert(&new).unwrap();
    store.install_graph(builder.build());
    while store.insert_pending() {}
    let check = |store: &VectorStore| {
        for (image, vector) in new.iter().chain(&all[300..400]) {
            let found = store.search(vector, 3, None).unwrap();
            assert_eq!(found[0].image, *image);
            assert!(found[1].image != *image, "an image is returned once");
        }
        for (image, vector) in &all[..300] {
            assert!(
                store
                    .search(vector, 5, None)
                    .unwrap()
                    .iter()
                    .all(|found| found.image != *image)
            );
        }
    };
    check(&store);
    store.commit().unwrap();
    store.pending_snapshot().expect("a new graph").save().unwrap();
    check(&reopen(directory.path(), &store.live().collect::<Vec<_>>()));
}

#[test]
fn equal_vectors_do_not_hide_others() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = vectors(COUNT, 1);
    let copy = all[0].1.clone();
    for (_, vector) in all.iter_mut().skip(COUNT / 2) {
        *vector = copy.clone();
    }
    let (mut graph, plain) = with_and_without_graph(directory.path(), &all);
    // By score, because equal vectors are interchangeable. If copies hid other rows, far more than one in fifty would be lost.
    let reached = |graph: &VectorStore| {
        let near = |(_, query): &(ImageId, Embedding)| {
            let found = graph.search(query, 10, None).unwrap();
            let tenth = plain.search(query, 10, None).unwrap()[9].score;
            found.iter().filter(|hit| hit.score >= tenth - 1e-6).count()
        };
        vectors(100, 77).iter().map(near).sum::<usize>()
    };
    assert!(reached(&graph) >= 980, "recall {} of 1,000", reached(&graph));
    graph.pending_snapshot().expect("a new graph").save().unwrap();
    let live: Vec<_> = graph.live().collect();
    graph = reopen(&directory.path().join("graph"), &live);
    assert!(
        reached(&graph) >= 980,
        "reopened: recall {} of 1,000",
        reached(&graph)
    );
}

fn results(store: &VectorStore) -> Vec<Vec<eidetic_vectors::Neighbor>> {
    let queries = vectors(50, 77);
    queries
        .iter()
        .map(|(_, query)| store.search(query, 10, None).expect("searching"))
        .collect()
}

#[test]
fn saved_graph_gives_same_results() {
    let directory = tempfile::tempdir().unwrap();
    let (mut graph, _) = with_and_without_graph(directory.path(), &vectors(COUNT, 1));
    let place = directory.path().join("graph");
    let live: Vec<_> = graph.live().collect();
    assert_eq!(
        reopen(&place, &live).stats().unwrap().kind,
        IndexKind::Exact,
        "none is saved"
    );
    graph.pending_snapshot().expect("a new graph").save().unwrap();
    graph.mark_snapshot_saved();
    assert!(graph.pending_snapshot().is_none(), "no changes since");
    let again = reopen(&place, &live);
    assert_eq!(again.stats().unwrap().kind, IndexKind::Hnsw);
    assert!(again.stats().unwrap().graph_bytes > (COUNT * DIMENSION) as u64);
    assert!(again.pending_snapshot().is_none());
    assert_eq!(results(&again), results(&graph));

    let other = SpaceId {
        revision: "2".into(),
        ..space()
    };
    let elsewhere = directory.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(place.join("index.bin"), elsewhere.join("index.bin")).unwrap();
    let other = VectorStore::open(&elsewhere, &other, &[]).unwrap().0;
    assert_eq!(other.stats().unwrap().kind, IndexKind::Exact);
}

#[test]
fn damaged_rows_are_never_returned() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (graph, _) = with_and_without_graph(directory.path(), &all);
    graph.pending_snapshot().expect("a new graph").save().unwrap();
    let (place, live) = (directory.path().join("graph"), graph.live().collect::<Vec<_>>());
    let path = place.join("vectors.bin");
    let mut bytes = fs::read(&path).unwrap();
    let row_bytes = 32 + 4 * DIMENSION + 4;
    let broken = [17, 4_711, COUNT - 1];
    for row in broken {
        bytes[4096 + row * row_bytes + 40] ^= 1;
    }
    fs::write(&path, &bytes).unwrap();
    let mut store = reopen(&place, &live);
    for row in broken {
        let found = store.search(&all[row].1, 10, None).unwrap();
        assert_eq!(found.len(), 10, "the next nearest takes its place");
        assert!(found.iter().all(|found| found.image != all[row].0));
        assert_eq!(store.vector(&all[row].0), None);
    }
    let mut expected: Vec<ImageId> = broken.iter().map(|&row| all[row].0).collect();
    assert_eq!(store.damaged(), expected, "found by searching");
    store = reopen(&place, &live);
    assert_eq!(store.verify().unwrap(), expected, "found by verifying");
    store.remove(&expected).unwrap();
    assert_eq!(store.damaged(), []);
    store.upsert(&broken.map(|row| all[row].clone())).unwrap();
    expected.retain(|image| store.vector(image).is_none());
    assert_eq!(expected, [], "repaired by adding them again");

    fs::write(&path, &bytes[..4096 + 100 * row_bytes]).unwrap();
    let (store, report) = VectorStore::open(&place, &space(), &live).unwrap();
    assert_eq!(
        (store.len(), report.damaged.len()),
        (100, COUNT - 100),
        "truncated rows are reported when opening"
    );
}

#[test]
fn small_stores_need_no_graph() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.upsert(&vectors(1_000, 1)).unwrap();
    assert!(!store.needs_graph());
    let empty = tempfile::tempdir().unwrap();
    let mut store = open(empty.path());
    store.install_graph(store.graph_builder().build());
    assert!(!store.insert_pending() && store.pending_snapshot().is_none());
    assert_eq!(store.search(&vectors(1, 1)[0].1, 5, None).unwrap(), []);
}

#[test]
fn graph_is_needed_above_threshold() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let all = vectors(GRAPH_THRESHOLD + 1, 1);
    store.upsert(&all).unwrap();
    assert!(store.needs_graph());
    store.remove(&[all[0].0]).unwrap();
    assert!(!store.needs_graph());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to padding changes nothing; with any other damage the file is treated as missing.
    #[test]
    fn damaged_snapshot_changes_no_results(
        in_trailer in any::<bool>(),
        damage in prop_oneof![
            (any::<prop::sample::Index>(), 1_u8..).prop_map(Damage::Flip),
            any::<prop::sample::Index>().prop_map(Damage::Cut),
            prop::collection::vec(any::<u8>(), 1..64).prop_map(Damage::Append),
        ],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        store.upsert(&vectors(60, 1)).unwrap();
        store.install_graph(store.graph_builder().build());
        store.commit().unwrap();
        store.pending_snapshot().expect("a new graph").save().unwrap();
        let path = directory.path().join("index.bin");
        let mut bytes = fs::read(&path).unwrap();
        // The trailer and the checksums of at least four blocks; padding comes before.
        let start = if in_trailer { bytes.len() - 4096 - 4 * 4 } else { 0 };
        let end = damage.apply(bytes.split_off(start));
        bytes.extend(end);
        fs::write(&path, bytes).unwrap();
        let live: Vec<_> = store.live().collect();
        let reopened = reopen(directory.path(), &live);
        prop_assert!(!in_trailer || reopened.stats().unwrap().kind == IndexKind::Exact);
        prop_assert_eq!(results(&reopened), results(&store));
    }
}

/// Damage to a file.
#[derive(Debug)]
enum Damage {
    Flip((prop::sample::Index, u8)),
    Cut(prop::sample::Index),
    Append(Vec<u8>),
}

impl Damage {
    fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Flip((at, mask)) => {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Append(more) => bytes.extend(more),
        }
        bytes
    }
}

/// Vectors of 24 kinds, those of a kind within `noise` of each other.
fn near_copies(count: usize, noise: f32) -> Vec<(ImageId, Embedding)> {
    let mut random = SplitMix64::new(11);
    let mut number = || random.signed_unit();
    let centers: Vec<f32> = (0..24 * DIMENSION).map(|_| number()).collect();
    (0..count)
        .map(|image| {
            let center = &centers[image % 24 * DIMENSION..][..DIMENSION];
            let components = center.iter().map(|c| c + noise * number()).collect();
            let vector = Embedding::normalize(components).expect("not all zero");
            (ImageId::of(&(image as u32).to_le_bytes()), vector)
        })
        .collect()
}

#[test]
fn thousands_of_near_copies_hide_no_others() {
    for noise in [0.0, 1e-6, 1e-3, 1e-2, 0.05, 0.2] {
        let directory = tempfile::tempdir().unwrap();
        let all = near_copies(30_000, noise);
        let (graph, plain) = with_and_without_graph(directory.path(), &all);
        for (_, query) in all.iter().take(24) {
            let scores = |store: &VectorStore| -> Vec<f32> {
                let hits = store.search(query, 10, None).unwrap();
                hits.iter().map(|hit| hit.score).collect()
            };
            let (by_graph, exact) = (scores(&graph), scores(&plain));
            // Of so many that are almost the same, any ten will do.
            let least = exact[exact.len() - 1] - 1e-5 - noise * noise;
            assert!(
                by_graph.iter().all(|score| *score >= least),
                "{noise}: {by_graph:?} {exact:?}"
            );
        }
    }
}
