use eidetic_encoder_candle::ModelRef;
use eidetic_library::{Library, OldSpace, Owner, Status, SwitchOptions};
use eidetic_server::params::SwitchParams;
use eidetic_server::responses::SpaceReportResponse;

use super::{Access, access, directory, servers_device, through_its_server, warn_of_damage};
use crate::arguments::{self, DropSpace, Global, Space, SpaceAction, Switch};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::output::{self, bytes};
use crate::progress::{DownloadBar, SpaceBar};
use crate::{Outcome, Stopped, remote};

/// `eidetic space`
pub(crate) fn run(global: &Global, arguments: &Space) -> Result<Outcome, Failure> {
    match &arguments.action {
        None | Some(SpaceAction::List) => list(global),
        Some(SpaceAction::Switch(wanted)) => switch(global, wanted),
        Some(SpaceAction::Drop(gone)) => drop_space(global, gone),
    }
}

/// Names pictures that could not be embedded.
pub(crate) fn print_failures(report: &SpaceReportResponse) {
    for failure in &report.failed {
        eprintln!("eidetic: {}: {}", failure.path, failure.reason);
    }
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let status = match access(global, "eidetic space")? {
        Access::Own(library) => library.status()?,
        Access::Through(address) => remote::status(&address, &arguments::Status { recall: false })?,
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
        let lacking = match space.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        lines.push(format!(
            "{mark} {}  {}\n     {}\n     {} images{lacking}, {}",
            space.number,
            space.model,
            space.space,
            space.images,
            bytes(space.bytes)
        ));
    }
    lines.extend(super::status::switch_in_words(status));
    lines.join("\n")
}

fn drop_space(global: &Global, gone: &DropSpace) -> Result<Outcome, Failure> {
    let dropped = match access(global, "eidetic space drop")? {
        Access::Own(library) => library.drop_space(&gone.name)?,
        Access::Through(address) => remote::drop_space(&address, &gone.name)?.dropped,
    };
    if global.json {
        output::json(&serde_json::json!({ "dropped": dropped }))?;
    } else {
        output::line(&format!(
            "the vectors, tags and calibrations of {dropped} are gone"
        ))?;
    }
    Ok(Outcome::Done)
}

fn switch(global: &Global, wanted: &Switch) -> Result<Outcome, Failure> {
    let owner = Owner::this_process("eidetic space switch");
    let opened = match Library::open(&directory(global)?, &owner) {
        Ok(library) => Access::Own(Box::new(library)),
        Err(error) => through_its_server(error)?,
    };
    let (report, stopped) = match opened {
        Access::Own(library) => switch_here(&library, wanted)?,
        Access::Through(address) => {
            servers_device(&wanted.loading)?;
            remote::switch(&address, &request(wanted)?)?
        }
    };
    print_report(global, &report, stopped)
}

fn switch_here(library: &Library, wanted: &Switch) -> Result<(SpaceReportResponse, Stopped), Failure> {
    warn_of_damage(library);
    library.load_by((&wanted.loading).into());
    let options = SwitchOptions {
        old: old_space(wanted),
        precision: wanted.precision.map(Into::into),
        indexing: (&wanted.run).into(),
    };
    let cancel = cancel_on_interrupt()?;
    let bar = SpaceBar::new();
    let report = library.switch(&wanted.model, &options, &DownloadBar::default(), &bar, &cancel)?;
    bar.finish();
    let stopped = if report.cancelled {
        Stopped::Early
    } else {
        Stopped::No
    };
    Ok((SpaceReportResponse::from(&report), stopped))
}

fn old_space(wanted: &Switch) -> OldSpace {
    if wanted.drop_old {
        OldSpace::Drop
    } else {
        OldSpace::Keep
    }
}

/// The server stands in another directory, so a model's directory goes by its whole path.
fn request(wanted: &Switch) -> Result<SwitchParams, Failure> {
    let model = match &wanted.model {
        ModelRef::Directory(path) => {
            let real = path
                .canonicalize()
                .map_err(|error| Failure::arguments(format!("{}: {error}", path.display())))?;
            ModelRef::Directory(real)
        }
        other => other.clone(),
    };
    Ok(SwitchParams {
        model: model.to_string(),
        old: old_space(wanted),
        precision: wanted.precision.map(Into::into),
    })
}

fn print_report(global: &Global, report: &SpaceReportResponse, stopped: Stopped) -> Result<Outcome, Failure> {
    print_failures(report);
    if stopped == Stopped::Early {
        eprintln!("eidetic: stopped; the old model goes on answering, run the same command to go on");
    } else if let (false, Some(old)) = (report.failed.is_empty(), &report.kept) {
        eprintln!(
            "eidetic: {} pictures stay with {old} alone; once their files are back, `eidetic index` embeds them",
            report.failed.len()
        );
    }
    if global.json {
        output::json(report)?;
    } else {
        output::line(&in_words(report))?;
    }
    let complete = report.failed.is_empty() && stopped == Stopped::No;
    Ok(if complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn in_words(report: &SpaceReportResponse) -> String {
    let old = match (&report.kept, &report.dropped) {
        (Some(kept), _) => format!("; {kept} is kept, `eidetic space drop` removes it"),
        (None, Some(dropped)) => format!("; {dropped} is dropped"),
        (None, None) => String::new(),
    };
    let tagged = match report.tagged {
        0 => String::new(),
        tagged => format!(", {tagged} tagged"),
    };
    let answers = if report.active {
        "answers now"
    } else {
        "does not answer yet"
    };
    format!(
        "{} {answers}: {} images, {} embedded{tagged} in {:.1} s{old}",
        report.model, report.images, report.embedded, report.seconds
    )
}
