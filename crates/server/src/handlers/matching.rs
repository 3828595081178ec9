//! Compares an image with texts.

use std::time::Instant;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_confidence::profile::{MatchContext, NamedProfile, edge_density};
use eidetic_confidence::{Breakdown, ConfidenceModel, TextMatch};
use eidetic_domain::Embedding;
use eidetic_imaging::{DecodeLimits, decode};
use eidetic_library::{Library, Space};
use eidetic_search::{BreakdownOptions, QueryImage, ViewedImage};

use super::match_batch;
use super::search::query_image;
use crate::params::{self, CheckedMatch, ImageInput, MatchBatchParams, MatchForm, MatchParams};
use crate::problem::Problem;
use crate::responses::{MatchLine, MatchResponse, ProblemDocument};
use crate::state::AppState;

/// Compare an image with texts: the probability that each describes it.
///
/// As a form (`multipart/form-data`), the image is the file `image`, and `texts` has one text on each
/// line. Many pairs are sent as `text/tab-separated-values` or `text/csv`, an image and a text on each line, 1 MiB in
/// all; an image is named by its id or its path, and the texts of one image are candidates for it. The response has one
/// line for each pair, as JSON lines or, where `Accept` names only that type, as tab-separated values. The profile of a
/// batch is given in the query string, that of one image in the body.
#[utoipa::path(
    post,
    path = "/v1/match",
    tag = "match",
    params(MatchBatchParams),
    request_body(content(
        (MatchParams = "application/json"),
        (MatchForm = "multipart/form-data"),
        (String = "text/tab-separated-values"),
        (String = "text/csv"),
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
    let batch_params: MatchBatchParams = params::read_query(request.query_string())?;
    if [match_batch::TSV, match_batch::CSV].contains(&params::media_type(&request).as_str()) {
        let batch_params = batch_params.check()?;
        let named = batch_params.profile.as_deref();
        let profile = named.map(|name| state.options.profile(name)).transpose()?;
        let received = params::read_text(&request, payload, &state).await?;
        let (body, _slot) = received.into_parts();
        let library = state.library.clone();
        let work = move || match_batch::match_pairs(&library, &body, &batch_params, profile.as_ref());
        let lines = state.model_runs.run(work).await?;
        return Ok(match_batch::response(&request, &lines));
    }
    if !batch_params.is_empty() {
        return Err(Problem::invalid(
            "for one image, profile, criticality and prevalence belong in the body, not in the query string",
        )
        .into());
    }
    let received = params::read_json_or_form::<MatchParams>(&request, payload, &state).await?;
    // Kept until the response is ready, since the image stays in memory until then.
    let (params, _slot) = received.into_parts();
    let params = params.check(&state.options.limits)?;
    let named = params.profile.as_deref();
    let profile = named.map(|name| state.options.profile(name)).transpose()?;
    let texts = texts_to_match(&params, profile.as_ref())?;
    let library = state.library.clone();
    let work = move || match_image(&library, &params, &texts, profile.as_ref());
    Ok(HttpResponse::Ok().json(state.model_runs.run(work).await?))
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
    params: &CheckedMatch,
    texts: &[String],
    profile: Option<&NamedProfile>,
) -> Result<MatchResponse, Problem> {
    let started = Instant::now();
    let space = library.active();
    let id = match &params.image {
        ImageInput::File(_) => None,
        ImageInput::Indexed(id) => Some(id.to_string()),
    };
    let image = query_image(&params.image, &space)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let name = profile.map(|profile| profile.name.as_str());
    let model = space.confidence_model_under(name)?;
    let vector = space.image_vector(&image)?;
    let matches = space.match_vector_with(&model, &vector, &texts)?;
    let breakdowns = if params.breakdown {
        breakdowns(
            library,
            &space,
            &model,
            &matches,
            (&params.image, &image, &vector),
            params,
        )?
    } else {
        Vec::new()
    };
    let calibration = match name {
        Some(name) => space.calibration_under(name)?,
        None => None,
    };
    let purpose = profile.map(|profile| {
        let mut purpose = profile.purpose(params.criticality, calibration.as_ref());
        purpose.prevalence = params.prevalence;
        purpose
    });
    let context = MatchContext {
        candidates: matches.len(),
        complexity: profile.and_then(|_| complexity(library, &image)),
    };
    Ok(MatchResponse {
        space: space.id().to_string(),
        image: id,
        results: MatchResponse::results(matches, purpose.as_ref(), context, breakdowns),
        took_ms: started.elapsed().as_secs_f64() * 1000.0,
    })
}

/// The views of each match: tags and names count where the library has the image.
fn breakdowns(
    library: &Library,
    space: &Space,
    model: &ConfidenceModel,
    matches: &[TextMatch],
    (input, image, embedding): (&ImageInput, &QueryImage, &Embedding),
    params: &CheckedMatch,
) -> Result<Vec<Breakdown>, Problem> {
    let words = match input.content_id() {
        Some(id) => library.words_about(&id)?,
        None => Vec::new(),
    };
    let pixels = match image {
        QueryImage::Pixels(pixels) => Some(space.encoder()?.preprocess(pixels)),
        QueryImage::Indexed(_) => None,
    };
    let viewed = ViewedImage {
        embedding,
        pixels: pixels.as_ref(),
        words: &words,
    };
    let options = BreakdownOptions {
        instruction: params.instruction.as_deref(),
        ..BreakdownOptions::default()
    };
    Ok(space.breakdowns(model, matches, &viewed, &options)?)
}

/// Edge density of an image; for one of the library, that of its thumbnail.
pub(super) fn complexity(library: &Library, image: &QueryImage) -> Option<f32> {
    match image {
        QueryImage::Pixels(pixels) => Some(edge_density(pixels)),
        QueryImage::Indexed(id) => {
            let jpeg = library.thumbnail(id).ok()?;
            let decoded = decode(&jpeg, &DecodeLimits::default()).ok()?;
            Some(edge_density(&decoded.image))
        }
    }
}
