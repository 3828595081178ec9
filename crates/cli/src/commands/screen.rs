//! `eidetic screen`

use eidetic_confidence::profile::Finding;
use eidetic_domain::{ImageId, counted};
use eidetic_indexer::RunContext;
use eidetic_library::{FlaggedImage, ScreeningReport};
use eidetic_server::responses::PathTexts;
use serde::Serialize;

use super::{open_local, profile, warn_of_skipped};
use crate::arguments::{Global, ScreenArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, StageBar};
use crate::{Outcome, output};

/// The JSON of `eidetic screen`.
#[derive(Debug, Serialize)]
struct ScreenAnswer {
    space: String,
    profile: String,
    #[serde(flatten)]
    screened: ScreeningReport,
    #[serde(rename = "pictures")]
    images: Vec<FlaggedAnswer>,
}

/// An image in the JSON, where a path need not be UTF-8.
#[derive(Debug, Serialize)]
struct FlaggedAnswer {
    image: ImageId,
    #[serde(flatten)]
    paths: PathTexts,
    level: String,
    findings: Vec<Finding>,
}

/// `eidetic screen`
pub(crate) fn run(global: &Global, arguments: &ScreenArgs) -> Result<Outcome, Failure> {
    let chosen = profile::named(&arguments.profile, arguments.profile_options.profiles.as_deref())?;
    if chosen.patterns.is_empty() {
        return Err(Failure::arguments(format!(
            "profile {:?} has no patterns; see docs/profiles.md for how to add some",
            chosen.name
        )));
    }
    let library = open_local(global, "eidetic screen")?;
    arguments.options.apply_to(&library);
    library.active().load_encoder(&DownloadBar::default())?;
    let bar = StageBar::new();
    let mut images = Vec::new();
    let screened = library.active().screen(
        &chosen,
        arguments.profile_options.criticality.into(),
        &RunContext::new(&bar, &cancel_on_interrupt()?),
        &mut |flagged| images.push(flagged),
    );
    bar.finish();
    let screened = screened?;
    // The strictest level first, within a level the most confident.
    images.sort_by(|a, b| {
        let strictness = |flagged: &FlaggedImage| chosen.profile.strictness(&flagged.level);
        let confidence = |flagged: &FlaggedImage| flagged.findings[0].confidence.unwrap_or(0.0);
        strictness(a)
            .cmp(&strictness(b))
            .then(confidence(b).total_cmp(&confidence(a)))
    });
    print_notes(&screened);
    if global.json {
        output::json(&ScreenAnswer {
            space: library.active().id().to_string(),
            profile: chosen.name,
            images: images.into_iter().map(FlaggedAnswer::from).collect(),
            screened: screened.clone(),
        })?;
    } else {
        print_table(&images, &screened, &chosen.name)?;
    }
    let is_complete = screened.skipped == 0 && !screened.cancelled;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn print_notes(screened: &ScreeningReport) {
    warn_of_skipped(screened.skipped);
    if screened.unknown_patterns > 0 {
        let (has, was) = match screened.unknown_patterns {
            1 => ("pattern has", "was"),
            _ => ("patterns have", "were"),
        };
        eprintln!(
            "eidetic: {} {has} words that the model does not know, and {was} left out",
            screened.unknown_patterns
        );
    }
    if screened.cancelled {
        eprintln!("eidetic: interrupted; the rest of the library was not screened");
    }
}

fn print_table(images: &[FlaggedImage], screened: &ScreeningReport, profile: &str) -> Result<(), Failure> {
    for image in images {
        output::line(&describe(image))?;
    }
    eprintln!(
        "eidetic: {} of {} at a level of {profile}",
        screened.flagged,
        counted(screened.images, "image")
    );
    Ok(())
}

impl From<FlaggedImage> for FlaggedAnswer {
    fn from(flagged: FlaggedImage) -> Self {
        Self {
            image: flagged.image,
            paths: flagged.paths.as_slice().into(),
            level: flagged.level,
            findings: flagged.findings,
        }
    }
}

/// The first finding of an image, and the number of others.
fn describe(image: &FlaggedImage) -> String {
    let worst = &image.findings[0];
    let path = image.paths.first().map(|path| output::path(path));
    let more = match image.findings.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!(
        "{:<8} {:>5}  {:<13}  {}\n                 {}{more}",
        image.level,
        output::percent(worst.confidence),
        worst.verdict.action.words(),
        path.unwrap_or_default(),
        worst.text,
    )
}
