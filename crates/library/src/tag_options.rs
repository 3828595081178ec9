//! The words and the rule that images were tagged by last, so that another space can be tagged alike.

use std::fs;
use std::path::Path;

use eidetic_confidence::tagging::{TagRule, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::TagOptions;

const FILE_NAME: &str = "tagging.json";
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    words: Vec<String>,
    most: usize,
    bar: f32,
    least: usize,
}

/// Keeps them in a space's directory. Nothing is lost where that fails: another space is tagged by the bundled words then.
pub(crate) fn keep(directory: &Path, options: &TagOptions) {
    let TagRule { most, bar, least } = options.rule;
    let kept = Kept {
        format: FORMAT,
        words: options.vocabulary.tags().to_vec(),
        most,
        bar,
        least,
    };
    let written = serde_json::to_vec(&kept)
        .map_err(std::io::Error::from)
        .and_then(|text| eidetic_atomic_file::write(&directory.join(FILE_NAME), &text));
    if let Err(error) = written {
        tracing::warn!("{}: {error}", directory.join(FILE_NAME).display());
    }
}

/// What was kept; the bundled words and the usual rule where there is nothing, or something else.
pub(crate) fn read(directory: &Path) -> TagOptions {
    let text = fs::read(directory.join(FILE_NAME)).unwrap_or_default();
    let kept: Option<Kept> = serde_json::from_slice(&text).ok();
    let options = kept.filter(|kept| kept.format == FORMAT).and_then(|kept| {
        let vocabulary = Vocabulary::parse(kept.words.join("\n").as_bytes()).ok()?;
        let rule = TagRule {
            most: kept.most,
            bar: kept.bar,
            least: kept.least,
        };
        Some(TagOptions { vocabulary, rule })
    });
    options.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_tag_options_fall_back_to_bundled() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), TagOptions::default());
        let options = TagOptions {
            vocabulary: Vocabulary::parse("red fish\nblue\n黄\n".as_bytes()).unwrap(),
            rule: TagRule {
                most: 4,
                bar: 0.75,
                least: 0,
            },
        };
        keep(folder.path(), &options);
        assert_eq!(read(folder.path()), options);
        for content in [
            "",
            "{",
            r#"{"format":2}"#,
            r#"{"format":1,"words":[],"most":1,"bar":0,"least":0}"#,
        ] {
            fs::write(folder.path().join(FILE_NAME), content).unwrap();
            assert_eq!(read(folder.path()), TagOptions::default(), "{content}");
        }
    }
}
