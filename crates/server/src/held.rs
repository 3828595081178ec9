use eidetic_confidence::profile::Criticality;
use eidetic_domain::ImageId;
use eidetic_search::distinct_texts;

use crate::json::MatchRequest;
use crate::problem::Problem;
use crate::upload::Upload;
use crate::wish::{bounded_text, image_id, picture_from_base64, shortened, unknown_name};

/// Texts that one request may hold against its picture.
const TEXTS: usize = 1_000;
/// The fields of a form beside the picture's file.
const NAMES: &[&str] = &["texts", "image_id", "profile", "criticality"];

/// A checked request to hold a picture against texts.
pub(crate) struct Held {
    pub(crate) picture: HeldPicture,
    /// Each once; none only where a profile is named.
    pub(crate) texts: Vec<String>,
    /// The name of a profile, not yet looked up.
    pub(crate) profile: Option<String>,
    pub(crate) criticality: Criticality,
}

/// What to hold a picture against, and to which end.
struct Against<'a, T> {
    texts: &'a [T],
    profile: Option<String>,
    criticality: Criticality,
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
        let against = Against {
            texts: &request.texts,
            profile: request.profile,
            criticality: request.criticality.unwrap_or_default(),
        };
        Self::checked(file, request.image_id.as_deref(), against)
    }

    fn from_form(fields: Vec<(String, String)>, picture: Option<Vec<u8>>) -> Result<Self, Problem> {
        let (mut lines, mut id, mut profile, mut criticality) = (None, None, None, None);
        for (name, value) in fields {
            let place = match name.as_str() {
                "texts" => &mut lines,
                "image_id" => &mut id,
                "profile" => &mut profile,
                "criticality" => &mut criticality,
                _ => return Err(unknown_name(&name, NAMES)),
            };
            if place.replace(value).is_some() {
                return Err(Problem::invalid(format!("{name} is given twice")));
            }
        }
        let texts: Vec<&str> = lines.iter().flat_map(|lines| lines.lines()).collect();
        let against = Against {
            texts: &texts,
            profile: profile.filter(|name| !name.is_empty()),
            criticality: criticality
                .as_deref()
                .map_or(Ok(Criticality::Normal), criticality_named)?,
        };
        Self::checked(picture, id.as_deref().filter(|id| !id.is_empty()), against)
    }

    fn picture(&self) -> Option<&[u8]> {
        match &self.picture {
            HeldPicture::File(bytes) => Some(bytes),
            HeldPicture::Indexed(_) => None,
        }
    }
}

impl Held {
    fn checked<T: AsRef<str>>(
        file: Option<Vec<u8>>,
        id: Option<&str>,
        against: Against<T>,
    ) -> Result<Self, Problem> {
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
        let texts = distinct_texts(against.texts);
        if texts.is_empty() && against.profile.is_none() {
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
            profile: against.profile,
            criticality: against.criticality,
        })
    }
}

fn criticality_named(name: &str) -> Result<Criticality, Problem> {
    match name {
        "low" => Ok(Criticality::Low),
        "normal" | "" => Ok(Criticality::Normal),
        "high" => Ok(Criticality::High),
        other => Err(Problem::invalid(format!(
            "criticality is low, normal or high, not {:?}",
            shortened(other)
        ))),
    }
}
