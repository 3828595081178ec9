//! `eidetic verify`

mod images;

use eidetic_hub::ModelRef;
use eidetic_inference::{Check, CheckReport};
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{Global, VerifyArgs};
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;

use images::CheckImages;

/// The JSON of `eidetic verify`.
#[derive(Debug, Serialize)]
struct VerifyAnswer {
    space: String,
    equal: bool,
    checks: Vec<CheckReport>,
    not_run: Vec<SkippedCheck>,
}

/// A check whose images are missing.
#[derive(Debug, Serialize)]
struct SkippedCheck {
    name: String,
    source: String,
    /// Files to give with `--image`, with their URLs if known.
    #[serde(rename = "pictures")]
    images: Vec<String>,
}

/// `eidetic verify`
pub(crate) fn run(global: &Global, arguments: &VerifyArgs) -> Result<Outcome, Failure> {
    let checks = checks_of(&arguments.model)?;
    let (ready, skipped) = with_images(&checks, arguments)?;
    if ready.is_empty() {
        return Err(Failure::could_not_run(format!(
            "the pictures for verifying {} are not bundled; {}",
            arguments.model,
            hint(&skipped)
        )));
    }
    let encoder = ModelLoader::new(&arguments.options).encoder(&arguments.model)?;
    let checks = ready
        .iter()
        .map(|(check, files)| check.run(encoder.as_ref(), files))
        .collect::<Result<Vec<_>, _>>()
        .map_err(anyhow::Error::from)?;
    let answer = VerifyAnswer {
        space: encoder.space().to_string(),
        equal: checks.iter().all(|check| check.equal),
        checks,
        not_run: skipped,
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
            "; write a verify.toml in that directory",
        ),
        ModelRef::Hub { id, .. } => (Check::known(id), ""),
        ModelRef::Builtin => (Check::known("builtin"), ""),
        // Published values are of vectors of full length.
        ModelRef::Shortened { .. } => (Vec::new(), "; name the model without a dimension"),
    };
    if checks.is_empty() {
        return Err(Failure::could_not_run(format!(
            "no published values of {model} are known{hint}"
        )));
    }
    Ok(checks)
}

/// A check with the bytes of its images, in order.
type ReadyCheck<'a> = (&'a Check, Vec<Vec<u8>>);

fn with_images<'a>(
    checks: &'a [Check],
    arguments: &VerifyArgs,
) -> Result<(Vec<ReadyCheck<'a>>, Vec<SkippedCheck>), Failure> {
    let available = CheckImages::new(checks, arguments)?;
    let (mut ready, mut skipped) = (Vec::new(), Vec::new());
    for check in checks {
        let files = check.images.iter().map(|image| available.bytes(image));
        match files.collect::<Result<Option<Vec<_>>, _>>()? {
            Some(files) => ready.push((check, files)),
            None => skipped.push(SkippedCheck {
                name: check.name.clone(),
                source: check.source.clone(),
                images: check.images.iter().map(images::describe).collect(),
            }),
        }
    }
    Ok((ready, skipped))
}

fn hint(skipped: &[SkippedCheck]) -> String {
    let mut images: Vec<String> = skipped.iter().flat_map(|check| check.images.clone()).collect();
    images.dedup();
    format!("give with --image FILE: {}", images.join(", "))
}

fn print(global: &Global, answer: &VerifyAnswer) -> Result<(), Failure> {
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
            check.images.join("\n  ")
        ))?;
    }
    let verdict = if answer.equal { "equal" } else { "NOT EQUAL" };
    output::line(&format!("\n{verdict}"))
}

fn describe(check: &CheckReport) -> String {
    let mut lines = vec![format!(
        "\n{}\nby {}\n{}, tolerance {}\n{:>10} {:>10} {:>9}",
        check.name,
        check.source,
        check.compare.name(),
        check.tolerance,
        "published",
        "computed",
        "off by"
    )];
    let mut image = "";
    for value in &check.values {
        if value.image != image {
            image = &value.image;
            lines.push(image.to_owned());
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
