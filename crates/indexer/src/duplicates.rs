//! New paths of known images, which account for deleted ones: such images moved.

use std::collections::HashMap;

use eidetic_domain::ImageId;

/// Number of new paths at which each known image was found in a run.
///
/// Images are counted by the first eight bytes of their id: two that agree in these would blur the numbers of
/// the report and nothing else.
#[derive(Default, Clone)]
pub struct DuplicateCounts(HashMap<u64, u32>);

impl DuplicateCounts {
    pub fn add(&mut self, image: &ImageId) {
        *self.0.entry(id_prefix(image)).or_default() += 1;
    }

    /// Whether a new path of the image is left to account for one that was deleted. It then counts no more.
    pub fn take(&mut self, image: &ImageId) -> bool {
        match self.0.get_mut(&id_prefix(image)) {
            Some(new_paths) if *new_paths > 0 => {
                *new_paths -= 1;
                true
            }
            _ => false,
        }
    }
}

fn id_prefix(image: &ImageId) -> u64 {
    let (prefix, _) = image
        .as_bytes()
        .split_first_chunk()
        .expect("an image id is longer than eight bytes");
    u64::from_be_bytes(*prefix)
}
