//! Compares many pairs of image and text in one request.

use std::collections::HashMap;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use eidetic_confidence::calibration::parse_pair_line;
use eidetic_domain::ImageId;
use eidetic_library::{Library, LibraryError, Space};
use eidetic_search::QueryImage;

use crate::params::require_no_nul;
use crate::problem::Problem;
use crate::responses::{MatchLine, MatchResult};

/// The media type of the request, and of the response for clients that accept nothing else.
pub(super) const TSV: &str = "text/tab-separated-values";
const JSON_LINES: &str = "application/x-ndjson";

/// The image and the text of one line.
struct PairLine<'a> {
    line: usize,
    image: ImageId,
    text: &'a str,
}

/// The result of each line, in order; empty lines have none.
pub(super) fn match_pairs(library: &Library, body: &[u8]) -> Result<Vec<MatchLine>, Problem> {
    let body = std::str::from_utf8(body).map_err(|_| Problem::invalid("the body is not UTF-8 text"))?;
    require_no_nul("the body", body)?;
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let mut results: Vec<MatchLine> = Vec::new();
    let mut by_image: HashMap<ImageId, Vec<PairLine>> = HashMap::new();
    for (index, content) in body.lines().enumerate() {
        match parse_line(index + 1, content) {
            Ok(None) => {}
            Ok(Some(pair)) => by_image.entry(pair.image).or_default().push(pair),
            Err(reason) => results.push(MatchLine::failed(index + 1, reason)),
        }
    }
    let space = library.active();
    for (image, pairs) in by_image {
        results.extend(match_image(&space, image, &pairs)?);
    }
    results.sort_by_key(|result| result.line);
    Ok(results)
}

/// JSON lines, or tab-separated values for clients that accept nothing else.
pub(super) fn response(request: &HttpRequest, lines: &[MatchLine]) -> HttpResponse {
    let accepted = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok());
    let as_tsv = accepted.is_some_and(|accepted| accepted.contains(TSV) && !accepted.contains("json"));
    let rows: Vec<String> = if as_tsv {
        let header = MatchLine::COLUMNS.to_owned();
        std::iter::once(header)
            .chain(lines.iter().map(MatchLine::tsv))
            .collect()
    } else {
        let json = |line: &MatchLine| serde_json::to_string(line).expect("strings and numbers serialize");
        lines.iter().map(json).collect()
    };
    let media_type = if as_tsv { TSV } else { JSON_LINES };
    let body: String = rows.into_iter().flat_map(|row| [row, "\n".to_owned()]).collect();
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .body(body)
}

fn parse_line(line: usize, content: &str) -> Result<Option<PairLine<'_>>, String> {
    let pair = parse_pair_line(line, content).map_err(|error| error.to_string())?;
    let Some(pair) = pair else { return Ok(None) };
    let image = pair.image.parse();
    let image =
        image.map_err(|_| format!("line {line}: invalid image id: expected 64 hexadecimal digits"))?;
    let text = content.split('\t').nth(1).unwrap_or_default().trim();
    Ok(Some(PairLine { line, image, text }))
}

fn match_image(space: &Space, image: ImageId, pairs: &[PairLine]) -> Result<Vec<MatchLine>, Problem> {
    let mut texts: Vec<&str> = pairs.iter().map(|pair| pair.text).collect();
    texts.sort_unstable();
    texts.dedup();
    let found = match space.match_texts(&QueryImage::Indexed(image), &texts) {
        Ok(found) => found,
        Err(error @ LibraryError::UnknownImage(_)) => {
            let failed =
                |pair: &PairLine| MatchLine::failed(pair.line, format!("line {}: {error}", pair.line));
            return Ok(pairs.iter().map(failed).collect());
        }
        Err(error) => return Err(error.into()),
    };
    let results: HashMap<&str, MatchResult> = found
        .iter()
        .map(|found| (found.text.as_str(), MatchResult::from(found.clone())))
        .collect();
    let line = |pair: &PairLine| MatchLine {
        line: pair.line,
        image: Some(image.to_string()),
        result: results.get(pair.text).cloned(),
        error: None,
    };
    Ok(pairs.iter().map(line).collect())
}
