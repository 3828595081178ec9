//! Compares many pairs of image and text in one request.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use eidetic_confidence::TextMatch;
use eidetic_confidence::calibration::Calibration;
use eidetic_confidence::profile::{MatchContext, NamedProfile, estimate_prevalence};
use eidetic_domain::{ImageId, Labels, PairRow, parse_pairs};
use eidetic_library::{Library, LibraryError};
use eidetic_search::QueryImage;

use super::matching::complexity;
use crate::params::{CheckedMatchBatch, Prevalence, require_no_nul};
use crate::problem::Problem;
use crate::responses::{MatchLine, MatchResponse, MatchResult};

/// The media types of the request; the first is that of the response for clients that accept nothing else.
pub(super) const TSV: &str = "text/tab-separated-values";
pub(super) const CSV: &str = "text/csv";
const JSON_LINES: &str = "application/x-ndjson";

/// The pairs of a request by image.
#[derive(Default)]
struct Pairs {
    /// In order of their first lines.
    images: Vec<ImageId>,
    rows_of: HashMap<ImageId, Vec<PairRow>>,
    failed: Vec<MatchLine>,
}

/// The result of each line, in order; empty lines have none. The texts of one image are candidates for it.
pub(super) fn match_pairs(
    library: &Library,
    body: &[u8],
    params: &CheckedMatchBatch,
    profile: Option<&NamedProfile>,
) -> Result<Vec<MatchLine>, Problem> {
    let Pairs {
        images,
        rows_of,
        mut failed,
    } = Pairs::read(library, body)?;
    let space = library.active();
    let model = space.confidence_model_under(profile.map(|profile| profile.name.as_str()))?;
    let mut scored = Vec::new();
    for image in &images {
        let rows = &rows_of[image];
        let vector = match space.image_vector(&QueryImage::Indexed(*image)) {
            Ok(vector) => vector,
            Err(error @ LibraryError::UnknownImage(_)) => {
                let line = |row: &PairRow| MatchLine::failed(row.line, format!("line {}: {error}", row.line));
                failed.extend(rows.iter().map(line));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        scored.push((
            image,
            rows,
            space.match_vector_with(&model, &vector, &distinct(rows))?,
        ));
    }
    let calibration = match profile {
        Some(profile) => space.calibration_under(&profile.name)?,
        None => None,
    };
    let purpose = profile.map(|profile| {
        let mut purpose = profile.purpose(params.criticality, calibration.as_ref());
        let estimated = profile.profile.prevalence_from_batch;
        purpose.prevalence = match params.prevalence {
            Some(Prevalence::Share(share)) => Some(share),
            Some(Prevalence::Batch) => estimate(&scored, calibration.as_ref()),
            None if estimated => estimate(&scored, calibration.as_ref()),
            None => None,
        };
        purpose
    });
    let mut lines = failed;
    for (image, rows, matches) in scored {
        let context = MatchContext {
            candidates: matches.len(),
            complexity: profile.and_then(|_| complexity(library, &QueryImage::Indexed(*image))),
        };
        let results = MatchResponse::results(matches, purpose.as_ref(), context, Vec::new());
        let by_text: HashMap<&str, &MatchResult> = results
            .iter()
            .map(|result| (result.text.as_str(), result))
            .collect();
        lines.extend(rows.iter().map(|row| MatchLine {
            line: row.line,
            image: Some(row.image.clone()),
            result: by_text.get(row.text.as_str()).map(|result| (*result).clone()),
            error: None,
        }));
    }
    lines.sort_by_key(|line| line.line);
    Ok(lines)
}

/// The texts of an image, each once.
fn distinct(rows: &[PairRow]) -> Vec<&str> {
    let mut met = HashSet::new();
    let texts = rows.iter().map(|row| row.text.as_str());
    texts.filter(|text| met.insert(*text)).collect()
}

/// The share of matches that the scores suggest, at least.
fn estimate(
    scored: &[(&ImageId, &Vec<PairRow>, Vec<TextMatch>)],
    calibration: Option<&Calibration>,
) -> Option<f64> {
    let matches = scored.iter().flat_map(|(_, _, matches)| matches);
    let scores: Vec<f64> = matches.map(|found| f64::from(found.score)).collect();
    Some(estimate_prevalence(&scores, calibration?)?.low)
}

impl Pairs {
    fn read(library: &Library, body: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|_| Problem::invalid("the body is not UTF-8 text"))?;
        require_no_nul("the body", text)?;
        let mut pairs = Self::default();
        for row in parse_pairs(body, Labels::Ignored) {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    let line = error.line().unwrap_or_default();
                    pairs.failed.push(MatchLine::failed(line, error.to_string()));
                    continue;
                }
            };
            match image_of(library, &row.image)? {
                Some(image) => {
                    let rows = pairs.rows_of.entry(image).or_insert_with(|| {
                        pairs.images.push(image);
                        Vec::new()
                    });
                    rows.push(row);
                }
                None => pairs.failed.push(MatchLine::failed(
                    row.line,
                    format!(
                        "line {}: the library has no image at {:?}; expected an image id, or an absolute path as it is indexed",
                        row.line, row.image
                    ),
                )),
            }
        }
        Ok(pairs)
    }
}

/// The image with this id, or at this path; `None` if the library has none there.
fn image_of(library: &Library, name: &str) -> Result<Option<ImageId>, Problem> {
    match name.parse() {
        Ok(image) => Ok(Some(image)),
        Err(_) => Ok(library.image_at(Path::new(name))?),
    }
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
