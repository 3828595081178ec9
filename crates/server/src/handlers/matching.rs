use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, Result};
use eidetic_search::QueryPicture;

use super::search::pixels;
use crate::gate::take_place;
use crate::held::{Held, HeldPicture};
use crate::json::{MatchAnswer, MatchRequest, MatchResult, ProblemDocument};
use crate::problem::Problem;
use crate::state::State;
use crate::upload;

/// Hold a picture against texts: how probably each describes it.
///
/// As a form (`multipart/form-data`), the picture is the file `image`, and `texts` has one text a line.
#[utoipa::path(
    post,
    path = "/v1/match",
    tag = "match",
    request_body(content(
        (MatchRequest = "application/json"),
        (MatchForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, body = MatchAnswer),
        (status = 400, description = "The body is no such JSON or form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "The picture is too large.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor a form.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The picture cannot be read.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn texts(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<MatchAnswer>> {
    // Held until the answer is there, since the picture is in memory until then.
    let _place = take_place(&state.uploads)?;
    let held: Held = upload::read(&request, payload, &state.options.limits).await?;
    let space = state.library.active();
    let work = move || -> Result<MatchAnswer, Problem> {
        let (picture, image) = match held.picture {
            HeldPicture::File(bytes) => (pixels(&bytes, space.detail()?)?, None),
            HeldPicture::Indexed(id) => (QueryPicture::Indexed(id), Some(id.to_string())),
        };
        let texts: Vec<&str> = held.texts.iter().map(String::as_str).collect();
        let results = space.match_texts(&picture, &texts)?;
        Ok(MatchAnswer {
            space: space.space().to_string(),
            image,
            results: results.into_iter().map(MatchResult::from).collect(),
        })
    };
    Ok(Json(state.models.run(work).await?))
}

/// The form of a match, described; it is read field by field.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a description: forms are read field by field")]
pub(crate) struct MatchForm {
    /// A picture's file.
    #[schema(value_type = Option<String>, format = Binary)]
    image: Option<Vec<u8>>,
    /// Id of a picture of the library, instead of a file.
    image_id: Option<String>,
    /// Texts, one a line.
    texts: String,
}
