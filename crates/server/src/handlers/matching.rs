use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_confidence::QueryKind;
use eidetic_confidence::profile::{Circumstances, NamedProfile, edge_density};
use eidetic_imaging::{DecodeLimits, decode};
use eidetic_library::Library;
use eidetic_search::QueryPicture;

use super::pairs;
use super::search::pixels;
use crate::gate::take_place;
use crate::held::{Held, HeldPicture};
use crate::json::{MatchAnswer, MatchLine, MatchRequest, ProblemDocument};
use crate::problem::Problem;
use crate::state::State;
use crate::upload;
use crate::wish::shortened;

/// Hold a picture against texts: how probably each describes it.
///
/// As a form (`multipart/form-data`), the picture is the file `image`, and `texts` has one text a line. Many pairs come as
/// `text/tab-separated-values`, an image's id and a text in every line, 1 MiB in all; they are answered line by line, as JSON
/// lines or, where `Accept` asks for it, as such a table.
#[utoipa::path(
    post,
    path = "/v1/match",
    tag = "match",
    request_body(content(
        (MatchRequest = "application/json"),
        (MatchForm = "multipart/form-data"),
        (String = "text/tab-separated-values"),
    )),
    responses(
        (status = 200, content(
            (MatchAnswer = "application/json"),
            (MatchLine = "application/x-ndjson"),
            (String = "text/tab-separated-values"),
        )),
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
) -> Result<HttpResponse> {
    // Held until the answer is there, since the picture is in memory until then.
    let _place = take_place(&state.uploads)?;
    if upload::media_type(&request) == pairs::TSV {
        let body = upload::text(&request, payload, &state.options.limits).await?;
        let library = state.library.clone();
        let lines = state.models.run(move || pairs::matched(&library, &body)).await?;
        return Ok(pairs::answer(&request, &lines));
    }
    let held: Held = upload::read(&request, payload, &state.options.limits).await?;
    let profile = held
        .profile
        .as_deref()
        .map(|name| served(&state, name))
        .transpose()?;
    let texts = texts_of(&held, profile.as_ref())?;
    let library = state.library.clone();
    let work = move || hold(&library, held, &texts, profile.as_ref());
    Ok(HttpResponse::Ok().json(state.models.run(work).await?))
}

fn served(state: &State, name: &str) -> Result<NamedProfile, Problem> {
    let profiles = &state.options.profiles;
    let found = profiles.iter().find(|profile| profile.name == name);
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        Problem::invalid(format!(
            "there is no profile {:?}; there are {}",
            shortened(name),
            known.join(", ")
        ))
    })
}

/// The texts given, else the profile's patterns.
fn texts_of(held: &Held, profile: Option<&NamedProfile>) -> Result<Vec<String>, Problem> {
    let patterns = profile.into_iter().flat_map(|profile| &profile.patterns);
    let texts: Vec<String> = match held.texts.as_slice() {
        [] => patterns.map(|pattern| pattern.text.clone()).collect(),
        given => given.to_vec(),
    };
    if texts.is_empty() {
        return Err(Problem::invalid(
            "there are no texts to hold against the picture, and the profile has no patterns",
        ));
    }
    Ok(texts)
}

fn hold(
    library: &Library,
    held: Held,
    texts: &[String],
    profile: Option<&NamedProfile>,
) -> Result<MatchAnswer, Problem> {
    let space = library.active();
    let (picture, image) = match held.picture {
        HeldPicture::File(bytes) => (pixels(&bytes, space.decode_size()?)?, None),
        HeldPicture::Indexed(id) => (QueryPicture::Indexed(id), Some(id.to_string())),
    };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let matches = space.match_texts(&picture, &texts)?;
    let calibration = profile
        .map(|_| space.calibration(QueryKind::Text))
        .transpose()?
        .flatten();
    let purpose = profile.map(|profile| profile.purpose(held.criticality, calibration.as_ref()));
    let circumstances = Circumstances {
        candidates: matches.len(),
        complexity: profile.and_then(|_| complexity(library, &picture)),
    };
    Ok(MatchAnswer {
        space: space.id().to_string(),
        image,
        results: MatchAnswer::results(matches, purpose.as_ref(), circumstances),
    })
}

/// How busy a picture is; that of the library by its thumbnail.
fn complexity(library: &Library, picture: &QueryPicture) -> Option<f32> {
    match picture {
        QueryPicture::Pixels(pixels) => Some(edge_density(pixels)),
        QueryPicture::Indexed(id) => {
            let jpeg = library.thumbnail(id).ok()?;
            let decoded = decode(&jpeg, &DecodeLimits::default()).ok()?;
            Some(edge_density(&decoded.image))
        }
    }
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
    /// The profile that says what each score is good enough for.
    profile: Option<String>,
    /// What a mistake costs: `low`, `normal` or `high`.
    criticality: Option<String>,
}
