use std::path::Path as FilePath;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, Charset, ContentDisposition, DispositionParam, DispositionType, ETAG,
    ExtendedValue,
};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Result};
use eidetic_domain::ImageId;
use eidetic_imaging::{DecodeLimits, decode, thumbnail as shrunk};
use eidetic_library::{ImageFile, Library};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::holds;
use crate::params::{self, FileForm, FileParams, image_id};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{ImageResponse, ProblemDocument};
use crate::state::State;

/// Longest side of a picture that is converted to be looked at.
const VIEW_SIDE: u32 = 4_096;
const VIEW_QUALITY: u8 = 88;
/// An image's id is its content, so what is found under it never changes.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// What is known of an image.
#[utoipa::path(
    get,
    path = "/v1/images/{id}",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.")),
    responses(
        (status = 200, body = ImageResponse),
        (status = 400, description = "The id is malformed.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn describe(state: Data<State>, id: Path<String>) -> Result<Json<ImageResponse>> {
    let id = image_id(&id)?;
    let library = state.library.clone();
    let work = move || Ok(ImageResponse::from(&library.image(&id)?));
    Ok(Json(state.pictures.run(work).await?))
}

/// An image's file, as it is; with `view=1`, as something that browsers show.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/file",
    tag = "images",
    params(
        ("id" = String, Path, description = "The image's id."),
        FileParams,
    ),
    responses(
        (status = 200, description = "The picture, under its own type.", content_type = "image/*"),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "Its file is gone or has changed.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn file(state: Data<State>, id: Path<String>, request: HttpRequest) -> Result<HttpResponse> {
    let id = image_id(&id)?;
    let form = params::read_query::<FileParams>(request.query_string())?.form();
    let tag = file_tag(&id, form);
    let held = holds(&request, &tag);
    let library = state.library.clone();
    let found = state
        .pictures
        .run(move || read(&library, &id, form, held))
        .await?;
    Ok(picture(found, &tag))
}

/// A small JPEG of an image.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/thumbnail",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.")),
    responses(
        (status = 200, description = "A small picture.", content_type = "image/jpeg"),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "It has to be made anew, and the file is gone or has changed.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn thumbnail(
    state: Data<State>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let id = image_id(&id)?;
    let tag = format!("{id}-thumbnail");
    let held = holds(&request, &tag);
    let library = state.library.clone();
    let work = move || {
        if held {
            library.image(&id)?;
            return Ok(None);
        }
        Ok(Some(Picture {
            bytes: library.thumbnail(&id)?,
            media_type: "image/jpeg",
            name: None,
        }))
    };
    Ok(picture(state.pictures.run(work).await?, &tag))
}

fn file_tag(id: &ImageId, form: FileForm) -> String {
    match form {
        FileForm::Original => id.to_string(),
        FileForm::Viewable => format!("{id}-view"),
    }
}

/// What is sent as a picture.
struct Picture {
    bytes: Vec<u8>,
    media_type: &'static str,
    /// The name to save it under.
    name: Option<String>,
}

/// `None` where the client holds it, and the library has the image still.
fn read(library: &Library, id: &ImageId, form: FileForm, held: bool) -> Result<Option<Picture>, Problem> {
    if held {
        library.image(id)?;
        return Ok(None);
    }
    let file = library.image_file(id)?;
    let format = file.record.metadata.format;
    if form == FileForm::Viewable && !format.shown_by_browsers() {
        return viewable(&file).map(Some);
    }
    Ok(Some(Picture {
        name: file_name(&file.path),
        media_type: format.media_type(),
        bytes: file.bytes,
    }))
}

fn viewable(file: &ImageFile) -> Result<Picture, Problem> {
    let decoded = decode(&file.bytes, &DecodeLimits::default()).map_err(|reason| {
        Problem::new(
            ProblemKind::UnreadableImage,
            format!("the picture cannot be read: {reason}"),
        )
    })?;
    let bytes = jpeg(&shrunk(&decoded.image, VIEW_SIDE))?;
    let name = file_name(&file.path.with_extension("jpg"));
    Ok(Picture {
        bytes,
        media_type: "image/jpeg",
        name,
    })
}

fn jpeg(image: &RgbImage) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, VIEW_QUALITY);
    image
        .write_with_encoder(encoder)
        .map_err(|error| Problem::internal(format!("no JPEG could be made: {error}")))?;
    Ok(bytes)
}

fn file_name(path: &FilePath) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn picture(found: Option<Picture>, tag: &str) -> HttpResponse {
    let Some(picture) = found else {
        return cached(HttpResponse::NotModified(), tag).finish();
    };
    let mut response = cached(HttpResponse::Ok(), tag);
    response.content_type(picture.media_type);
    if let Some(name) = picture.name {
        response.insert_header((CONTENT_DISPOSITION, inline(name)));
    }
    response.body(picture.bytes)
}

fn cached(mut response: HttpResponseBuilder, tag: &str) -> HttpResponseBuilder {
    response.insert_header((ETAG, format!("\"{tag}\"")));
    response.insert_header((CACHE_CONTROL, FOR_EVER));
    response
}

/// Shown in the browser, and saved under the file's name.
fn inline(name: String) -> ContentDisposition {
    let name = ExtendedValue {
        charset: Charset::Ext("UTF-8".into()),
        language_tag: None,
        value: name.into_bytes(),
    };
    ContentDisposition {
        disposition: DispositionType::Inline,
        parameters: vec![DispositionParam::FilenameExt(name)],
    }
}
