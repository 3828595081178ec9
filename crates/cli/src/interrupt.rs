use eidetic_indexer::CancelToken;

use crate::failure::Failure;

/// Lets the first Ctrl-C stop an indexing run cleanly and the second one end the program at once.
pub(crate) fn cancel_on_interrupt() -> Result<CancelToken, Failure> {
    let cancel = CancelToken::default();
    let ours = cancel.clone();
    ctrlc::set_handler(move || {
        if ours.is_cancelled() {
            // Safe for the library: it survives being killed at any moment.
            std::process::abort();
        }
        ours.cancel();
        eprintln!("\neidetic: stopping after this batch; once more to stop at once");
    })
    .map_err(|error| Failure::could_not_run(format!("Ctrl-C cannot be caught: {error}")))?;
    Ok(cancel)
}
