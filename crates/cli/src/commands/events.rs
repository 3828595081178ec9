//! `eidetic events`

use std::path::Path;

use eidetic_domain::{Filter, counted};
use eidetic_library::{EventOptions, Library, Owner};
use eidetic_server::responses::{AlbumPicture, EventImagesResponse, EventResponse, EventsResponse};

use super::show::id_in;
use super::{directory, warn_of_damage};
use crate::arguments::{EventsArgs, Global};
use crate::failure::Failure;
use crate::{Outcome, output};

/// Events that are listed where the command line does not say how many.
const DEFAULT_COUNT: usize = 50;
/// Width of the column of titles.
const TITLE_WIDTH: usize = 36;

/// `eidetic events`
pub(crate) fn run(global: &Global, arguments: &EventsArgs) -> Result<Outcome, Failure> {
    let filter = arguments.filter.filter()?;
    let owner = Owner::this_process("eidetic events");
    let library = Library::open_beside(&directory(global)?, &owner)?;
    warn_of_damage(&library);
    match &arguments.picture {
        Some(picture) => one_event(&library, global, arguments, &filter, picture)?,
        None => all_events(&library, global, arguments, filter)?,
    }
    Ok(Outcome::Done)
}

fn all_events(
    library: &Library,
    global: &Global,
    arguments: &EventsArgs,
    filter: Filter,
) -> Result<(), Failure> {
    let after = arguments.cursor.as_deref().map(str::parse).transpose();
    let options = EventOptions {
        filter,
        after: after.map_err(|error: eidetic_library::ParseEventPositionError| {
            Failure::arguments(error.to_string())
        })?,
        count: arguments.k.unwrap_or(DEFAULT_COUNT),
    };
    let found = EventsResponse {
        as_of: library.as_of(),
        ..EventsResponse::from(&library.events(&library.active(), &options)?)
    };
    if global.json {
        return output::json(&found);
    }
    for event in &found.events {
        output::line(&describe(event))?;
    }
    note(&found);
    Ok(())
}

fn one_event(
    library: &Library,
    global: &Global,
    arguments: &EventsArgs,
    filter: &Filter,
    picture: &Path,
) -> Result<(), Failure> {
    let id = id_in(library, picture)?;
    let after = arguments.cursor.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Failure::arguments("the cursor is not the next_cursor of an event"))?;
    let count = arguments.k.unwrap_or(usize::MAX);
    let found = library.event_images(&library.active(), filter, &id, after, count)?;
    let found = EventImagesResponse::from(found);
    if global.json {
        return output::json(&found);
    }
    output::line(&output::text(&found.event.title))?;
    for image in &found.images {
        output::line(&describe_image(image))?;
    }
    Ok(())
}

/// Such as `    45  2024-07-04 – 2024-07-06, Rome  /photos/a.jpg`.
fn describe(event: &EventResponse) -> String {
    let title = output::text(&event.title);
    let path = event.original_path();
    format!(
        "{:>6}  {title:<TITLE_WIDTH$}  {}",
        event.count,
        output::path(&path)
    )
}

/// Such as `2024-07-04 09:12  /photos/a.jpg`.
fn describe_image(image: &AlbumPicture) -> String {
    let taken = image.taken;
    let taken = taken.map_or_else(String::new, |taken| taken.strftime("%Y-%m-%d %H:%M").to_string());
    format!("{taken}  {}", output::path(&image.original_path()))
}

fn note(found: &EventsResponse) {
    let images: u64 = found.events.iter().map(|event| event.count).sum();
    let pictures = counted(images, "picture");
    match (found.total, &found.next_cursor) {
        (0, _) => eprintln!("eidetic: no events"),
        (total, Some(_)) => eprintln!(
            "eidetic: {} of {} with {pictures}; -k all lists the rest",
            found.events.len(),
            counted(total, "event")
        ),
        (total, None) => eprintln!(
            "eidetic: {} with {pictures}; `eidetic events PATH` lists those of one",
            counted(total, "event")
        ),
    }
    let left_out = [
        (found.weak_dates, "whose only date is that of the file"),
        (found.vague_dates, "of which only the year or month is known"),
        (found.undated, "without a date"),
    ];
    for (count, why) in left_out.into_iter().filter(|(count, _)| *count > 0) {
        eprintln!("eidetic: left out {} {why}", counted(count, "picture"));
    }
}
