//! `eidetic screen`

use std::fmt::Write;
use std::path::{Path, PathBuf};

use eidetic_confidence::profile::{Finding, NamedProfile, ProfileAction};
use eidetic_domain::{ImageId, counted};
use eidetic_indexer::RunContext;
use eidetic_library::{ScreenedImage, ScreeningOptions, ScreeningReport, ScreeningTarget};
use eidetic_server::responses::PathTexts;
use serde::Serialize;

use super::{open_local, pair_file, profile, warn_of_skipped};
use crate::arguments::{Global, ScreenArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, StageBar};
use crate::{Outcome, output};

/// Patterns that a summary names.
const MOST_PATTERNS: usize = 20;

/// The JSON of `eidetic screen`.
#[derive(Debug, Serialize)]
struct ScreenAnswer {
    space: String,
    profile: String,
    #[serde(flatten)]
    report: ScreeningReport,
    #[serde(rename = "pictures")]
    images: Vec<ScreenedAnswer>,
}

/// An image in the JSON, where a path need not be UTF-8.
#[derive(Debug, Serialize)]
struct ScreenedAnswer {
    image: ImageId,
    #[serde(flatten)]
    paths: PathTexts,
    level: String,
    action: ProfileAction,
    findings: Vec<Finding>,
}

/// `eidetic screen`
pub(crate) fn run(global: &Global, arguments: &ScreenArgs) -> Result<Outcome, Failure> {
    let chosen = chosen_profile(arguments)?;
    let options = ScreeningOptions {
        target: target(arguments)?,
        criticality: arguments.profile_options.criticality.into(),
        all: arguments.all,
    };
    let library = open_local(global, "eidetic screen")?;
    if let ScreeningTarget::Library(filter) = &options.target {
        library.require_known(filter)?;
    }
    arguments.options.apply_to(&library);
    library.active().load_encoder(&DownloadBar::default())?;
    let bar = StageBar::new();
    let mut images = Vec::new();
    let screened = library.active().screen(
        &chosen,
        &options,
        &RunContext::new(&bar, &cancel_on_interrupt()?),
        &mut |screened| images.push(screened),
    );
    bar.finish();
    let report = screened?;
    sort(&mut images, &chosen);
    if arguments.summary {
        images.clear();
    }
    print_notes(&report);
    let is_complete = report.skipped == 0 && report.failed.is_empty() && !report.cancelled;
    if global.json {
        output::json(&ScreenAnswer {
            space: library.active().id().to_string(),
            profile: chosen.name,
            images: images.into_iter().map(ScreenedAnswer::from).collect(),
            report,
        })?;
    } else {
        for image in &images {
            output::line(&describe(image))?;
        }
        print_summary(&report, &chosen, arguments.summary)?;
    }
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
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
        return Ok(ScreeningTarget::Library(arguments.filter.filter()?));
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

/// The strictest level first, within a level the most confident.
fn sort(images: &mut [ScreenedImage], chosen: &NamedProfile) {
    let confidence = |screened: &ScreenedImage| {
        let first = screened.findings.first();
        first.and_then(|finding| finding.confidence).unwrap_or(0.0)
    };
    images.sort_by(|a, b| {
        let strictness = |screened: &ScreenedImage| chosen.profile.strictness(&screened.level);
        strictness(a)
            .cmp(&strictness(b))
            .then(confidence(b).total_cmp(&confidence(a)))
            .then_with(|| a.paths.cmp(&b.paths))
    });
}

fn print_notes(report: &ScreeningReport) {
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
fn print_summary(report: &ScreeningReport, chosen: &NamedProfile, to_stdout: bool) -> Result<(), Failure> {
    let names = chosen.profile.levels.iter().map(|rule| rule.name.as_str());
    let names = names.chain(std::iter::once(chosen.profile.default_level.name.as_str()));
    let levels = names.map(|name| format!("{} {name}", report.levels.get(name).unwrap_or(&0)));
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

impl From<ScreenedImage> for ScreenedAnswer {
    fn from(screened: ScreenedImage) -> Self {
        Self {
            image: screened.image,
            paths: screened.paths.as_slice().into(),
            level: screened.level,
            action: screened.action,
            findings: screened.findings,
        }
    }
}

/// A line for the image, and one for each finding.
fn describe(image: &ScreenedImage) -> String {
    let path = image.paths.first().map(|path| output::path(path));
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
