//! Starts jobs that tag, screen and calibrate, and lists images with their tags.

use std::path::{Path, PathBuf};

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_confidence::QueryKind;
use eidetic_confidence::profile::NamedProfile;
use eidetic_domain::ImageId;
use eidetic_indexer::RunContext;
use eidetic_library::ScreeningTarget;

use super::jobs::start_job;
use super::matching::find_profile;
use super::search::query_image;
use crate::jobs::JobTask;
use crate::options::IndexableFolders;
use crate::params::{
    self, AlbumParams, CalibrateParams, CheckedCalibrate, CheckedScreen, FacetParams, Filtered, ScreenForm,
    ScreenParams, TagParams, shortened,
};
use crate::problem::{Problem, ProblemKind};
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
        (status = 202, description = "The job runs; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or an invalid vocabulary.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A tagging job is running, or the library has a vocabulary of this name with other words.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_tag(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: Option<TagParams> = params::read_optional_json(&request, payload, &state).await?;
    let checked = params.unwrap_or_default().check()?;
    let options = state
        .library
        .active()
        .changed_tag_options(checked.change, checked.rule)
        .map_err(Problem::from)?;
    Ok(start_job(&state, JobTask::Tag(options))?)
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
        (status = 202, description = "The job runs; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, an unknown profile, or one without patterns.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or a file may not be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A screening job is running.", body = ProblemDocument, content_type = "application/problem+json"),
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
    let checked = params.check(&state.options.limits)?;
    let profile = profile_to_screen(&state, &checked)?;
    let CheckedScreen {
        mut options, image, ..
    } = checked;
    let Some(image) = image else {
        if let ScreeningTarget::Files(paths) = &options.target {
            require_readable(&state, paths.iter().map(PathBuf::as_path))?;
        }
        return Ok(start_job(&state, JobTask::Screen(Box::new(profile), options))?);
    };
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

/// The profile with the patterns of the request, or else its own.
fn profile_to_screen(state: &AppState, request: &CheckedScreen) -> Result<NamedProfile, Problem> {
    let found = find_profile(state, Some(&request.profile))?;
    let mut profile = found.ok_or_else(|| Problem::internal("a profile that was named is missing"))?;
    if !request.patterns.is_empty() {
        profile.patterns.clone_from(&request.patterns);
    }
    if profile.patterns.is_empty() {
        return Err(Problem::invalid(format!(
            "profile {:?} has no patterns; send some",
            profile.name
        )));
    }
    profile
        .check_patterns()
        .map_err(|error| Problem::invalid(error.to_string()))?;
    Ok(profile)
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
        (status = 202, description = "The job runs; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or too many pairs.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or a file may not be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A calibration is running.", body = ProblemDocument, content_type = "application/problem+json"),
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
    let mut checked = params.check()?;
    require_readable(&state, paths_of(&checked))?;
    checked.profiles = match checked.scope.profile.as_deref() {
        Some(name) => find_profile(&state, Some(name))?.into_iter().collect(),
        None => state.options.profiles.clone(),
    };
    Ok(start_job(&state, JobTask::Calibrate(checked))?)
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

/// Compares canonical paths, so that neither `..` nor a link leads out of a source.
fn require_readable<'a>(state: &AppState, paths: impl Iterator<Item = &'a Path>) -> Result<(), Problem> {
    let mut sources = None;
    for path in paths {
        let name = path.display().to_string();
        if !path.is_absolute() {
            return Err(Problem::invalid(format!(
                "{:?} is neither an absolute path nor the id of an image",
                shortened(&name)
            )));
        }
        if state.options.indexable == IndexableFolders::Any {
            continue;
        }
        let sources = sources.get_or_insert_with(|| state.library.sources());
        let canonical = path.canonicalize().ok();
        if !canonical.is_some_and(|path| sources.iter().any(|source| path.starts_with(source))) {
            return Err(Problem::new(
                ProblemKind::FolderNotAllowed,
                format!("{:?} may not be read through this server", shortened(&name)),
            ));
        }
    }
    Ok(())
}

/// The paths among the names of images.
fn paths_of(request: &CheckedCalibrate) -> impl Iterator<Item = &Path> {
    let names = request.pairs.iter().flat_map(|pair| {
        let second = (request.scope.kind == QueryKind::Image).then_some(&pair.pair.text);
        [Some(&pair.pair.image), second].into_iter().flatten()
    });
    let paths = names.filter(|name| name.parse::<ImageId>().is_err());
    paths.map(|name| Path::new(name.as_str()))
}
