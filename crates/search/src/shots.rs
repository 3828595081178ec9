//! Folding a raw file and the picture that the camera stored beside it into one hit.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eidetic_domain::ImageFormat;

use crate::RankedHit;

/// Folder, and name without extension in small letters.
type Shot = (PathBuf, OsString);

/// The hits, which are sorted by score, without those of a shot that a better one shows; its paths are added to that one.
///
/// A shot is a raw file and other files of the same folder and name. The hit shows the file that is not raw.
pub(crate) fn fold<H: AsMut<RankedHit> + AsRef<RankedHit>>(hits: Vec<H>) -> Vec<H> {
    if !hits.iter().any(|hit| is_raw(hit.as_ref())) {
        return hits;
    }
    let mut kept: Vec<H> = Vec::with_capacity(hits.len());
    let mut by_shot: HashMap<Shot, usize> = HashMap::new();
    for mut hit in hits {
        let Some(shot) = shot(hit.as_ref()) else {
            kept.push(hit);
            continue;
        };
        match by_shot.get(&shot) {
            Some(&at) if is_raw(kept[at].as_ref()) != is_raw(hit.as_ref()) => {
                if is_raw(kept[at].as_ref()) {
                    std::mem::swap(&mut kept[at], &mut hit);
                }
                let paths = std::mem::take(&mut hit.as_mut().record.paths);
                let stack = std::mem::take(&mut hit.as_mut().stack);
                kept[at].as_mut().stack.extend(paths.into_iter().chain(stack));
            }
            Some(_) => kept.push(hit),
            None => {
                by_shot.insert(shot, kept.len());
                kept.push(hit);
            }
        }
    }
    kept.sort_by(|a, b| b.as_ref().hit.score.total_cmp(&a.as_ref().hit.score));
    kept
}

fn is_raw(hit: &RankedHit) -> bool {
    hit.record.metadata.format == ImageFormat::Raw
}

fn shot(hit: &RankedHit) -> Option<Shot> {
    let (folder, name) = shot_of(hit.record.paths.first()?)?;
    Some((folder.to_owned(), name))
}

/// What files of one shot have in common: the folder, and the name without extension in small letters.
pub fn shot_of(path: &Path) -> Option<(&Path, OsString)> {
    Some((path.parent()?, path.file_stem()?.to_ascii_lowercase()))
}
