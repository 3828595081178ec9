//! Counts the files of a long run beside the real work, so that the remaining time can be estimated.

use crate::CancelToken;
use crate::progress::Progress;
use crate::sources::SourceRoot;
use crate::walk::{Links, WalkMode, WalkOptions, walk};

/// Walks everything once more, reading names only, and reports the total.
///
/// The planner cannot count: it blocks while the decoders are busy, since its plan would not fit into memory.
pub fn count(roots: &[SourceRoot], links: Links, progress: &Progress<'_>, cancel: &CancelToken) {
    let mut files = 0;
    for root in roots {
        let options = WalkOptions {
            excluded: root.excluded.clone(),
            links,
            scope: root.scope.clone(),
            ..WalkOptions::new(WalkMode::NamesOnly)
        };
        for file in walk(&root.path, options) {
            if cancel.is_cancelled() || progress.has_total() {
                return;
            }
            files += u64::from(file.is_ok());
            progress.discovered(files);
        }
    }
    progress.total(files);
}
