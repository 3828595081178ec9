//! `eidetic space list|switch|drop`

use eidetic_domain::counted;
use eidetic_hub::ModelRef;
use eidetic_indexer::RunContext;
use eidetic_library::{Library, PreviousSpace, Status, SwitchOptions};
use eidetic_server::params::SwitchParams;
use eidetic_server::responses::SpaceReportResponse;

use super::{Access, access, access_or_read, reject_device};
use crate::arguments::{self, DropSpaceArgs, Global, SpaceAction, SpaceArgs, SwitchArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::output::{self, bytes};
use crate::progress::{BackfillBar, DownloadBar};
use crate::{Completion, Outcome, remote};

/// `eidetic space`
pub(crate) fn run(global: &Global, arguments: &SpaceArgs) -> Result<Outcome, Failure> {
    match &arguments.action {
        None | Some(SpaceAction::List) => list(global),
        Some(SpaceAction::Switch(arguments)) => switch(global, arguments),
        Some(SpaceAction::Drop(arguments)) => drop_space(global, arguments),
    }
}

/// Reports images that could not be embedded.
pub(crate) fn print_failures(report: &SpaceReportResponse) {
    for failure in &report.failed {
        eprintln!(
            "eidetic: {}: {}",
            output::path(&failure.original_path()),
            output::text(&failure.reason)
        );
    }
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let status = match access_or_read(global, "eidetic space")? {
        Access::Local(library) => library.status()?,
        Access::Remote(server) => remote::status(&server, &arguments::StatusArgs::default())?,
    };
    if global.json {
        output::json(&serde_json::json!({ "spaces": status.spaces, "switch": status.switch }))?;
    } else {
        output::line(&describe(&status))?;
    }
    Ok(Outcome::Done)
}

fn describe(status: &Status) -> String {
    let mut lines = Vec::new();
    for space in &status.spaces {
        let mark = if space.active { "*" } else { " " };
        let missing = match space.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        lines.push(format!(
            "{mark} {}  {}\n     {}\n     {}{missing}, {}",
            space.number,
            space.model,
            space.space,
            counted(space.images, "image"),
            bytes(space.bytes)
        ));
    }
    lines.extend(super::status::describe_switch(status));
    lines.join("\n")
}

fn drop_space(global: &Global, arguments: &DropSpaceArgs) -> Result<Outcome, Failure> {
    let dropped = match access(global, "eidetic space drop")? {
        Access::Local(library) => library.drop_space(&arguments.name)?,
        Access::Remote(server) => remote::drop_space(&server, &arguments.name)?.dropped,
    };
    if global.json {
        output::json(&serde_json::json!({ "dropped": dropped }))?;
    } else {
        output::line(&format!(
            "dropped {dropped}: its vectors, tags and calibrations are deleted"
        ))?;
    }
    Ok(Outcome::Done)
}

fn switch(global: &Global, arguments: &SwitchArgs) -> Result<Outcome, Failure> {
    let (report, completion) = match access(global, "eidetic space switch")? {
        Access::Local(library) => switch_locally(&library, arguments)?,
        Access::Remote(server) => {
            reject_device(&arguments.options)?;
            remote::switch(&server, &request(arguments)?)?
        }
    };
    print_report(global, &report, completion)
}

fn switch_locally(
    library: &Library,
    arguments: &SwitchArgs,
) -> Result<(SpaceReportResponse, Completion), Failure> {
    library.active().set_load_options((&arguments.options).into());
    let options = SwitchOptions {
        old: old_space(arguments),
        precision: arguments.options.precision.named(),
        indexing: (&arguments.indexing).into(),
    };
    let cancel = cancel_on_interrupt()?;
    let bar = BackfillBar::new();
    let report = library.switch(
        &arguments.model,
        &options,
        &DownloadBar::default(),
        &RunContext::new(&bar, &cancel),
    )?;
    bar.finish();
    let completion = if report.cancelled {
        Completion::Interrupted
    } else {
        Completion::Completed
    };
    Ok((SpaceReportResponse::from(&report), completion))
}

fn old_space(arguments: &SwitchArgs) -> PreviousSpace {
    if arguments.drop_old {
        PreviousSpace::Drop
    } else {
        PreviousSpace::Keep
    }
}

/// The server's working directory is another one, so a model's directory is sent as an absolute path.
fn request(arguments: &SwitchArgs) -> Result<SwitchParams, Failure> {
    let model = match &arguments.model {
        ModelRef::Directory(path) => {
            let real = path
                .canonicalize()
                .map_err(|error| Failure::in_file(path, error))?;
            ModelRef::Directory(real)
        }
        other => other.clone(),
    };
    Ok(SwitchParams {
        model: model.to_string(),
        old: old_space(arguments),
        precision: arguments.options.precision.named(),
    })
}

fn print_report(
    global: &Global,
    report: &SpaceReportResponse,
    completion: Completion,
) -> Result<Outcome, Failure> {
    print_failures(report);
    if completion == Completion::Interrupted {
        eprintln!("eidetic: interrupted; the old space stays active, run the same command to resume");
    } else if let (false, Some(old)) = (report.failed.is_empty(), &report.kept) {
        eprintln!(
            "eidetic: {} in the space of {old} only; `eidetic index` embeds what is missing once the files are back",
            counted(report.failed.len(), "image")
        );
    }
    if let (true, true, Some(old)) = (report.active, report.left_calibrations, &report.kept) {
        eprintln!(
            "eidetic: the calibrations stay with the space of {old}; until you calibrate again, confidences are the model's own"
        );
    } else if report.active && report.left_calibrations {
        eprintln!(
            "eidetic: the calibrations of the old space are dropped with it; until you calibrate again, confidences are the model's own"
        );
    }
    if global.json {
        output::json(report)?;
    } else {
        output::line(&describe_report(report))?;
    }
    let is_complete = report.failed.is_empty() && completion == Completion::Completed;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn describe_report(report: &SpaceReportResponse) -> String {
    let old = match (&report.kept, &report.dropped) {
        (Some(kept), _) => format!("; {kept} is kept, `eidetic space drop` deletes it"),
        (None, Some(dropped)) => format!("; {dropped} is dropped"),
        (None, None) => String::new(),
    };
    let tagged = match report.tagged {
        0 => String::new(),
        tagged => format!(", {tagged} tagged"),
    };
    let state = if report.active {
        "is active"
    } else {
        "is not active yet"
    };
    format!(
        "{} {state}: {}, {} embedded{tagged} in {:.1} s{old}",
        report.model,
        counted(report.images, "image"),
        report.embedded,
        report.seconds
    )
}
