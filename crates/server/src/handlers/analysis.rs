//! Starts jobs that tag, screen and calibrate, and lists images with their tags.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_domain::ImageId;
use eidetic_indexer::RunContext;
use eidetic_library::ScreeningTarget;

use super::jobs::start_job;
use super::search::query_image;
use crate::jobs::{JobRequest, profile_to_screen};
use crate::params::{
    self, AlbumParams, CalibrateParams, CheckedScreen, FacetParams, Filtered, ScreenForm, ScreenParams,
    TagParams,
};
use crate::problem::Problem;
use crate::responses::{
    AlbumResponse, FacetsResponse, JobTicket, ProblemDocument, ProfilesResponse, ScreenResponse,
};
use crate::state::AppState;

/// Most bytes of labeled pairs.
const MAX_PAIRS_BYTES: usize = 32 << 20;

/// Tag all images with the words of vocabularies.
#[utoipa::path(
    post,
    path = "/v1/tag",
    tag = "index",
    request_body(content = Option<TagParams>, description = "Without a body, the vocabularies of the last run."),
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or an invalid vocabulary.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The library has a vocabulary of this name with other words.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_tag(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: Option<TagParams> = params::read_optional_json(&request, payload, &state).await?;
    Ok(start_job(&state, JobRequest::Tag(params.unwrap_or_default())).await?)
}

/// Compare images with the patterns of a profile: those of the library, files that need not be indexed, or one image that is
/// sent.
///
/// One image is answered at once; as a form (`multipart/form-data`), it is the file `image`. Everything else is a job.
#[utoipa::path(
    post,
    path = "/v1/screen",
    tag = "match",
    request_body(content((ScreenParams = "application/json"), (ScreenForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "The result for one image.", body = ScreenResponse),
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, an unknown profile, or one without patterns.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or a file may not be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "The image is too large.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn screen(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let received = params::read_json_or_form::<ScreenParams>(&request, payload, &state).await?;
    // Kept until the response is ready, since the image stays in memory until then.
    let (params, _slot) = received.into_parts();
    if !params.has_image() {
        return Ok(start_job(&state, JobRequest::Screen(Box::new(params))).await?);
    }
    let checked = params.check(&state.options.limits)?;
    let profile = profile_to_screen(&state, &checked)?;
    let CheckedScreen {
        mut options, image, ..
    } = checked;
    let image = image.ok_or_else(|| Problem::internal("an image that was sent is missing"))?;
    let library = state.library.clone();
    let work = move || {
        let space = library.active();
        let id = image.content_id().unwrap_or_else(|| ImageId::of(&[]));
        let vector = space.image_vector(&query_image(&image, &space)?)?;
        options.target = ScreeningTarget::Image(id, vector);
        let mut images = Vec::new();
        let report = library.screen(&space, &profile, &options, &RunContext::default(), &mut |one| {
            images.push(one);
        })?;
        Ok(ScreenResponse::new(
            space.id().to_string(),
            profile.name,
            report,
            images,
        ))
    };
    Ok(HttpResponse::Ok().json(state.model_runs.run(work).await?))
}

/// The profiles that this server knows.
#[utoipa::path(
    get,
    path = "/v1/profiles",
    tag = "match",
    responses((status = 200, description = "The profiles by name.", body = ProfilesResponse))
)]
pub(crate) async fn list_profiles(state: Data<AppState>) -> Json<ProfilesResponse> {
    Json(ProfilesResponse::new(&state.options.profiles))
}

/// Fit confidences to labeled pairs. Images are named by absolute paths or by ids of the library; files outside of its
/// sources are read only by servers that index any folder.
#[utoipa::path(
    post,
    path = "/v1/calibrate",
    tag = "match",
    request_body = CalibrateParams,
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or too many pairs.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or a file may not be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "The pairs are larger than 32 MiB.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_calibrate(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let received =
        params::read_json_within::<CalibrateParams>(&request, payload, MAX_PAIRS_BYTES, &state).await?;
    let (params, _slot) = received.into_parts();
    Ok(start_job(&state, JobRequest::Calibrate(params)).await?)
}

/// Images of the library without a query, page by page: in an order, and those that match a filter. Pages stay right while the
/// library changes.
#[utoipa::path(
    get,
    path = "/v1/images",
    tag = "images",
    params(Filtered<AlbumParams>),
    responses(
        (status = 200, description = "Some images, and where the next ones begin.", body = AlbumResponse),
        (status = 400, description = "A parameter is unknown or invalid, or the filter names what the library does not have.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_images(state: Data<AppState>, request: HttpRequest) -> Result<Json<AlbumResponse>> {
    let options = AlbumParams::from_query(request.query_string())?;
    let library = state.library.clone();
    let list = move || {
        let space = library.active();
        let page = library.list(&space, &options)?;
        let wants_summary = options.with_tags && options.after.is_none();
        let summary = wants_summary.then(|| space.album_summary()).transpose()?;
        Ok(AlbumResponse {
            tagging: summary.map(Into::into),
            ..AlbumResponse::new(page, &options)
        })
    };
    Ok(Json(state.image_reads.run(list).await?))
}

/// How many images have each value: date, folder, camera, lens, place, keyword, tag, format, orientation, rating.
#[utoipa::path(
    get,
    path = "/v1/facets",
    tag = "images",
    params(Filtered<FacetParams>),
    responses(
        (status = 200, description = "The values, with their numbers of images.", body = FacetsResponse),
        (status = 400, description = "A parameter is unknown or invalid, or the filter names what the library does not have.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_facets(state: Data<AppState>, request: HttpRequest) -> Result<Json<FacetsResponse>> {
    let options = FacetParams::from_query(request.query_string())?;
    let library = state.library.clone();
    let count = move || Ok(FacetsResponse::from(library.facets(&library.active(), &options)?));
    Ok(Json(state.image_reads.run(count).await?))
}
