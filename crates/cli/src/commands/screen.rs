use eidetic_indexer::RunContext;
use eidetic_library::{FlaggedImage, Library, Owner, ScreeningReport};
use serde::Serialize;

use super::{directory, profile, warn_of_damage};
use crate::arguments::{Global, Screen};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{CountBar, DownloadBar};
use crate::{Outcome, output};

/// The JSON of `eidetic screen`.
#[derive(Debug, Serialize)]
struct Answer {
    space: String,
    profile: String,
    #[serde(flatten)]
    screened: ScreeningReport,
    pictures: Vec<FlaggedImage>,
}

/// `eidetic screen`
pub(crate) fn run(global: &Global, arguments: &Screen) -> Result<Outcome, Failure> {
    let chosen = profile::named(&arguments.profile, arguments.purpose.profiles.as_deref())?;
    if chosen.patterns.is_empty() {
        return Err(Failure::arguments(format!(
            "the profile {:?} has no patterns to hold pictures against; docs/profiles.md says how to give it some",
            chosen.name
        )));
    }
    let library = Library::open(&directory(global)?, &Owner::this_process("eidetic screen"))?;
    warn_of_damage(&library);
    library.active().load_encoder(&DownloadBar::default())?;
    let bar = CountBar::new("pictures");
    let mut pictures = Vec::new();
    let screened = library.active().screen(
        &chosen,
        arguments.purpose.criticality.into(),
        &RunContext::new(&bar, &cancel_on_interrupt()?),
        &mut |flagged| pictures.push(flagged),
    );
    bar.finish();
    let screened = screened?;
    // The strictest level first, in it the most probable.
    pictures.sort_by(|a, b| {
        let strictness = |flagged: &FlaggedImage| chosen.profile.strictness(&flagged.level);
        let confidence = |flagged: &FlaggedImage| flagged.findings[0].confidence.unwrap_or(0.0);
        strictness(a)
            .cmp(&strictness(b))
            .then(confidence(b).total_cmp(&confidence(a)))
    });
    print(global, &library, chosen.name, screened, pictures)
}

fn print(
    global: &Global,
    library: &Library,
    profile: String,
    screened: ScreeningReport,
    pictures: Vec<FlaggedImage>,
) -> Result<Outcome, Failure> {
    if screened.skipped > 0 {
        eprintln!(
            "eidetic: {} images were passed over, their vectors are damaged; `eidetic index` embeds them anew",
            screened.skipped
        );
    }
    if screened.cancelled {
        eprintln!("eidetic: stopped; the rest of the library was not looked at");
    }
    let complete = screened.skipped == 0 && !screened.cancelled;
    if global.json {
        let space = library.active().id().to_string();
        output::json(&Answer {
            space,
            profile,
            screened,
            pictures,
        })?;
    } else {
        for picture in &pictures {
            output::line(&describe(picture))?;
        }
        eprintln!(
            "eidetic: {} of {} pictures reach a level of {profile}",
            screened.flagged, screened.images
        );
    }
    Ok(if complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

/// The picture's first finding, and how many more there are.
fn describe(picture: &FlaggedImage) -> String {
    let worst = &picture.findings[0];
    let path = picture.paths.first().map(|path| path.display().to_string());
    let more = match picture.findings.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!(
        "{:<8} {:>5}  {:<13}  {}\n                 {}{more}",
        picture.level,
        output::percent(worst.confidence),
        worst.verdict.action.words(),
        path.unwrap_or_default(),
        worst.text,
    )
}
