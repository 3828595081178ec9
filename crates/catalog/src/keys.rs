//! The keys of the store, and paths as bytes that sort as paths do.
//!
//! | key | index | value |
//! | --- | --- | --- |
//! | `i` id | `image` | an image's record |
//! | `d` id | `removed` | an image without a file: its record, when it lost its last path, and which |
//! | `p` path | `file` | a file's record |
//! | `x` id path | `image_path` | empty: the file at this path holds this image |
//! | `e` id | `details` | what is known of the image besides its record |
//! | `r` id space | `row` | the image's row in a later space (the row in the first space is part of the image's record) |
//! | `t` id | `tags` | the image's tags in the first space |
//! | `w` tag 0 id | `tag_image` | empty: this image has this tag in the first space |
//! | `u` id space | `tags` | the image's tags in a later space |
//! | `v` space tag 0 id | `tag_image` | empty: this image has this tag in a later space |
//! | `f` number | `feedback` | an answer of a user |
//! | `m` name | | the format version, the counters, the number of missing changes |
//! | `c` space | | the number of the last calibration of this space |
//!
//! Format version 1 was extended by `t`, `w`, `f`, `c`, `d`, `e` and missing changes without a new number: older programs ignore these
//! keys, and records that such a program leaves of a deleted image are skipped. `r`, `u` and `v` occur only
//! in libraries that such programs refuse to open.
//!
//! Spaces are numbers of four bytes, big-endian.

use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use eidetic_domain::ImageId;

use crate::SpaceNumber;

/// The key of the format version.
pub const VERSION: &[u8] = b"mversion";
/// The key of the counters.
pub const STATE: &[u8] = b"mstate";
/// The key of the number of changes that were reported as durable and are missing.
pub const MISSING: &[u8] = b"mmissing";

/// Length of the index's letter and an image id, after which a path or a space follows.
const ID_END: usize = 33;

/// Bounds of keys.
pub type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

pub fn image(id: &ImageId) -> Vec<u8> {
    [b"i", id.as_bytes().as_slice()].concat()
}

/// The bounds of all keys of [`image`].
pub fn all_images() -> Range {
    (Bound::Included(b"i".into()), Bound::Excluded(b"j".into()))
}

pub fn removed(id: &ImageId) -> Vec<u8> {
    [b"d", id.as_bytes().as_slice()].concat()
}

/// The bounds of all keys of [`removed`].
pub fn all_removed() -> Range {
    (Bound::Included(b"d".into()), Bound::Excluded(b"e".into()))
}

pub fn details(id: &ImageId) -> Vec<u8> {
    [b"e", id.as_bytes().as_slice()].concat()
}

/// The bounds of all keys of [`details`].
pub fn all_details() -> Range {
    (Bound::Included(b"e".into()), Bound::Excluded(b"f".into()))
}

/// The image in a key of [`image`], [`removed`], [`details`], [`image_path`], [`row`] or [`tags`].
pub fn image_of(key: &[u8]) -> Option<ImageId> {
    let bytes: [u8; 32] = key.get(1..ID_END)?.try_into().ok()?;
    Some(ImageId::from_bytes(bytes))
}

/// `path` is in [`path_bytes`] form.
pub fn file(path: &[u8]) -> Vec<u8> {
    [b"p", path].concat()
}

/// The bounds of all keys of [`file`].
pub fn all_files() -> Range {
    (Bound::Included(b"p".into()), Bound::Excluded(b"q".into()))
}

/// The bounds of the keys of files at or below the folder at `path`.
///
/// With 0 as the separator, no name sorts between a folder and its content.
pub fn files_under(path: &[u8]) -> Range {
    let after = [&file(path), [1].as_slice()].concat();
    (Bound::Included(file(path)), Bound::Excluded(after))
}

/// `path` is in [`path_bytes`] form.
pub fn image_path(id: &ImageId, path: &[u8]) -> Vec<u8> {
    [b"x", id.as_bytes().as_slice(), path].concat()
}

/// The bounds of the keys of [`image_path`] of the images from `first` to `last`.
///
/// Paths begin with the separator 0 or with a drive letter, so that none begins with two bytes 255.
pub fn image_paths(first: &ImageId, last: &ImageId) -> Range {
    (
        Bound::Included(image_path(first, &[])),
        Bound::Excluded(image_path(last, &[u8::MAX; 2])),
    )
}

/// The path, in [`path_bytes`] form, in a key of [`image_path`].
pub fn path_of_image_path(key: &[u8]) -> &[u8] {
    key.get(ID_END..).unwrap_or_default()
}

/// `space` is not the first.
pub fn row(space: SpaceNumber, id: &ImageId) -> Vec<u8> {
    [b"r", id.as_bytes().as_slice(), &space.0.to_be_bytes()].concat()
}

/// The bounds of the keys of [`row`] of the images from `first` to `last`, in all spaces but the first.
pub fn rows_between(first: &ImageId, last: &ImageId) -> Range {
    (
        Bound::Included(row(SpaceNumber(0), first)),
        Bound::Included(row(SpaceNumber(u32::MAX), last)),
    )
}

/// The space in a key of [`row`], or of [`tags`] in a later space.
pub fn space_of(key: &[u8]) -> Option<SpaceNumber> {
    let bytes = key.get(ID_END..)?.try_into().ok()?;
    Some(SpaceNumber(u32::from_be_bytes(bytes)))
}

pub fn tags(space: SpaceNumber, id: &ImageId) -> Vec<u8> {
    match space {
        SpaceNumber::FIRST => [b"t", id.as_bytes().as_slice()].concat(),
        SpaceNumber(number) => [b"u", id.as_bytes().as_slice(), &number.to_be_bytes()].concat(),
    }
}

/// The bounds of an image's keys of [`tags`] in all spaces but the first.
pub fn tags_in_later_spaces(id: &ImageId) -> Range {
    let later = |space: u32| [b"u", id.as_bytes().as_slice(), &space.to_be_bytes()].concat();
    (Bound::Included(later(0)), Bound::Included(later(u32::MAX)))
}

/// The bounds of the keys of [`tags`] of all images, in the first space or in all later ones.
pub fn all_tags(space: SpaceNumber) -> Range {
    let letter = tags(space, &ImageId::from_bytes([0; 32]))[0];
    (Bound::Included(vec![letter]), Bound::Excluded(vec![letter + 1]))
}

/// `tag` is normalized.
pub fn tag_image(space: SpaceNumber, tag: &str, id: &ImageId) -> Vec<u8> {
    [&tag_image_prefix(space), tag.as_bytes(), &[0], id.as_bytes()].concat()
}

/// The bounds of the keys of [`tag_image`] of one space. No UTF-8 text begins with a byte 255.
pub fn all_tag_images(space: SpaceNumber) -> Range {
    let prefix = tag_image_prefix(space);
    let after = [&prefix[..], &[u8::MAX]].concat();
    (Bound::Included(prefix), Bound::Excluded(after))
}

/// The bounds of the keys of [`tag_image`] of one tag. Keys of other tags may lie within if a tag contains
/// a 0.
pub fn tag_images(space: SpaceNumber, tag: &str) -> Range {
    let bound = |end: u8| [&tag_image_prefix(space), tag.as_bytes(), &[end]].concat();
    (Bound::Included(bound(0)), Bound::Excluded(bound(1)))
}

/// The image in a key of [`tag_image`]; `None` if the key is that of another tag, which its length shows.
pub fn image_of_tag_image(space: SpaceNumber, tag: &str, key: &[u8]) -> Option<ImageId> {
    let before = tag_image_prefix(space).len() + tag.len() + 1;
    let bytes: [u8; 32] = key.get(before..)?.try_into().ok()?;
    Some(ImageId::from_bytes(bytes))
}

fn tag_image_prefix(space: SpaceNumber) -> Vec<u8> {
    match space {
        SpaceNumber::FIRST => b"w".into(),
        SpaceNumber(number) => [b"v", number.to_be_bytes().as_slice()].concat(),
    }
}

pub fn calibration(space: SpaceNumber) -> Vec<u8> {
    [b"c", space.0.to_be_bytes().as_slice()].concat()
}

pub fn feedback(number: u64) -> Vec<u8> {
    [b"f", number.to_be_bytes().as_slice()].concat()
}

/// The bounds of all keys of [`feedback`].
pub fn all_feedback() -> Range {
    (Bound::Included(feedback(0)), Bound::Included(feedback(u64::MAX)))
}

/// The number in a key of [`feedback`].
pub fn number_of_feedback(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// A path as bytes whose order is the order of paths: components separated by 0, which no name contains.
///
/// Paths are absolute; `/` is the empty string. On Unix every name is preserved. On other systems the parts
/// of a name that are not Unicode are replaced.
pub fn path_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.as_os_str().len());
    for component in path.components() {
        match component {
            Component::RootDir => {}
            Component::Prefix(prefix) => bytes.extend_from_slice(&name_bytes(prefix.as_os_str())),
            other => {
                bytes.push(0);
                bytes.extend_from_slice(&name_bytes(other.as_os_str()));
            }
        }
    }
    bytes
}

/// The inverse of [`path_bytes`].
pub fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    if bytes.is_empty() {
        return PathBuf::from(std::path::MAIN_SEPARATOR_STR);
    }
    let separated = bytes
        .iter()
        .map(|&b| {
            if b == 0 {
                std::path::MAIN_SEPARATOR as u8
            } else {
                b
            }
        })
        .collect();
    path_from_name(separated)
}

#[cfg(unix)]
fn name_bytes(name: &std::ffi::OsStr) -> std::borrow::Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt;
    name.as_bytes().into()
}

#[cfg(not(unix))]
fn name_bytes(name: &std::ffi::OsStr) -> std::borrow::Cow<'_, [u8]> {
    name.to_string_lossy().into_owned().into_bytes().into()
}

#[cfg(unix)]
fn path_from_name(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_from_name(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path() -> impl Strategy<Value = PathBuf> {
        prop::collection::vec("[ab.!-]{1,3}", 0..5).prop_map(|names| {
            names
                .iter()
                .filter(|n| *n != "." && *n != "..")
                .fold(PathBuf::from("/"), |p, n| p.join(n))
        })
    }

    proptest! {
        #[test]
        fn path_bytes_sort_like_paths(a in path(), b in path()) {
            prop_assert_eq!(path_bytes(&a).cmp(&path_bytes(&b)), a.cmp(&b));
            prop_assert_eq!(path_from_bytes(&path_bytes(&a)), a);
        }

        #[test]
        fn folder_range_holds_exactly_its_files(folder in path(), file in path()) {
            use std::ops::RangeBounds;
            let within = files_under(&path_bytes(&folder)).contains(&super::file(&path_bytes(&file)));
            prop_assert_eq!(within, file.starts_with(&folder));
        }
    }

    #[test]
    fn tag_range_excludes_longer_tags() {
        use std::ops::RangeBounds;
        let id = ImageId::from_bytes([0; 32]);
        let tags = ["a", "a\0", "a\0b", "ab", ""];
        for wanted in tags {
            for stored in tags {
                for space in [0, 1, 0x6161_6161].map(SpaceNumber) {
                    let key = tag_image(space, stored, &id);
                    assert!(all_tag_images(space).contains(&key));
                    assert!(!all_tag_images(space.next()).contains(&key));
                    let found = tag_images(space, wanted)
                        .contains(&key)
                        .then(|| image_of_tag_image(space, wanted, &key))
                        .flatten();
                    assert_eq!(found, (wanted == stored).then_some(id), "{wanted:?} {stored:?}");
                }
            }
        }
    }

    #[test]
    fn equivalent_paths_have_one_key() {
        assert_eq!(
            path_bytes(Path::new("/a//b/./c/")),
            path_bytes(Path::new("/a/b/c"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn names_outside_unicode_are_preserved() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/p/\xff\xfe.jpg"));
        assert_eq!(path_from_bytes(&path_bytes(path)), path);
    }
}
