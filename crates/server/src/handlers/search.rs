//! Searches: by query string, by body, by an image of the library.

use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, Result};
use eidetic_imaging::decode_at_least;
use eidetic_library::{Space, TextQuery, TextQueryBy};
use eidetic_search::{Query, QueryImage};

use crate::params::{
    self, ALL_SPACES, CheckedSearch, CheckedTextSearch, ImageInput, SearchForm, SearchParams, SearchQuery,
    SimilarQuery, TextSearchBy,
};
use crate::problem::Problem;
use crate::responses::{ProblemDocument, SearchAnswer, SearchResponse, TextSearchResponse};
use crate::state::AppState;

/// Search by text, by an image of the library, or by both.
#[utoipa::path(
    get,
    path = "/v1/search",
    tag = "search",
    params(SearchQuery),
    responses(
        (status = 200, description = "The hits, the best first.", body = SearchResponse),
        (status = 400, description = "A parameter is unknown or invalid.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn search_get(state: Data<AppState>, request: HttpRequest) -> Result<Json<SearchResponse>> {
    let params = SearchParams::from_query(request.query_string())?;
    Ok(Json(search(&state, params).await?))
}

/// Search by text, by any image, or by both; or search the stored texts by an image or a text.
///
/// As a form (`multipart/form-data`), the image is the file `image`, and `filter` is JSON text.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "search",
    request_body(content(
        (SearchParams = "application/json"),
        (SearchForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "The hits, the best first: images, or stored texts with `target` `texts`.", body = SearchAnswer),
        (status = 400, description = "The body is not such JSON or such a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "The image is too large.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn search_post(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<SearchAnswer>> {
    let received = params::read_json_or_form::<SearchParams>(&request, payload, &state).await?;
    // Kept until the response is ready, since the image stays in memory until then.
    let (params, _slot) = received.into_parts();
    Ok(Json(if params.is_for_texts() {
        SearchAnswer::Texts(search_texts(&state, params).await?)
    } else {
        SearchAnswer::Images(search(&state, params).await?)
    }))
}

/// Search for images similar to one of the library.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/similar",
    tag = "search",
    params(
        ("id" = String, Path, description = "The image's id.", pattern = "^[0-9a-f]{64}$"),
        SimilarQuery,
    ),
    responses(
        (status = 200, description = "The hits, the best first, without the image itself.", body = SearchResponse),
        (status = 400, description = "The id or a parameter is invalid.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn similar_images(
    state: Data<AppState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<SearchResponse>> {
    let params = SearchParams::similar_to(id.into_inner(), request.query_string())?;
    Ok(Json(search(&state, params).await?))
}

async fn search(state: &AppState, params: SearchParams) -> Result<SearchResponse, Problem> {
    let CheckedSearch {
        mut query,
        image,
        space,
    } = params.check(&state.options.limits)?;
    let library = state.library.clone();
    let work = move || {
        let content = image.as_ref().and_then(ImageInput::content_id);
        let image_in = |space: &Space| image.as_ref().map(|image| query_image(image, space)).transpose();
        if space.as_deref() == Some(ALL_SPACES) {
            let found = library.search_all_spaces(|space| {
                Ok::<_, Problem>(Query {
                    image: image_in(space)?,
                    ..query.clone()
                })
            })?;
            return Ok(SearchResponse::from(&found)
                .with_query_image(content)
                .with_weak_dates(&query.filter));
        }
        let space = match space {
            Some(name) => library.space_named(&name)?,
            None => library.active(),
        };
        query.image = image_in(&space)?;
        let found = library.search(&space, &query)?;
        Ok(SearchResponse::from(&found)
            .with_query_image(content)
            .with_weak_dates(&query.filter))
    };
    state.model_runs.run(work).await
}

async fn search_texts(state: &AppState, params: SearchParams) -> Result<TextSearchResponse, Problem> {
    let CheckedTextSearch {
        by,
        k,
        set,
        min_confidence,
        space,
    } = params.check_texts(&state.options.limits)?;
    let library = state.library.clone();
    let work = move || {
        let space = match space {
            Some(name) => library.space_named(&name)?,
            None => library.active(),
        };
        let by = match by {
            TextSearchBy::Image(image) => TextQueryBy::Image(query_image(&image, &space)?),
            TextSearchBy::Words(words) => TextQueryBy::Words(words),
        };
        let query = TextQuery {
            by,
            k,
            set,
            min_confidence,
        };
        Ok(TextSearchResponse::from(&library.search_texts(&space, &query)?))
    };
    state.model_runs.run(work).await
}

/// The image of a request as a query in `space`. A file is decoded at the size that the space's model needs.
pub(super) fn query_image(image: &ImageInput, space: &Space) -> Result<QueryImage, Problem> {
    match image {
        ImageInput::Indexed(id) => Ok(QueryImage::Indexed(*id)),
        ImageInput::File(bytes) => {
            let decoded = decode_at_least(bytes, &space.decode_limits(), space.decode_size()?)?;
            Ok(QueryImage::Pixels(decoded.image))
        }
    }
}
