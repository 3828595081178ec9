//! How many files there are, found out beside the real work once that turns out to be long.

use std::path::PathBuf;

use crate::CancelToken;
use crate::tally::Tally;
use crate::walk::{Look, walk};

/// One source and what lies in it but is not part of it.
pub type Ground = (PathBuf, Vec<PathBuf>);

/// Walks everything once more, quickly, and tells the observer the total. Memory stays bounded that way: the plan
/// cannot run ahead of the readers without being kept.
pub fn count(grounds: &[Ground], tally: &Tally<'_>, cancel: &CancelToken) {
    let mut files = 0;
    for (source, left_out) in grounds {
        for met in walk(source, left_out.clone(), Look::Names) {
            if cancel.is_cancelled() || tally.is_walked() {
                return;
            }
            files += u64::from(met.is_ok());
            tally.discovered(files);
        }
    }
    tally.walked(files);
}
