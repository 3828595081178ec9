//! Events: images that were taken at one time and place.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, Result};

use crate::params::{EventImagesParams, EventsParams, Filtered, image_id};
use crate::responses::{EventImagesResponse, EventsResponse, ProblemDocument};
use crate::state::AppState;

/// Events of the images that match a filter, the latest first.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "images",
    params(Filtered<EventsParams>),
    responses(
        (status = 200, description = "The events.", body = EventsResponse),
        (status = 400, description = "A parameter is unknown or invalid, or the filter names what the library does not have.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_events(state: Data<AppState>, request: HttpRequest) -> Result<Json<EventsResponse>> {
    let options = EventsParams::from_query(request.query_string())?;
    let library = state.library.clone();
    let work = move || {
        Ok(EventsResponse::from(
            &library.events(&library.active(), &options)?,
        ))
    };
    Ok(Json(state.image_reads.run(work).await?))
}

/// An event and its images, in the order in which they were taken. The id of any of its images names it.
#[utoipa::path(
    get,
    path = "/v1/events/{id}",
    tag = "images",
    params(
        ("id" = String, Path, description = "The event's id, or that of an image in it.", pattern = "^[0-9a-f]{64}$"),
        Filtered<EventImagesParams>,
    ),
    responses(
        (status = 200, description = "The event and a page of its images.", body = EventImagesResponse),
        (status = 400, description = "The id or a parameter is invalid.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is in no event of the images that match the filter.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_event(
    state: Data<AppState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<Json<EventImagesResponse>> {
    let id = image_id(&id)?;
    let params = EventImagesParams::from_query(request.query_string())?;
    let library = state.library.clone();
    let work = move || {
        let space = library.active();
        let found = library.event_images(&space, &params.filter, &id, params.after, params.count)?;
        Ok(EventImagesResponse::from(found))
    };
    Ok(Json(state.image_reads.run(work).await?))
}
