//! The OpenAPI document.

mod common;

use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use crate::handlers;

use common::CommonParts;

/// The API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Eidetic",
        description = "Searches the images of one library by text or by another image. Errors are RFC 9457 problem documents.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    modifiers(&CommonParts),
    paths(
        handlers::search::search_get,
        handlers::search::search_post,
        handlers::search::similar_images,
        handlers::matching::match_texts,
        handlers::analysis::start_tag,
        handlers::analysis::screen,
        handlers::analysis::list_profiles,
        handlers::analysis::start_calibrate,
        handlers::analysis::list_images,
        handlers::analysis::get_facets,
        handlers::duplicates::get_duplicates,
        handlers::duplicates::start_duplicates,
        handlers::backup::start_backup,
        handlers::map::get_map,
        handlers::events::list_events,
        handlers::events::get_event,
        handlers::calibration::get_calibration,
        handlers::calibration::undo_calibration,
        handlers::calibration::get_calibration_report,
        handlers::feedback::post_feedback,
        handlers::feedback::list_feedback,
        handlers::images::get_image,
        handlers::images::get_image_file,
        handlers::images::get_thumbnail,
        handlers::images::get_video,
        handlers::tags::get_image_tags,
        handlers::index::start_index,
        handlers::index::forget_source,
        handlers::jobs::list_jobs,
        handlers::jobs::get_job,
        handlers::jobs::job_events,
        handlers::jobs::cancel_job,
        handlers::texts::list_text_sets,
        handlers::texts::add_texts,
        handlers::texts::remove_texts,
        handlers::model::switch_model,
        handlers::model::backfill_space,
        handlers::model::drop_space,
        handlers::server::get_status,
        handlers::server::get_health,
        handlers::server::get_metrics,
        handlers::server::get_openapi,
        handlers::session::open_session,
        handlers::session::close_session,
        handlers::page::get_page,
        handlers::page::get_asset,
    )
)]
struct Api;

/// The OpenAPI 3.1 document of all routes.
pub fn document() -> Document {
    Api::openapi()
}
