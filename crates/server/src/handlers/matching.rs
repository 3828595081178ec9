//! Compares an image with texts.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_confidence::QueryKind;
use eidetic_confidence::profile::{MatchContext, NamedProfile, edge_density};
use eidetic_imaging::{DecodeLimits, decode};
use eidetic_library::Library;
use eidetic_search::QueryImage;

use super::match_batch;
use super::search::query_image;
use crate::params::{self, CheckedMatch, ImageInput, MatchForm, MatchParams, shortened};
use crate::problem::Problem;
use crate::responses::{MatchLine, MatchResponse, ProblemDocument};
use crate::state::AppState;

/// Compare an image with texts: the probability that each describes it.
///
/// As a form (`multipart/form-data`), the image is the file `image`, and `texts` has one text on each
/// line. Many pairs are sent as `text/tab-separated-values`, an image's id and a text on each line, 1 MiB
/// in all; the response has one line for each, as JSON lines or, where `Accept` names only that type, as
/// tab-separated values.
#[utoipa::path(
    post,
    path = "/v1/match",
    tag = "match",
    request_body(content(
        (MatchParams = "application/json"),
        (MatchForm = "multipart/form-data"),
        (String = "text/tab-separated-values"),
    )),
    responses(
        (status = 200, description = "The texts, the most probable first; for many pairs, one line for each.", content(
            (MatchResponse = "application/json"),
            (MatchLine = "application/x-ndjson"),
            (String = "text/tab-separated-values"),
        )),
        (status = 400, description = "The body is not such JSON or such a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "The image is too large.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn match_texts(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    if params::media_type(&request) == match_batch::TSV {
        let received = params::read_text(&request, payload, &state).await?;
        let (body, _slot) = received.into_parts();
        let library = state.library.clone();
        let work = move || match_batch::match_pairs(&library, &body);
        let lines = state.model_runs.run(work).await?;
        return Ok(match_batch::response(&request, &lines));
    }
    let received = params::read_json_or_form::<MatchParams>(&request, payload, &state).await?;
    // Kept until the response is ready, since the image stays in memory until then.
    let (params, _slot) = received.into_parts();
    let params = params.check(&state.options.limits)?;
    let profile = params
        .profile
        .as_deref()
        .map(|name| find_profile(&state, name))
        .transpose()?;
    let texts = texts_to_match(&params, profile.as_ref())?;
    let library = state.library.clone();
    let work = move || match_image(&library, params, &texts, profile.as_ref());
    Ok(HttpResponse::Ok().json(state.model_runs.run(work).await?))
}

pub(super) fn find_profile(state: &AppState, name: &str) -> Result<NamedProfile, Problem> {
    let profiles = &state.options.profiles;
    let found = profiles.iter().find(|profile| profile.name == name);
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        Problem::invalid(format!(
            "unknown profile {:?}; expected one of {}",
            shortened(name),
            known.join(", ")
        ))
    })
}

/// The texts of the request, or else the profile's patterns.
fn texts_to_match(params: &CheckedMatch, profile: Option<&NamedProfile>) -> Result<Vec<String>, Problem> {
    let patterns = profile.into_iter().flat_map(|profile| &profile.patterns);
    let texts: Vec<String> = match params.texts.as_slice() {
        [] => patterns.map(|pattern| pattern.text.clone()).collect(),
        given => given.to_vec(),
    };
    if texts.is_empty() {
        return Err(Problem::invalid(
            "no texts given to compare with the image, and the profile has no patterns",
        ));
    }
    Ok(texts)
}

fn match_image(
    library: &Library,
    params: CheckedMatch,
    texts: &[String],
    profile: Option<&NamedProfile>,
) -> Result<MatchResponse, Problem> {
    let space = library.active();
    let id = match &params.image {
        ImageInput::File(_) => None,
        ImageInput::Indexed(id) => Some(id.to_string()),
    };
    let image = query_image(params.image, &space)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let matches = space.match_texts(&image, &texts)?;
    let calibration = profile
        .map(|_| space.calibration(QueryKind::Text))
        .transpose()?
        .flatten();
    let purpose = profile.map(|profile| profile.purpose(params.criticality, calibration.as_ref()));
    let context = MatchContext {
        candidates: matches.len(),
        complexity: profile.and_then(|_| complexity(library, &image)),
    };
    Ok(MatchResponse {
        space: space.id().to_string(),
        image: id,
        results: MatchResponse::results(matches, purpose.as_ref(), context),
    })
}

/// Edge density of an image; for one of the library, that of its thumbnail.
fn complexity(library: &Library, image: &QueryImage) -> Option<f32> {
    match image {
        QueryImage::Pixels(pixels) => Some(edge_density(pixels)),
        QueryImage::Indexed(id) => {
            let jpeg = library.thumbnail(id).ok()?;
            let decoded = decode(&jpeg, &DecodeLimits::default()).ok()?;
            Some(edge_density(&decoded.image))
        }
    }
}
