use std::fs;
use std::path::{Path, PathBuf};

use eidetic_encoder::{Encoder, TextModel};
use eidetic_hub::ModelRef;
use eidetic_inference::{AlignedModels, Fitted, Opening, Recalls, open_encoder, open_text_model};
use eidetic_library::{
    AlignProgress, Alignment, CaptionedPicture, FailedLine, Loading, align, read_captions,
};
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{Align, Global};
use crate::failure::Failure;
use crate::output;
use crate::progress::{AlignBar, DownloadBar};

/// Bytes of a file of captions; more is a mistake.
const MOST_BYTES: u64 = 256 << 20;

/// The JSON of `eidetic align`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    directory: &'a Path,
    text_model: &'a str,
    text_dimension: usize,
    image_model: String,
    image_dimension: usize,
    pictures: usize,
    captions: usize,
    held_out_pictures: usize,
    held_out_captions: usize,
    strength: f64,
    offset: eidetic_inference::Offset,
    recall: RecallAnswer,
    failed: Vec<FailedAnswer<'a>>,
}

#[derive(Debug, Serialize)]
struct RecallAnswer {
    chance: Recalls,
    /// `null` where the two models' vectors are of different lengths.
    before: Option<Recalls>,
    after: Recalls,
}

#[derive(Debug, Serialize)]
struct FailedAnswer<'a> {
    line: usize,
    picture: &'a str,
    reason: &'a str,
}

/// `eidetic align`: whatever is wrong with the arguments is said before a model is loaded.
pub(crate) fn run(global: &Global, arguments: &Align) -> Result<Outcome, Failure> {
    let lines = captions(&arguments.pairs)?;
    let directory = directory(arguments)?;
    let loading = Loading::from(&arguments.loading);
    let (hub, download) = (loading.hub(), DownloadBar::default());
    let opening = Opening {
        precision: arguments.precision.into(),
        device: loading.device,
        memory: loading.memory,
        hub: &hub,
        progress: &download,
    };
    let pictures = open_encoder(&arguments.image_model, &opening).map_err(anyhow::Error::from)?;
    let texts = open_text_model(&arguments.text_model, &opening).map_err(anyhow::Error::from)?;
    let alignment = fit(texts.as_ref(), pictures.as_ref(), &lines, &arguments.pairs)?;
    for FailedLine {
        line,
        picture,
        reason,
    } in &alignment.failed
    {
        eprintln!("eidetic: line {line}: {picture}: {reason}");
    }
    let models = AlignedModels {
        text_reference: &arguments.text_model,
        text_model: texts.as_ref(),
        image_reference: &arguments.image_model,
        image_model: pictures.as_ref(),
    };
    models
        .save(&directory, &alignment.fitted)
        .map_err(anyhow::Error::from)?;
    print(global, &directory, &models, &alignment)?;
    Ok(if alignment.failed.is_empty() {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn captions(file: &Path) -> Result<Vec<CaptionedPicture>, Failure> {
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", file.display()));
    let length = fs::metadata(file)
        .map_err(|error| refused(error.to_string()))?
        .len();
    if length > MOST_BYTES {
        return Err(refused(format!(
            "the file is too large ({})",
            output::bytes(length)
        )));
    }
    let text = fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let lines = read_captions(&text).map_err(|error| refused(error.to_string()))?;
    if lines.is_empty() {
        return Err(refused("there are no captioned pictures in it".into()));
    }
    Ok(lines)
}

/// Where the aligned model goes: a place that is free, or holds an earlier one.
fn directory(arguments: &Align) -> Result<PathBuf, Failure> {
    let directory = arguments.out.clone().unwrap_or_else(|| {
        let part = |model: &ModelRef| {
            let name = model.to_string();
            let last = name
                .trim_end_matches(['/', '.'])
                .rsplit(['/', '\\'])
                .next()
                .unwrap_or("model")
                .to_owned();
            last.split('@').next().unwrap_or("model").to_owned()
        };
        PathBuf::from(format!(
            "aligned-{}-{}",
            part(&arguments.text_model),
            part(&arguments.image_model)
        ))
    });
    let taken = match fs::read_dir(&directory) {
        Ok(mut entries) => entries.next().is_some() && !directory.join("aligned.json").is_file(),
        Err(_) => directory.exists(),
    };
    if taken {
        return Err(Failure::arguments(format!(
            "{} is taken by other things; give another directory with --out",
            directory.display()
        )));
    }
    Ok(directory)
}

fn fit(
    texts: &dyn TextModel,
    pictures: &dyn Encoder,
    lines: &[CaptionedPicture],
    file: &Path,
) -> Result<Alignment, Failure> {
    let bar = AlignBar::new();
    let folder = file.parent().unwrap_or(Path::new(""));
    let alignment = align(texts, pictures, lines, folder, &|progress: AlignProgress| {
        bar.show(progress);
    });
    bar.finish();
    Ok(alignment.map_err(anyhow::Error::from)?)
}

fn print(
    global: &Global,
    directory: &Path,
    models: &AlignedModels,
    alignment: &Alignment,
) -> Result<(), Failure> {
    if global.json {
        return output::json(&answer(directory, models, alignment));
    }
    output::line(&describe(directory, models, &alignment.fitted))
}

fn answer<'a>(directory: &'a Path, models: &'a AlignedModels, alignment: &'a Alignment) -> Answer<'a> {
    let fitted = &alignment.fitted;
    let failed = alignment.failed.iter().map(|failed| FailedAnswer {
        line: failed.line,
        picture: &failed.picture,
        reason: &failed.reason,
    });
    Answer {
        directory,
        text_model: models.text_model.name(),
        text_dimension: models.text_model.dimension(),
        image_model: models.image_model.space().to_string(),
        image_dimension: models.image_model.space().dimension,
        pictures: fitted.pictures,
        captions: fitted.captions,
        held_out_pictures: fitted.held_out_pictures,
        held_out_captions: fitted.held_out_captions,
        strength: fitted.recipe.strength,
        offset: fitted.recipe.offset,
        recall: RecallAnswer {
            chance: fitted.chance,
            before: fitted.before,
            after: fitted.after,
        },
        failed: failed.collect(),
    }
}

fn describe(directory: &Path, models: &AlignedModels, fitted: &Fitted) -> String {
    let directory = shown(directory);
    let (texts, pictures) = (
        models.text_model.dimension(),
        models.image_model.space().dimension,
    );
    let before = match fitted.before {
        Some(recalls) => row("before", recalls),
        None => format!("before       –      –      –   (vectors of {texts} and of {pictures} numbers)"),
    };
    format!(
        "texts    {} ({texts} numbers a vector)\npictures {} ({pictures})\nlearnt   from {} pictures with {} captions\n\
         recall   on {} held-out pictures with {} captions\n\n\
         \x20           @1     @5    @10\n{}\n{before}\n{}\n\n\
         {directory} is a model now: eidetic index FOLDER --model {directory}",
        models.text_model.name(),
        models.image_model.space().model,
        fitted.pictures,
        fitted.captions,
        fitted.held_out_pictures,
        fitted.held_out_captions,
        row("chance", fitted.chance),
        row("after", fitted.after),
    )
}

fn row(name: &str, recalls: Recalls) -> String {
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    format!(
        "{name:<7} {:>6} {:>6} {:>6}",
        percent(recalls.at_1),
        percent(recalls.at_5),
        percent(recalls.at_10)
    )
}

/// A relative path reads as one, so that it is not taken for a name of the hub.
fn shown(directory: &Path) -> String {
    if directory.is_absolute() || directory.starts_with(".") || directory.starts_with("..") {
        directory.display().to_string()
    } else {
        Path::new(".").join(directory).display().to_string()
    }
}
