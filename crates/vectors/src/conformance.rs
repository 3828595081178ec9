//! Checks that every [`VectorIndex`] has to pass.

use std::collections::HashSet;

use eidetic_domain::{Embedding, ImageId, RowId, SplitMix64};

use crate::{IndexError, Neighbor, RowSet, VectorIndex};

/// Maximum difference between two ways of computing the dot product of unit vectors.
const TOLERANCE: f32 = 1e-5;

/// Runs all checks on an empty index.
///
/// # Panics
/// At the first failed check.
pub fn check(index: &mut dyn VectorIndex) {
    let vectors = samples(200, index.space().dimension);
    starts_empty(index);
    finds_added_vectors(index, &vectors);
    adds_image_once(index, &vectors);
    ranks_like_sorting(index, &vectors);
    ranking_goes_on_after_search(index, &vectors);
    respects_filter(index, &vectors);
    forgets_removed_images(index, &vectors);
    rejects_other_dimensions(index, &vectors);
    restores_hidden_images(index, &vectors);
}

/// `count` images with distinct pseudorandom vectors, the same at every call.
pub fn samples(count: usize, dimension: usize) -> Vec<(ImageId, Embedding)> {
    let mut random = SplitMix64::new(3);
    (0..count)
        .map(|image| {
            let components = (0..dimension).map(|_| random.signed_unit()).collect();
            let vector = Embedding::normalize(components).expect("random numbers are not all zero");
            (ImageId::of(&image.to_le_bytes()), vector)
        })
        .collect()
}

fn starts_empty(index: &dyn VectorIndex) {
    assert!(index.is_empty(), "the index under test must start empty");
    let query = &samples(1, index.space().dimension)[0].1;
    assert_eq!(search(index, query, 5), []);
}

fn finds_added_vectors(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let rows = add(index, vectors);
    assert_eq!(index.len(), vectors.len());
    assert_eq!(
        rows.iter().collect::<HashSet<_>>().len(),
        vectors.len(),
        "each image has a row of its own"
    );
    index.commit().expect("committing");
    for (image, vector) in vectors {
        let best = &search(index, vector, 1)[0];
        assert_eq!(best.image, *image, "an image is nearest to its own vector");
        assert!(
            (0.999_999..=1.0).contains(&best.score),
            "score {} of an image with itself",
            best.score
        );
        let stored = index.vector(image).expect("the vector of an image just added");
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < TOLERANCE;
        assert!(stored.as_slice().iter().zip(vector.as_slice()).all(close));
        assert_eq!(best.vector.len(), vector.dimension());
        assert!(
            best.vector.iter().zip(vector.as_slice()).all(close),
            "the vector compared"
        );
    }
}

fn adds_image_once(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let first = add(index, &vectors[..10]);
    let twice = [&vectors[..10], &vectors[..10]].concat();
    assert_eq!(add(index, &twice), [first.clone(), first].concat());
    assert_eq!(index.len(), vectors.len());
}

fn ranks_like_sorting(index: &dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    for (_, query) in samples(220, index.space().dimension).iter().skip(200) {
        let found = search(index, query, 20);
        let mut expected: Vec<f32> = vectors.iter().map(|(_, vector)| product(query, vector)).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(found.len(), 20);
        for (neighbor, score) in found.iter().zip(&expected) {
            assert!((neighbor.score - score).abs() < TOLERANCE);
        }
        assert!(found.is_sorted_by(|a, b| (b.score, a.image) <= (a.score, b.image)));
        assert_eq!(search(index, query, 0), []);
        assert_eq!(search(index, query, usize::MAX).len(), vectors.len());
    }
}

fn ranking_goes_on_after_search(index: &dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let query = &vectors[3].1;
    let odd = RowSet::below(
        index.end(),
        (0..index.end()).filter(|row| row % 2 == 1).map(RowId),
    );
    for filter in [None, Some(&odd)] {
        let nearest = index.search(query, vectors.len(), filter).expect("searching");
        let nearest: Vec<(ImageId, f32)> = nearest
            .into_iter()
            .map(|neighbor| (neighbor.image, neighbor.score))
            .collect();
        assert_eq!(
            index.rank(query, filter).expect("ranking"),
            nearest,
            "scores bit by bit"
        );
        for most in [0, 1, 2, vectors.len() / 2, usize::MAX] {
            let beginning = index.rank_beginning(query, filter, most).expect("ranking");
            let expected = &nearest[..most.min(nearest.len())];
            assert!(beginning.is_none_or(|beginning| beginning == expected), "{most}");
        }
    }
}

fn respects_filter(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let matching: HashSet<ImageId> = vectors.iter().step_by(7).map(|(image, _)| *image).collect();
    let filtered: Vec<_> = vectors.iter().step_by(7).cloned().collect();
    let filter = RowSet::below(index.end(), add(index, &filtered));
    let found = index
        .search(&vectors[1].1, vectors.len(), Some(&filter))
        .expect("searching with a filter");
    let found: HashSet<ImageId> = found.iter().map(|neighbor| neighbor.image).collect();
    assert_eq!(found, matching);
    let one = RowSet::below(index.end(), add(index, &vectors[5..6]));
    for (row_set, image) in [(&one, Some(vectors[5].0)), (&RowSet::default(), None)] {
        let found = index.search(&vectors[1].1, 3, Some(row_set)).expect("searching");
        assert_eq!(found.first().map(|neighbor| neighbor.image), image);
    }
    let beyond = RowSet::below(u64::MAX, [RowId(index.end() + 100)]);
    assert_eq!(
        index.search(&vectors[1].1, 3, Some(&beyond)).expect("searching"),
        []
    );
}

fn forgets_removed_images(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let (removed, query) = (vectors[3].0, &vectors[3].1);
    let unknown = ImageId::of(b"unknown");
    index.remove(&[removed, unknown, removed]).expect("removing");
    assert_eq!(index.len(), vectors.len() - 1);
    assert_eq!(index.vector(&removed), None);
    let found = search(index, query, vectors.len());
    assert!(found.iter().all(|neighbor| neighbor.image != removed));
    add(index, &vectors[3..4]);
    assert_eq!(search(index, query, 1)[0].image, removed);
}

fn restores_hidden_images(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let (hidden, query) = (vectors[8].0, &vectors[8].1);
    let row = add(index, &vectors[8..9])[0];
    let unknown = ImageId::of(b"unknown");
    index.hide(&[hidden, unknown, hidden]).expect("hiding");
    assert_eq!((index.len(), index.vector(&hidden)), (vectors.len() - 1, None));
    let found = search(index, query, vectors.len());
    assert!(found.iter().all(|neighbor| neighbor.image != hidden));
    let other = samples(201, index.space().dimension).split_off(200);
    assert_ne!(
        add(index, &other)[0],
        row,
        "the row of a hidden vector is not reused"
    );
    index.remove(&[other[0].0]).expect("removing");
    let restored = index.restore(&[unknown, hidden, hidden]).expect("restoring");
    assert_eq!(restored, [None, Some(row), Some(row)]);
    assert_eq!(index.len(), vectors.len());
    assert_eq!(search(index, query, 1)[0].image, hidden);
    index.hide(&[hidden]).expect("hiding");
    let added = add(index, &vectors[8..9])[0];
    assert_eq!(search(index, query, 1)[0].image, hidden);
    assert_eq!(index.restore(&[hidden]).expect("restoring"), [Some(added)]);
    index.hide(&[hidden]).expect("hiding");
    index.remove(&[hidden]).expect("removing");
    assert_eq!(index.restore(&[hidden]).expect("restoring"), [None]);
    add(index, &vectors[8..9]);
}

fn rejects_other_dimensions(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let (image, other) = samples(1, index.space().dimension + 1).remove(0);
    let rejected =
        |result: Result<(), IndexError>| matches!(result, Err(IndexError::DimensionMismatch { .. }));
    assert!(rejected(index.search(&other, 1, None).map(drop)));
    let mixed = [(ImageId::of(b"new"), vectors[0].1.clone()), (image, other)];
    assert!(rejected(index.upsert(&mixed).map(drop)));
    assert_eq!(index.len(), vectors.len(), "a rejected call adds nothing");
}

fn add(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) -> Vec<RowId> {
    index.upsert(vectors).expect("adding")
}

fn search(index: &dyn VectorIndex, query: &Embedding, k: usize) -> Vec<Neighbor> {
    index.search(query, k, None).expect("searching")
}

fn product(a: &Embedding, b: &Embedding) -> f32 {
    let products = a.as_slice().iter().zip(b.as_slice());
    products.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() as f32
}
