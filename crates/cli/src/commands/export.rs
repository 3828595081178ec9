//! `eidetic export`

use std::cell::OnceCell;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, counted};
use eidetic_indexer::RunContext;
use eidetic_library::{
    Export, ExportGroup, ExportItem, ExportSource, Exported, ImageFile, Library, LibraryError,
    ManifestFormat, Owner,
};
use eidetic_server::responses::{AlbumPicture, DuplicatesResponse, FailedFile, SearchHit};
use serde::Serialize;

use super::list::all_pictures;
use super::search::all_hits;
use super::{directory, duplicates};
use crate::arguments::{ExportArgs, Exportable, Global};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{CopyBar, CopyUnit};
use crate::{Outcome, output};

const COMMAND: &str = "eidetic export";

/// What was exported, as JSON.
#[derive(Debug, Default, Serialize)]
struct ExportResponse {
    /// Pictures that the search or the filters found.
    pictures: u64,
    /// Where they went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<TargetResponse>,
}

#[derive(Debug, Serialize)]
struct TargetResponse {
    path: String,
    /// Pictures that are there now.
    exported: u64,
    /// Of these, those that were there before.
    present: u64,
    failed: Vec<FailedFile>,
    cancelled: bool,
}

/// `eidetic export`
pub(crate) fn run(global: &Global, arguments: &ExportArgs) -> Result<Outcome, Failure> {
    let files = Files {
        directory: directory(global)?,
        library: OnceCell::new(),
    };
    let (items, title) = match arguments.clone().exportable()? {
        Exportable::Search(search) => {
            let answer = all_hits(global, &search, COMMAND)?;
            let title = search.text().unwrap_or_else(|| "Similar pictures".to_owned());
            (answer.hits.iter().map(item_of_hit).collect(), title)
        }
        Exportable::List(list) => {
            let listed = all_pictures(global, &list, COMMAND)?;
            (
                listed.iter().map(item_of_picture).collect::<Vec<_>>(),
                "Pictures".to_owned(),
            )
        }
        Exportable::Duplicates(duplicates) => {
            let Some(found) = duplicates::find(global, &duplicates, COMMAND)? else {
                return Ok(Outcome::DoneWithFailures);
            };
            duplicates::warn_of_not_compared(&found);
            (files.items_of_groups(&found)?, "Duplicates".to_owned())
        }
    };
    let mut response = ExportResponse {
        pictures: items.len() as u64,
        targets: Vec::new(),
    };
    if items.is_empty() {
        eprintln!("eidetic: no picture to export");
    } else {
        export(arguments, &items, &title, &files, &mut response)?;
    }
    print(global, &response)?;
    let any_failed = response
        .targets
        .iter()
        .any(|target| !target.failed.is_empty() || target.cancelled);
    Ok(if any_failed {
        Outcome::DoneWithFailures
    } else {
        Outcome::Done
    })
}

fn export(
    arguments: &ExportArgs,
    items: &[ExportItem],
    title: &str,
    files: &Files,
    response: &mut ExportResponse,
) -> Result<(), Failure> {
    let cancel = cancel_on_interrupt()?;
    let format = ManifestFormat::from(arguments.manifest);
    let mut to =
        |target: &Path, run: &dyn Fn(&Export<'_>) -> Result<Exported, LibraryError>| -> Result<(), Failure> {
            let bar = CopyBar::new(CopyUnit::Files, "pictures exported");
            let exported = run(&Export {
                items,
                source: files,
                context: &RunContext::new(&bar, &cancel),
            });
            bar.finish();
            response.targets.push(TargetResponse::new(target, &exported?));
            Ok(())
        };
    if let Some(folder) = &arguments.to {
        to(folder, &|export| {
            export.to_folder(folder, arguments.method(), format)
        })?;
    }
    if let Some(file) = &arguments.zip {
        to(file, &|export| export.to_zip(file, format))?;
    }
    if let Some(file) = &arguments.contact_sheet {
        let notes: Vec<String> = items.iter().map(note).collect();
        to(file, &|export| export.to_contact_sheet(file, title, &notes))?;
    }
    Ok(())
}

fn print(global: &Global, response: &ExportResponse) -> Result<(), Failure> {
    for target in &response.targets {
        for failed in &target.failed {
            eprintln!(
                "eidetic: {}: {}",
                output::text(&failed.path),
                output::text(&failed.reason)
            );
        }
    }
    if global.json {
        return output::json(response);
    }
    for target in &response.targets {
        let mut line = format!(
            "{} in {}",
            counted(target.exported, "picture"),
            output::text(&target.path)
        );
        if target.present > 0 {
            let _ = write!(line, ", {} there before", target.present);
        }
        if !target.failed.is_empty() {
            let _ = write!(line, ", {} failed", target.failed.len());
        }
        if target.cancelled {
            line.push_str("; stopped");
        }
        output::line(&line)?;
    }
    Ok(())
}

impl TargetResponse {
    fn new(target: &Path, exported: &Exported) -> Self {
        Self {
            path: target.to_string_lossy().into_owned(),
            exported: exported.names.iter().flatten().count() as u64,
            present: exported.present,
            failed: exported.failed.iter().map(FailedFile::from).collect(),
            cancelled: exported.cancelled,
        }
    }
}

/// The library that pictures are read from, where a file of their own does not suffice; opened when it is needed.
struct Files {
    directory: PathBuf,
    library: OnceCell<Result<Library, String>>,
}

impl Files {
    fn library(&self) -> Result<&Library, String> {
        let opened = self.library.get_or_init(|| {
            let library = Library::open_beside(&self.directory, &Owner::this_process(COMMAND));
            library.map_err(|error| error.to_string())
        });
        opened.as_ref().map_err(Clone::clone)
    }

    /// The files of all groups; an image that was removed meanwhile is left out.
    fn items_of_groups(&self, found: &DuplicatesResponse) -> Result<Vec<ExportItem>, Failure> {
        let mut items = Vec::new();
        for (number, group) in (1..).zip(&found.groups) {
            for file in &group.images {
                let library = self.library().map_err(Failure::could_not_run)?;
                let Ok(record) = library.image(&file.image) else {
                    continue;
                };
                items.push(ExportItem {
                    image: file.image,
                    path: file.original_path(),
                    taken: record.metadata.taken,
                    width: record.metadata.width,
                    height: record.metadata.height,
                    score: None,
                    confidence: None,
                    group: Some(ExportGroup {
                        number,
                        kind: group.kind,
                        best: file.best,
                    }),
                });
            }
        }
        Ok(items)
    }
}

impl ExportSource for Files {
    fn part(&self, image: &ImageId) -> Result<ImageFile, String> {
        self.library()?
            .image_file(image)
            .map_err(|error| error.to_string())
    }

    fn thumbnail(&self, image: &ImageId) -> Result<Vec<u8>, String> {
        self.library()?
            .thumbnail(image)
            .map_err(|error| error.to_string())
    }
}

/// Such as `2024-05-01, 87%`.
fn note(item: &ExportItem) -> String {
    let date = item.taken.map(|taken| taken.date().to_string());
    let confidence = Some(output::percent(item.confidence)).filter(|percent| !percent.is_empty());
    let group = item.group.map(|group| {
        let best = if group.best { ", the best" } else { "" };
        format!("group {}{best}", group.number)
    });
    let parts: Vec<String> = group.into_iter().chain(date).chain(confidence).collect();
    parts.join(", ")
}

fn item_of_hit(hit: &SearchHit) -> ExportItem {
    ExportItem {
        image: hit.image,
        path: hit.original_path(),
        taken: hit.taken,
        width: hit.width,
        height: hit.height,
        score: Some(hit.score),
        confidence: hit.confidence,
        group: None,
    }
}

fn item_of_picture(picture: &AlbumPicture) -> ExportItem {
    ExportItem {
        image: picture.image,
        path: picture.original_path(),
        taken: picture.taken,
        width: picture.width,
        height: picture.height,
        score: None,
        confidence: None,
        group: None,
    }
}
