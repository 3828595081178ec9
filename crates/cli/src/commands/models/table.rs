//! The table of known models: a heading a family, a line a model, 80 columns wide.

use eidetic_hub::{KnownModel, Reads};

use super::Listed;

/// All families, in the catalogue's order.
pub(super) fn of(models: &[Listed]) -> String {
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

const LEGEND: &str = "\
+ on disk, ~ partly on disk; DIM numbers a vector, PX side of the pictures that
it sees, FOUND percent by the measure that the family's heading names; – where
no source tells. Further figures, notes and all sources: eidetic models --json
Fetch one: eidetic models pull NAME   Use one: eidetic index FOLDER --model NAME";

/// The family with what its models have in common, and where its last column is from.
fn heading(family: &[Listed]) -> Vec<String> {
    let models = || family.iter().map(|listed| listed.model);
    let languages = distinct(models().map(languages));
    let licences = distinct(models().map(licence));
    let mut lines = vec![format!("{}: {languages}; {licences}", family[0].model.family)];
    let measures = models().filter_map(|model| model.retrieval.first());
    let measures = distinct(measures.map(|figure| format!("{} ({})", figure.benchmark, figure.source)));
    if !measures.is_empty() {
        lines.push(format!("  found: {measures}"));
    }
    if models().any(|model| model.reads == Reads::Texts) {
        lines.push("  reads texts only: of use for pictures after eidetic align".to_owned());
    }
    lines
}

fn languages(model: &KnownModel) -> String {
    match model.languages.as_str() {
        count if count.ends_with(|c: char| c.is_ascii_digit()) => format!("{count} languages"),
        "many" => "many languages".to_owned(),
        named => named.to_owned(),
    }
}

fn licence(model: &KnownModel) -> String {
    match &model.restriction {
        None => model.licence.clone(),
        Some(restriction) => format!("{}, {restriction}", model.licence),
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

fn line(listed: &Listed) -> String {
    let model = listed.model;
    let mark = match listed.on_disk {
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
    fn every_line_of_a_model_fits_eighty_columns() {
        let listed: Vec<Listed> = known_models()
            .iter()
            .map(|model| Listed {
                model,
                on_disk: "partly",
                bytes_on_disk: 1,
                folder: None,
            })
            .collect();
        let table = of(&listed);
        for line in table.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(
            table.lines().filter(|line| line.starts_with("~ ")).count(),
            listed.len()
        );
        for family in [
            "MobileCLIP: English; Apple AMLR, research only",
            "Qwen2.5: over 29 languages",
        ] {
            assert!(table.contains(family), "{family}");
        }
    }
}
