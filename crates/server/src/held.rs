use eidetic_domain::ImageId;
use eidetic_search::distinct_texts;

use crate::json::MatchRequest;
use crate::problem::Problem;
use crate::upload::Upload;
use crate::wish::{bounded_text, image_id, picture_from_base64, unknown_name};

/// Texts that one request may hold against its picture.
const TEXTS: usize = 1_000;
/// The fields of a form beside the picture's file.
const NAMES: &[&str] = &["texts", "image_id"];

/// A checked request to hold a picture against texts.
pub(crate) struct Held {
    pub(crate) picture: HeldPicture,
    /// At least one, each once.
    pub(crate) texts: Vec<String>,
}

/// The picture that is held against texts.
pub(crate) enum HeldPicture {
    /// A file, as sent.
    File(Vec<u8>),
    /// One of the library.
    Indexed(ImageId),
}

impl Upload for Held {
    type Request = MatchRequest;
    const FIELDS: usize = NAMES.len();

    fn from_json(request: MatchRequest) -> Result<Self, Problem> {
        let file = request.image.as_deref().map(picture_from_base64).transpose()?;
        Self::checked(file, request.image_id.as_deref(), &request.texts)
    }

    fn from_form(fields: Vec<(String, String)>, picture: Option<Vec<u8>>) -> Result<Self, Problem> {
        let (mut lines, mut id) = (None, None);
        for (name, value) in fields {
            let place = match name.as_str() {
                "texts" => &mut lines,
                "image_id" => &mut id,
                _ => return Err(unknown_name(&name, NAMES)),
            };
            if place.replace(value).is_some() {
                return Err(Problem::invalid(format!("{name} is given twice")));
            }
        }
        let texts: Vec<&str> = lines.iter().flat_map(|lines| lines.lines()).collect();
        Self::checked(picture, id.as_deref().filter(|id| !id.is_empty()), &texts)
    }

    fn picture(&self) -> Option<&[u8]> {
        match &self.picture {
            HeldPicture::File(bytes) => Some(bytes),
            HeldPicture::Indexed(_) => None,
        }
    }
}

impl Held {
    fn checked<T: AsRef<str>>(file: Option<Vec<u8>>, id: Option<&str>, texts: &[T]) -> Result<Self, Problem> {
        let picture = match (file, id) {
            (Some(file), None) => HeldPicture::File(file),
            (None, Some(id)) => HeldPicture::Indexed(image_id(id)?),
            (None, None) => return Err(Problem::invalid("there is no picture; give image or image_id")),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    "image and image_id are both given; one picture is held against the texts",
                ));
            }
        };
        let texts = distinct_texts(texts);
        if texts.is_empty() {
            return Err(Problem::invalid("there are no texts to hold against the picture"));
        }
        if texts.len() > TEXTS {
            let count = texts.len();
            return Err(Problem::invalid(format!(
                "there are {count} texts, {TEXTS} are allowed"
            )));
        }
        let bounded =
            |text: &str| bounded_text("a text", Some(text.to_owned())).map(Option::unwrap_or_default);
        Ok(Self {
            picture,
            texts: texts.into_iter().map(bounded).collect::<Result<_, _>>()?,
        })
    }
}
