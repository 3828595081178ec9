use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, Result};
use eidetic_imaging::{DecodeLimits, decode_at_least};
use eidetic_library::Space;
use eidetic_search::QueryPicture;

use crate::concurrency::try_acquire;
use crate::params::{self, CheckedSearch, ImageInput, SearchForm, SearchParams, SearchQuery, SimilarQuery};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{ProblemDocument, SearchResponse};
use crate::state::State;

/// Search by words, by a picture of the library, or by both.
#[utoipa::path(
    get,
    path = "/v1/search",
    tag = "search",
    params(SearchQuery),
    responses(
        (status = 200, body = SearchResponse),
        (status = 400, description = "A parameter is unknown or wrong.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn by_address(state: Data<State>, request: HttpRequest) -> Result<Json<SearchResponse>> {
    let params = SearchParams::from_query(request.query_string())?;
    Ok(Json(search(state, params).await?))
}

/// Search by words, by any picture, or by both.
///
/// As a form (`multipart/form-data`), the picture is the file `image`, and `filter` is JSON text.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "search",
    request_body(content(
        (SearchParams = "application/json"),
        (SearchForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, body = SearchResponse),
        (status = 400, description = "The body is no such JSON or form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "The picture is too large.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The picture cannot be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn by_body(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<SearchResponse>> {
    // Held until the answer is there, since the picture is in memory until then.
    let _place = try_acquire(&state.uploads)?;
    let params = params::read_json_or_form(&request, payload, &state.options.limits).await?;
    Ok(Json(search(state, params).await?))
}

/// Pictures like one of the library.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/similar",
    tag = "search",
    params(
        ("id" = String, Path, description = "The image's id."),
        SimilarQuery,
    ),
    responses(
        (status = 200, description = "The image itself is not among the hits.", body = SearchResponse),
        (status = 400, description = "The id or a parameter is wrong.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn similar(
    state: Data<State>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<SearchResponse>> {
    let params = SearchParams::similar_to(id.into_inner(), request.query_string())?;
    Ok(Json(search(state, params).await?))
}

async fn search(state: Data<State>, params: SearchParams) -> Result<SearchResponse, Problem> {
    let CheckedSearch {
        mut query,
        image,
        space,
    } = params.check(&state.options.limits)?;
    let library = state.library.clone();
    let work = move || {
        let space = match space {
            Some(name) => library.space_named(&name)?,
            None => library.active(),
        };
        query.picture = image.map(|image| query_image(image, &space)).transpose()?;
        Ok(SearchResponse::from(&space.search(&query)?))
    };
    state.models.run(work).await
}

/// The image of a request as a query in `space`: a file is decoded at the size that the space's model needs.
pub(super) fn query_image(image: ImageInput, space: &Space) -> Result<QueryPicture, Problem> {
    let bytes = match image {
        ImageInput::File(bytes) => bytes,
        ImageInput::Indexed(id) => return Ok(QueryPicture::Indexed(id)),
    };
    let decoded =
        decode_at_least(&bytes, &DecodeLimits::default(), space.decode_size()?).map_err(|reason| {
            Problem::new(
                ProblemKind::UnreadableImage,
                format!("the picture cannot be read: {reason}"),
            )
        })?;
    Ok(QueryPicture::Pixels(decoded.image))
}
