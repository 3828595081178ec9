//! The graph beside the store: recall, staleness, filters, and files that are not what was saved.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use eidetic_domain::{Embedding, ImageId, SpaceId};
use eidetic_vectors::{GRAPH_THRESHOLD, IndexKind, VectorIndex, VectorStore};
use proptest::prelude::*;

const DIMENSION: usize = 16;
/// Enough that a search for ten neighbours goes by the graph.
const COUNT: usize = 6_500;

fn space() -> SpaceId {
    SpaceId {
        model: "test".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension: DIMENSION,
    }
}

/// `count` unit vectors about 50 centres; the same for the same seed.
fn vectors(count: usize, seed: u32) -> Vec<(ImageId, Embedding)> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    let centres: Vec<f32> = (0..50 * DIMENSION).map(|_| number()).collect();
    (0..count)
        .map(|image| {
            let centre = &centres[image % 50 * DIMENSION..][..DIMENSION];
            let components = centre.iter().map(|c| c + 0.8 * number()).collect();
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

/// A store of the vectors with a graph in use, and one without.
fn with_and_without_graph(directory: &Path, vectors: &[(ImageId, Embedding)]) -> (VectorStore, VectorStore) {
    let stores = ["graph", "plain"].map(|name| {
        let directory = directory.join(name);
        fs::create_dir(&directory).expect("making a folder");
        let mut store = open(&directory);
        store.upsert(vectors).expect("adding");
        store
    });
    let [mut graph, plain] = stores;
    graph.install_graph(graph.graph_source().build());
    (graph, plain)
}

/// Which part of the truly nearest ten the store finds; every answer must be live, admitted and truly scored.
fn recall(found_by: &VectorStore, truth: &VectorStore, admit: &(dyn Fn(&ImageId) -> bool + Sync)) -> f64 {
    let (mut hits, mut possible) = (0, 0);
    for (_, query) in vectors(100, 77) {
        let found = found_by.search(&query, 10, Some(admit)).expect("searching");
        let expected = truth.search(&query, 10, Some(admit)).expect("searching");
        assert_eq!(found.len(), expected.len());
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for neighbour in &found {
            let vector = truth
                .vector(&neighbour.image)
                .expect("only live images are found");
            assert!(admit(&neighbour.image));
            let product: f32 = query
                .as_slice()
                .iter()
                .zip(vector.as_slice())
                .map(|(q, v)| q * v)
                .sum();
            assert!((product - neighbour.score).abs() < 1e-5);
        }
        let found: HashSet<ImageId> = found.iter().map(|neighbour| neighbour.image).collect();
        hits += expected
            .iter()
            .filter(|neighbour| found.contains(&neighbour.image))
            .count();
        possible += expected.len();
    }
    f64::from(u32::try_from(hits).expect("small")) / possible as f64
}

#[test]
fn graph_finds_what_the_scan_finds() {
    let directory = tempfile::tempdir().unwrap();
    let (graph, plain) = with_and_without_graph(directory.path(), &vectors(COUNT, 1));
    assert_eq!(graph.stats().unwrap().kind, IndexKind::Hnsw);
    assert_eq!(plain.stats().unwrap().kind, IndexKind::Exact);
    let recall = recall(&graph, &plain, &|_| true);
    assert!(recall >= 0.99, "recall {recall}");
}

#[test]
fn filters_and_large_k_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (graph, plain) = with_and_without_graph(directory.path(), &all);
    for one_in in [2, 10, 100, 3_000] {
        let admitted: HashSet<ImageId> = all.iter().step_by(one_in).map(|(image, _)| *image).collect();
        let recall = recall(&graph, &plain, &|image| admitted.contains(image));
        assert!(recall >= 0.99, "one in {one_in}: recall {recall}");
    }
    let everything = graph.search(&all[0].1, COUNT, None).unwrap();
    assert_eq!(everything.len(), COUNT);
}

#[test]
fn images_that_came_or_went_since_the_graph_was_built_are_found_or_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (mut graph, mut plain) = with_and_without_graph(directory.path(), &all);
    let new = vectors(500, 2);
    let (gone, back): (Vec<_>, Vec<_>) = (all[..900].to_vec(), all[100..200].to_vec());
    let gone: Vec<ImageId> = gone.iter().map(|(image, _)| *image).collect();
    for store in [&mut graph, &mut plain] {
        store.remove(&gone).unwrap();
        store.upsert(&new).unwrap();
        store.upsert(&back).unwrap();
    }
    let recall = recall(&graph, &plain, &|_| true);
    assert!(recall >= 0.99, "recall {recall}");
    for (image, vector) in new.iter().chain(&back).take(50) {
        assert_eq!(graph.search(vector, 1, None).unwrap()[0].image, *image);
    }
}

#[test]
fn many_equal_vectors_hide_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = vectors(COUNT, 1);
    let copy = all[0].1.clone();
    for (_, vector) in all.iter_mut().skip(COUNT / 2) {
        *vector = copy.clone();
    }
    let (graph, plain) = with_and_without_graph(directory.path(), &all);
    // By score, because equal vectors answer for each other. Copies that hid others would cost far more than one in fifty.
    let mut reached = 0;
    for (_, query) in vectors(100, 77) {
        let found = graph.search(&query, 10, None).unwrap();
        let tenth = plain.search(&query, 10, None).unwrap()[9].score;
        reached += found.iter().filter(|hit| hit.score >= tenth - 1e-6).count();
    }
    assert!(reached >= 980, "recall {reached} of 1,000");
}

#[test]
fn saved_graph_answers_as_before_and_another_space_gets_none() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (mut graph, _) = with_and_without_graph(directory.path(), &all);
    let files = graph.graph_files();
    assert!(files.load().is_none());
    let built = graph.graph_source().build();
    files.save(&built).unwrap();
    files.save(&built).unwrap();
    assert_eq!(graph.stats().unwrap().graph_bytes, files.bytes());
    assert!(files.bytes() > (COUNT * DIMENSION * 4) as u64);

    graph.install_graph(built);
    let answers = |store: &VectorStore| -> Vec<_> {
        let queries = vectors(50, 77);
        queries
            .iter()
            .map(|(_, query)| store.search(query, 10, None).unwrap())
            .collect()
    };
    let before = answers(&graph);
    graph.install_graph(files.load().expect("the graph just saved"));
    assert_eq!(answers(&graph), before);

    let other = SpaceId {
        revision: "2".into(),
        ..space()
    };
    let elsewhere = directory.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let other = VectorStore::open(&elsewhere, &other, &[]).unwrap().0;
    fs::rename(directory.path().join("graph/graph"), elsewhere.join("graph")).unwrap();
    assert!(other.graph_files().load().is_none());
}

#[test]
fn small_stores_need_no_graph() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.upsert(&vectors(1_000, 1)).unwrap();
    assert!(!store.needs_graph());
    let empty = tempfile::tempdir().unwrap();
    let mut store = open(empty.path());
    store.install_graph(store.graph_source().build());
    assert_eq!(store.search(&vectors(1, 1)[0].1, 5, None).unwrap(), []);
}

#[test]
fn graph_is_due_above_the_threshold_only() {
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

    #[test]
    fn damaged_graph_files_are_no_graph(
        name in prop::sample::select(vec!["nodes.bin", "vectors.hnsw.graph", "vectors.hnsw.data"]),
        damage in prop_oneof![
            (any::<prop::sample::Index>(), 1_u8..).prop_map(Damage::Flip),
            any::<prop::sample::Index>().prop_map(Damage::Cut),
            prop::collection::vec(any::<u8>(), 1..64).prop_map(Damage::Append),
        ],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        store.upsert(&vectors(40, 1)).unwrap();
        store.graph_files().save(&store.graph_source().build()).unwrap();
        let path = directory.path().join("graph").join(name);
        let bytes = damage.inflict(fs::read(&path).unwrap());
        fs::write(&path, bytes).unwrap();
        prop_assert!(store.graph_files().load().is_none());
    }
}

/// Something that happens to a file.
#[derive(Debug)]
enum Damage {
    Flip((prop::sample::Index, u8)),
    Cut(prop::sample::Index),
    Append(Vec<u8>),
}

impl Damage {
    fn inflict(&self, mut bytes: Vec<u8>) -> Vec<u8> {
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
