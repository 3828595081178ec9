//! How each layout of files calls its tensors.
//!
//! Engines know one set of names, those of transformers' CLIP, and one form: queries, keys and values apart, outputs
//! before inputs. A layout is a table from its names and forms to these; it is followed as a file is read, and
//! backwards where an error must name what the file lacks.

pub mod tables;

use candle_core::{Result as EngineResult, Tensor};

/// The names of one layout.
#[derive(Debug, Clone, Default)]
pub struct Names {
    tables: Vec<Table>,
    /// Stands before names of the text tower that `text_tables` hold.
    text_prefix: &'static str,
    text_tables: Vec<Table>,
}

/// Names that begin alike.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// How they begin for engines.
    ours: &'static str,
    /// How they begin in files.
    theirs: &'static str,
    rules: &'static [Rule],
}

/// How a tensor's name goes on for engines and in files, and what lies there. `#` stands for a layer's number, `*` for
/// `weight` or `bias`.
type Rule = (&'static str, &'static str, Form);

/// How a tensor lies in a file.
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

impl Names {
    /// Names by these tables; what none of them knows keeps its name.
    pub const fn new(tables: Vec<Table>) -> Self {
        Self {
            tables,
            text_prefix: "",
            text_tables: Vec::new(),
        }
    }

    /// Adds tables of the text tower, whose names may stand behind `prefix`.
    pub fn with_text(mut self, prefix: &'static str, tables: Vec<Table>) -> Self {
        (self.text_prefix, self.text_tables) = (prefix, tables);
        self
    }

    /// All that an engine may ask of the tensor `name` of a file.
    pub fn known_as(&self, name: &str) -> Vec<(String, Form)> {
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

    /// Where a file of this layout has what engines call `ours`.
    pub fn in_file(&self, ours: &str) -> InFile {
        let named = |prefix: &str, (pattern, theirs, form): (String, String, Form)| {
            let name = format!("{prefix}{}", renamed(ours, &pattern, &theirs)?);
            Some(InFile { name, form })
        };
        rules(&self.tables)
            .find_map(|rule| named("", rule))
            .or_else(|| rules(&self.text_tables).find_map(|rule| named(self.text_prefix, rule)))
            .unwrap_or_else(|| InFile {
                name: ours.to_owned(),
                form: Form::Whole,
            })
    }
}

/// Both patterns and the form of every rule.
fn rules(tables: &[Table]) -> impl Iterator<Item = (String, String, Form)> {
    let whole = |table: &'_ Table, &(ours, theirs, form): &Rule| {
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
    /// What engines want of a tensor that lies in this form; `None` where its shape allows no such form.
    pub fn taken_from(self, tensor: &Tensor) -> EngineResult<Option<Tensor>> {
        let first = tensor.dims().first().copied();
        Ok(match self {
            Self::Whole => Some(tensor.clone()),
            Self::Part { number, of } => match first.filter(|rows| rows.is_multiple_of(of)) {
                Some(rows) => Some(tensor.narrow(0, number * (rows / of), rows / of)?),
                None => None,
            },
            Self::Transposed if tensor.rank() == 2 => Some(tensor.t()?.contiguous()?),
            Self::Nested if first == Some(1) => Some(tensor.squeeze(0)?),
            Self::ChannelsLast if tensor.rank() == 2 => channels_first(tensor)?,
            Self::Transposed | Self::Nested | Self::ChannelsLast => None,
        })
    }
}

fn channels_first(patches: &Tensor) -> EngineResult<Option<Tensor>> {
    let (outputs, inputs) = patches.dims2()?;
    let side = (inputs / 3).isqrt();
    if side * side * 3 != inputs {
        return Ok(None);
    }
    let patches = patches.reshape((outputs, side, side, 3))?;
    Ok(Some(patches.permute((0, 3, 1, 2))?.contiguous()?))
}

/// `name` as `to` has it, where it reads as `from`.
fn renamed(name: &str, from: &str, to: &str) -> Option<String> {
    let (layer, part) = wildcards(name, from)?;
    Some(to.replace('#', layer).replace('*', part))
}

/// What stands in `name` for `#` and `*` of the pattern.
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
    use candle_core::Device;

    fn open_clip() -> Names {
        let text = [&OPEN_CLIP_TEXT[..], &[OPEN_CLIP_MATRIX]].concat();
        Names::new(OPEN_CLIP_VISION.to_vec()).with_text("text.", text)
    }

    const fn third(number: usize) -> Form {
        Form::Part { number, of: 3 }
    }

    #[test]
    fn names_lead_both_ways() {
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
    fn what_no_table_knows_keeps_its_name() {
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
    fn a_tensor_that_cannot_have_the_form_is_none() {
        let tensor = Tensor::zeros((7, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
        for form in [third(0), Nested, ChannelsLast] {
            assert!(form.taken_from(&tensor).unwrap().is_none(), "{form:?}");
        }
        assert_eq!(Transposed.taken_from(&tensor).unwrap().unwrap().dims(), [5, 7]);
    }

    #[test]
    fn patches_come_out_planes_first() {
        let tensor = Tensor::arange(0_f32, 12.0, &Device::Cpu)
            .unwrap()
            .reshape((1, 12))
            .unwrap();
        let planes = ChannelsLast.taken_from(&tensor).unwrap().unwrap();
        assert_eq!(planes.dims(), [1, 3, 2, 2]);
        let values: Vec<f32> = planes.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(values[..5], [0.0, 3.0, 6.0, 9.0, 1.0]);
    }
}
