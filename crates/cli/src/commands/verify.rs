use std::path::{Path, PathBuf};

use eidetic_hub::{ModelRef, sha256};
use eidetic_library::{Check, CheckPicture, LoadedModel, ModelSource, Verified};
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{Global, Verify};
use crate::failure::Failure;
use crate::progress::DownloadBar;
use crate::{gallery, output};

/// The JSON of `eidetic verify`.
#[derive(Debug, Serialize)]
struct Answer {
    space: String,
    equal: bool,
    checks: Vec<Verified>,
    not_run: Vec<NotRun>,
}

/// A check whose pictures are not here.
#[derive(Debug, Serialize)]
struct NotRun {
    name: String,
    source: String,
    /// What to give with `--image`, and where it can be had.
    pictures: Vec<String>,
}

/// `eidetic verify`
pub(crate) fn run(global: &Global, arguments: &Verify) -> Result<Outcome, Failure> {
    let checks = checks_of(&arguments.model)?;
    let (ready, not_run) = with_pictures(&checks, arguments)?;
    if ready.is_empty() {
        return Err(Failure::could_not_run(format!(
            "the pictures that published values of {} are of do not come with this program; {}",
            arguments.model,
            wanted(&not_run)
        )));
    }
    let source = ModelSource::Named(arguments.model.clone());
    let model = LoadedModel::load(
        &source,
        arguments.precision.into(),
        (&arguments.loading).into(),
        &DownloadBar::default(),
    )
    .map_err(anyhow::Error::from)?;
    let encoder = model.encoder.as_ref();
    let checks = ready.iter().map(|(check, files)| check.run(encoder, files));
    let checks = checks
        .collect::<Result<Vec<_>, _>>()
        .map_err(anyhow::Error::from)?;
    let answer = Answer {
        space: encoder.space().to_string(),
        equal: checks.iter().all(|check| check.equal),
        checks,
        not_run,
    };
    print(global, &answer)?;
    Ok(if answer.equal {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn checks_of(model: &ModelRef) -> Result<Vec<Check>, Failure> {
    let (checks, hint) = match model {
        ModelRef::Directory(path) => (
            Check::in_folder(path).map_err(anyhow::Error::from)?,
            "; write some into a verify.toml in that folder",
        ),
        ModelRef::Hub { id, .. } => (Check::known(id), ""),
        ModelRef::Builtin => (Check::known("builtin"), ""),
        // Published values are of the vectors' full length.
        ModelRef::Shortened { .. } => (Vec::new(), "; name the model without a number of components"),
    };
    if checks.is_empty() {
        return Err(Failure::could_not_run(format!(
            "no published values of {model} are known{hint}"
        )));
    }
    Ok(checks)
}

/// Checks with the bytes of their pictures, in order.
type Ready<'a> = Vec<(&'a Check, Vec<Vec<u8>>)>;

fn with_pictures<'a>(checks: &'a [Check], arguments: &Verify) -> Result<(Ready<'a>, Vec<NotRun>), Failure> {
    let given = Given::new(checks, arguments)?;
    let (mut ready, mut not_run) = (Vec::new(), Vec::new());
    for check in checks {
        let files = check.pictures.iter().map(|picture| given.bytes(picture));
        match files.collect::<Result<Option<Vec<_>>, _>>()? {
            Some(files) => ready.push((check, files)),
            None => not_run.push(NotRun {
                name: check.name.clone(),
                source: check.source.clone(),
                pictures: check.pictures.iter().map(described).collect(),
            }),
        }
    }
    Ok((ready, not_run))
}

fn described(picture: &CheckPicture) -> String {
    match &picture.url {
        Some(url) => format!("{} from {url}", picture.file),
        None => picture.file.clone(),
    }
}

fn wanted(not_run: &[NotRun]) -> String {
    let mut pictures: Vec<String> = not_run.iter().flat_map(|check| check.pictures.clone()).collect();
    pictures.dedup();
    format!("give with --image FILE: {}", pictures.join(", "))
}

/// Where pictures come from: the program, the model's folder, the user.
struct Given<'a> {
    folder: Option<&'a Path>,
    images: &'a [PathBuf],
    /// The one picture that a single `--image` stands for, whatever its name.
    only: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn new(checks: &'a [Check], arguments: &'a Verify) -> Result<Self, Failure> {
        let pictures = checks.iter().flat_map(|check| &check.pictures);
        let mut asked: Vec<&str> = pictures
            .filter(|picture| !picture.bundled)
            .map(|picture| picture.file.as_str())
            .collect();
        asked.sort_unstable();
        asked.dedup();
        let given = Self {
            folder: match &arguments.model {
                ModelRef::Directory(path) => Some(path),
                _ => None,
            },
            images: &arguments.image,
            only: match asked.as_slice() {
                [only] => Some(only),
                _ => None,
            },
        };
        let stray = arguments.image.iter().find(|image| {
            let single = given.only.is_some() && arguments.image.len() == 1;
            !single && !asked.iter().any(|file| is_named(image, file))
        });
        match stray {
            Some(image) => Err(Failure::arguments(format!(
                "{} is none of the pictures that published values are of: {}; the file's name must be one of these",
                image.display(),
                asked.join(", ")
            ))),
            None => Ok(given),
        }
    }

    fn bytes(&self, picture: &CheckPicture) -> Result<Option<Vec<u8>>, Failure> {
        if picture.bundled {
            return match gallery::picture(&picture.file) {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(Failure::could_not_run(format!(
                    "{} does not come with this program",
                    picture.file
                ))),
            };
        }
        let named = self.images.iter().find(|image| is_named(image, &picture.file));
        let single = self
            .images
            .first()
            .filter(|_| self.only == Some(picture.file.as_str()));
        let beside = self.folder.map(|folder| folder.join(&picture.file));
        let path = named.or(single).cloned().or(beside.filter(|path| path.is_file()));
        path.map(|path| read(&path, picture)).transpose()
    }
}

fn is_named(path: &Path, file: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case(file))
}

/// The file, which must be the right one where that can be told.
fn read(path: &Path, picture: &CheckPicture) -> Result<Vec<u8>, Failure> {
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", path.display()));
    if let Some(wanted) = &picture.sha256 {
        let found = sha256(path).map_err(|error| refused(error.to_string()))?;
        if found != *wanted {
            return Err(refused(format!(
                "this is not {}: its SHA-256 is {found}, not {wanted}",
                picture.file
            )));
        }
    }
    std::fs::read(path).map_err(|error| refused(error.to_string()))
}

fn print(global: &Global, answer: &Answer) -> Result<(), Failure> {
    if global.json {
        return output::json(answer);
    }
    output::line(&answer.space)?;
    for check in &answer.checks {
        output::line(&describe(check))?;
    }
    for check in &answer.not_run {
        output::line(&format!(
            "\n{}\nby {}\nnot run; give with --image FILE:\n  {}",
            check.name,
            check.source,
            check.pictures.join("\n  ")
        ))?;
    }
    let verdict = if answer.equal { "equal" } else { "NOT EQUAL" };
    output::line(&format!("\n{verdict}"))
}

fn describe(check: &Verified) -> String {
    let mut lines = vec![format!(
        "\n{}\nby {}\n{}, tolerance {}\n{:>10} {:>10} {:>9}",
        check.name,
        check.source,
        check.compare.name(),
        check.tolerance,
        "published",
        "found",
        "off by"
    )];
    let mut picture = "";
    for value in &check.values {
        if value.picture != picture {
            picture = &value.picture;
            lines.push(picture.to_owned());
        }
        lines.push(format!(
            "{:>10.5} {:>10.5} {:>+9.5}  {}  {}",
            value.expected,
            value.found,
            value.difference,
            if value.equal { "equal    " } else { "NOT EQUAL" },
            value.text
        ));
    }
    lines.join("\n")
}
