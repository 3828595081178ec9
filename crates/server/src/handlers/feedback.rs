use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, Result, rt};
use eidetic_confidence::QueryKind;
use eidetic_library::{AnswerCount, RefitOutcome, Subject};

use super::query_pairs;
use crate::json::{FeedbackAnswers, FeedbackCount, FeedbackRequest, ProblemDocument};
use crate::problem::Problem;
use crate::state::State;
use crate::upload;
use crate::wish::{bounded_text, image_id, shortened, unknown_name};

/// Say whether an image matches what it was found by.
///
/// A later answer about the same image and query replaces the earlier one. After fifty new answers of a kind, confidences
/// move towards them, within bounds.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "feedback",
    request_body = FeedbackRequest,
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
    let asked: FeedbackRequest = upload::json_or_default(&request, payload, &state.options.limits).await?;
    let image = image_id(&asked.image)?;
    let right = asked.right;
    let subject = subject(asked)?;
    let library = state.library.clone();
    let work = move || Ok(library.put_feedback(&subject, image, right)?);
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
    params(("kind" = Option<String>, Query, description = "`text`, which is the default, or `picture`: what the images were found by.")),
    responses(
        (status = 200, body = FeedbackAnswers),
        (status = 400, description = "There is no such kind.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Result<Json<FeedbackAnswers>> {
    let kind = kind(&query_pairs(&request)?)?;
    let library = state.library.clone();
    let work = move || Ok(FeedbackAnswers::from(library.feedback(kind)?));
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
            Ok(library.refit_from_feedback(count.kind)?)
        };
        match shared.models.run(work).await {
            Ok(RefitOutcome::Unchanged(why)) => tracing::info!("answers change no confidence: {why:?}"),
            Ok(RefitOutcome::Stored {
                calibrated, reach, ..
            }) => tracing::info!(
                "answers moved confidences, which are version {} now ({reach:?})",
                calibrated.origin.version
            ),
            Err(problem) => tracing::warn!("nothing was learnt from answers: {problem}"),
        }
    });
}

fn subject(asked: FeedbackRequest) -> Result<Subject, Problem> {
    match (asked.text, asked.like) {
        (Some(text), None) => Ok(Subject::Text(
            bounded_text("text", Some(text))?.unwrap_or_default(),
        )),
        (None, Some(like)) => Ok(Subject::Picture(image_id(&like)?)),
        _ => Err(Problem::invalid(
            "say what the image was found by: either text or like, the id of a picture",
        )),
    }
}

fn kind(pairs: &[(String, String)]) -> Result<QueryKind, Problem> {
    let mut kind = QueryKind::Text;
    for (name, value) in pairs {
        kind = match (name.as_str(), value.as_str()) {
            ("kind", "text") => QueryKind::Text,
            ("kind", "picture") => QueryKind::Picture,
            ("kind", other) => {
                return Err(Problem::invalid(format!(
                    "kind is text or picture, not {:?}",
                    shortened(other)
                )));
            }
            (other, _) => return Err(unknown_name(other, &["kind"])),
        };
    }
    Ok(kind)
}
