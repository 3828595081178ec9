//! Several wordings of one text, whose scores are combined.

use eidetic_domain::Embedding;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the text goes in a template.
const PLACE: &str = "{}";
/// Every text is embedded once for each template.
const MAX_TEMPLATES: usize = 100;
const MAX_TEMPLATE_BYTES: usize = 500;
/// The wordings that the authors of CLIP found to help most often (Radford et al. 2021), with the text itself.
const BUILTIN: [&str; 8] = [
    "{}",
    "a photo of {}",
    "a photo of a {}",
    "a picture of {}",
    "a close-up photo of {}",
    "a good photo of {}",
    "a photo of the large {}",
    "a photo of the small {}",
];

/// Templates for texts, and how the scores of the wordings become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextVariants {
    /// Each has one `{}`, the place of the text.
    templates: Vec<String>,
    combination: Combination,
}

/// How the scores of several wordings become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combination {
    /// The highest score; searches, which compare one embedding with all images, use the mean.
    Best,
    /// The score of the mean of their embeddings.
    Mean,
    /// The score of the weighted sum of their embeddings; one weight for each template.
    Weighted(Vec<f32>),
}

/// Why a file of templates is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplatesError {
    /// A line has no place for the text, or several.
    #[error(
        "line {line}: expected a template with {{}} once, where the text goes, of at most {MAX_TEMPLATE_BYTES} bytes"
    )]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The file has only empty lines and comments.
    #[error("the file has no templates; expected lines such as \"a photo of {{}}\"")]
    Empty,
    /// The file has too many templates.
    #[error("more than {MAX_TEMPLATES} templates; each costs a run of the model for every text")]
    TooMany,
}

impl TextVariants {
    /// The bundled templates.
    pub fn builtin(combination: Combination) -> Self {
        Self {
            templates: BUILTIN.map(str::to_owned).into(),
            combination,
        }
    }

    /// Reads a template a line; empty lines and lines that begin with `#` are skipped, equal templates count once.
    pub fn parse(file: &str, combination: Combination) -> Result<Self, TemplatesError> {
        let file = file.strip_prefix('\u{feff}').unwrap_or(file);
        let mut templates: Vec<String> = Vec::new();
        for (at, line) in file.lines().enumerate() {
            let template = line.trim();
            if template.is_empty() || template.starts_with('#') {
                continue;
            }
            if template.matches(PLACE).count() != 1 || template.len() > MAX_TEMPLATE_BYTES {
                return Err(TemplatesError::Line { line: at + 1 });
            }
            if !templates.iter().any(|known| known == template) {
                templates.push(template.to_owned());
            }
            if templates.len() > MAX_TEMPLATES {
                return Err(TemplatesError::TooMany);
            }
        }
        if templates.is_empty() {
            return Err(TemplatesError::Empty);
        }
        Ok(Self {
            templates,
            combination,
        })
    }

    /// The same templates with another combination.
    #[must_use]
    pub fn with(&self, combination: Combination) -> Self {
        Self {
            templates: self.templates.clone(),
            combination,
        }
    }

    /// The templates.
    pub fn templates(&self) -> &[String] {
        &self.templates
    }

    /// How their scores become one.
    pub const fn combination(&self) -> &Combination {
        &self.combination
    }

    /// The wordings of a text, in the order of the templates.
    pub fn wordings(&self, text: &str) -> Vec<String> {
        let templates = self.templates.iter();
        templates
            .map(|template| template.replacen(PLACE, text, 1))
            .collect()
    }

    /// One embedding for the wordings of a text. For [`Combination::Best`] it is their mean, by which searches go.
    pub fn combine(&self, wordings: &[Embedding]) -> Embedding {
        let weights = match &self.combination {
            Combination::Weighted(weights) => weights.clone(),
            Combination::Best | Combination::Mean => vec![1.0; wordings.len()],
        };
        let terms: Vec<(f32, &Embedding)> = weights.into_iter().zip(wordings).collect();
        // Wordings of one text hardly cancel each other; if they do, the first alone decides.
        Embedding::weighted_sum(&terms).unwrap_or_else(|_| wordings[0].clone())
    }

    /// Whether the score of a text is the highest of its wordings.
    pub fn takes_best(&self) -> bool {
        self.combination == Combination::Best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_one_place_for_text() {
        let parse = |file: &str| TextVariants::parse(file, Combination::Mean);
        let parsed = parse("# mine\n\n{}\na photo of {}\n{}\n").unwrap();
        assert_eq!(parsed.wordings("a {} cat"), ["a {} cat", "a photo of a {} cat"]);
        assert_eq!(parse("{}\na photo"), Err(TemplatesError::Line { line: 2 }));
        assert_eq!(parse("{} and {}"), Err(TemplatesError::Line { line: 1 }));
        assert_eq!(parse("# nothing"), Err(TemplatesError::Empty));
        let many: Vec<String> = (0..101).map(|n| format!("{n} {{}}\n")).collect();
        assert_eq!(parse(&many.concat()), Err(TemplatesError::TooMany));
        assert!(
            TextVariants::builtin(Combination::Best)
                .wordings("x")
                .contains(&"x".to_owned())
        );
    }

    #[test]
    fn weights_decide_combined_embedding() {
        let unit = |x: f32, y: f32| Embedding::normalize(vec![x, y]).unwrap();
        let wordings = [unit(1.0, 0.0), unit(0.0, 1.0)];
        let combine = |combination| {
            let variants = TextVariants::parse("{}\na {}", combination).unwrap();
            variants.combine(&wordings).as_slice().to_vec()
        };
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&combine(Combination::Mean), unit(1.0, 1.0).as_slice()));
        assert!(close(
            &combine(Combination::Weighted(vec![3.0, 4.0])),
            &[0.6, 0.8]
        ));
        assert!(close(
            &combine(Combination::Weighted(vec![1.0, 0.0])),
            &[1.0, 0.0]
        ));
    }
}
