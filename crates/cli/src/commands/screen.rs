//! `eidetic screen`

use eidetic_confidence::profile::NamedProfile;
use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{Library, ScreeningReport};
use eidetic_server::params::ScreenParams;
use eidetic_server::responses::{FlaggedPicture, ScreenResponse};

use super::{Access, access, profile, reject_model_options, warn_of_skipped};
use crate::arguments::{Global, ScreenArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, StageBar};
use crate::{Outcome, output, remote};

/// `eidetic screen`
pub(crate) fn run(global: &Global, arguments: &ScreenArgs) -> Result<Outcome, Failure> {
    let file = arguments.profile_options.profiles.as_deref();
    let answer = match access(global, "eidetic screen")? {
        Access::Local(library) => {
            let chosen = profile::named(&arguments.profile, file)?;
            require_patterns(&chosen)?;
            arguments.options.apply_to(&library);
            screen(&library, &chosen, arguments)?
        }
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            if file.is_some() {
                return Err(Failure::could_not_run(
                    "a server owns the library and has profiles of its own; leave out --profiles, or restart the server with it",
                ));
            }
            let request = ScreenParams {
                profile: arguments.profile.clone(),
                criticality: Some(arguments.profile_options.criticality.into()),
            };
            remote::screen(&server, &request)?
        }
    };
    print_notes(&answer);
    if global.json {
        output::json(&answer)?;
    } else {
        print_table(&answer)?;
    }
    let is_complete = answer.skipped == 0 && !answer.cancelled;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn require_patterns(chosen: &NamedProfile) -> Result<(), Failure> {
    if chosen.patterns.is_empty() {
        return Err(Failure::arguments(format!(
            "profile {:?} has no patterns; see docs/profiles.md for how to add some",
            chosen.name
        )));
    }
    Ok(())
}

fn screen(
    library: &Library,
    chosen: &NamedProfile,
    arguments: &ScreenArgs,
) -> Result<ScreenResponse, Failure> {
    let space = library.active();
    space.load_encoder(&DownloadBar::default())?;
    let bar = StageBar::new();
    let mut images = Vec::new();
    let screened = space.screen(
        chosen,
        arguments.profile_options.criticality.into(),
        &RunContext::new(&bar, &cancel_on_interrupt()?),
        &mut |flagged| images.push(flagged),
    );
    bar.finish();
    let screened = screened?;
    ScreeningReport::sort(&mut images, chosen);
    Ok(ScreenResponse::new(
        space.id().to_string(),
        chosen.name.clone(),
        &screened,
        images,
    ))
}

fn print_notes(screened: &ScreenResponse) {
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

fn print_table(answer: &ScreenResponse) -> Result<(), Failure> {
    for image in &answer.pictures {
        output::line(&describe(image))?;
    }
    eprintln!(
        "eidetic: {} of {} at a level of {}",
        answer.flagged,
        counted(answer.images, "image"),
        answer.profile
    );
    Ok(())
}

/// The first finding of an image, and the number of others.
fn describe(image: &FlaggedPicture) -> String {
    let path = image.original_path().map(|path| output::path(&path));
    let worst = image.findings.first();
    let more = match image.findings.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!(
        "{:<8} {:>5}  {:<13}  {}\n                 {}{more}",
        image.level,
        output::percent(worst.and_then(|finding| finding.confidence)),
        image.action().map_or("", |action| action.words()),
        path.unwrap_or_default(),
        worst.map_or("", |finding| finding.text.as_str()),
    )
}
