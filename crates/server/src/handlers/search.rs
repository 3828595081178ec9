use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, Result};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode_at_least};
use eidetic_search::QueryPicture;

use super::query_pairs;
use crate::gate::take_place;
use crate::json::{ProblemDocument, SearchAnswer, SearchRequest};
use crate::problem::{Problem, ProblemKind};
use crate::state::State;
use crate::upload;
use crate::wish::{QUERY_NAMES, SIMILAR_NAMES, Wish};

/// Search by words, by a picture of the library, or by both.
#[utoipa::path(
    get,
    path = "/v1/search",
    tag = "search",
    params(
        ("text" = Option<String>, Query, description = "Words for what the picture should show; at most 2,000 characters."),
        ("negative" = Option<String>, Query, description = "Words for what it should not show."),
        ("image_id" = Option<String>, Query, description = "Id of a picture of the library that it should look like."),
        ("k" = Option<i64>, Query, description = "Largest number of hits, 1 to 1,000; 20 where left out."),
        ("folder" = Option<Vec<String>>, Query, description = "Absolute folder to search in; may be given several times."),
        ("tag" = Option<Vec<String>>, Query, description = "A tag that the picture must carry; may be given several times."),
        ("taken_from" = Option<String>, Query, description = "First moment to search in, such as 2020-05-01."),
        ("taken_before" = Option<String>, Query, description = "First moment no longer to search in."),
        ("text_weight" = Option<f32>, Query, description = "How much the text counts beside the picture, 0 to 1."),
        ("min_confidence" = Option<f32>, Query, description = "Hits less probable than this are left out, 0 to 1."),
        ("space" = Option<String>, Query, description = "The space to search in, by its number, its model or its name in answers; the active one where left out."),
    ),
    responses(
        (status = 200, body = SearchAnswer),
        (status = 400, description = "A parameter is unknown or wrong.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn by_address(state: Data<State>, request: HttpRequest) -> Result<Json<SearchAnswer>> {
    let wish = SearchRequest::from_pairs(query_pairs(&request)?, QUERY_NAMES)?.into_wish(None)?;
    Ok(Json(search(state, wish).await?))
}

/// Search by words, by any picture, or by both.
///
/// As a form (`multipart/form-data`), the picture is the file `image`, and `filter` is JSON text.
#[utoipa::path(
    post,
    path = "/v1/search",
    tag = "search",
    request_body(content(
        (SearchRequest = "application/json"),
        (SearchForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, body = SearchAnswer),
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
) -> Result<Json<SearchAnswer>> {
    // Held until the answer is there, since the picture is in memory until then.
    let _place = take_place(&state.uploads)?;
    let wish: Wish = upload::read(&request, payload, &state.options.limits).await?;
    Ok(Json(search(state, wish).await?))
}

/// Pictures like one of the library.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/similar",
    tag = "search",
    params(
        ("id" = String, Path, description = "The image's id."),
        ("k" = Option<i64>, Query, description = "Largest number of hits, 1 to 1,000; 20 where left out."),
        ("folder" = Option<Vec<String>>, Query, description = "Absolute folder to search in; may be given several times."),
        ("tag" = Option<Vec<String>>, Query, description = "A tag that the picture must carry; may be given several times."),
        ("taken_from" = Option<String>, Query, description = "First moment to search in, such as 2020-05-01."),
        ("taken_before" = Option<String>, Query, description = "First moment no longer to search in."),
        ("min_confidence" = Option<f32>, Query, description = "Hits less probable than this are left out, 0 to 1."),
        ("space" = Option<String>, Query, description = "The space to search in; the active one where left out."),
    ),
    responses(
        (status = 200, description = "The image itself is not among the hits.", body = SearchAnswer),
        (status = 400, description = "The id or a parameter is wrong.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn similar(
    state: Data<State>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<SearchAnswer>> {
    let mut asked = SearchRequest::from_pairs(query_pairs(&request)?, SIMILAR_NAMES)?;
    asked.image_id = Some(id.into_inner());
    Ok(Json(search(state, asked.into_wish(None)?).await?))
}

/// The form of a search, described; it is read field by field.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a description: forms are read field by field")]
pub(crate) struct SearchForm {
    /// Words for what the picture should show.
    text: Option<String>,
    /// Words for what it should not show.
    negative: Option<String>,
    /// A picture's file.
    #[schema(value_type = Option<String>, format = Binary)]
    image: Option<Vec<u8>>,
    /// Id of a picture of the library, instead of a file.
    image_id: Option<String>,
    /// Largest number of hits, 1 to 1,000.
    k: Option<i64>,
    /// The filter of the JSON request, as JSON text.
    filter: Option<String>,
    /// How much the text counts beside the picture, 0 to 1.
    text_weight: Option<f32>,
    /// Hits less probable than this are left out.
    min_confidence: Option<f32>,
    /// The space to search in; the active one where left out.
    space: Option<String>,
}

async fn search(state: Data<State>, wish: Wish) -> Result<SearchAnswer, Problem> {
    let library = state.library.clone();
    let work = move || {
        let Wish {
            mut query,
            space,
            picture,
        } = wish;
        let space = match space {
            Some(name) => library.space_named(&name)?,
            None => library.active(),
        };
        if let Some(bytes) = picture {
            query.picture = Some(pixels(&bytes, space.decode_size()?)?);
        }
        let answer = space.search(&query)?;
        Ok(SearchAnswer::from(&answer))
    };
    state.models.run(work).await
}

pub(super) fn pixels(bytes: &[u8], size: DecodeSize) -> Result<QueryPicture, Problem> {
    let decoded = decode_at_least(bytes, &DecodeLimits::default(), size).map_err(|reason| {
        Problem::new(
            ProblemKind::UnreadablePicture,
            format!("the picture cannot be read: {reason}"),
        )
    })?;
    Ok(QueryPicture::Pixels(decoded.image))
}
