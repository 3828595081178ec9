use actix_web::Result;
use actix_web::web::{Data, Json, Path};

use crate::params::image_id;
use crate::responses::{ProblemDocument, TagsResponse};
use crate::state::State;

/// The tags of an image: those that `eidetic tag` gave it, else what the bundled vocabulary says of it now.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/tags",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.")),
    responses(
        (status = 200, body = TagsResponse),
        (status = 400, description = "The id is malformed.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_image(state: Data<State>, id: Path<String>) -> Result<Json<TagsResponse>> {
    let id = image_id(&id)?;
    let library = state.library.clone();
    let work = move || Ok(TagsResponse::new(id, library.get_tags(&id)?));
    Ok(Json(state.models.run(work).await?))
}
