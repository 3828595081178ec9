//! `eidetic backup` and `eidetic restore`

use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{BackupReport, Library, Owner};

use super::{directory, warn_of_damage};
use crate::arguments::{BackupArgs, Global, RestoreArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{CopyBar, CopyUnit};
use crate::{Outcome, output};

/// `eidetic backup`
pub(crate) fn run(global: &Global, arguments: &BackupArgs) -> Result<Outcome, Failure> {
    let owner = Owner::this_process("eidetic backup");
    let library = Library::open_beside(&directory(global)?, &owner)?;
    warn_of_damage(&library);
    let bar = CopyBar::new(CopyUnit::Bytes, "written");
    let cancel = cancel_on_interrupt()?;
    let written = library.backup(
        &arguments.file,
        arguments.thumbnails,
        &RunContext::new(&bar, &cancel),
    );
    bar.finish();
    print(global, &written?, "backed up")?;
    Ok(Outcome::Done)
}

/// `eidetic restore`
pub(crate) fn restore(global: &Global, arguments: &RestoreArgs) -> Result<Outcome, Failure> {
    let owner = Owner::this_process("eidetic restore");
    let bar = CopyBar::new(CopyUnit::Bytes, "restored");
    let cancel = cancel_on_interrupt()?;
    let context = RunContext::new(&bar, &cancel);
    let restored = eidetic_library::restore(&arguments.file, &directory(global)?, &owner, &context);
    bar.finish();
    print(global, &restored?, "restored")?;
    Ok(Outcome::Done)
}

fn print(global: &Global, report: &BackupReport, what: &str) -> Result<(), Failure> {
    if global.json {
        return output::json(report);
    }
    let spaces = match report.spaces {
        1 => String::new(),
        spaces => format!(" with {}", counted(spaces, "space")),
    };
    output::line(&format!(
        "{}, {}{spaces} {what}: {} in {}",
        counted(report.images, "image"),
        counted(report.paths, "path"),
        output::bytes(report.bytes),
        output::path(&report.file)
    ))
}
