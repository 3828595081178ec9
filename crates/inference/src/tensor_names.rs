//! Canonical names of tensors, and each layout's way to them.
//!
//! Two-tower engines use one set of names, those of transformers' CLIP, and one form: queries, keys and values apart,
//! outputs before inputs. A layout is a table from its names and forms to these; it is followed as a file is read, and
//! backwards where an error must give the name in the file. Decoders use the names of transformers' Qwen2 without the
//! prefixes that differ among programs ([`decoder`]), sentence encoders those of their own family ([`sentence`]).

pub mod decoder;
pub mod sentence;
pub mod tables;

use crate::layers::tensor_data::TensorData;

/// The names of one layout.
#[derive(Debug, Clone)]
pub enum Names {
    /// Two-tower layouts.
    Tables(NameTables),
    /// safetensors files of the Qwen families.
    Qwen,
    /// GGUF files.
    Gguf,
    /// Encoders of sentence-transformers' models.
    Sentence,
}

/// The tables of a two-tower layout.
#[derive(Debug, Clone, Default)]
pub struct NameTables {
    tables: Vec<NameTable>,
    /// Prefix of the text tower's names in files.
    text_prefix: &'static str,
    text_tables: Vec<NameTable>,
}

/// Names that begin alike.
#[derive(Debug, Clone, Copy)]
pub struct NameTable {
    /// How they begin for engines.
    ours: &'static str,
    /// How they begin in files.
    theirs: &'static str,
    rules: &'static [Rule],
}

/// How a tensor's name continues for engines and in files, and its form there. `#` matches a layer's number, `*`
/// matches `weight` or `bias`.
type Rule = (&'static str, &'static str, Form);

/// The form of a tensor in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As engines want it.
    Whole,
    /// As one of several equal parts of the first axis.
    Part {
        /// Which, from 0.
        number: usize,
        /// Of how many.
        of: usize,
    },
    /// With its two axes exchanged.
    Transposed,
    /// Behind an axis of length 1.
    Nested,
    /// Patches with their channels last, all in one axis.
    ChannelsLast,
}

/// A tensor as the file has it.
#[derive(Debug, PartialEq, Eq)]
pub struct InFile {
    /// Its name there.
    pub name: String,
    form: Form,
}

impl Default for Names {
    /// Files that use the engines' names.
    fn default() -> Self {
        Self::Tables(NameTables::default())
    }
}

impl Names {
    /// Names by these tables; a name that none of them has stays as it is.
    pub const fn new(tables: Vec<NameTable>) -> Self {
        Self::Tables(NameTables {
            tables,
            text_prefix: "",
            text_tables: Vec::new(),
        })
    }

    /// Adds tables of the text tower, whose names may have `prefix`.
    pub fn with_text(self, prefix: &'static str, text_tables: Vec<NameTable>) -> Self {
        let tables = match self {
            Self::Tables(names) => names.tables,
            Self::Qwen | Self::Gguf | Self::Sentence => Vec::new(),
        };
        Self::Tables(NameTables {
            tables,
            text_prefix: prefix,
            text_tables,
        })
    }

    /// The engines' names for the tensor `name` of a file, and the form that each has there; none for a tensor that
    /// embeddings do not need.
    pub fn known_as(&self, name: &str) -> Vec<(String, Form)> {
        let whole = |ours: Option<String>| ours.map(|ours| (ours, Form::Whole)).into_iter().collect();
        match self {
            Self::Tables(names) => names.known_as(name),
            Self::Qwen => whole(decoder::from_qwen(name)),
            Self::Gguf => whole(decoder::from_gguf(name)),
            Self::Sentence => whole(sentence::from_file(name)),
        }
    }

    /// The name and form in a file of this layout of what engines call `ours`. Checkpoints of the Qwen families and of
    /// sentence encoders differ in prefixes, so theirs are given without.
    pub fn in_file(&self, ours: &str) -> InFile {
        match self {
            Self::Tables(names) => names.in_file(ours),
            Self::Qwen | Self::Gguf | Self::Sentence => InFile::whole(ours),
        }
    }
}

impl NameTables {
    fn known_as(&self, name: &str) -> Vec<(String, Form)> {
        let in_text = name.strip_prefix("text.").unwrap_or(name);
        let found: Vec<(String, Form)> = rules(&self.tables)
            .map(|rule| (rule, name))
            .chain(rules(&self.text_tables).map(|rule| (rule, in_text)))
            .filter_map(|((ours, theirs, form), name)| Some((renamed(name, &theirs, &ours)?, form)))
            .collect();
        if found.is_empty() {
            return vec![(name.to_owned(), Form::Whole)];
        }
        found
    }

    fn in_file(&self, ours: &str) -> InFile {
        let named = |prefix: &str, (pattern, theirs, form): (String, String, Form)| {
            let name = format!("{prefix}{}", renamed(ours, &pattern, &theirs)?);
            Some(InFile { name, form })
        };
        rules(&self.tables)
            .find_map(|rule| named("", rule))
            .or_else(|| rules(&self.text_tables).find_map(|rule| named(self.text_prefix, rule)))
            .unwrap_or_else(|| InFile::whole(ours))
    }
}

/// Both patterns and the form of every rule.
fn rules(tables: &[NameTable]) -> impl Iterator<Item = (String, String, Form)> {
    let whole = |table: &'_ NameTable, &(ours, theirs, form): &Rule| {
        (
            format!("{}{ours}", table.ours),
            format!("{}{theirs}", table.theirs),
            form,
        )
    };
    tables
        .iter()
        .flat_map(move |table| table.rules.iter().map(move |rule| whole(table, rule)))
}

impl InFile {
    fn whole(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            form: Form::Whole,
        }
    }

    /// The shape there of what has `shape` for engines.
    pub fn shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        match self.form {
            Form::Whole => {}
            Form::Part { of, .. } => {
                if let Some(first) = shape.first_mut() {
                    *first *= of;
                }
            }
            Form::Transposed => shape.reverse(),
            Form::Nested => shape.insert(0, 1),
            Form::ChannelsLast => shape = vec![shape[0], shape[1..].iter().product()],
        }
        shape
    }
}

impl Form {
    /// What engines need of a tensor that has this form in a file; `None` where its shape does not allow the form.
    pub fn taken_from(self, tensor: &TensorData) -> Option<TensorData> {
        match self {
            Self::Whole => Some(tensor.clone()),
            Self::Part { number, of } => tensor.part(number, of),
            Self::Transposed => tensor.permuted(&[1, 0]),
            Self::Nested => self.of_whole(tensor.clone()),
            Self::ChannelsLast => channels_first(tensor),
        }
    }

    /// As [`taken_from`](Self::taken_from), without copying where nothing moves.
    pub fn of_whole(self, mut tensor: TensorData) -> Option<TensorData> {
        match self {
            Self::Whole => Some(tensor),
            Self::Nested if tensor.rows() == Some(1) => {
                tensor.shape.remove(0);
                Some(tensor)
            }
            Self::Nested => None,
            _ => self.taken_from(&tensor),
        }
    }
}

fn channels_first(patches: &TensorData) -> Option<TensorData> {
    let &[outputs, inputs] = &patches.shape[..] else {
        return None;
    };
    let side = (inputs / 3).isqrt();
    if side * side * 3 != inputs {
        return None;
    }
    let patches = TensorData {
        shape: vec![outputs, side, side, 3],
        values: patches.values.clone(),
    };
    patches.permuted(&[0, 3, 1, 2])
}

/// `name` as `to` has it, where it reads as `from`.
fn renamed(name: &str, from: &str, to: &str) -> Option<String> {
    let (layer, part) = wildcards(name, from)?;
    Some(to.replace('#', layer).replace('*', part))
}

/// The parts of `name` that `#` and `*` of the pattern match.
fn wildcards<'a>(name: &'a str, pattern: &str) -> Option<(&'a str, &'a str)> {
    let (mut rest, mut part) = (name, "");
    let pattern = match pattern.strip_suffix('*') {
        None => pattern,
        Some(pattern) => {
            part = ["weight", "bias"].into_iter().find(|part| name.ends_with(part))?;
            rest = &name[..name.len() - part.len()];
            part = &name[rest.len()..];
            pattern
        }
    };
    let Some((before, after)) = pattern.split_once('#') else {
        return (rest == pattern).then_some(("", part));
    };
    let layer = rest.strip_prefix(before)?.strip_suffix(after)?;
    let digits = !layer.is_empty() && layer.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some((layer, part))
}

#[cfg(test)]
mod tests {
    use super::Form::{ChannelsLast, Nested, Transposed, Whole};
    use super::tables::{OPEN_CLIP_MATRIX, OPEN_CLIP_TEXT, OPEN_CLIP_VISION};
    use super::*;
    use crate::layers::tensor_data::TensorValues;

    fn tensor(shape: &[usize]) -> TensorData {
        let count: usize = shape.iter().product();
        TensorData {
            shape: shape.to_vec(),
            values: TensorValues::F32((0..count).map(|i| i as f32).collect()),
        }
    }

    fn open_clip() -> Names {
        let text = [&OPEN_CLIP_TEXT[..], &[OPEN_CLIP_MATRIX]].concat();
        Names::new(OPEN_CLIP_VISION.to_vec()).with_text("text.", text)
    }

    const fn third(number: usize) -> Form {
        Form::Part { number, of: 3 }
    }

    #[test]
    fn names_map_both_ways() {
        let names = open_clip();
        let ours = "text_model.encoder.layers.11.self_attn.k_proj.bias";
        let theirs = "text.transformer.resblocks.11.attn.in_proj_bias";
        assert!(names.known_as(theirs).contains(&(ours.to_owned(), third(1))));
        assert_eq!(names.known_as(theirs).len(), 3);
        assert_eq!(
            names.known_as(&theirs["text.".len()..]).len(),
            3,
            "both spellings are read"
        );
        let found = names.in_file(ours);
        assert_eq!((found.name.as_str(), found.shape(&[32])), (theirs, vec![96]));
        let found = names.in_file("visual_projection.weight");
        assert_eq!(
            (found.name.as_str(), found.shape(&[24, 36])),
            ("visual.proj", vec![36, 24])
        );
    }

    #[test]
    fn names_without_rule_stay() {
        for name in [
            "logit_scale",
            "transformer.resblocks.x.ln_1.weight",
            "visual.ln_pre.other",
        ] {
            assert_eq!(open_clip().known_as(name), [(name.to_owned(), Whole)]);
            assert_eq!(open_clip().in_file(name).name, name);
        }
        assert_eq!(
            Names::default().in_file("visual_projection.weight").name,
            "visual_projection.weight"
        );
    }

    #[test]
    fn tensor_that_cannot_have_form_is_none() {
        let tensor = tensor(&[7, 5]);
        for form in [third(0), Nested, ChannelsLast] {
            assert!(form.taken_from(&tensor).is_none(), "{form:?}");
        }
        assert_eq!(Transposed.taken_from(&tensor).unwrap().shape, [5, 7]);
    }

    #[test]
    fn patches_come_out_planes_first() {
        let planes = ChannelsLast.taken_from(&tensor(&[1, 12])).unwrap();
        assert_eq!(planes.shape, [1, 3, 2, 2]);
        assert_eq!(planes.into_f32().unwrap()[..5], [0.0, 3.0, 6.0, 9.0, 1.0]);
    }
}
