//! Finds duplicates.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, Result};

use crate::params::{DuplicatesParams, Filtered};
use crate::responses::{DuplicatesResponse, ProblemDocument};
use crate::state::AppState;

/// Groups of images that are copies of each other, and bursts, the best copy first. Nothing is deleted.
#[utoipa::path(
    get,
    path = "/v1/duplicates",
    tag = "images",
    params(Filtered<DuplicatesParams>),
    responses(
        (status = 200, description = "The groups.", body = DuplicatesResponse),
        (status = 400, description = "A parameter is unknown or invalid, or the filter names what the library does not have.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_duplicates(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<Json<DuplicatesResponse>> {
    let options = DuplicatesParams::from_query(request.query_string())?;
    let library = state.library.clone();
    let find = move || Ok(DuplicatesResponse::from(&library.duplicates(&options)?));
    // Comparing takes all processors, as a model does.
    Ok(Json(state.model_runs.run(find).await?))
}
