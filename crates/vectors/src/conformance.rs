//! What every [`VectorIndex`] must do, as one function to call from a test.

use std::collections::HashSet;

use eidetic_domain::{Embedding, ImageId, RowId, SplitMix64};

use crate::{IndexError, Neighbour, RowSet, VectorIndex};

/// How far two ways of summing a dot product of unit vectors may lie apart.
const TOLERANCE: f32 = 1e-5;

/// Puts an empty index through its paces.
///
/// # Panics
/// At the first thing that the index does wrong.
pub fn check(index: &mut dyn VectorIndex) {
    let vectors = samples(200, index.space().dimension);
    starts_empty(index);
    finds_what_was_added(index, &vectors);
    adds_an_image_once(index, &vectors);
    ranks_as_sorting_would(index, &vectors);
    honours_the_filter(index, &vectors);
    forgets_what_was_removed(index, &vectors);
    refuses_other_dimensions(index, &vectors);
}

/// `count` images with vectors that differ, the same at every call.
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

fn finds_what_was_added(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let rows = add(index, vectors);
    assert_eq!(index.len(), vectors.len());
    assert_eq!(
        rows.iter().collect::<HashSet<_>>().len(),
        vectors.len(),
        "a row is one image's"
    );
    index.commit().expect("committing");
    for (image, vector) in vectors {
        let best = search(index, vector, 1)[0];
        assert_eq!(best.image, *image, "an image is nearest to itself");
        assert!(
            (0.999_999..=1.0).contains(&best.score),
            "score {} of an image with itself",
            best.score
        );
        let kept = index.vector(image).expect("the vector of an image just added");
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < TOLERANCE;
        assert!(kept.as_slice().iter().zip(vector.as_slice()).all(close));
    }
}

fn adds_an_image_once(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let first = add(index, &vectors[..10]);
    let twice = [&vectors[..10], &vectors[..10]].concat();
    assert_eq!(add(index, &twice), [first.clone(), first].concat());
    assert_eq!(index.len(), vectors.len());
}

fn ranks_as_sorting_would(index: &dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    for (_, query) in samples(220, index.space().dimension).iter().skip(200) {
        let found = search(index, query, 20);
        let mut expected: Vec<f32> = vectors.iter().map(|(_, vector)| product(query, vector)).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(found.len(), 20);
        for (neighbour, score) in found.iter().zip(&expected) {
            assert!((neighbour.score - score).abs() < TOLERANCE);
        }
        assert!(found.is_sorted_by(|a, b| (b.score, a.image) <= (a.score, b.image)));
        assert_eq!(search(index, query, 0), []);
        assert_eq!(search(index, query, usize::MAX).len(), vectors.len());
    }
}

fn honours_the_filter(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let admitted: HashSet<ImageId> = vectors.iter().step_by(7).map(|(image, _)| *image).collect();
    let kept: Vec<_> = vectors.iter().step_by(7).cloned().collect();
    let filter = RowSet::below(index.end(), add(index, &kept));
    let found = index
        .search(&vectors[1].1, vectors.len(), Some(&filter))
        .expect("searching with a filter");
    let found: HashSet<ImageId> = found.iter().map(|neighbour| neighbour.image).collect();
    assert_eq!(found, admitted);
    let one = RowSet::below(index.end(), add(index, &vectors[5..6]));
    for (row_set, image) in [(&one, Some(vectors[5].0)), (&RowSet::default(), None)] {
        let found = index.search(&vectors[1].1, 3, Some(row_set)).expect("searching");
        assert_eq!(found.first().map(|neighbour| neighbour.image), image);
    }
    let beyond = RowSet::below(u64::MAX, [RowId(index.end() + 100)]);
    assert_eq!(
        index.search(&vectors[1].1, 3, Some(&beyond)).expect("searching"),
        []
    );
}

fn forgets_what_was_removed(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let (removed, query) = (vectors[3].0, &vectors[3].1);
    let unknown = ImageId::of(b"nowhere");
    index.remove(&[removed, unknown, removed]).expect("removing");
    assert_eq!(index.len(), vectors.len() - 1);
    assert_eq!(index.vector(&removed), None);
    let found = search(index, query, vectors.len());
    assert!(found.iter().all(|neighbour| neighbour.image != removed));
    add(index, &vectors[3..4]);
    assert_eq!(search(index, query, 1)[0].image, removed);
}

fn refuses_other_dimensions(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) {
    let (image, other) = samples(1, index.space().dimension + 1).remove(0);
    let refused = |result: Result<(), IndexError>| matches!(result, Err(IndexError::Dimension { .. }));
    assert!(refused(index.search(&other, 1, None).map(drop)));
    let mixed = [(ImageId::of(b"new"), vectors[0].1.clone()), (image, other)];
    assert!(refused(index.upsert(&mixed).map(drop)));
    assert_eq!(index.len(), vectors.len(), "a refused call adds nothing");
}

fn add(index: &mut dyn VectorIndex, vectors: &[(ImageId, Embedding)]) -> Vec<RowId> {
    index.upsert(vectors).expect("adding")
}

fn search(index: &dyn VectorIndex, query: &Embedding, k: usize) -> Vec<Neighbour> {
    index.search(query, k, None).expect("searching")
}

fn product(a: &Embedding, b: &Embedding) -> f32 {
    let products = a.as_slice().iter().zip(b.as_slice());
    products.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() as f32
}
