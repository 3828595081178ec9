//! Feedback on hits: stored, listed, and used to refit confidences.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, Result, rt};
use eidetic_library::{AnswerCount, RefitOutcome};

use crate::params::{self, FeedbackParams, ScopeParams};
use crate::responses::{FeedbackCount, FeedbackList, ProblemDocument};
use crate::state::AppState;

/// Store whether an image matches the query that found it.
///
/// Later feedback on the same image and query replaces earlier feedback. After fifty new entries of a
/// kind, confidences are refitted to them, within bounds.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "feedback",
    request_body = FeedbackParams,
    responses(
        (status = 200, description = "The feedback is stored.", body = FeedbackCount),
        (status = 400, description = "The body is not such JSON.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "An image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn post_feedback(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<FeedbackCount>> {
    let params: FeedbackParams = params::read_json(&request, payload, &state).await?;
    let right = params.right;
    let named = params.profile.as_deref();
    let profile = named.map(|name| state.options.profile(name)).transpose()?;
    let (subject, image) = params.check()?;
    let library = state.library.clone();
    let work = move || Ok(library.put_feedback(&subject, profile.as_ref(), image, right)?);
    let count = state.image_reads.run(work).await?;
    if count.due {
        refit_in_background(&state, count.clone());
    }
    Ok(Json(count.into()))
}

/// The stored feedback, for a file of labelled pairs.
#[utoipa::path(
    get,
    path = "/v1/feedback",
    tag = "feedback",
    params(ScopeParams),
    responses(
        (status = 200, description = "The feedback, the oldest first.", body = FeedbackList),
        (status = 400, description = "Unknown kind.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_feedback(state: Data<AppState>, request: HttpRequest) -> Result<Json<FeedbackList>> {
    let scope: ScopeParams = params::read_query(request.query_string())?;
    let library = state.library.clone();
    let work = move || Ok(FeedbackList::from(library.feedback(scope)?));
    Ok(Json(state.image_reads.run(work).await?))
}

/// Refits the confidences without delaying the response. While another refit runs, nothing is started:
/// the feedback stays due, and the next request starts one.
fn refit_in_background(state: &Data<AppState>, count: AnswerCount) {
    let Ok(permit) = state.refits.clone().try_acquire_owned() else {
        return;
    };
    let (shared, library) = (state.clone(), state.library.clone());
    rt::spawn(async move {
        let work = move || {
            let _permit = permit;
            Ok(library.refit_from_feedback(&count.scope)?)
        };
        match shared.model_runs.run(work).await {
            Ok(RefitOutcome::Unchanged(why)) => {
                tracing::info!("feedback does not change confidences: {why:?}");
            }
            Ok(RefitOutcome::Stored {
                calibration, clamped, ..
            }) => tracing::info!(
                "refitted confidences to feedback: version {} (clamped: {clamped:?})",
                calibration.origin.version
            ),
            Err(problem) => tracing::warn!("cannot refit confidences to feedback: {problem}"),
        }
    });
}
