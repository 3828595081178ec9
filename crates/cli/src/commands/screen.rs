//! `eidetic screen`

use std::fmt::Write;
use std::path::{Path, PathBuf};

use eidetic_confidence::profile::NamedProfile;
use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{Library, LibraryError, Owner, ScreeningOptions, ScreeningReport, ScreeningTarget};
use eidetic_server::params::ScreenParams;
use eidetic_server::responses::{ScreenResponse, ScreenedPicture};
use tempfile::TempDir;

use super::{
    Access, accessed, create_options, directory, pair_file, profile, reject_model_options, warn_of_skipped,
};
use crate::arguments::{Global, ScreenArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::load_model::warn_of_fallback;
use crate::progress::{DownloadBar, StageBar};
use crate::{Outcome, output, remote};

/// Patterns that a summary names.
const MOST_PATTERNS: usize = 20;

/// `eidetic screen`
pub(crate) fn run(global: &Global, arguments: &ScreenArgs) -> Result<Outcome, Failure> {
    let target = target(arguments)?;
    let (access, _scratch) = open(global, arguments, &target)?;
    let mut answer = match access {
        Access::Local(library) => screen(&library, arguments, target)?,
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            if arguments.profile_options.profiles.is_some() {
                return Err(Failure::could_not_run(
                    "a server owns the library and has profiles of its own; leave out --profiles, or restart the server with it",
                ));
            }
            remote::screen(&server, &request(arguments, target)?)?
        }
    };
    print_notes(&answer);
    if arguments.summary {
        answer.pictures.clear();
    }
    if global.json {
        output::json(&answer)?;
    } else {
        for picture in &answer.pictures {
            output::line(&describe(picture))?;
        }
        print_summary(&answer, arguments.summary)?;
    }
    let is_complete = answer.skipped == 0 && answer.failed.is_empty() && !answer.cancelled;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

/// Opens the library. Files need none: without one, they are screened in an empty library that is deleted afterwards, with
/// the best model that can be had.
fn open(
    global: &Global,
    arguments: &ScreenArgs,
    target: &ScreeningTarget,
) -> Result<(Access, Option<TempDir>), Failure> {
    let directory = directory(global)?;
    let owner = Owner::this_process("eidetic screen");
    let opened = Library::open_or_read(&directory, &owner);
    let needs_library = matches!(target, ScreeningTarget::Library(_));
    if needs_library || !matches!(opened, Err(LibraryError::Missing { .. })) {
        return Ok((accessed(opened)?, None));
    }
    let scratch = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let options = create_options(None, &arguments.options);
    let (library, fallback) =
        Library::open_or_create(scratch.path(), &options, &owner, &DownloadBar::default())?;
    warn_of_fallback(fallback.as_ref());
    eprintln!(
        "eidetic: no library at {}; screening without its calibrations",
        output::path(&directory)
    );
    Ok((Access::Local(Box::new(library)), Some(scratch)))
}

fn screen(
    library: &Library,
    arguments: &ScreenArgs,
    target: ScreeningTarget,
) -> Result<ScreenResponse, Failure> {
    let chosen = chosen_profile(arguments)?;
    arguments.options.apply_to(library);
    let space = library.active();
    space.load_encoder(&DownloadBar::default())?;
    let options = ScreeningOptions {
        target,
        criticality: arguments.profile_options.criticality.into(),
        all: arguments.all,
    };
    let bar = StageBar::new();
    let mut images = Vec::new();
    let context = RunContext::new(&bar, &cancel_on_interrupt()?);
    let screened = library.screen(&space, &chosen, &options, &context, &mut |screened| {
        images.push(screened);
    });
    bar.finish();
    let report = screened?;
    ScreeningReport::sort(&mut images, &chosen);
    Ok(ScreenResponse::new(
        space.id().to_string(),
        chosen.name,
        report,
        images,
    ))
}

/// The request for a server, which has profiles of its own.
fn request(arguments: &ScreenArgs, target: ScreeningTarget) -> Result<ScreenParams, Failure> {
    let patterns = match &arguments.patterns {
        None => Vec::new(),
        Some(file) => {
            profile::patterns(file)?;
            let bytes = pair_file::read(file)?;
            String::from_utf8_lossy(&bytes)
                .lines()
                .map(str::to_owned)
                .collect()
        }
    };
    let mut params = ScreenParams {
        profile: arguments.profile.clone(),
        criticality: Some(arguments.profile_options.criticality.into()),
        patterns,
        all: arguments.all,
        ..ScreenParams::default()
    };
    match target {
        ScreeningTarget::Library(filter) if filter.is_empty() => {}
        ScreeningTarget::Library(filter) => params.filter = Some((*filter).into()),
        ScreeningTarget::Files(paths) => {
            let absolute = paths.iter().map(|path| {
                let absolute = std::path::absolute(path).map_err(|error| Failure::in_file(path, error))?;
                let text = absolute.to_str().map(str::to_owned);
                text.ok_or_else(|| Failure::in_file(path, "the path is not UTF-8; give its folder"))
            });
            params.paths = absolute.collect::<Result<_, Failure>>()?;
        }
        ScreeningTarget::Image(..) => {}
    }
    Ok(params)
}

/// The profile with the patterns that are to be checked.
fn chosen_profile(arguments: &ScreenArgs) -> Result<NamedProfile, Failure> {
    let mut chosen = profile::named(&arguments.profile, arguments.profile_options.profiles.as_deref())?;
    if let Some(file) = &arguments.patterns {
        chosen.patterns = profile::patterns(file)?;
        chosen
            .check_patterns()
            .map_err(|error| Failure::in_file(file, error))?;
    }
    if chosen.patterns.is_empty() {
        return Err(Failure::arguments(format!(
            "profile {:?} has no patterns; give some with --patterns FILE, or see docs/profiles.md",
            chosen.name
        )));
    }
    Ok(chosen)
}

fn target(arguments: &ScreenArgs) -> Result<ScreeningTarget, Failure> {
    let mut paths = arguments.paths.clone();
    if let Some(list) = &arguments.list {
        paths.extend(listed(list)?);
        if paths.is_empty() {
            return Err(Failure::in_file(list, "the file names no pictures"));
        }
    }
    if paths.is_empty() {
        return Ok(ScreeningTarget::Library(Box::new(arguments.filter.filter()?)));
    }
    if !arguments.filter.is_empty() {
        return Err(Failure::arguments(
            "--folder, --tag, --after and --before choose pictures of the library; leave them out to screen files",
        ));
    }
    Ok(ScreeningTarget::Files(paths))
}

/// The paths of a file, one on each line; they are relative to its folder or, if missing there, the working directory.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let bytes = pair_file::read(list)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::in_file(list, "the file is not UTF-8"))?;
    let lines = text.lines().map(|line| line.trim_end_matches('\r'));
    let named = lines.filter(|line| !line.trim().is_empty());
    Ok(named.map(|line| pair_file::resolve(line, list).into()).collect())
}

fn print_notes(report: &ScreenResponse) {
    warn_of_skipped(report.skipped);
    for failed in &report.failed {
        eprintln!(
            "eidetic: {}: {}",
            output::text(&failed.path),
            output::text(&failed.reason)
        );
    }
    for pattern in &report.left_out {
        let why = if pattern.unknown_words.is_empty() {
            "it says nothing that a picture could show".to_owned()
        } else {
            format!(
                "the model does not know {}",
                output::quoted(&pattern.unknown_words)
            )
        };
        eprintln!(
            "eidetic: pattern {:?} is left out: {why}",
            output::text(&pattern.text)
        );
    }
    if report.cancelled {
        eprintln!("eidetic: interrupted; the rest was not screened");
    }
}

/// The number of images at each level, and of findings of each pattern.
fn print_summary(report: &ScreenResponse, to_stdout: bool) -> Result<(), Failure> {
    let levels = report
        .levels
        .iter()
        .map(|(level, count)| format!("{count} {level}"));
    let levels = levels.collect::<Vec<_>>().join(", ");
    let mut lines = vec![format!("{}: {levels}", counted(report.images, "image"))];
    for pattern in report.patterns.iter().take(MOST_PATTERNS) {
        let counts = pattern
            .levels
            .iter()
            .map(|(level, count)| format!("{count} {level}"));
        lines.push(format!(
            "  {:<40} {:<8} {}",
            output::text(&pattern.text),
            pattern.risk.name(),
            counts.collect::<Vec<_>>().join(", ")
        ));
    }
    let more = report.patterns.len().saturating_sub(MOST_PATTERNS);
    if more > 0 {
        lines.push(format!("  and {}", counted(more as u64, "more pattern")));
    }
    for line in lines {
        if to_stdout {
            output::line(&line)?;
        } else {
            eprintln!("eidetic: {line}");
        }
    }
    Ok(())
}

/// A line for the image, and one for each finding.
fn describe(image: &ScreenedPicture) -> String {
    let path = image.original_path().map(|path| output::path(&path));
    let mut text = format!(
        "{:<8} {:<13} {}",
        image.level,
        image.action.words(),
        path.unwrap_or_default()
    );
    for finding in &image.findings {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n    {:>5}  {:.4}  {:<8} {:<6} {}",
            output::percent(finding.confidence),
            finding.score,
            finding.verdict.level,
            finding.risk.name(),
            output::text(&finding.text)
        );
    }
    text
}
