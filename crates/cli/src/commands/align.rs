//! `eidetic align`

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_encoder::{Encoder, TextModel};
use eidetic_hub::ModelRef;
use eidetic_inference::{
    AlignProgress, AlignedModels, Alignment, CaptionedImage, FailedCaption, Fitted, RecallAtK, align,
    read_captions,
};
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{AlignArgs, Global};
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;
use crate::progress::StageBar;

/// Limit for files of captions.
const MAX_BYTES: u64 = 256 << 20;

/// The JSON of `eidetic align`.
#[derive(Debug, Serialize)]
struct AlignAnswer<'a> {
    directory: &'a Path,
    text_model: &'a str,
    text_dimension: usize,
    /// What goes before every text; absent for models that have no prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    text_prompt: Option<&'a str>,
    image_model: String,
    image_dimension: usize,
    pictures: usize,
    captions: usize,
    held_out_pictures: usize,
    held_out_captions: usize,
    strength: f64,
    offset: eidetic_inference::Centering,
    recall: RecallAnswer,
    failed: Vec<FailedAnswer<'a>>,
}

#[derive(Debug, Serialize)]
struct RecallAnswer {
    chance: RecallAtK,
    /// `null` if the models' dimensions differ.
    before: Option<RecallAtK>,
    after: RecallAtK,
}

#[derive(Debug, Serialize)]
struct FailedAnswer<'a> {
    line: usize,
    picture: &'a str,
    reason: &'a str,
}

/// `eidetic align`. Checks all arguments before it loads a model.
pub(crate) fn run(global: &Global, arguments: &AlignArgs) -> Result<Outcome, Failure> {
    let lines = captions(&arguments.pairs)?;
    let directory = directory(arguments)?;
    let loader = ModelLoader::new(&arguments.options);
    let image_model = loader.encoder(&arguments.image_model)?;
    let text_model = loader.text_model(&arguments.text_model, arguments.text_prompt.as_deref())?;
    let alignment = fit(
        text_model.as_ref(),
        image_model.as_ref(),
        &lines,
        &arguments.pairs,
    )?;
    for FailedCaption { line, image, reason } in &alignment.failed {
        eprintln!("eidetic: line {line}: {image}: {reason}");
    }
    let models = AlignedModels {
        text_reference: &arguments.text_model,
        text_model: text_model.as_ref(),
        image_reference: &arguments.image_model,
        image_model: image_model.as_ref(),
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

fn captions(file: &Path) -> Result<Vec<CaptionedImage>, Failure> {
    let length = fs::metadata(file)
        .map_err(|error| Failure::in_file(file, error))?
        .len();
    if length > MAX_BYTES {
        let size = output::bytes(length);
        return Err(Failure::in_file(file, format!("the file is too large ({size})")));
    }
    let text = fs::read_to_string(file).map_err(|error| Failure::in_file(file, error))?;
    let lines = read_captions(&text).map_err(|error| Failure::in_file(file, error))?;
    if lines.is_empty() {
        return Err(Failure::in_file(file, "the file has no captioned pictures"));
    }
    Ok(lines)
}

/// The directory of the aligned model: new, empty, or with an aligned model to replace.
fn directory(arguments: &AlignArgs) -> Result<PathBuf, Failure> {
    let directory = arguments.out.clone().unwrap_or_else(|| {
        PathBuf::from(format!(
            "aligned-{}-{}",
            short_name(&arguments.text_model),
            short_name(&arguments.image_model)
        ))
    });
    let is_taken = match fs::read_dir(&directory) {
        Ok(mut entries) => entries.next().is_some() && !directory.join("aligned.json").is_file(),
        Err(_) => directory.exists(),
    };
    if is_taken {
        return Err(Failure::arguments(format!(
            "{} is not empty; give another directory with --out",
            directory.display()
        )));
    }
    Ok(directory)
}

/// The last part of a model's name, without its revision.
fn short_name(model: &ModelRef) -> String {
    let name = model.to_string();
    let name = name.trim_end_matches(['/', '.']);
    let last = name.rsplit(['/', '\\']).next().unwrap_or("model");
    last.split('@').next().unwrap_or("model").to_owned()
}

fn fit(
    text_model: &dyn TextModel,
    image_model: &dyn Encoder,
    lines: &[CaptionedImage],
    file: &Path,
) -> Result<Alignment, Failure> {
    let bar = StageBar::new();
    let folder = file.parent().unwrap_or(Path::new(""));
    let show = |progress| match progress {
        AlignProgress::Images(done, total) => bar.set("images", done as u64, total as u64),
        AlignProgress::Captions(done, total) => bar.set("captions", done as u64, total as u64),
        AlignProgress::Fitting => bar.spin("fitting the projection"),
    };
    let alignment = align(text_model, image_model, lines, folder, &show);
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

fn answer<'a>(directory: &'a Path, models: &'a AlignedModels, alignment: &'a Alignment) -> AlignAnswer<'a> {
    let fitted = &alignment.fitted;
    let failed = alignment.failed.iter().map(|failed| FailedAnswer {
        line: failed.line,
        picture: &failed.image,
        reason: &failed.reason,
    });
    AlignAnswer {
        directory,
        text_model: models.text_model.name(),
        text_dimension: models.text_model.dimension(),
        text_prompt: models.text_model.prompt(),
        image_model: models.image_model.space().to_string(),
        image_dimension: models.image_model.space().dimension,
        pictures: fitted.images,
        captions: fitted.captions,
        held_out_pictures: fitted.held_out_images,
        held_out_captions: fitted.held_out_captions,
        strength: fitted.hyperparameters.strength,
        offset: fitted.hyperparameters.centering,
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
    let (text_dimension, image_dimension) = (
        models.text_model.dimension(),
        models.image_model.space().dimension,
    );
    let prompt = match models.text_model.prompt() {
        Some(prompt) if !prompt.is_empty() => format!(", read after {prompt:?}"),
        _ => String::new(),
    };
    let before = match fitted.before {
        Some(recall) => row("before", recall),
        None => format!(
            "before       –      –      –   (dimensions {text_dimension} and {image_dimension} differ)"
        ),
    };
    format!(
        "texts    {} (dimension {text_dimension}){prompt}\nimages   {} (dimension {image_dimension})\ntrained  on {} images with {} captions\n\
         recall   on {} held-out images with {} captions\n\n\
         \x20           @1     @5    @10\n{}\n{before}\n{}\n\n\
         use it: eidetic index DIR --model {directory}",
        models.text_model.name(),
        models.image_model.space().model,
        fitted.images,
        fitted.captions,
        fitted.held_out_images,
        fitted.held_out_captions,
        row("chance", fitted.chance),
        row("after", fitted.after),
    )
}

fn row(name: &str, recall: RecallAtK) -> String {
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    format!(
        "{name:<7} {:>6} {:>6} {:>6}",
        percent(recall.at_1),
        percent(recall.at_5),
        percent(recall.at_10)
    )
}

/// The path in a form that cannot be mistaken for a Hub id.
fn shown(directory: &Path) -> String {
    if directory.is_absolute() || directory.starts_with(".") || directory.starts_with("..") {
        directory.display().to_string()
    } else {
        Path::new(".").join(directory).display().to_string()
    }
}
