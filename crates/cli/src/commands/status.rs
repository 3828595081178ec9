use eidetic_library::Status;

use super::{Access, access};
use crate::Outcome;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::{self, bytes};
use crate::remote;

/// `eidetic status`
pub(crate) fn run(global: &Global) -> Result<Outcome, Failure> {
    let status = match access(global, "eidetic status")? {
        Access::Own(library) => library.status()?,
        Access::Through(address) => remote::status(&address)?,
    };
    if global.json {
        output::json(&status)?;
    } else {
        output::line(&describe(&status))?;
    }
    Ok(Outcome::Done)
}

fn describe(status: &Status) -> String {
    let sources: Vec<String> = status.sources.iter().map(|s| s.display().to_string()).collect();
    let unreadable = match status.failed {
        0 => String::new(),
        failed => format!(", {failed} files unreadable"),
    };
    format!(
        "library  {}\nimages   {} at {} paths{unreadable}\nsources  {}\nmodel    {}\nspace    {}\nvectors  in {}\nindex    {}, {} vectors, {} free rows\ndisk     vectors {}, graph {}, catalog {}, thumbnails {}",
        status.library.display(),
        status.images,
        status.paths,
        if sources.is_empty() {
            "none".to_owned()
        } else {
            sources.join("\n         ")
        },
        status.model,
        status.space,
        precisions(status),
        status.index.kind,
        status.index.vectors,
        status.index.tombstones,
        bytes(status.bytes.vectors),
        bytes(status.bytes.graph),
        bytes(status.bytes.catalog),
        bytes(status.bytes.thumbnails),
    )
}

/// Such as `int8; older ones in f32`.
fn precisions(status: &Status) -> String {
    match status.precisions.as_slice() {
        [] => "f32".to_owned(),
        [only] => only.to_string(),
        [older @ .., latest] => {
            let older: Vec<&str> = older.iter().map(|precision| precision.name()).collect();
            format!("{latest}; older ones in {}", older.join(" and "))
        }
    }
}
