//! `eidetic map`

use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{Library, MapOptions, Owner};
use eidetic_server::responses::{MapRegionResponse, MapResponse};

use super::{directory, warn_of_damage};
use crate::arguments::{Global, MapArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::StageBar;
use crate::{Outcome, output};

/// Tags that are printed of a region beside its name.
const TAGS: usize = 3;

/// `eidetic map`
pub(crate) fn run(global: &Global, arguments: &MapArgs) -> Result<Outcome, Failure> {
    let filter = arguments.filter.filter()?;
    let owner = Owner::this_process("eidetic map");
    let library = Library::open_beside(&directory(global)?, &owner)?;
    warn_of_damage(&library);
    let space = library.active();
    library.require_known(&space, &filter)?;
    let bar = StageBar::new();
    let cancel = cancel_on_interrupt()?;
    let updated = space.update_map(&RunContext::new(&bar, &cancel));
    bar.finish();
    let Some(layout) = updated? else {
        eprintln!("eidetic: stopped before the map was computed");
        return Ok(Outcome::DoneWithFailures);
    };
    let options = MapOptions {
        filter,
        after: None,
        count: if global.json { usize::MAX } else { 0 },
    };
    let page = library.map_page(&space, &layout, &options)?;
    let response = MapResponse {
        as_of: library.as_of(),
        ..MapResponse::new(space.id().to_string(), &page)
    };
    if global.json {
        output::json(&response)?;
    } else {
        print(&response, arguments)?;
    }
    Ok(Outcome::Done)
}

fn print(map: &MapResponse, arguments: &MapArgs) -> Result<(), Failure> {
    let shown = || {
        map.regions
            .iter()
            .filter(|region| region.level == arguments.level)
    };
    for region in shown() {
        output::line(&describe(region))?;
    }
    if map.total == 0 {
        let among = if arguments.filter.is_empty() {
            "; add some with: eidetic index DIR"
        } else {
            " that matches"
        };
        eprintln!("eidetic: no picture{among}");
        return Ok(());
    }
    let regions = counted(shown().count() as u64, "region");
    let pictures = counted(map.total, "picture");
    eprintln!(
        "eidetic: {pictures} in {regions}; --level 1 to 3 for larger or smaller ones, --json for positions"
    );
    if map.regions.iter().all(|region| region.tags.is_empty()) {
        eprintln!(
            "eidetic: no tags set regions apart, so they have no names; tag the pictures with: eidetic tag"
        );
    }
    Ok(())
}

/// Such as `  1234  beach (sea, sand, sunset)`.
fn describe(region: &MapRegionResponse) -> String {
    let name = region.name.as_deref().map_or("(no name)".into(), output::text);
    let others = region
        .tags
        .iter()
        .filter(|tag| Some(*tag) != region.name.as_ref());
    let others: Vec<String> = others
        .take(TAGS)
        .map(|tag| output::text(tag).into_owned())
        .collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!(" ({})", others.join(", "))
    };
    format!("{:>8}  {name}{others}", region.count)
}
