//! `eidetic calibrate`

mod pairs;
mod table;

use std::fs;
use std::path::Path;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{Calibration, CalibrationScope, LabeledPair};
use eidetic_confidence::profile::NamedProfile;
use eidetic_library::{CalibrationHistory, CalibrationMode, Library, ScoredPairs};
use eidetic_server::params::{CalibrateParams, LabeledPairParams};
use eidetic_server::report::CalibrationReport;
use eidetic_server::responses::{CalibrationSummary, CalibrationsResponse, FailedFile, ProfileThresholds};
use serde::Serialize;

use super::{Access, access, access_to_read, profile, reject_model_options, variants};
use crate::Outcome;
use crate::arguments::{CalibrateArgs, CombineArg, Global, QueryKindArg, VariantArgs};
use crate::failure::Failure;
use crate::progress::{DownloadBar, StageBar};
use crate::remote::RemoteServer;
use crate::{output, remote};

/// The JSON of `eidetic calibrate PAIRS.tsv`.
#[derive(Debug, Serialize)]
struct CalibrateAnswer {
    stored: bool,
    calibration: CalibrationSummary,
    /// What the pairs say about the levels of each profile.
    profiles: Vec<ProfileThresholds>,
    failed: Vec<FailedFile>,
}

/// `eidetic calibrate`
pub(crate) fn run(global: &Global, arguments: &CalibrateArgs) -> Result<Outcome, Failure> {
    if let Some(report) = &arguments.report {
        check_report_path(report)?;
    }
    match &arguments.pairs {
        Some(file) => calibrate(global, arguments, file),
        None if arguments.undo => undo(global, arguments),
        None => show(global, arguments),
    }
}

/// Reads the file first, so that errors in it are reported before the model is loaded.
fn calibrate(global: &Global, arguments: &CalibrateArgs, file: &Path) -> Result<Outcome, Failure> {
    let scope = scope(arguments);
    let pairs = pairs::read(file, scope.kind)?;
    let library = match access(global, "eidetic calibrate")? {
        Access::Local(library) => library,
        Access::Remote(server) => return calibrate_remotely(global, arguments, &server, pairs),
    };
    let profiles = profiles(arguments)?;
    arguments.options.apply_to(&library);
    library.active().load_encoder(&DownloadBar::default())?;
    let wordings = measure_wordings(&library, arguments, &pairs)?;
    let bar = StageBar::new();
    let scored = library.active().score_pairs(&scope, &pairs, &bar);
    bar.finish();
    let scored = scored?;
    for failed in &scored.failed {
        eprintln!(
            "eidetic: line {}: {}: {}",
            failed.line,
            output::text(&failed.image),
            output::text(&failed.reason)
        );
    }
    let keep = if arguments.dry_run {
        CalibrationMode::DryRun
    } else {
        CalibrationMode::Store
    };
    let made = library.active().calibrate(&scope, &scored, keep)?;
    if let Some(report) = &arguments.report {
        write_report(&library, &[&made], report)?;
    }
    if let (Some(table), false) = (&wordings, global.json) {
        output::line(&format!("{table}\n"))?;
    }
    print_calibration(global, &made, &scored, keep, &profiles)?;
    Ok(if scored.failed.is_empty() {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

/// Measures wordings of texts, if the command line asks for it, and embeds texts in the best ones from now on. Returns the
/// figures.
fn measure_wordings(
    library: &Library,
    arguments: &CalibrateArgs,
    pairs: &[LabeledPair],
) -> Result<Option<String>, Failure> {
    let Some(chosen) = &arguments.variants else {
        return Ok(None);
    };
    if arguments.kind != QueryKindArg::Text {
        return Err(Failure::arguments(
            "--variants words texts; leave --kind picture out",
        ));
    }
    let space = library.active();
    let named = VariantArgs {
        variants: Some(chosen.clone()),
        combine: CombineArg::Mean,
    };
    let Some(templates) = variants::chosen(&named)? else {
        space.set_wordings(None);
        return Ok(None);
    };
    let bar = StageBar::new();
    let choice = space.measure_wordings(pairs, &templates, &bar);
    bar.finish();
    let choice = choice?;
    space.set_wordings(variants::measured(&templates, &choice));
    Ok(Some(variants::table(&templates, &choice)))
}

/// What the command line calibrates.
fn scope(arguments: &CalibrateArgs) -> CalibrationScope {
    match &arguments.profile {
        Some(name) => CalibrationScope::profile(name),
        None => QueryKind::from(arguments.kind).into(),
    }
}

/// The profiles whose levels are shown: the calibrated one, or all that use the calibration of texts.
fn profiles(arguments: &CalibrateArgs) -> Result<Vec<NamedProfile>, Failure> {
    let file = arguments.profiles.as_deref();
    match &arguments.profile {
        Some(name) => Ok(vec![profile::named(name, file)?]),
        None => profile::all(file),
    }
}

/// Calibrates through the server, with the same output.
fn calibrate_remotely(
    global: &Global,
    arguments: &CalibrateArgs,
    server: &RemoteServer,
    pairs: Vec<LabeledPair>,
) -> Result<Outcome, Failure> {
    reject_model_options(&arguments.options)?;
    if arguments.variants.is_some() || arguments.profiles.is_some() {
        return Err(Failure::could_not_run(
            "a server owns the library and has profiles and wordings of its own; stop it to use --variants or --profiles",
        ));
    }
    let request = CalibrateParams {
        kind: arguments.kind.into(),
        profile: arguments.profile.clone(),
        pairs: pairs.into_iter().map(pair_params).collect(),
        dry_run: arguments.dry_run,
        report: arguments.report.is_some(),
    };
    let Some(made) = remote::calibrate(server, &request)? else {
        eprintln!("eidetic: interrupted; nothing was changed");
        return Ok(Outcome::DoneWithFailures);
    };
    for failed in &made.failed {
        eprintln!(
            "eidetic: line {}: {}: {}",
            failed.line,
            output::text(&failed.file.path),
            output::text(&failed.file.reason)
        );
    }
    if let (Some(file), Some(html)) = (&arguments.report, &made.report) {
        write(file, html)?;
    }
    let is_complete = made.failed.is_empty();
    print_answer(
        global,
        &CalibrateAnswer {
            stored: made.stored,
            profiles: made.profiles,
            calibration: made.calibration,
            failed: made.failed.into_iter().map(|failed| failed.file).collect(),
        },
    )?;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn pair_params(labeled: LabeledPair) -> LabeledPairParams {
    LabeledPairParams {
        image: labeled.pair.image,
        text: labeled.pair.text,
        matches: labeled.matches,
        line: Some(labeled.line),
    }
}

fn print_calibration(
    global: &Global,
    made: &Calibration,
    scored: &ScoredPairs,
    keep: CalibrationMode,
    profiles: &[NamedProfile],
) -> Result<(), Failure> {
    // Profiles compare images with texts.
    let profiles = match made.origin.kind {
        QueryKind::Text => ProfileThresholds::all(profiles, made),
        QueryKind::Image => Vec::new(),
    };
    print_answer(
        global,
        &CalibrateAnswer {
            stored: keep == CalibrationMode::Store,
            calibration: CalibrationSummary::from(made),
            profiles,
            failed: scored.failed.iter().map(FailedFile::from).collect(),
        },
    )
}

fn print_answer(global: &Global, answer: &CalibrateAnswer) -> Result<(), Failure> {
    warn_if_worse(&answer.calibration);
    if global.json {
        return output::json(answer);
    }
    output::line(&table::calibration(&answer.calibration))?;
    for profile in &answer.profiles {
        output::line(&format!("\n{}", table::profile(profile)))?;
    }
    if !answer.stored {
        output::line("not stored (--dry-run)")?;
    }
    Ok(())
}

/// Compares with the model's own confidences only: an earlier calibration may have been fitted to the same
/// pairs.
fn warn_if_worse(made: &CalibrationSummary) {
    let shipped = made.before.as_ref().filter(|_| made.replaces.is_none());
    if let Some(before) = shipped.filter(|before| before.log_loss < made.after.log_loss) {
        eprintln!(
            "eidetic: the model's own confidences fit these pairs better (log loss {:.3}, now {:.3}); more pairs may change \
             that, `eidetic calibrate --undo` reverts",
            before.log_loss, made.after.log_loss
        );
    }
}

fn show(global: &Global, arguments: &CalibrateArgs) -> Result<Outcome, Failure> {
    let answer = match access_to_read(global, "eidetic calibrate")? {
        Access::Local(library) => {
            let history = library.active().calibration_history()?;
            if let Some(report) = &arguments.report {
                write_report(&library, &history.all_current(), report)?;
            }
            answer(&library, &history)
        }
        Access::Remote(server) => {
            if let Some(report) = &arguments.report {
                write(report, &remote::calibration_report(&server)?)?;
            }
            remote::calibrations(&server)?
        }
    };
    if global.json {
        output::json(&answer)?;
    } else if arguments.history {
        output::line(&table::history(&answer.history))?;
    } else {
        output::line(&table::calibrations(&answer.calibrations))?;
    }
    Ok(Outcome::Done)
}

fn undo(global: &Global, arguments: &CalibrateArgs) -> Result<Outcome, Failure> {
    let scope = scope(arguments);
    let answer = match access(global, "eidetic calibrate")? {
        Access::Local(library) => answer(&library, &library.active().undo_calibration(scope.clone())?),
        Access::Remote(server) => {
            remote::undo_calibration(&server, arguments.kind, arguments.profile.as_deref())?
        }
    };
    if global.json {
        output::json(&answer)?;
        return Ok(Outcome::Done);
    }
    let is_current = |made: &&CalibrationSummary| made.kind == scope.kind && made.profile == scope.profile;
    let now = match (answer.calibrations.iter().find(is_current), &scope.profile) {
        (Some(made), _) => format!("reverted to version {}", made.version),
        (None, Some(name)) => format!("reverted: {} uses the calibration of texts", output::text(name)),
        (None, None) => "reverted to the model's own confidences".to_owned(),
    };
    output::line(&now)?;
    Ok(Outcome::Done)
}

fn answer(library: &Library, history: &CalibrationHistory) -> CalibrationsResponse {
    CalibrationsResponse::new(library.active().id().to_string(), history)
}

fn write_report(library: &Library, calibrations: &[&Calibration], file: &Path) -> Result<(), Failure> {
    let report = CalibrationReport {
        space: library.active().id().to_string(),
        calibrations: calibrations.to_vec(),
        events: &library.active().calibration_history()?.events,
        quality: &library.answer_quality()?,
        image: &|image, path| library.calibration_image(image, path),
    };
    write(file, &report.html())
}

fn write(file: &Path, html: &str) -> Result<(), Failure> {
    fs::write(file, html)
        .map_err(|error| Failure::could_not_run(format!("{}: {error}", output::path(file))))?;
    eprintln!("eidetic: wrote the report to {}", output::path(file));
    Ok(())
}

/// Checks that the report can be written, before anything is computed.
fn check_report_path(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Failure::in_file(folder, "no such folder")),
        _ if file.is_dir() => Err(Failure::in_file(file, "this is a folder")),
        _ => Ok(()),
    }
}
