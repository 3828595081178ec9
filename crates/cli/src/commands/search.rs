use std::path::{Path, PathBuf};
use std::sync::Arc;

use eidetic_domain::{DateRange, Filter, parse_date};
use eidetic_imaging::DecodeSize;
use eidetic_indexer::Options;
use eidetic_library::{Library, Space};
use eidetic_search::{Query, QueryPicture, Verdict, Weights};
use eidetic_server::responses::{SearchResponse, SpaceReportResponse};

use super::space::print_failures;
use super::{Access, access, servers_device, servers_precision};
use crate::Outcome;
use crate::arguments::{Global, Search};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::SpaceBar;
use crate::{output, pictures, remote};

/// `eidetic search`
pub(crate) fn run(global: &Global, arguments: &Search) -> Result<Outcome, Failure> {
    let blank = arguments.text().is_none_or(|text| text.trim().is_empty());
    if blank && arguments.image.is_none() && arguments.image_id.is_none() {
        return Err(Failure::arguments(
            "nothing to search for; give some words, --image FILE, or --image-id ID",
        ));
    }
    let filter = filter(arguments)?;
    let answer = match access(global, "eidetic search")? {
        Access::Own(library) => search(&library, arguments, filter)?,
        Access::Through(address) => {
            servers_precision(arguments.precision)?;
            servers_device(&arguments.loading)?;
            search_through(&address, arguments, &filter)?
        }
    };
    print_answer(global, &answer)?;
    Ok(Outcome::Done)
}

fn search(library: &Library, arguments: &Search, filter: Filter) -> Result<SearchResponse, Failure> {
    library.load_by((&arguments.loading).into());
    let space = match &arguments.space {
        None => library.active(),
        Some(name) => caught_up(library, name, arguments)?,
    };
    if let Some(precision) = arguments.precision {
        space.compute_in(precision.into());
    }
    Ok((&space.search(&query(&space, arguments, filter)?)?).into())
}

/// A space that turns out to lack pictures gets them before it is asked again. Where that cannot be done now, the first
/// answer says how many it lacks.
fn search_through(address: &str, arguments: &Search, filter: &Filter) -> Result<SearchResponse, Failure> {
    let answer = remote::search(address, arguments, filter)?;
    let Some(space) = arguments.space.as_ref().filter(|_| answer.missing > 0) else {
        return Ok(answer);
    };
    match remote::catch_up(address, space) {
        Ok(report) => {
            print_failures(&report);
            remote::search(address, arguments, filter)
        }
        Err(failure) => {
            eprintln!("eidetic: {failure}");
            Ok(answer)
        }
    }
}

/// A space with every picture that can be embedded in it.
fn caught_up(library: &Library, name: &str, arguments: &Search) -> Result<Arc<Space>, Failure> {
    let space = library.space_named(name)?;
    if let Some(precision) = arguments.precision {
        space.compute_in(precision.into());
    }
    let bar = SpaceBar::new();
    let report = library.catch_up(name, &Options::default(), &bar, &cancel_on_interrupt()?)?;
    bar.finish();
    print_failures(&SpaceReportResponse::from(&report));
    Ok(space)
}

/// Prints hits as a table, or the answer as JSON.
pub(crate) fn print_answer(global: &Global, answer: &SearchResponse) -> Result<(), Failure> {
    if answer.missing > 0 {
        eprintln!(
            "eidetic: {} pictures of the library have no vector of this model and cannot be found by it",
            answer.missing
        );
    }
    if global.json {
        return output::json(answer);
    }
    match (answer.hits.is_empty(), answer.verdict) {
        (true, _) => eprintln!("eidetic: nothing found"),
        (false, Verdict::NoMatch) => {
            eprintln!("eidetic: probably nothing here matches; these are merely the nearest");
        }
        (false, _) => {}
    }
    for (rank, hit) in answer.hits.iter().enumerate() {
        let confidence = output::percent(hit.confidence);
        output::line(&format!(
            "{:>4}  {confidence:>5}  {:>6.3}  {}",
            rank + 1,
            hit.score,
            hit.path
        ))?;
    }
    Ok(())
}

fn query(space: &Space, arguments: &Search, filter: Filter) -> Result<Query, Failure> {
    let picture = match (&arguments.image, arguments.image_id) {
        (Some(path), _) => Some(QueryPicture::Pixels(query_picture(path, space.decode_size()?)?)),
        (None, Some(image)) => Some(QueryPicture::Indexed(image)),
        (None, None) => None,
    };
    // Alone, a text or a picture has all the weight.
    let text = arguments.text();
    let weights = match (&text, &picture) {
        (Some(_), Some(_)) => Weights::with_text_share(arguments.text_weight),
        _ => Weights::default(),
    };
    Ok(Query {
        text,
        negative: arguments.without.clone(),
        picture,
        weights,
        k: arguments.k.into(),
        min_confidence: arguments.min_confidence,
        filter,
    })
}

fn query_picture(path: &Path, size: DecodeSize) -> Result<image::RgbImage, Failure> {
    let decoded = pictures::read(path, size)
        .map_err(|reason| Failure::arguments(format!("{}: {reason}", path.display())))?;
    Ok(decoded.image)
}

fn filter(arguments: &Search) -> Result<Filter, Failure> {
    let moment = |text: &Option<String>| text.as_deref().map(parse_date).transpose();
    let from = moment(&arguments.after).map_err(|error| Failure::arguments(error.to_string()))?;
    let before = moment(&arguments.before).map_err(|error| Failure::arguments(error.to_string()))?;
    let taken = (from.is_some() || before.is_some()).then_some(DateRange { from, before });
    let folders = arguments
        .folder
        .iter()
        .map(|folder| absolute(folder))
        .collect::<Result<_, _>>()?;
    Ok(Filter {
        folders,
        taken,
        tags: arguments.tag.clone(),
    })
}

/// The library resolves links; here only the working directory is added. The folder may be gone from disk.
fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", folder.display()));
    let absolute = std::path::absolute(folder).map_err(|error| refused(error.to_string()))?;
    match absolute.to_str() {
        Some(_) => Ok(absolute),
        None => Err(refused(
            "the folder's name is not UTF-8; name the folder around it".into(),
        )),
    }
}
