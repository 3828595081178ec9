//! The tags of an image.

use actix_web::Result;
use actix_web::web::{Data, Json, Path};

use crate::params::image_id;
use crate::responses::{ProblemDocument, TagsResponse};
use crate::state::AppState;

/// The tags of an image: those stored by `eidetic tag`, else those computed now with the bundled vocabulary.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/tags",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = 200, description = "The tags, the most probable first.", body = TagsResponse),
        (status = 400, description = "The id is malformed.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_image_tags(state: Data<AppState>, id: Path<String>) -> Result<Json<TagsResponse>> {
    let id = image_id(&id)?;
    let library = state.library.clone();
    let work = move || Ok(TagsResponse::new(id, library.active().get_tags(&id)?));
    Ok(Json(state.model_runs.run(work).await?))
}
