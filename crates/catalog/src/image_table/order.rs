//! Orders of a list, and places in them.

use std::cmp::Ordering;

use eidetic_domain::{ImageId, SplitMix64};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::natural;

/// In which order images are listed; equal ones are in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListOrder {
    /// By what.
    pub key: SortKey,
    /// Whether the last ones come first. Images without a date, or without a rating, are last in any case.
    pub reverse: bool,
}

/// What images are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// The id, which means nothing.
    Id,
    /// The date taken, the latest first.
    Taken,
    /// The name of the first file, numbers in it by their value, whatever the case of letters.
    Name,
    /// The size of the file, the largest first.
    Bytes,
    /// When it was added to the library, the latest first.
    Added,
    /// The rating, the best first.
    Rating,
    /// Nothing: each number gives another order.
    Random(u64),
}

/// A place in a list, which stays valid while the library changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    key: OwnedKey,
    image: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum OwnedKey {
    Id,
    Taken(Option<DateTime>),
    Name(Vec<u8>),
    Number(u64),
    Added(Option<i64>),
    Rating(Option<i8>),
}

/// What an image is sorted by.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    Id,
    Taken(Option<DateTime>),
    Name(&'a [u8]),
    Number(u64),
    Added(Option<i64>),
    Rating(Option<i8>),
}

impl ListOrder {
    /// By id.
    pub const BY_ID: Self = Self {
        key: SortKey::Id,
        reverse: false,
    };
}

impl Position {
    pub(super) fn new((key, image): (Key<'_>, ImageId)) -> Self {
        let key = match key {
            Key::Id => OwnedKey::Id,
            Key::Taken(taken) => OwnedKey::Taken(taken),
            Key::Name(name) => OwnedKey::Name(name.to_vec()),
            Key::Number(number) => OwnedKey::Number(number),
            Key::Added(added) => OwnedKey::Added(added),
            Key::Rating(stars) => OwnedKey::Rating(stars),
        };
        Self {
            key,
            image: *image.as_bytes(),
        }
    }

    pub(super) fn place(&self) -> (Key<'_>, ImageId) {
        let key = match &self.key {
            OwnedKey::Id => Key::Id,
            OwnedKey::Taken(taken) => Key::Taken(*taken),
            OwnedKey::Name(name) => Key::Name(name),
            OwnedKey::Number(number) => Key::Number(*number),
            OwnedKey::Added(added) => Key::Added(*added),
            OwnedKey::Rating(stars) => Key::Rating(*stars),
        };
        (key, ImageId::from_bytes(self.image))
    }

    /// The place of an image in the order of ids.
    pub fn of_id(image: ImageId) -> Self {
        Self::new((Key::Id, image))
    }

    /// The image at this place, which may have been removed meanwhile.
    pub const fn image(&self) -> ImageId {
        ImageId::from_bytes(self.image)
    }

    /// Whether this is a place in such an order.
    pub const fn is_of(&self, order: ListOrder) -> bool {
        matches!(
            (&self.key, order.key),
            (OwnedKey::Id, SortKey::Id)
                | (OwnedKey::Taken(_), SortKey::Taken)
                | (OwnedKey::Name(_), SortKey::Name)
                | (OwnedKey::Added(_), SortKey::Added)
                | (OwnedKey::Rating(_), SortKey::Rating)
                | (OwnedKey::Number(_), SortKey::Bytes | SortKey::Random(_))
        )
    }
}

/// How two places follow each other.
pub fn compare(order: ListOrder, (a, a_id): (Key<'_>, ImageId), (b, b_id): (Key<'_>, ImageId)) -> Ordering {
    let turned = |ordering: Ordering| {
        if order.reverse {
            ordering.reverse()
        } else {
            ordering
        }
    };
    let by_key = match (a, b) {
        (Key::Taken(a), Key::Taken(b)) => unknown_last(a, b, turned),
        (Key::Added(a), Key::Added(b)) => unknown_last(a, b, turned),
        (Key::Rating(a), Key::Rating(b)) => unknown_last(a, b, turned),
        (Key::Name(a), Key::Name(b)) => turned(natural::compare(a, b)),
        (Key::Number(a), Key::Number(b)) => turned(b.cmp(&a)),
        _ => Ordering::Equal,
    };
    by_key.then_with(|| turned(a_id.cmp(&b_id)))
}

/// The greatest first, unless turned; those that are unknown last in any case.
fn unknown_last<T: Ord>(a: Option<T>, b: Option<T>, turned: impl Fn(Ordering) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => turned(b.cmp(&a)),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// The place of an image in a random order.
pub fn shuffled(seed: u64, image: &ImageId) -> u64 {
    let first = image
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first));
    SplitMix64::new(seed ^ first).next_u64()
}
