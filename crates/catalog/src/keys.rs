//! The keys of the store, and paths as bytes that sort as paths do.
//!
//! | key | holds |
//! | --- | --- |
//! | `i` id | an image |
//! | `p` path | a file |
//! | `x` id path | nothing: the file at this path is this image |
//! | `r` id space | the image's row in a space other than the first, whose rows stand with the images |
//! | `t` id | an image's tags in the first space |
//! | `w` tag 0 id | nothing: this image carries this tag in the first space |
//! | `u` id space | an image's tags in another space |
//! | `v` space tag 0 id | nothing: this image carries this tag in another space |
//! | `f` number | somebody's answer to whether an image matches a query |
//! | `m` name | the format version, the counters |
//!
//! `t`, `w` and `f` came later than format version 1, which they did not change: programs that do not know them pass over
//! them, and what such a program leaves behind of a removed image is passed over in turn. `r`, `u` and `v` occur only in
//! libraries that such programs refuse to open.
//!
//! A space is its number in four bytes, the greatest first.

use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use eidetic_domain::ImageId;

use crate::SpaceNumber;

/// The key of the format version.
pub const VERSION: &[u8] = b"mversion";
/// The key of the counters.
pub const STATE: &[u8] = b"mstate";

/// The length of `x` and an id, after which the path begins, and of `r` or `u` and an id, after which the space does.
const STANDS_PREFIX: usize = 33;

/// Bounds of keys.
pub type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The key of an image.
pub fn image(id: &ImageId) -> Vec<u8> {
    [b"i", id.as_bytes().as_slice()].concat()
}

/// The image that a key of [`image`], [`stands`], [`row`] or [`tags`] names.
pub fn image_of(key: &[u8]) -> Option<ImageId> {
    let bytes: [u8; 32] = key.get(1..STANDS_PREFIX)?.try_into().ok()?;
    Some(ImageId::from_bytes(bytes))
}

/// The key of the file at a path in [`path_bytes`] form.
pub fn file(path: &[u8]) -> Vec<u8> {
    [b"p", path].concat()
}

/// The key that says that the file at `path` is image `id`.
pub fn stands(id: &ImageId, path: &[u8]) -> Vec<u8> {
    [b"x", id.as_bytes().as_slice(), path].concat()
}

/// The path in [`path_bytes`] form in a key of [`stands`].
pub fn path_of_stands(key: &[u8]) -> &[u8] {
    key.get(STANDS_PREFIX..).unwrap_or_default()
}

/// The bounds of all keys of files at or below the folder at `path`.
///
/// With the separator written as 0, no name can sort between a folder and what it holds.
pub fn files_under(path: &[u8]) -> Range {
    let after = [&file(path), [1].as_slice()].concat();
    (Bound::Included(file(path)), Bound::Excluded(after))
}

/// The key of an image's row in a space other than the first.
pub fn row(space: SpaceNumber, id: &ImageId) -> Vec<u8> {
    [b"r", id.as_bytes().as_slice(), &space.0.to_be_bytes()].concat()
}

/// The space that a key of [`row`], or of [`tags`] in another space than the first, names.
pub fn space_of(key: &[u8]) -> Option<SpaceNumber> {
    let bytes = key.get(STANDS_PREFIX..)?.try_into().ok()?;
    Some(SpaceNumber(u32::from_be_bytes(bytes)))
}

/// The bounds of the rows of the images from `first` to `last`, in all spaces but the first.
pub fn rows_between(first: &ImageId, last: &ImageId) -> Range {
    (
        Bound::Included(row(SpaceNumber(0), first)),
        Bound::Included(row(SpaceNumber(u32::MAX), last)),
    )
}

/// The bounds of an image's tags in all spaces but the first.
pub fn tags_elsewhere(id: &ImageId) -> Range {
    let other = |space: u32| [b"u", id.as_bytes().as_slice(), &space.to_be_bytes()].concat();
    (Bound::Included(other(0)), Bound::Included(other(u32::MAX)))
}

/// The key of an image's tags.
pub fn tags(space: SpaceNumber, id: &ImageId) -> Vec<u8> {
    match space {
        SpaceNumber::FIRST => [b"t", id.as_bytes().as_slice()].concat(),
        SpaceNumber(number) => [b"u", id.as_bytes().as_slice(), &number.to_be_bytes()].concat(),
    }
}

/// The bounds of the tags of all images, in the first space or in all others.
pub fn all_tags(space: SpaceNumber) -> Range {
    let kind = tags(space, &ImageId::from_bytes([0; 32]))[0];
    (Bound::Included(vec![kind]), Bound::Excluded(vec![kind + 1]))
}

/// The bounds of the keys of [`tagged`] of a whole space. A tag is Unicode, which no byte 255 begins.
pub fn all_tagged_of(space: SpaceNumber) -> Range {
    let after = [&tagged_in(space)[..], &[u8::MAX]].concat();
    (Bound::Included(tagged_in(space)), Bound::Excluded(after))
}

/// What the keys of [`tagged`] begin with.
fn tagged_in(space: SpaceNumber) -> Vec<u8> {
    match space {
        SpaceNumber::FIRST => b"w".into(),
        SpaceNumber(number) => [b"v", number.to_be_bytes().as_slice()].concat(),
    }
}

/// The key that says that image `id` carries `tag`, which is folded.
pub fn tagged(space: SpaceNumber, tag: &str, id: &ImageId) -> Vec<u8> {
    [&tagged_in(space), tag.as_bytes(), &[0], id.as_bytes()].concat()
}

/// The bounds of all keys of images that carry `tag`; other tags' keys may lie within where a tag holds a 0.
pub fn all_tagged(space: SpaceNumber, tag: &str) -> Range {
    let bound = |end: u8| [&tagged_in(space), tag.as_bytes(), &[end]].concat();
    (Bound::Included(bound(0)), Bound::Excluded(bound(1)))
}

/// The image that a key of [`tagged`] names; `None` where it is another tag's, which shows in its length.
pub fn image_of_tagged(space: SpaceNumber, tag: &str, key: &[u8]) -> Option<ImageId> {
    let before = tagged_in(space).len() + tag.len() + 1;
    let bytes: [u8; 32] = key.get(before..)?.try_into().ok()?;
    Some(ImageId::from_bytes(bytes))
}

/// The key of the answer with this number.
pub fn feedback(number: u64) -> Vec<u8> {
    [b"f", number.to_be_bytes().as_slice()].concat()
}

/// The number in a key of [`feedback`].
pub fn number_of_feedback(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// A path as bytes whose order is the order of paths: components separated by 0, which no name holds.
///
/// Paths are absolute; `/` is the empty string. On Unix every name survives. Elsewhere names are taken as Unicode,
/// and what is no Unicode in them is replaced.
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

/// The path that [`path_bytes`] wrote.
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
        fn bytes_sort_as_paths_do_and_read_back(a in path(), b in path()) {
            prop_assert_eq!(path_bytes(&a).cmp(&path_bytes(&b)), a.cmp(&b));
            prop_assert_eq!(path_from_bytes(&path_bytes(&a)), a);
        }

        #[test]
        fn a_folder_holds_exactly_what_starts_with_it(folder in path(), file in path()) {
            use std::ops::RangeBounds;
            let within = files_under(&path_bytes(&folder)).contains(&super::file(&path_bytes(&file)));
            prop_assert_eq!(within, file.starts_with(&folder));
        }
    }

    #[test]
    fn a_tag_within_another_is_not_taken_for_it() {
        use std::ops::RangeBounds;
        let id = ImageId::from_bytes([0; 32]);
        let tags = ["a", "a\0", "a\0b", "ab", ""];
        for asked in tags {
            for carried in tags {
                for space in [0, 1, 0x6161_6161].map(SpaceNumber) {
                    let key = tagged(space, carried, &id);
                    assert!(all_tagged_of(space).contains(&key));
                    assert!(!all_tagged_of(space.next()).contains(&key));
                    let found = all_tagged(space, asked)
                        .contains(&key)
                        .then(|| image_of_tagged(space, asked, &key))
                        .flatten();
                    assert_eq!(found, (asked == carried).then_some(id), "{asked:?} {carried:?}");
                }
            }
        }
    }

    #[test]
    fn different_spellings_of_a_path_are_one_key() {
        assert_eq!(
            path_bytes(Path::new("/a//b/./c/")),
            path_bytes(Path::new("/a/b/c"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_unicode_survive() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/p/\xff\xfe.jpg"));
        assert_eq!(path_from_bytes(&path_bytes(path)), path);
    }
}
