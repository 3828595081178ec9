//! The graph in a store: recall, filters, changes, reopening, and files that are not what was saved.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId, SplitMix64};
use eidetic_vectors::{GRAPH_THRESHOLD, IndexKind, RowSet, VectorIndex, VectorStore};
use proptest::prelude::*;

const DIMENSION: usize = 16;
/// Enough that a search for ten neighbours goes by the graph.
const COUNT: usize = 10_000;

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
    let mut random = SplitMix64::new(seed.into());
    let mut number = || random.signed_unit();
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

/// The store in `directory`, with what `live` names.
fn reopen(directory: &Path, live: &[(RowId, ImageId)]) -> VectorStore {
    VectorStore::open(directory, &space(), live).expect("opening").0
}

/// A store of the vectors with a graph in use, and one without, in folders of these names.
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
    graph.install_graph(graph.graph_source().build());
    (graph, plain)
}

/// The rows of some images.
fn rows_of(store: &VectorStore, images: &HashSet<ImageId>) -> RowSet {
    let rows = store
        .live()
        .filter(|(_, image)| images.contains(image))
        .map(|(row, _)| row);
    RowSet::below(store.end(), rows)
}

/// Which part of the truly nearest ten among `admitted` the store finds; every answer must be live, admitted and truly
/// scored.
fn recall(found_by: &VectorStore, truth: &VectorStore, admitted: Option<&HashSet<ImageId>>) -> f64 {
    let filters = [found_by, truth].map(|store| admitted.map(|images| rows_of(store, images)));
    let (mut hits, mut possible) = (0, 0);
    for (_, query) in vectors(100, 77) {
        let found = found_by
            .search(&query, 10, filters[0].as_ref())
            .expect("searching");
        let expected = truth.search(&query, 10, filters[1].as_ref()).expect("searching");
        assert_eq!(found.len(), expected.len());
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for neighbour in &found {
            let vector = truth
                .vector(&neighbour.image)
                .expect("only live images are found");
            assert!(admitted.is_none_or(|images| images.contains(&neighbour.image)));
            let products = query.as_slice().iter().zip(vector.as_slice()).map(|(q, v)| q * v);
            assert!((products.sum::<f32>() - neighbour.score).abs() < 1e-5);
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
    let recall = recall(&graph, &plain, None);
    assert!(recall >= 0.99, "recall {recall}");
}

#[test]
fn scan_of_codes_finds_what_the_vectors_say() {
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
        assert_eq!((recall.found, recall.possible), (1_000, 1_000));
    }
}

#[test]
fn filters_and_large_k_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (graph, plain) = with_and_without_graph(directory.path(), &all);
    for one_in in [2, 10, 100, 3_000] {
        let admitted: HashSet<ImageId> = all.iter().step_by(one_in).map(|(image, _)| *image).collect();
        let recall = recall(&graph, &plain, Some(&admitted));
        assert!(recall >= 0.99, "one in {one_in}: recall {recall}");
    }
    let everything = graph.search(&all[0].1, COUNT, None).unwrap();
    assert_eq!(everything.len(), COUNT);
}

/// Enough rows that a filter for a quarter of them is answered by a walk that looks through the others.
#[test]
fn filters_of_many_among_more_lose_nothing_whatever_they_keep() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(40_000, 1);
    let (graph, plain) = with_and_without_graph(directory.path(), &all);
    let scattered = |at: usize| at.wrapping_mul(2_654_435_761) % 1_000 < 250;
    let some_groups = |at: usize| at % 50 < 13;
    let other_groups = |at: usize| at % 50 >= 38;
    let half_the_groups = |at: usize| at % 50 < 25;
    let filters: [&dyn Fn(usize) -> bool; 4] = [&scattered, &some_groups, &other_groups, &half_the_groups];
    for (number, keeps) in filters.into_iter().enumerate() {
        let admitted: HashSet<ImageId> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| keeps(*at))
            .map(|(_, (image, _))| *image)
            .collect();
        let recall = recall(&graph, &plain, Some(&admitted));
        assert!(recall >= 0.99, "filter {number}: recall {recall}");
    }
}

#[test]
fn images_that_came_or_went_since_the_graph_was_built_are_found_or_not_found() {
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
    check(&graph, "one by one");
    while graph.absorb() {}
    check(&graph, "absorbed");
    graph.unsaved().expect("a new graph").save().unwrap();
    let live: Vec<_> = graph.live().collect();
    let mut graph = reopen(&directory.path().join("graph"), &live);
    assert!(!graph.absorb());
    check(&graph, "reopened");
    assert_eq!(
        graph.stats().unwrap().tombstones,
        plain.stats().unwrap().tombstones + 900
    );
    graph.install_graph(graph.graph_source().build());
    check(&graph, "built anew");
    let free = graph.upsert(&vectors(1, 3)).unwrap()[0];
    assert_eq!(free, RowId(0), "a new graph gives the rows of the old one back");
}

/// Rows may change hands while a graph is built beside the store.
#[test]
fn rows_that_changed_hands_while_the_graph_was_built_lead_to_their_new_images() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let mut store = open(directory.path());
    store.upsert(&all).unwrap();
    let source = store.graph_source();
    let gone: Vec<ImageId> = all[..300].iter().map(|(image, _)| *image).collect();
    store.remove(&gone).unwrap();
    let new = vectors(400, 2);
    store.upsert(&new).unwrap();
    store.install_graph(source.build());
    while store.absorb() {}
    let check = |store: &VectorStore| {
        for (image, vector) in new.iter().chain(&all[300..400]) {
            let found = store.search(vector, 3, None).unwrap();
            assert_eq!(found[0].image, *image);
            assert!(found[1].image != *image, "an image is found once");
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
    store.unsaved().expect("a new graph").save().unwrap();
    check(&reopen(directory.path(), &store.live().collect::<Vec<_>>()));
}

#[test]
fn many_equal_vectors_hide_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = vectors(COUNT, 1);
    let copy = all[0].1.clone();
    for (_, vector) in all.iter_mut().skip(COUNT / 2) {
        *vector = copy.clone();
    }
    let (mut graph, plain) = with_and_without_graph(directory.path(), &all);
    // By score, because equal vectors answer for each other. Copies that hid others would cost far more than one in fifty.
    let reached = |graph: &VectorStore| {
        let near = |(_, query): &(ImageId, Embedding)| {
            let found = graph.search(query, 10, None).unwrap();
            let tenth = plain.search(query, 10, None).unwrap()[9].score;
            found.iter().filter(|hit| hit.score >= tenth - 1e-6).count()
        };
        vectors(100, 77).iter().map(near).sum::<usize>()
    };
    assert!(reached(&graph) >= 980, "recall {} of 1,000", reached(&graph));
    graph.unsaved().expect("a new graph").save().unwrap();
    let live: Vec<_> = graph.live().collect();
    graph = reopen(&directory.path().join("graph"), &live);
    assert!(
        reached(&graph) >= 980,
        "reopened: recall {} of 1,000",
        reached(&graph)
    );
}

fn answers(store: &VectorStore) -> Vec<Vec<eidetic_vectors::Neighbour>> {
    let queries = vectors(50, 77);
    queries
        .iter()
        .map(|(_, query)| store.search(query, 10, None).expect("searching"))
        .collect()
}

#[test]
fn saved_graph_answers_as_before_and_another_space_gets_none() {
    let directory = tempfile::tempdir().unwrap();
    let (mut graph, _) = with_and_without_graph(directory.path(), &vectors(COUNT, 1));
    let place = directory.path().join("graph");
    let live: Vec<_> = graph.live().collect();
    assert_eq!(
        reopen(&place, &live).stats().unwrap().kind,
        IndexKind::Exact,
        "none is saved"
    );
    graph.unsaved().expect("a new graph").save().unwrap();
    graph.note_saved();
    assert!(graph.unsaved().is_none(), "nothing has changed");
    let again = reopen(&place, &live);
    assert_eq!(again.stats().unwrap().kind, IndexKind::Hnsw);
    assert!(again.stats().unwrap().graph_bytes > (COUNT * DIMENSION) as u64);
    assert!(again.unsaved().is_none());
    assert_eq!(answers(&again), answers(&graph));

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
fn rows_damaged_under_a_saved_graph_are_in_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let all = vectors(COUNT, 1);
    let (graph, _) = with_and_without_graph(directory.path(), &all);
    graph.unsaved().expect("a new graph").save().unwrap();
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
        assert_eq!(found.len(), 10, "another takes its place");
        assert!(found.iter().all(|found| found.image != all[row].0));
        assert_eq!(store.vector(&all[row].0), None);
    }
    let mut expected: Vec<ImageId> = broken.iter().map(|&row| all[row].0).collect();
    assert_eq!(store.damaged(), expected, "searching found them");
    store = reopen(&place, &live);
    assert_eq!(store.verify().unwrap(), expected, "reading everything finds them");
    store.remove(&expected).unwrap();
    assert_eq!(store.damaged(), []);
    store.upsert(&broken.map(|row| all[row].clone())).unwrap();
    expected.retain(|image| store.vector(image).is_none());
    assert_eq!(expected, [], "added again, they are whole");

    fs::write(&path, &bytes[..4096 + 100 * row_bytes]).unwrap();
    let (store, report) = VectorStore::open(&place, &space(), &live).unwrap();
    assert_eq!(
        (store.len(), report.damaged.len()),
        (100, COUNT - 100),
        "rows cut off are missed at once"
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
    store.install_graph(store.graph_source().build());
    assert!(!store.absorb() && store.unsaved().is_none());
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

    /// Damage to what is only padding changes nothing; any other makes the file as good as none.
    #[test]
    fn damaged_index_files_change_no_answer(
        in_the_end in any::<bool>(),
        damage in prop_oneof![
            (any::<prop::sample::Index>(), 1_u8..).prop_map(Damage::Flip),
            any::<prop::sample::Index>().prop_map(Damage::Cut),
            prop::collection::vec(any::<u8>(), 1..64).prop_map(Damage::Append),
        ],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        store.upsert(&vectors(60, 1)).unwrap();
        store.install_graph(store.graph_source().build());
        store.commit().unwrap();
        store.unsaved().expect("a new graph").save().unwrap();
        let path = directory.path().join("index.bin");
        let mut bytes = fs::read(&path).unwrap();
        // The last page and the checksums of the four pieces that there are at least; padding stands before.
        let start = if in_the_end { bytes.len() - 4096 - 4 * 4 } else { 0 };
        let end = damage.inflict(bytes.split_off(start));
        bytes.extend(end);
        fs::write(&path, bytes).unwrap();
        let live: Vec<_> = store.live().collect();
        let reopened = reopen(directory.path(), &live);
        prop_assert!(!in_the_end || reopened.stats().unwrap().kind == IndexKind::Exact);
        prop_assert_eq!(answers(&reopened), answers(&store));
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
