//! `eidetic export`

use std::cell::OnceCell;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, counted};
use eidetic_indexer::RunContext;
use eidetic_library::{
    Export, ExportItem, ExportMethod, ExportSource, Exported, ImageFile, Library, ManifestFormat,
    ManifestRow, Owner,
};
use eidetic_server::responses::{AlbumPicture, SearchHit};
use serde::Serialize;

use super::directory;
use super::list::all_pictures;
use super::search::all_hits;
use crate::arguments::{ExportArgs, Exportable, Global};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{CopyBar, CopyUnit};
use crate::{Outcome, output};

const COMMAND: &str = "eidetic export";

/// A picture to export, and what the manifest says of it.
struct Picture {
    item: ExportItem,
    taken: Option<String>,
    width: u32,
    height: u32,
    score: Option<f32>,
    confidence: Option<f32>,
}

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
    failed: Vec<FailedResponse>,
    cancelled: bool,
}

#[derive(Debug, Serialize)]
struct FailedResponse {
    path: String,
    reason: String,
}

/// `eidetic export`
pub(crate) fn run(global: &Global, arguments: &ExportArgs) -> Result<Outcome, Failure> {
    let (pictures, title) = match arguments.clone().exportable() {
        Exportable::Search(search) => {
            let answer = all_hits(global, &search, COMMAND)?;
            let title = search.text().unwrap_or_else(|| "Similar pictures".to_owned());
            (answer.hits.iter().map(Picture::from).collect(), title)
        }
        Exportable::List(list) => {
            let listed = all_pictures(global, &list, COMMAND)?;
            (
                listed.iter().map(Picture::from).collect::<Vec<_>>(),
                "Pictures".to_owned(),
            )
        }
    };
    let mut response = ExportResponse {
        pictures: pictures.len() as u64,
        targets: Vec::new(),
    };
    if pictures.is_empty() {
        eprintln!("eidetic: no picture to export");
    } else {
        let files = Files {
            directory: directory(global)?,
            library: OnceCell::new(),
        };
        export(arguments, &pictures, &title, &files, &mut response)?;
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
    pictures: &[Picture],
    title: &str,
    files: &Files,
    response: &mut ExportResponse,
) -> Result<(), Failure> {
    let items: Vec<ExportItem> = pictures.iter().map(|picture| picture.item.clone()).collect();
    let cancel = cancel_on_interrupt()?;
    let format = ManifestFormat::from(arguments.manifest);
    let mut to =
        |target: &Path, run: &dyn Fn(&Export<'_>) -> Result<Exported, Failure>| -> Result<(), Failure> {
            let bar = CopyBar::new(CopyUnit::Files, "pictures exported");
            let exported = run(&Export {
                items: &items,
                source: files,
                context: &RunContext::new(&bar, &cancel),
            });
            bar.finish();
            response.targets.push(TargetResponse::new(target, &exported?));
            Ok(())
        };
    if let Some(folder) = &arguments.to {
        to(folder, &|export| {
            to_folder(export, folder, arguments.method(), format, pictures)
        })?;
    }
    if let Some(file) = &arguments.zip {
        to(file, &|export| {
            let manifest = |exported: &Exported| {
                let text = format.text(&rows(pictures, exported)).unwrap_or_default();
                (format.file_name().to_owned(), text)
            };
            Ok(export.to_zip(file, &manifest)?)
        })?;
    }
    if let Some(file) = &arguments.contact_sheet {
        let notes: Vec<String> = pictures.iter().map(Picture::note).collect();
        to(file, &|export| Ok(export.to_contact_sheet(file, title, &notes)?))?;
    }
    Ok(())
}

fn to_folder(
    export: &Export<'_>,
    folder: &Path,
    method: ExportMethod,
    format: ManifestFormat,
    pictures: &[Picture],
) -> Result<Exported, Failure> {
    let exported = export.to_folder(folder, method)?;
    format.write(folder, &rows(pictures, &exported))?;
    Ok(exported)
}

fn rows(pictures: &[Picture], exported: &Exported) -> Vec<ManifestRow> {
    let named = pictures.iter().zip(&exported.names);
    named
        .filter_map(|(picture, name)| {
            Some(ManifestRow {
                file: name.as_ref()?.to_string_lossy().into_owned(),
                path: picture.item.path.to_string_lossy().into_owned(),
                image: picture.item.image,
                taken: picture.taken.clone(),
                width: picture.width,
                height: picture.height,
                score: picture.score,
                confidence: picture.confidence,
            })
        })
        .collect()
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
        let failed = exported.failed.iter().map(|(path, reason)| FailedResponse {
            path: path.to_string_lossy().into_owned(),
            reason: reason.clone(),
        });
        Self {
            path: target.to_string_lossy().into_owned(),
            exported: exported.names.iter().flatten().count() as u64,
            present: exported.present,
            failed: failed.collect(),
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

impl Picture {
    /// Such as `2024-05-01, 87%`.
    fn note(&self) -> String {
        let date = self
            .taken
            .as_ref()
            .and_then(|taken| taken.get(..10))
            .map(str::to_owned);
        let confidence = Some(output::percent(self.confidence)).filter(|percent| !percent.is_empty());
        let parts: Vec<String> = date.into_iter().chain(confidence).collect();
        parts.join(", ")
    }
}

impl From<&SearchHit> for Picture {
    fn from(hit: &SearchHit) -> Self {
        Self {
            item: ExportItem {
                image: hit.image,
                path: hit.original_path(),
            },
            taken: hit.taken.map(|taken| taken.to_string()),
            width: hit.width,
            height: hit.height,
            score: Some(hit.score),
            confidence: hit.confidence,
        }
    }
}

impl From<&AlbumPicture> for Picture {
    fn from(picture: &AlbumPicture) -> Self {
        Self {
            item: ExportItem {
                image: picture.image,
                path: picture.original_path(),
            },
            taken: picture.taken.map(|taken| taken.to_string()),
            width: picture.width,
            height: picture.height,
            score: None,
            confidence: None,
        }
    }
}
