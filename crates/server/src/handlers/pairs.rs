//! Many pairs of image and text in one request.

use std::collections::HashMap;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use eidetic_confidence::calibration::pair_of_line;
use eidetic_domain::ImageId;
use eidetic_library::{Library, LibraryError, Space};
use eidetic_search::QueryPicture;

use crate::problem::Problem;
use crate::responses::{MatchLine, MatchResult};

/// The media type of the request, and of an answer to whoever accepts nothing else.
pub(super) const TSV: &str = "text/tab-separated-values";
const JSON_LINES: &str = "application/x-ndjson";

/// An image and a text of one line.
struct Asked<'a> {
    line: usize,
    image: ImageId,
    text: &'a str,
}

/// One answer a line, in order; empty lines have none.
pub(super) fn matched(library: &Library, body: &[u8]) -> Result<Vec<MatchLine>, Problem> {
    let body = std::str::from_utf8(body).map_err(|_| Problem::invalid("the body is no UTF-8 text"))?;
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let mut answers: Vec<MatchLine> = Vec::new();
    let mut by_image: HashMap<ImageId, Vec<Asked>> = HashMap::new();
    for (at, content) in body.lines().enumerate() {
        match asked(at + 1, content) {
            Ok(None) => {}
            Ok(Some(asked)) => by_image.entry(asked.image).or_default().push(asked),
            Err(reason) => answers.push(MatchLine::failed(at + 1, reason)),
        }
    }
    let space = library.active();
    for (image, asked) in by_image {
        answers.extend(held(&space, image, &asked)?);
    }
    answers.sort_by_key(|answer| answer.line);
    Ok(answers)
}

/// The answer in the form that the client accepts: JSON lines, or a table where it asks for one alone.
pub(super) fn answer(request: &HttpRequest, lines: &[MatchLine]) -> HttpResponse {
    let accepted = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok());
    let table = accepted.is_some_and(|accepted| accepted.contains(TSV) && !accepted.contains("json"));
    let rows: Vec<String> = if table {
        let head = MatchLine::COLUMNS.to_owned();
        std::iter::once(head)
            .chain(lines.iter().map(MatchLine::tsv))
            .collect()
    } else {
        let json = |line: &MatchLine| serde_json::to_string(line).expect("strings and numbers serialise");
        lines.iter().map(json).collect()
    };
    let form = if table { TSV } else { JSON_LINES };
    let body: String = rows.into_iter().flat_map(|row| [row, "\n".to_owned()]).collect();
    HttpResponse::Ok().insert_header((CONTENT_TYPE, form)).body(body)
}

fn asked(line: usize, content: &str) -> Result<Option<Asked<'_>>, String> {
    let pair = pair_of_line(line, content).map_err(|error| error.to_string())?;
    let Some(pair) = pair else { return Ok(None) };
    let image = pair.image.parse();
    let image =
        image.map_err(|_| format!("line {line}: the picture is named by its id of 64 hexadecimal digits"))?;
    let text = content.split('\t').nth(1).unwrap_or_default().trim();
    Ok(Some(Asked { line, image, text }))
}

fn held(space: &Space, image: ImageId, asked: &[Asked]) -> Result<Vec<MatchLine>, Problem> {
    let mut texts: Vec<&str> = asked.iter().map(|asked| asked.text).collect();
    texts.sort_unstable();
    texts.dedup();
    let found = match space.match_texts(&QueryPicture::Indexed(image), &texts) {
        Ok(found) => found,
        Err(error @ LibraryError::UnknownImage(_)) => {
            let failed =
                |asked: &Asked| MatchLine::failed(asked.line, format!("line {}: {error}", asked.line));
            return Ok(asked.iter().map(failed).collect());
        }
        Err(error) => return Err(error.into()),
    };
    let results: HashMap<&str, MatchResult> = found
        .iter()
        .map(|found| (found.text.as_str(), MatchResult::from(found.clone())))
        .collect();
    let line = |asked: &Asked| MatchLine {
        line: asked.line,
        image: Some(image.to_string()),
        result: results.get(asked.text).cloned(),
        error: None,
    };
    Ok(asked.iter().map(line).collect())
}
