//! `eidetic list`

use eidetic_domain::{Filter, TakenSource, counted};
use eidetic_library::{Library, ListOptions};
use eidetic_server::params::list_cursor;
use eidetic_server::responses::{AlbumPicture, AlbumResponse};

use super::{Access, access_to_read};
use crate::Outcome;
use crate::arguments::{Global, ListArgs};
use crate::failure::Failure;
use crate::open_pictures::OpenedPictures;
use crate::{output, remote};

/// Pictures that are listed where the command line does not say how many.
const DEFAULT_COUNT: usize = 100;
/// Pictures that are read from the catalog, or asked of a server, at a time.
const PAGE: usize = 1000;

/// `eidetic list`
pub(crate) fn run(global: &Global, arguments: &ListArgs) -> Result<Outcome, Failure> {
    let end = arguments.output.paths_only();
    let mut pictures = OpenedPictures::new(&arguments.open)?;
    let mut listed = AlbumResponse::default();
    let mut printed = 0;
    each_page(global, arguments, "eidetic list", &mut |mut page| {
        printed += page.images.len();
        pictures.note(&page.images);
        match end {
            _ if global.json => listed.images.append(&mut page.images),
            Some(end) => {
                let mut paths = page.images.iter().map(AlbumPicture::original_path);
                paths.try_for_each(|path| output::path_alone(&path, end))?;
            }
            None => {
                let mut lines = page.images.iter().map(describe);
                lines.try_for_each(|line| output::line(&line))?;
            }
        }
        (listed.total, listed.next_cursor, listed.as_of) = (page.total, page.next_cursor, page.as_of);
        Ok(())
    })?;
    if global.json {
        output::json(&listed)?;
    } else if end.is_none() {
        note(&listed, printed, arguments);
    }
    pictures.open(global)
}

/// All pictures that the arguments ask for.
pub(super) fn all_pictures(
    global: &Global,
    arguments: &ListArgs,
    command: &str,
) -> Result<Vec<AlbumPicture>, Failure> {
    let mut pictures = Vec::new();
    each_page(global, arguments, command, &mut |page| {
        pictures.extend(page.images);
        Ok(())
    })?;
    Ok(pictures)
}

/// Asks for one page after another.
fn each_page(
    global: &Global,
    arguments: &ListArgs,
    command: &str,
    each: &mut dyn FnMut(AlbumResponse) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let filter = arguments.filter.filter()?;
    let access = access_to_read(global, command)?;
    let is_for_programs = arguments.output.paths_only().is_some();
    let default = if is_for_programs {
        usize::MAX
    } else {
        DEFAULT_COUNT
    };
    let count = arguments.k.unwrap_or(default);
    let mut cursor = arguments.cursor.clone();
    let mut asked = 0;
    loop {
        let wanted = PAGE.min(count - asked);
        asked += wanted;
        let page = match &access {
            Access::Local(library) => list_locally(library, arguments, &filter, cursor.take(), wanted)?,
            Access::Remote(server) => remote::list(server, arguments, &filter, cursor.as_deref(), wanted)?,
        };
        cursor.clone_from(&page.next_cursor);
        each(page)?;
        if cursor.is_none() || asked >= count {
            return Ok(());
        }
    }
}

fn list_locally(
    library: &Library,
    arguments: &ListArgs,
    filter: &Filter,
    cursor: Option<String>,
    count: usize,
) -> Result<AlbumResponse, Failure> {
    let order = arguments.order();
    let after = cursor
        .map(|cursor| list_cursor::parse(&cursor, order))
        .transpose();
    let options = ListOptions {
        order,
        filter: filter.clone(),
        after: after.map_err(Failure::arguments)?,
        count,
        with_tags: false,
    };
    let page = library.list(&library.active(), &options)?;
    Ok(AlbumResponse {
        as_of: library.as_of(),
        ..AlbumResponse::new(page, &options)
    })
}

/// Such as `2024-05-01 12:00  4000 × 3000    2.1 MiB  /photos/a.jpg`.
fn describe(picture: &AlbumPicture) -> String {
    let taken = picture
        .taken
        .map_or_else(String::new, |taken| taken.strftime("%Y-%m-%d %H:%M").to_string());
    let is_weak = picture.taken_source.is_some_and(TakenSource::is_weak);
    let weak = if is_weak { "~" } else { " " };
    let size = format!("{} × {}", picture.width, picture.height);
    let missing = if picture.reachable { "" } else { " (unreachable)" };
    format!(
        "{weak}{taken:<16}  {size:>13}  {:>10}  {}{missing}",
        output::bytes(picture.bytes),
        output::path(&picture.original_path())
    )
}

fn note(listed: &AlbumResponse, printed: usize, arguments: &ListArgs) {
    if listed.total == 0 {
        let among = if arguments.filter.is_empty() {
            "; add some with: eidetic index DIR"
        } else {
            " that matches"
        };
        eprintln!("eidetic: no picture{among}");
    } else if listed.next_cursor.is_some() {
        eprintln!(
            "eidetic: {printed} of {}; -k all lists the rest",
            counted(listed.total, "picture")
        );
    }
}
