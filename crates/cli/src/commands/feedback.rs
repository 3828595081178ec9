use eidetic_server::responses::{FeedbackEntry, FeedbackList};

use super::{Access, access};
use crate::Outcome;
use crate::arguments::{Feedback, Global};
use crate::failure::Failure;
use crate::{output, remote};

/// `eidetic feedback`
pub(crate) fn run(global: &Global, arguments: &Feedback) -> Result<Outcome, Failure> {
    let answers = match access(global, "eidetic feedback")? {
        Access::Own(library) => FeedbackList::from(library.answers(arguments.kind.into())?),
        Access::Through(address) => remote::feedback(&address, arguments.kind)?,
    };
    if global.json {
        output::json(&answers)?;
    } else if answers.answers.is_empty() {
        eprintln!("eidetic: nobody has answered yet; the page has thumbs beside every hit");
    } else {
        let lines: Vec<String> = answers.answers.iter().map(line).collect();
        output::line(&lines.join("\n"))?;
    }
    Ok(Outcome::Done)
}

/// A line of labelled pairs. A path that would break it is left out for the image's id.
fn line(answer: &FeedbackEntry) -> String {
    let plain = !answer.path.contains(['\t', '\n', '\r', '\u{fffd}']);
    let image = if plain {
        answer.path.clone()
    } else {
        answer.image.to_string()
    };
    format!("{image}\t{}\t{}", answer.query, u8::from(answer.right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_would_break_the_line_gives_way_to_the_id() {
        let image = eidetic_domain::ImageId::of(b"a picture");
        let answer = |path: &str| FeedbackEntry {
            image,
            path: path.into(),
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
