//! The table of `eidetic models`: a heading per family, a line per model, at most 80 columns wide.

use eidetic_hub::{Chosen, KnownModel, MEASURE, Modality};

use super::ModelRow;

/// Formats all models, in the catalogue's order.
pub(super) fn format(models: &[ModelRow]) -> String {
    let mut lines = vec![format!(
        "  {:<44} {:>4} {:>4} {:>6} {:>8} {:>5}",
        "MODEL", "DIM", "PX", "PARAMS", "DOWNLOAD", "FOUND"
    )];
    for family in models.chunk_by(|a, b| a.model.family == b.model.family) {
        lines.push(String::new());
        lines.extend(heading(family));
        lines.extend(family.iter().map(line));
    }
    lines.push(String::new());
    lines.push(LEGEND.to_owned());
    lines.join("\n")
}

/// Formats what names stand for on this machine, with the reasons.
pub(super) fn names(names: &[Chosen]) -> String {
    let mut lines = vec![
        String::new(),
        "These names stand for models, here and now:".to_owned(),
    ];
    for name in names {
        lines.push(format!("  {:<8} {}", name.name, name.model));
        lines.extend(
            wrapped(&name.reason)
                .into_iter()
                .map(|line| format!("           {line}")),
        );
    }
    lines.push(format!(
        "They are the best by {MEASURE} whose license allows any use."
    ));
    lines.join("\n")
}

/// Cut into lines between words.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 68;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

const LEGEND: &str = "\
+ on disk, ~ partly on disk. DIM is the dimension of the vectors, PX the side of
the image input, FOUND the retrieval figure named in the family's heading, in
percent; – is an unpublished figure. All figures with their sources:
eidetic models --json   Download one: eidetic models pull NAME";

/// The family with languages and licenses, and the source of its retrieval figures.
fn heading(family: &[ModelRow]) -> Vec<String> {
    let models = || family.iter().map(|row| row.model);
    let languages = distinct(models().map(KnownModel::languages_in_words));
    let licenses = distinct(models().map(license));
    let mut lines = vec![format!("{}: {languages}; {licenses}", family[0].model.family)];
    let measures = models().filter_map(|model| model.retrieval.first());
    let measures = distinct(measures.map(|figure| format!("{} ({})", figure.benchmark, figure.source)));
    if !measures.is_empty() {
        lines.push(format!("  found: {measures}"));
    }
    if models().any(|model| model.reads == Modality::Text) {
        lines.push("  text models: align with an image model first, see eidetic align".to_owned());
    }
    lines
}

fn license(model: &KnownModel) -> String {
    match &model.restriction {
        None => model.license.clone(),
        Some(restriction) => format!("{}, {restriction}", model.license),
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen.join(" / ")
}

fn line(row: &ModelRow) -> String {
    let model = row.model;
    let mark = match row.on_disk {
        "complete" => '+',
        "partly" => '~',
        _ => ' ',
    };
    format!(
        "{mark} {:<44} {:>4} {:>4} {:>6} {:>8} {:>5}",
        model.id,
        model.dimension,
        known(model.pixels.map(|side| side.to_string())),
        known(model.parameters_millions.map(parameters)),
        known(model.download_megabytes.map(megabytes)),
        known(
            model
                .retrieval
                .first()
                .map(|figure| format!("{:.1}", figure.percent))
        ),
    )
}

fn known(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "–".to_owned())
}

fn parameters(millions: f64) -> String {
    if millions < 1000.0 {
        format!("{millions:.0}M")
    } else {
        format!("{:.1}B", millions / 1000.0)
    }
}

fn megabytes(count: u32) -> String {
    if count < 1000 {
        format!("{count} MB")
    } else {
        format!("{:.1} GB", f64::from(count) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_hub::known_models;

    #[test]
    fn every_line_fits_eighty_columns() {
        let rows: Vec<ModelRow> = known_models()
            .iter()
            .map(|model| ModelRow {
                model,
                on_disk: "partly",
                bytes_on_disk: 1,
                folder: None,
            })
            .collect();
        let table = format(&rows);
        for line in table.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(
            table.lines().filter(|line| line.starts_with("~ ")).count(),
            rows.len()
        );
        let chosen = eidetic_hub::chosen(&eidetic_inference::this_machine());
        for line in names(&chosen).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for family in [
            "MobileCLIP: English; Apple AMLR, research only",
            "Qwen2.5: over 29 languages",
        ] {
            assert!(table.contains(family), "{family}");
        }
    }
}
