//! `eidetic tag --list`

use eidetic_domain::{Filter, counted};
use eidetic_library::{ListOptions, ListOrder};
use eidetic_server::responses::{AlbumPicture, AlbumResponse, AlbumTagging, WeightedTag};

use crate::arguments::{Global, TagArgs};
use crate::commands::{Access, access_to_read};
use crate::failure::Failure;
use crate::{Outcome, output, remote};

/// The first line of the tab-separated table.
const COLUMNS: &str = "path\timage\ttaggability\trecommended\ttags\tweights\tlow";
/// What is between the tags of an image.
const BETWEEN: &str = "; ";
/// Images without tags that are named.
const NAMED: usize = 20;

/// Prints every image with its tags.
pub(super) fn run(global: &Global, arguments: &TagArgs) -> Result<Outcome, Failure> {
    let album = match access_to_read(global, "eidetic tag --list")? {
        Access::Local(library) => {
            let space = library.active();
            let everything = ListOptions {
                order: ListOrder::BY_ID,
                filter: Filter::default(),
                after: None,
                count: usize::MAX,
                with_tags: true,
            };
            let page = library.list(&space, &everything)?;
            AlbumResponse {
                tagging: Some(space.album_summary()?.into()),
                as_of: library.as_of(),
                ..AlbumResponse::new(page, &everything)
            }
        }
        Access::Remote(server) => remote::album(&server)?,
    };
    if global.json {
        output::json(&album)?;
    } else if arguments.tsv {
        print_tsv(&album)?;
    } else {
        album
            .images
            .iter()
            .try_for_each(|image| output::line(&describe(image)))?;
    }
    if let Some(tagging) = &album.tagging {
        note(&album, tagging);
    }
    Ok(Outcome::Done)
}

fn print_tsv(album: &AlbumResponse) -> Result<(), Failure> {
    output::line(COLUMNS)?;
    album
        .images
        .iter()
        .try_for_each(|image| output::line(&row(image)))
}

/// One image as tab-separated values; tags, their weights, and whether they are low, have the same order.
fn row(image: &AlbumPicture) -> String {
    let joined = |value: &dyn Fn(&WeightedTag) -> String| {
        let values: Vec<String> = tags_of(image).iter().map(value).collect();
        values.join(BETWEEN)
    };
    let taggability = image
        .taggability
        .map_or_else(String::new, |value| format!("{value:.3}"));
    [
        output::path(&image.original_path()),
        image.image.to_string(),
        taggability,
        image.recommended.as_deref().unwrap_or_default().join(BETWEEN),
        joined(&|tag| tag.tag.clone()),
        joined(&|tag| tag.weight.to_string()),
        joined(&|tag| if tag.low { "low".to_owned() } else { String::new() }),
    ]
    .join("\t")
}

fn tags_of(image: &AlbumPicture) -> &[WeightedTag] {
    image.tags.as_deref().unwrap_or_default()
}

/// An image, and its tags with their weights.
fn describe(image: &AlbumPicture) -> String {
    let tags = tags_of(image).iter().map(|tag| {
        let low = if tag.low { " (low)" } else { "" };
        format!("{} {}{low}", output::text(&tag.tag), tag.weight)
    });
    let tags: Vec<String> = tags.collect();
    let tags = match (image.taggability, tags.is_empty()) {
        (None, _) => "not tagged yet".to_owned(),
        (_, true) => "no tag".to_owned(),
        _ => tags.join(", "),
    };
    let fits = output::percent(image.taggability);
    format!(
        "{fits:>5}  {}\n       {tags}",
        output::path(&image.original_path())
    )
}

/// Averages, and the images without tags by name.
fn note(album: &AlbumResponse, tagging: &AlbumTagging) {
    eprintln!(
        "eidetic: {}, {} with tags: {:.1} tags an image, taggability {:.2} on average (weights of 10, the words fit from 0 to 1)",
        counted(album.total, "image"),
        tagging.tagged,
        tagging.tags_per_image,
        tagging.taggability
    );
    let without = album.images.iter().filter(|image| tags_of(image).is_empty());
    let names: Vec<String> = without
        .map(|image| output::path(&image.original_path()))
        .collect();
    if names.is_empty() {
        return;
    }
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!("\n  and {count} more"),
    };
    let shown = &names[..names.len().min(NAMED)];
    eprintln!(
        "eidetic: {} without tags:\n  {}{more}",
        counted(names.len() as u64, "image"),
        shown.join("\n  ")
    );
}
