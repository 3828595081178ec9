//! Single images: metadata, files, thumbnails.

use std::path::Path as FilePath;

use actix_files::NamedFile;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, Charset, ContentDisposition,
    DispositionParam, DispositionType, ETAG, ExtendedValue,
};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Result};
use eidetic_domain::ImageId;
use eidetic_imaging::{DecodeLimits, decode, thumbnail};
use eidetic_library::{ImageFile, Library, LibraryError, saved_name};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::client_has;
use crate::params::{self, FileForm, FileParams, image_id};
use crate::problem::Problem;
use crate::responses::{ImageResponse, ProblemDocument};
use crate::state::AppState;

/// Longest side in pixels of an image that is converted for a browser.
const VIEW_SIDE: u32 = 4_096;
/// JPEG quality of such an image.
const VIEW_QUALITY: u8 = 88;
/// What a browser may do with an image that it opens as a document, as it does with SVG: show it, without scripts and
/// without anything from elsewhere.
const IMAGE_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
/// An image's id is the hash of its content, so the response never changes.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// Metadata of an image.
#[utoipa::path(
    get,
    path = "/v1/images/{id}",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = 200, description = "The image's metadata.", body = ImageResponse),
        (status = 400, description = "The id is malformed.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_image(state: Data<AppState>, id: Path<String>) -> Result<Json<ImageResponse>> {
    let id = image_id(&id)?;
    let library = state.library.clone();
    let work = move || Ok(ImageResponse::new(&library.image(&id)?, library.details(&id)?));
    Ok(Json(state.image_reads.run(work).await?))
}

/// An image's file, byte for byte; with `view=1`, in a format that browsers show.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/file",
    tag = "images",
    params(
        ("id" = String, Path, description = "The image's id.", pattern = "^[0-9a-f]{64}$"),
        FileParams,
    ),
    responses(
        (status = 200, description = "The image, under its own type.", content_type = "image/*"),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "Its file is gone or has changed.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_image_file(
    state: Data<AppState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let id = image_id(&id)?;
    let form = params::read_query::<FileParams>(request.query_string())?.form();
    let tag = match form {
        FileForm::Original => id.to_string(),
        FileForm::Viewable => format!("{id}-view"),
    };
    respond(&state, &request, tag, id, move |library| read(library, &id, form)).await
}

/// The video that an image is a frame of, or the part of it that `Range` asks for.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/video",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = 200, description = "The video.", content_type = "video/*"),
        (status = 206, description = "The part that was asked for.", content_type = "video/*"),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "The video is gone or has changed, or the image is no frame of one.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 416, description = "The video has no such part."),
    )
)]
pub(crate) async fn get_video(
    state: Data<AppState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let id = image_id(&id)?;
    let library = state.library.clone();
    let open = move || {
        let path = library.video_of(&id)?;
        let video = NamedFile::open(&path).map_err(|_| LibraryError::FileGone(id))?;
        Ok((path, video))
    };
    let (path, video) = state.image_reads.run(open).await?;
    let disposition = inline(saved_name(&path).unwrap_or_default());
    Ok(video.set_content_disposition(disposition).into_response(&request))
}

/// A small JPEG of an image.
#[utoipa::path(
    get,
    path = "/v1/images/{id}/thumbnail",
    tag = "images",
    params(("id" = String, Path, description = "The image's id.", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = 200, description = "A small JPEG.", content_type = "image/jpeg"),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "The image is not in the library.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 410, description = "It must be made again, but the file is gone or has changed.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_thumbnail(
    state: Data<AppState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let id = image_id(&id)?;
    let content = move |library: &Library| {
        Ok(ImageContent {
            bytes: library.thumbnail(&id)?,
            media_type: "image/jpeg",
            file_name: None,
        })
    };
    respond(&state, &request, format!("{id}-thumbnail"), id, content).await
}

/// The body of a response with an image.
struct ImageContent {
    bytes: Vec<u8>,
    media_type: &'static str,
    /// The name to save it under.
    file_name: Option<String>,
}

/// Sends what `content` reads, unless the client has the response with this entity tag; even then the
/// image must be in the library.
async fn respond<F>(
    state: &AppState,
    request: &HttpRequest,
    tag: String,
    id: ImageId,
    content: F,
) -> Result<HttpResponse>
where
    F: FnOnce(&Library) -> Result<ImageContent, Problem> + Send + 'static,
{
    let library = state.library.clone();
    if client_has(request, &tag) {
        state.image_reads.run(move || Ok(library.image(&id)?)).await?;
        return Ok(cacheable(HttpResponse::NotModified(), &tag).finish());
    }
    let content = state.image_reads.run(move || content(&library)).await?;
    let mut response = cacheable(HttpResponse::Ok(), &tag);
    response.content_type(content.media_type);
    response.insert_header((CONTENT_SECURITY_POLICY, IMAGE_POLICY));
    if let Some(name) = content.file_name {
        response.insert_header((CONTENT_DISPOSITION, inline(name)));
    }
    Ok(response.body(content.bytes))
}

fn cacheable(mut response: HttpResponseBuilder, tag: &str) -> HttpResponseBuilder {
    response.insert_header((ETAG, format!("\"{tag}\"")));
    response.insert_header((CACHE_CONTROL, IMMUTABLE));
    response
}

fn read(library: &Library, id: &ImageId, form: FileForm) -> Result<ImageContent, Problem> {
    let file = library.image_file(id)?;
    if form == FileForm::Viewable && !file.format.shown_by_browsers() {
        return convert(&file, &library.decode_limits());
    }
    Ok(ImageContent {
        file_name: saved_name(&file.path),
        media_type: file.format.media_type(),
        bytes: file.bytes,
    })
}

fn convert(file: &ImageFile, limits: &DecodeLimits) -> Result<ImageContent, Problem> {
    let decoded = decode(&file.bytes, limits)?;
    Ok(ImageContent {
        bytes: jpeg(&thumbnail(&decoded.image, VIEW_SIDE))?,
        media_type: "image/jpeg",
        file_name: saved_name(&file.path).map(|name| with_jpg(&name)),
    })
}

fn with_jpg(name: &str) -> String {
    let stem = FilePath::new(name).with_extension("jpg");
    stem.to_string_lossy().into_owned()
}

fn jpeg(image: &RgbImage) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, VIEW_QUALITY);
    image
        .write_with_encoder(encoder)
        .map_err(|error| Problem::internal(format!("cannot encode a JPEG: {error}")))?;
    Ok(bytes)
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
