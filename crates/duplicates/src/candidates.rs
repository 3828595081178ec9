//! Which pairs of pictures are worth a comparison.
//!
//! Similar bit strings are found in sorted lists: strings that differ in few bits share their first bits in one of several
//! rotations, and are near each other there (G. Manku et al., "Detecting Near-Duplicates for Web Crawling", 2007). Each
//! entry is compared with a fixed number of those after it, so that the effort grows as the list does.

use rayon::prelude::*;

use crate::features::SIGN_BITS;
use crate::fingerprint::{Fingerprint, HASH_BITS};
use crate::orientation::Orientation;
use crate::placement::{Match, Placement, agreed_placement};

/// Bits in which the hashes of two copies may differ.
const MAX_HASH_DISTANCE: u32 = 12;
/// Bits in which the signs of a feature may differ in two copies.
const MAX_SIGN_DISTANCE: u32 = 9;
/// Rotations of the bits.
const HASH_ROTATIONS: u32 = 8;
const SIGN_ROTATIONS: u32 = 4;
/// Entries after one that are compared with it.
const HASH_WINDOW: usize = 32;
const SIGN_WINDOW: usize = 16;

/// A pair of pictures that may show the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Positions in the list of fingerprints, the smaller one first.
    pub(crate) pair: (u32, u32),
    /// Where the first may lie in the second.
    pub(crate) placement: Placement,
}

/// All pairs that hashes or features name, sorted by pair, several placements of a pair one after another.
pub(crate) fn candidates(fingerprints: &[&Fingerprint]) -> Vec<Candidate> {
    let mut found = by_hash(fingerprints);
    found.extend(by_partial_hash(fingerprints));
    found.extend(by_features(fingerprints));
    // Stable, so that placements by hash, which are exact, come first.
    found.sort_by_key(|candidate| candidate.pair);
    found
}

fn by_hash(fingerprints: &[&Fingerprint]) -> Vec<Candidate> {
    let cosines = Fingerprint::hash_cosines();
    let hashes = fingerprints
        .par_iter()
        .map(|fingerprint| fingerprint.hashes(&cosines));
    let hashes: Vec<[u64; 8]> = hashes.collect();
    let entries: Vec<(u64, u32)> = hashes
        .iter()
        .enumerate()
        .flat_map(|(at, hashes)| {
            let turned = hashes.iter().enumerate();
            turned.map(move |(orientation, hash)| (*hash, (at as u32) << 3 | orientation as u32))
        })
        .collect();
    let is_upright = |entry: u32| Orientation::numbered(entry as u8) == Orientation::UPRIGHT;
    let near = near_pairs(
        &entries,
        (HASH_BITS, HASH_ROTATIONS),
        (HASH_WINDOW, MAX_HASH_DISTANCE),
        |a, b| a >> 3 != b >> 3 && (is_upright(a) || is_upright(b)),
    );
    let mut found: Vec<(u32, u32, Orientation)> = near
        .into_iter()
        .map(|(a, b)| {
            let (upright, turned) = if is_upright(a) { (a, b) } else { (b, a) };
            let orientation = Orientation::numbered(turned as u8);
            let (first, second) = (upright >> 3, turned >> 3);
            if first < second {
                (first, second, orientation)
            } else {
                (second, first, orientation.inverse())
            }
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    let candidate = |(first, second, orientation)| Candidate {
        pair: (first, second),
        placement: Placement::whole(orientation),
    };
    found.into_iter().map(candidate).collect()
}

/// Pictures of the same frame that differ in a caption.
fn by_partial_hash(fingerprints: &[&Fingerprint]) -> Vec<Candidate> {
    let cosines = Fingerprint::hash_cosines();
    let hashes = fingerprints
        .par_iter()
        .map(|fingerprint| fingerprint.partial_hashes(&cosines));
    let hashes: Vec<[u64; 2]> = hashes.collect();
    let mut found = Vec::new();
    for part in 0..2 {
        let numbered = hashes.iter().zip(0..);
        let entries: Vec<(u64, u32)> = numbered.map(|(hashes, at)| (hashes[part], at)).collect();
        let searched = (HASH_WINDOW, MAX_HASH_DISTANCE);
        found.extend(near_pairs(
            &entries,
            (HASH_BITS, HASH_ROTATIONS),
            searched,
            |_, _| true,
        ));
    }
    for (a, b) in &mut found {
        (*a, *b) = (*a.min(b), *a.max(b));
    }
    found.sort_unstable();
    found.dedup();
    let candidate = |pair| Candidate {
        pair,
        placement: Placement::whole(Orientation::UPRIGHT),
    };
    found.into_iter().map(candidate).collect()
}

fn by_features(fingerprints: &[&Fingerprint]) -> Vec<Candidate> {
    // An entry is the position of the picture and the number of the feature.
    let entries: Vec<(u64, u32)> = fingerprints
        .iter()
        .enumerate()
        .flat_map(|(at, fingerprint)| {
            let features = fingerprint.features.iter().enumerate();
            features.map(move |(number, feature)| (feature.signs, (at as u32) << 6 | number as u32))
        })
        .collect();
    let mut near = near_pairs(
        &entries,
        (SIGN_BITS, SIGN_ROTATIONS),
        (SIGN_WINDOW, MAX_SIGN_DISTANCE),
        |a, b| a >> 6 != b >> 6,
    );
    for (a, b) in &mut near {
        (*a, *b) = (*a.min(b), *a.max(b));
    }
    near.sort_unstable_by_key(|(a, b)| (a >> 6, b >> 6, *a, *b));
    near.dedup();
    let groups: Vec<&[(u32, u32)]> = near
        .chunk_by(|left, right| (left.0 >> 6, left.1 >> 6) == (right.0 >> 6, right.1 >> 6))
        .collect();
    let several: Vec<&[(u32, u32)]> = groups.into_iter().filter(|group| group.len() > 1).collect();
    let located = several.par_iter().filter_map(|group| {
        let pair = (group[0].0 >> 6, group[0].1 >> 6);
        let (first, second) = (fingerprints[pair.0 as usize], fingerprints[pair.1 as usize]);
        let matches: Vec<Match> = group
            .iter()
            .map(|(a, b)| Match {
                from: first.features[(a & 63) as usize],
                to: second.features[(b & 63) as usize],
            })
            .collect();
        let placement = agreed_placement(&matches, [first.aspect, second.aspect])?;
        Some(Candidate { pair, placement })
    });
    located.collect()
}

/// Pairs of entries whose strings of `bits` bits differ in at most `distance` bits and which `admits` accepts.
fn near_pairs(
    entries: &[(u64, u32)],
    (bits, rotations): (u32, u32),
    (window, distance): (usize, u32),
    admits: impl Fn(u32, u32) -> bool + Sync,
) -> Vec<(u32, u32)> {
    let rotations: Vec<u32> = (0..rotations).map(|at| at * bits / rotations).collect();
    let found = rotations.par_iter().map(|rotation| {
        let mut sorted: Vec<(u64, u32)> = entries
            .iter()
            .map(|(string, entry)| (rotated(*string, *rotation, bits), *entry))
            .collect();
        sorted.sort_unstable();
        let mut pairs = Vec::new();
        for (at, (string, entry)) in sorted.iter().enumerate() {
            let end = sorted.len().min(at + 1 + window);
            let near = sorted[at + 1..end].iter().filter(|(other, other_entry)| {
                (string ^ other).count_ones() <= distance && admits(*entry, *other_entry)
            });
            pairs.extend(near.map(|(_, other)| (*entry, *other)));
        }
        pairs
    });
    found.collect::<Vec<_>>().concat()
}

fn rotated(string: u64, by: u32, bits: u32) -> u64 {
    let mask = (1 << bits) - 1;
    if by == 0 {
        string
    } else {
        (string << by | string >> (bits - by)) & mask
    }
}
