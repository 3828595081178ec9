use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, Result, rt};
use eidetic_library::{AnswerCount, Refitted};

use crate::params::{self, FeedbackListParams, FeedbackParams};
use crate::responses::{FeedbackCount, FeedbackList, ProblemDocument};
use crate::state::State;

/// Say whether an image matches what it was found by.
///
/// A later answer about the same image and query replaces the earlier one. After fifty new answers of a kind, confidences
/// move towards them, within bounds.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "feedback",
    request_body = FeedbackParams,
    responses(
        (status = 200, description = "The answer is kept.", body = FeedbackCount),
        (status = 400, description = "The body is no such JSON.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "An image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn give(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<FeedbackCount>> {
    let params: FeedbackParams = params::read_json(&request, payload, &state.options.limits).await?;
    let right = params.right;
    let (subject, image) = params.check()?;
    let library = state.library.clone();
    let work = move || Ok(library.answer(&subject, image, right)?);
    let count = state.pictures.run(work).await?;
    if count.due {
        learn(&state, count);
    }
    Ok(Json(count.into()))
}

/// The answers that people gave, for a file of labelled pairs.
#[utoipa::path(
    get,
    path = "/v1/feedback",
    tag = "feedback",
    params(FeedbackListParams),
    responses(
        (status = 200, body = FeedbackList),
        (status = 400, description = "There is no such kind.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Result<Json<FeedbackList>> {
    let FeedbackListParams { kind } = params::read_query(request.query_string())?;
    let library = state.library.clone();
    let work = move || Ok(FeedbackList::from(library.answers(kind)?));
    Ok(Json(state.pictures.run(work).await?))
}

/// Learns in the background: the answer that made it due need not wait. Where learning is under way already, it will be
/// due again.
fn learn(state: &Data<State>, count: AnswerCount) {
    let Ok(turn) = state.learning.clone().try_acquire_owned() else {
        return;
    };
    let (shared, library) = (state.clone(), state.library.clone());
    rt::spawn(async move {
        let work = move || {
            let _held = turn;
            Ok(library.learn_from_answers(count.kind)?)
        };
        match shared.models.run(work).await {
            Ok(Refitted::Unchanged(why)) => tracing::info!("answers change no confidence: {why:?}"),
            Ok(Refitted::Stored {
                calibrated, reach, ..
            }) => tracing::info!(
                "answers moved confidences, which are version {} now ({reach:?})",
                calibrated.origin.version
            ),
            Err(problem) => tracing::warn!("nothing was learnt from answers: {problem}"),
        }
    });
}
