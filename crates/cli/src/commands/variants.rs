//! Wordings of texts that the command line chooses.

use std::fs;
use std::path::Path;

use eidetic_confidence::calibration::{WordingChoice, WordingRule};
use eidetic_encoder::{Combination, TextVariants};
use eidetic_library::Space;

use crate::arguments::{VariantArgs, Variants};
use crate::failure::Failure;

/// Limit for files of templates.
const MAX_BYTES: u64 = 1 << 20;

/// The wordings that the command line names; `None` where it names none or switches them off.
pub(crate) fn chosen(arguments: &VariantArgs) -> Result<Option<TextVariants>, Failure> {
    let combination: Combination = arguments.combine.into();
    Ok(match &arguments.variants {
        None | Some(Variants::Off) => None,
        Some(Variants::Builtin) => Some(TextVariants::builtin(combination)),
        Some(Variants::File(file)) => Some(read(file, combination)?),
    })
}

/// Makes `space` embed texts in the chosen wordings. Says where confidences were calibrated with others.
pub(crate) fn apply(arguments: &VariantArgs, space: &Space) -> Result<(), Failure> {
    if arguments.variants.is_none() {
        return Ok(());
    }
    let chosen = chosen(arguments)?;
    if chosen.as_ref() == space.wordings().as_deref() {
        return Ok(());
    }
    eprintln!(
        "eidetic: confidences were calibrated {}; `eidetic calibrate PAIRS --variants` measures whether wordings help and \
         calibrates with them",
        if space.wordings().is_some() {
            "with other wordings"
        } else {
            "without wordings"
        }
    );
    space.set_wordings(chosen);
    Ok(())
}

/// A server embeds texts as its calibration was measured.
pub(crate) fn reject(arguments: &VariantArgs) -> Result<(), Failure> {
    match arguments.variants {
        None => Ok(()),
        Some(_) => Err(Failure::could_not_run(
            "a server owns the library and words texts as its calibration was measured; stop it to use --variants",
        )),
    }
}

/// The wordings with the rule that was measured to be best; `None` for the text alone.
pub(crate) fn measured(variants: &TextVariants, choice: &WordingChoice) -> Option<TextVariants> {
    match &choice.chosen {
        WordingRule::Plain => None,
        WordingRule::Best => Some(variants.with(Combination::Best)),
        WordingRule::Mean => Some(variants.with(Combination::Mean)),
        WordingRule::Weighted(weights) => {
            let weights = weights.iter().map(|weight| *weight as f32).collect();
            Some(variants.with(Combination::Weighted(weights)))
        }
    }
}

/// The figures of every rule.
pub(crate) fn table(variants: &TextVariants, choice: &WordingChoice) -> String {
    let mut lines = vec!["wordings                area under ROC   gain (95 %)".to_owned()];
    for measured in &choice.measured {
        let mark = if measured.rule == choice.chosen {
            "  used"
        } else {
            ""
        };
        lines.push(format!(
            "{:<23} {:.4}           {:+.4} to {:+.4}{mark}",
            name(&measured.rule),
            measured.roc_area,
            measured.gain.0,
            measured.gain.1
        ));
    }
    if let WordingRule::Weighted(weights) = &choice.chosen {
        let weighted = variants.templates().iter().zip(weights);
        lines.extend(weighted.map(|(template, weight)| format!("  {weight:.3}  {template}")));
    }
    lines.join("\n")
}

const fn name(rule: &WordingRule) -> &'static str {
    match rule {
        WordingRule::Plain => "the text itself",
        WordingRule::Best => "best wording",
        WordingRule::Mean => "mean of wordings",
        WordingRule::Weighted(_) => "learned weights",
    }
}

fn read(file: &Path, combination: Combination) -> Result<TextVariants, Failure> {
    let length = fs::metadata(file)
        .map_err(|error| Failure::in_file(file, error))?
        .len();
    if length > MAX_BYTES {
        return Err(Failure::in_file(
            file,
            "the file is too large for a file of templates",
        ));
    }
    let text = fs::read_to_string(file).map_err(|error| Failure::in_file(file, error))?;
    TextVariants::parse(&text, combination).map_err(|error| Failure::in_file(file, error))
}
