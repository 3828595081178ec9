use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::Path;

use proptest::prelude::*;

use super::files::{Files, changes_path, table_path};
use super::{EachRecord, FOLDER, Publisher, Snapshot};
use crate::store::Changes;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
/// The records of a model, as a store passes them.
fn records(model: &Model) -> impl Fn(EachRecord<'_>) -> io::Result<()> {
    |each| model.iter().try_for_each(|(key, value)| each(key, value))
}

fn apply(model: &mut Model, changes: &Changes) {
    for (key, value) in changes.iter() {
        match value {
            Some(value) => drop(model.insert(key.to_vec(), value.to_vec())),
            None => drop(model.remove(key)),
        }
    }
}

fn changes(writes: &[(u8, Option<u8>)]) -> Changes {
    let mut changes = Changes::default();
    for (key, value) in writes {
        match value {
            Some(value) => changes.insert([b'k', *key], vec![*value; usize::from(*value)]),
            None => changes.remove([b'k', *key]),
        }
    }
    changes
}

/// The number of a snapshot's last commit, and its records between two bounds.
fn read(folder: &Path, durable: u64, range: (Bound<Vec<u8>>, Bound<Vec<u8>>)) -> Option<(u64, Model)> {
    let snapshot = Snapshot::open(folder, durable).ok().flatten()?;
    let mut found = Model::new();
    let whole = snapshot.for_each_in(&range, |key, value| {
        found.insert(key.to_vec(), value.to_vec());
        Ok(true)
    });
    whole.ok().map(|()| (snapshot.end().sequence, found))
}

const EVERYTHING: (Bound<Vec<u8>>, Bound<Vec<u8>>) = (Bound::Unbounded, Bound::Unbounded);

/// Publishes some commits and returns the states after each of them, the empty one first.
fn publish(dir: &Path, commits: &[Changes]) -> Vec<Model> {
    let mut states = vec![Model::new()];
    let publisher = Publisher::open(dir, 0, &records(&states[0]));
    for (before, changes) in commits.iter().enumerate() {
        publisher.append(changes, before as u64 + 1, &records(&states[before]));
        let mut next = states[before].clone();
        apply(&mut next, changes);
        states.push(next);
    }
    states
}

fn some_commits() -> Vec<Changes> {
    let writes = [
        (1, Some(9)),
        (2, Some(40)),
        (3, Some(3)),
        (2, None),
        (4, Some(0)),
        (1, Some(200)),
    ];
    writes.iter().map(|write| changes(&[*write])).collect()
}

proptest! {
    #[test]
    fn reader_sees_every_commit_whole(
        commits in prop::collection::vec(prop::collection::vec((0..30_u8, prop::option::of(any::<u8>())), 1..20), 1..30),
        from in 0..30_u8,
        length in 1..30_u8,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        let mut model = Model::new();
        let publisher = Publisher::open(dir.path(), 0, &records(&model));
        for (number, writes) in commits.iter().enumerate() {
            let changes = changes(writes);
            publisher.append(&changes, number as u64 + 1, &records(&model));
            prop_assert_eq!(read(&folder, number as u64, EVERYTHING), Some((number as u64, model.clone())));
            apply(&mut model, &changes);
        }
        let (last, to) = (commits.len() as u64, from + length);
        let range = (Bound::Excluded(vec![b'k', from]), Bound::Included(vec![b'k', to]));
        let within = model.iter().filter(|(key, _)| key[1] > from && key[1] <= to);
        let within: Model = within.map(|(key, value)| (key.clone(), value.clone())).collect();
        prop_assert_eq!(read(&folder, last, range), Some((last, within)));
        let snapshot = Snapshot::open(&folder, last).unwrap().unwrap();
        for key in 0..30 {
            let key = vec![b'k', key];
            prop_assert_eq!(snapshot.get(&key).unwrap(), model.get(&key).cloned());
        }
        drop(publisher);
        drop(Publisher::open(dir.path(), last, &|_| panic!("a current snapshot is kept")));
        prop_assert_eq!(read(&folder, last, EVERYTHING), Some((last, model)));
    }
}

#[test]
fn grown_changes_become_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    let commits: Vec<Changes> = (0..40_u8).map(|key| changes(&[(key, Some(250))])).collect();
    let states = publish(dir.path(), &commits);
    let files = Files::list(&folder).unwrap();
    assert_eq!((files.tables.len(), files.changes.len()), (1, 1), "{files:?}");
    assert!(files.tables[0] > 0 && files.tables == files.changes, "{files:?}");
    assert_eq!(read(&folder, 40, EVERYTHING), Some((40, states[40].clone())));
}

#[test]
fn cut_file_ends_at_whole_commit() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    let states = publish(dir.path(), &some_commits());
    let path = changes_path(&folder, 0);
    let whole = fs::read(&path).unwrap();
    let mut ends = Vec::new();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (end, records) = read(&folder, 6, EVERYTHING).expect("the table is whole");
        assert_eq!(records, states[end as usize], "{length} bytes");
        ends.push(end);
    }
    assert!(ends.is_sorted() && ends.last() == Some(&6), "{ends:?}");
}

#[test]
fn changed_byte_never_changes_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    let states = publish(dir.path(), &some_commits());
    drop(Publisher::open(dir.path(), 7, &records(&states[6])));
    publish_one_more(dir.path(), &states[6]);
    for path in [table_path(&folder, 7), changes_path(&folder, 7)] {
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            if let Some((end, records)) = read(&folder, 8, EVERYTHING) {
                let mut expected = states[6].clone();
                if end == 8 {
                    apply(&mut expected, &changes(&[(9, Some(1))]));
                }
                // The time of a table is not covered: it is only shown.
                assert_eq!(records, expected, "{} at {at}", path.display());
            }
        }
        fs::write(&path, whole).unwrap();
    }
}

fn publish_one_more(dir: &Path, before: &Model) {
    let publisher = Publisher::open(dir, 7, &records(before));
    publisher.append(&changes(&[(9, Some(1))]), 8, &records(before));
}

#[test]
fn snapshot_behind_store_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    let mut states = publish(dir.path(), &some_commits());
    // A stale file that would seem to follow the new table.
    fs::copy(changes_path(&folder, 0), changes_path(&folder, 9)).unwrap();
    let mut last = states.pop().unwrap();
    last.insert(b"kx".into(), b"committed by a version without snapshots".into());
    drop(Publisher::open(dir.path(), 9, &records(&last)));
    assert_eq!(read(&folder, 9, EVERYTHING), Some((9, last.clone())));
    assert_eq!(read(&folder, 8, EVERYTHING), None, "it is of a later commit");
    let files = Files::list(&folder).unwrap();
    assert_eq!((files.tables, files.changes), (vec![9], vec![9]));
}

#[test]
fn unwritable_snapshot_does_not_stop_commits() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FOLDER), "a file in the place of the folder").unwrap();
    let model = Model::new();
    let publisher = Publisher::open(dir.path(), 0, &records(&model));
    publisher.append(&some_commits()[0], 1, &records(&model));
    assert!(Snapshot::open(&dir.path().join(FOLDER), 1).is_err());
}
