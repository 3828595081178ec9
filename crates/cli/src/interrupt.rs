//! Ctrl-C: the first one cancels a run, the second one ends the program.

use std::sync::OnceLock;

use eidetic_indexer::CancelToken;

use crate::failure::Failure;

/// A token that the first Ctrl-C cancels; the second one aborts the process. All steps of a command share it.
pub(crate) fn cancel_on_interrupt() -> Result<CancelToken, Failure> {
    static SHARED: OnceLock<CancelToken> = OnceLock::new();
    if let Some(cancel) = SHARED.get() {
        return Ok(cancel.clone());
    }
    let cancel = CancelToken::default();
    let handled = cancel.clone();
    ctrlc::set_handler(move || {
        if handled.is_cancelled() {
            // The library survives a kill at any moment.
            std::process::abort();
        }
        handled.cancel();
        eprintln!("\neidetic: stopping after this batch; press Ctrl-C again to stop at once");
    })
    .map_err(|error| Failure::could_not_run(format!("failed to handle Ctrl-C: {error}")))?;
    Ok(SHARED.get_or_init(|| cancel).clone())
}
