//! Pooling: from the last hidden states of a text's tokens to one vector. sentence-transformers' `pooling.py`.

use std::ops::Range;

use serde_json::Value;

use super::json_file::JsonFile;
use crate::error::LoadError;
use crate::layers::matrix::Matrix;

/// How the hidden states of a text become one vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooling {
    /// Their results follow each other.
    modes: Vec<PoolingMode>,
    /// Whether the tokens of the prompt count.
    pub includes_prompt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PoolingMode {
    /// The first token.
    First,
    /// The greatest of each component.
    Max,
    Mean,
    /// The sum, divided by the root of the number of tokens.
    MeanByRoot,
    /// The mean, weighted by the position from 1 on.
    WeightedMean,
    /// The last token.
    Last,
}

/// The names of modes: in the present form of the file, and its earlier fields, which are true or false.
const MODES: [(&str, &str, PoolingMode); 6] = [
    ("cls", "pooling_mode_cls_token", PoolingMode::First),
    ("max", "pooling_mode_max_tokens", PoolingMode::Max),
    ("mean", "pooling_mode_mean_tokens", PoolingMode::Mean),
    (
        "mean_sqrt_len_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        PoolingMode::MeanByRoot,
    ),
    (
        "weightedmean",
        "pooling_mode_weightedmean_tokens",
        PoolingMode::WeightedMean,
    ),
    ("lasttoken", "pooling_mode_lasttoken", PoolingMode::Last),
];

impl Default for Pooling {
    /// What sentence-transformers takes for an encoder without modules.
    fn default() -> Self {
        Self {
            modes: vec![PoolingMode::Mean],
            includes_prompt: true,
        }
    }
}

impl Pooling {
    /// Reads the module's `config.json`, for hidden states of this width.
    pub fn read(file: &JsonFile, width: usize) -> Result<Self, LoadError> {
        for field in ["embedding_dimension", "word_embedding_dimension"] {
            if let Some(found) = file.optional::<usize>(field)?.filter(|found| *found != width) {
                let reason = format!("{field} is {found}, and the encoder's hidden_size {width}");
                return Err(file.invalid(reason));
            }
        }
        Ok(Self {
            modes: modes(file)?,
            includes_prompt: file.optional("include_prompt")?.unwrap_or(true),
        })
    }

    /// Components of a vector, for hidden states of this width.
    pub const fn dimension(&self, width: usize) -> usize {
        self.modes.len() * width
    }

    /// The vector of the text in these rows, of which there is at least one; the first `prompt` of them are the prompt's.
    pub fn apply(&self, states: &Matrix, rows: &Range<usize>, prompt: usize) -> Vec<f32> {
        let skipped = if self.includes_prompt { 0 } else { prompt };
        // A text with nothing after its prompt is pooled with it.
        let skipped = if skipped < rows.len() { skipped } else { 0 };
        let pooled = rows.start + skipped..rows.end;
        let modes = self.modes.iter();
        modes
            .flat_map(|mode| mode.apply(states, &pooled, skipped + 1))
            .collect()
    }
}

impl PoolingMode {
    /// The pooled rows, the first of which has the position `first` in its text.
    fn apply(self, states: &Matrix, rows: &Range<usize>, first: usize) -> Vec<f32> {
        let count = rows.len() as f64;
        match self {
            Self::First => states.row(rows.start).to_vec(),
            Self::Last => states.row(rows.end - 1).to_vec(),
            Self::Max => greatest(states, rows),
            Self::Mean => sum(states, rows, |_| 1.0, count),
            Self::MeanByRoot => sum(states, rows, |_| 1.0, count.sqrt()),
            Self::WeightedMean => {
                let weight = |number: usize| (first + number) as f64;
                let total = (0..rows.len()).map(weight).sum();
                sum(states, rows, weight, total)
            }
        }
    }
}

/// The weighted sum of rows over `total`, in f64: texts are long.
fn sum(states: &Matrix, rows: &Range<usize>, weight: impl Fn(usize) -> f64, total: f64) -> Vec<f32> {
    let mut sums = vec![0.0_f64; states.width()];
    for (number, row) in rows.clone().enumerate() {
        let weight = weight(number);
        let each = sums.iter_mut().zip(states.row(row));
        each.for_each(|(sum, x)| *sum += weight * f64::from(*x));
    }
    sums.iter().map(|sum| (sum / total) as f32).collect()
}

fn greatest(states: &Matrix, rows: &Range<usize>) -> Vec<f32> {
    let mut greatest = states.row(rows.start).to_vec();
    for row in rows.clone() {
        let each = greatest.iter_mut().zip(states.row(row));
        each.for_each(|(greatest, x)| *greatest = greatest.max(*x));
    }
    greatest
}

fn modes(file: &JsonFile) -> Result<Vec<PoolingMode>, LoadError> {
    let field = "pooling_mode";
    let names: Vec<String> = match file.optional(field)? {
        None => return earlier_modes(file),
        Some(Value::String(name)) => vec![name],
        Some(_) => file.required(field)?,
    };
    let mode = |name: &String| {
        let found = MODES.iter().find(|(known, ..)| known == name);
        found
            .map(|(.., mode)| *mode)
            .ok_or_else(|| file.invalid(format!("{field} {name:?} is not known")))
    };
    match names.as_slice() {
        [] => Err(file.invalid(format!("{field} names no mode"))),
        names => names.iter().map(mode).collect(),
    }
}

fn earlier_modes(file: &JsonFile) -> Result<Vec<PoolingMode>, LoadError> {
    let mut modes = Vec::new();
    for (_, field, mode) in MODES {
        if file.optional(field)? == Some(true) {
            modes.push(mode);
        }
    }
    Ok(if modes.is_empty() {
        Pooling::default().modes
    } else {
        modes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Pooling, LoadError> {
        Pooling::read(&JsonFile::parse("1_Pooling/config.json", json.as_bytes())?, 2)
    }

    /// Three tokens of two components.
    fn states() -> Matrix {
        let mut states = Matrix::default();
        states.reshape(3, 2);
        states
            .values_mut()
            .copy_from_slice(&[1.0, 9.0, 4.0, 3.0, 7.0, 0.0]);
        states
    }

    #[test]
    fn modes_follow_their_definitions() {
        let root = 3.0_f32.sqrt();
        for (mode, expected) in [
            ("cls", [1.0, 9.0]),
            ("max", [7.0, 9.0]),
            ("mean", [4.0, 4.0]),
            ("mean_sqrt_len_tokens", [12.0 / root, 12.0 / root]),
            ("weightedmean", [5.0, 2.5]),
            ("lasttoken", [7.0, 0.0]),
        ] {
            let pooling = read(&format!(r#"{{"pooling_mode":"{mode}"}}"#)).unwrap();
            let pooled = pooling.apply(&states(), &(0..3), 0);
            let is_near = pooled
                .iter()
                .zip(expected)
                .all(|(found, wanted)| (found - wanted).abs() < 1e-5);
            assert!(is_near && pooled.len() == 2, "{mode}: {pooled:?}");
        }
    }

    #[test]
    fn both_forms_join_several_modes() {
        let earlier = r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true,"pooling_mode_max_tokens":false}"#;
        let both = read(earlier).unwrap();
        assert_eq!(both, read(r#"{"pooling_mode":["cls","mean"]}"#).unwrap());
        assert_eq!(both.apply(&states(), &(0..3), 0), [1.0, 9.0, 4.0, 4.0]);
        assert_eq!(both.dimension(2), 4);
        assert_eq!(read("{}").unwrap(), Pooling::default());
    }

    #[test]
    fn prompt_is_left_out_where_told() {
        let pooling = read(r#"{"pooling_mode":["cls","weightedmean"],"include_prompt":false}"#).unwrap();
        assert_eq!(pooling.apply(&states(), &(0..3), 1), [4.0, 3.0, 5.8, 1.2]);
        assert_eq!(pooling.apply(&states(), &(2..3), 1)[..2], [7.0, 0.0]);
    }

    #[test]
    fn unusable_configs_name_file_and_field() {
        for (json, field) in [
            (r#"{"pooling_mode":"median"}"#, "pooling_mode"),
            (r#"{"pooling_mode":[]}"#, "pooling_mode"),
            (r#"{"pooling_mode":7}"#, "pooling_mode"),
            (r#"{"word_embedding_dimension":3}"#, "word_embedding_dimension"),
            (r#"{"pooling_mode_cls_token":"yes"}"#, "pooling_mode_cls_token"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(
                error.contains("1_Pooling/config.json") && error.contains(field),
                "{error}"
            );
        }
    }
}
