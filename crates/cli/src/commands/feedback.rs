//! `eidetic feedback`

use eidetic_confidence::calibration::CalibrationScope;
use eidetic_server::responses::{FeedbackEntry, FeedbackList};

use super::{Access, access_to_read};
use crate::Outcome;
use crate::arguments::{FeedbackArgs, Global};
use crate::failure::Failure;
use crate::{output, remote};

/// `eidetic feedback`
pub(crate) fn run(global: &Global, arguments: &FeedbackArgs) -> Result<Outcome, Failure> {
    let answers = match access_to_read(global, "eidetic feedback")? {
        Access::Local(library) => {
            let scope = CalibrationScope {
                kind: arguments.kind.into(),
                profile: arguments.profile.clone(),
            };
            FeedbackList::from(library.feedback(scope)?)
        }
        Access::Remote(server) => remote::feedback(&server, arguments.kind, arguments.profile.as_deref())?,
    };
    if global.json {
        output::json(&answers)?;
    } else if answers.answers.is_empty() {
        eprintln!("eidetic: no feedback yet; rate hits with the thumbs in the web page");
    } else {
        let lines: Vec<String> = answers.answers.iter().map(line).collect();
        output::line(&lines.join("\n"))?;
    }
    Ok(Outcome::Done)
}

/// A line of labeled pairs. The image's id replaces a path that would break the format.
fn line(answer: &FeedbackEntry) -> String {
    let breaks_format = answer.path.contains(['\t', '\n', '\r', '\u{fffd}']);
    let image = if breaks_format {
        answer.image.to_string()
    } else {
        answer.path.clone()
    };
    format!("{image}\t{}\t{}", answer.query, u8::from(answer.right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_replaces_path_that_breaks_format() {
        let image = eidetic_domain::ImageId::of(b"a picture");
        let answer = |path: &str| FeedbackEntry {
            image,
            path: path.into(),
            path_bytes: None,
            query: "a dog".into(),
            right: true,
            at: 0,
        };
        assert_eq!(line(&answer("/a/b c.jpg")), "/a/b c.jpg\ta dog\t1");
        for path in ["/a\tb.jpg", "/a\nb.jpg", "/a\u{fffd}.jpg"] {
            assert_eq!(line(&answer(path)), format!("{image}\ta dog\t1"));
        }
    }
}
