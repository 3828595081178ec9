use std::borrow::Cow;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use eidetic_confidence::tagging::LONGEST_TAG;
use eidetic_domain::{DateRange, Filter, ImageId};
use eidetic_search::{Query, QueryPicture, Weights};
use jiff::civil::DateTime;

use crate::json::{FilterRequest, SearchRequest, TakenRequest};
use crate::problem::{Problem, ProblemKind};
use crate::upload::Upload;

/// Longest text of a query, in characters; models read far less.
const TEXT_LENGTH: usize = 2_000;
/// Largest number of hits that can be asked for.
const LARGEST_K: i64 = 1_000;
/// Folders in one filter, and tags.
const FOLDERS: usize = 100;
const TAGS: usize = 100;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A checked request: a query, but for a picture that still has to be decoded.
pub(crate) struct Wish {
    pub(crate) query: Query,
    /// The space to search in; `None`: the active one.
    pub(crate) space: Option<String>,
    /// The picture's file, as sent.
    pub(crate) picture: Option<Vec<u8>>,
}

/// Names that a query string or form may give to a search's parts.
pub(crate) const QUERY_NAMES: &[&str] = &[
    "text",
    "negative",
    "image_id",
    "k",
    "folder",
    "tag",
    "taken_from",
    "taken_before",
    "text_weight",
    "min_confidence",
    "space",
];
/// Those that make sense where the picture is given.
pub(crate) const SIMILAR_NAMES: &[&str] = &[
    "k",
    "folder",
    "tag",
    "taken_from",
    "taken_before",
    "min_confidence",
    "space",
];
/// Those that may be given several times.
const REPEATED: &[&str] = &["folder", "tag"];
/// Those of a form, beside the picture's file.
pub(crate) const FORM_NAMES: &[&str] = &[
    "text",
    "negative",
    "image_id",
    "k",
    "filter",
    "text_weight",
    "min_confidence",
    "space",
];

impl Upload for Wish {
    type Request = SearchRequest;
    const FIELDS: usize = FORM_NAMES.len();

    fn from_json(request: SearchRequest) -> Result<Self, Problem> {
        request.into_wish(None)
    }

    fn from_form(fields: Vec<(String, String)>, picture: Option<Vec<u8>>) -> Result<Self, Problem> {
        SearchRequest::from_pairs(fields, FORM_NAMES)?.into_wish(picture)
    }

    fn picture(&self) -> Option<&[u8]> {
        self.picture.as_deref()
    }
}

impl SearchRequest {
    /// From names and values, of which only those in `known` may occur. Empty values count as left out, as browsers
    /// send them for fields that nobody filled in.
    pub(crate) fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
        known: &[&str],
    ) -> Result<Self, Problem> {
        let mut request = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                return Err(unknown_name(&name, known));
            }
            if !REPEATED.contains(&name.as_str()) && seen.contains(&name) {
                return Err(Problem::invalid(format!("{name} is given twice")));
            }
            if !value.is_empty() {
                request.set(&name, value)?;
            }
            seen.push(name);
        }
        Ok(request)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Problem> {
        match name {
            "text" => self.text = Some(value),
            "negative" => self.negative = Some(value),
            "image_id" => self.image_id = Some(value),
            "k" => self.k = Some(number(name, &value, "a whole number")?),
            "text_weight" => self.text_weight = Some(number(name, &value, "a number from 0 to 1")?),
            "min_confidence" => {
                self.min_confidence = Some(number(name, &value, "a number from 0 to 1")?);
            }
            "space" => self.space = Some(value),
            "folder" => self.filter.folders.push(value),
            "tag" => self.filter.tags.push(value),
            "taken_from" => self.taken().from = Some(value),
            "taken_before" => self.taken().before = Some(value),
            "filter" => self.filter = filter_from_json(&value)?,
            other => return Err(unknown_name(other, QUERY_NAMES)),
        }
        Ok(())
    }

    fn taken(&mut self) -> &mut TakenRequest {
        self.filter.taken.get_or_insert_default()
    }

    /// Checks the request; `uploaded` is a picture that came beside it.
    pub(crate) fn into_wish(mut self, uploaded: Option<Vec<u8>>) -> Result<Wish, Problem> {
        let inline = self
            .image
            .take()
            .map(|text| picture_from_base64(&text))
            .transpose()?;
        let picture = uploaded.or(inline);
        let indexed = self.image_id.as_deref().map(image_id).transpose()?;
        if picture.is_some() && indexed.is_some() {
            return Err(Problem::invalid(
                "image and image_id are both given; one picture can be searched by",
            ));
        }
        let text = self.text.filter(|text| !text.trim().is_empty());
        let both = text.is_some() && (picture.is_some() || indexed.is_some());
        let query = Query {
            weights: weights(self.text_weight, both)?,
            text: bounded_text("text", text)?,
            negative: bounded_text("negative", self.negative)?,
            picture: indexed.map(QueryPicture::Indexed),
            k: number_of_hits(self.k)?,
            min_confidence: probability("min_confidence", self.min_confidence)?,
            filter: self.filter.into_filter()?,
        };
        let space = bounded_text("space", self.space)?;
        Ok(Wish {
            query,
            space,
            picture,
        })
    }
}

impl FilterRequest {
    fn into_filter(self) -> Result<Filter, Problem> {
        if self.folders.len() > FOLDERS {
            return Err(Problem::invalid(format!(
                "the filter has {} folders, {FOLDERS} are allowed",
                self.folders.len()
            )));
        }
        let folders = self
            .folders
            .into_iter()
            .map(absolute_folder)
            .collect::<Result<_, _>>()?;
        Ok(Filter {
            folders,
            taken: self.taken.map(TakenRequest::into_range).transpose()?,
            tags: bounded_tags(self.tags)?,
        })
    }
}

fn bounded_tags(tags: Vec<String>) -> Result<Vec<String>, Problem> {
    if tags.len() > TAGS {
        return Err(Problem::invalid(format!(
            "the filter has {} tags, {TAGS} are allowed",
            tags.len()
        )));
    }
    match tags.iter().find(|tag| tag.chars().count() > LONGEST_TAG) {
        Some(long) => Err(Problem::invalid(format!(
            "a tag has at most {LONGEST_TAG} characters, not {:?}",
            shortened(long)
        ))),
        None => Ok(tags),
    }
}

impl TakenRequest {
    fn into_range(self) -> Result<DateRange, Problem> {
        let moment = |name: &str, text: Option<String>| text.map(|text| moment(name, &text)).transpose();
        Ok(DateRange {
            from: moment("from", self.from)?,
            before: moment("before", self.before)?,
        })
    }
}

/// An image's id as it stands in an address or a request.
pub(crate) fn image_id(text: &str) -> Result<ImageId, Problem> {
    text.parse().map_err(|_| {
        Problem::invalid(format!(
            "an image id is 64 hexadecimal digits, not {:?}",
            shortened(text)
        ))
    })
}

/// A folder as the library names folders.
pub(crate) fn absolute_folder(text: String) -> Result<PathBuf, Problem> {
    let folder = PathBuf::from(text);
    if folder.is_absolute() {
        return Ok(folder);
    }
    let shown = folder.to_string_lossy();
    Err(Problem::invalid(format!(
        "folders are given as absolute paths, not {:?}",
        shortened(&shown)
    )))
}

pub(crate) fn unknown_name(name: &str, known: &[&str]) -> Problem {
    Problem::invalid(format!(
        "there is no parameter {:?}; there are: {}",
        shortened(name),
        known.join(", ")
    ))
}

fn number<T: FromStr>(name: &str, value: &str, what: &str) -> Result<T, Problem> {
    value
        .parse()
        .map_err(|_| Problem::invalid(format!("{name} is {what}, not {:?}", shortened(value))))
}

fn number_of_hits(k: Option<i64>) -> Result<usize, Problem> {
    match k {
        None => Ok(Query::DEFAULT_K),
        Some(k) if (1..=LARGEST_K).contains(&k) => Ok(k as usize),
        Some(k) => Err(Problem::invalid(format!(
            "k is the number of hits, 1 to {LARGEST_K}, not {k}"
        ))),
    }
}

pub(crate) fn bounded_text(name: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let length = text.as_deref().map_or(0, |text| text.chars().count());
    if length > TEXT_LENGTH {
        return Err(Problem::invalid(format!(
            "{name} has {length} characters, {TEXT_LENGTH} are allowed"
        )));
    }
    Ok(text)
}

/// Alone, a text or a picture has all the weight.
fn weights(text_weight: Option<f32>, both: bool) -> Result<Weights, Problem> {
    match text_weight {
        Some(weight) if !(0.0..=1.0).contains(&weight) => Err(Problem::invalid(format!(
            "text_weight is a number from 0 to 1, not {weight}"
        ))),
        Some(weight) if both => Ok(Weights::with_text_share(weight)),
        _ => Ok(Weights::default()),
    }
}

fn probability(name: &str, value: Option<f32>) -> Result<Option<f32>, Problem> {
    match value {
        Some(value) if !(0.0..=1.0).contains(&value) => Err(Problem::invalid(format!(
            "{name} is a probability from 0 to 1, not {value}"
        ))),
        value => Ok(value),
    }
}

pub(crate) fn picture_from_base64(text: &str) -> Result<Vec<u8>, Problem> {
    BASE64.decode(text).map_err(|error| {
        Problem::invalid(format!(
            "image is no base64 of a picture's file ({error}); leave out any data: prefix"
        ))
    })
}

/// Read as the field of a request, so that the same is refused in both.
fn filter_from_json(text: &str) -> Result<FilterRequest, Problem> {
    let filter: Result<serde_json::Map<_, _>, _> = serde_json::from_str(text);
    filter
        .and_then(|fields| serde_json::from_value(fields.into()))
        .map_err(|error| Problem::invalid(format!("filter cannot be read: {error}")))
}

fn moment(name: &str, text: &str) -> Result<DateTime, Problem> {
    text.parse().map_err(|error| {
        let shown = shortened(text);
        Problem::invalid(format!(
            "taken {name} is a date such as 2020-05-01 or 2020-05-01T12:00:00, not {shown:?} ({error})"
        ))
    })
}

/// What was sent, short enough to be said back.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// A body that is not the JSON expected.
pub(crate) fn misread_json(error: impl Display) -> Problem {
    Problem::new(
        ProblemKind::InvalidRequest,
        format!("the JSON body cannot be read: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(result: Result<Wish, Problem>) -> String {
        result.err().expect("the request is refused").to_string()
    }

    fn from_query(pairs: &[(&str, &str)]) -> Result<Wish, Problem> {
        let pairs = pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        SearchRequest::from_pairs(pairs, QUERY_NAMES)?.into_wish(None)
    }

    #[test]
    fn every_part_of_a_query_string_arrives() {
        let id = "a".repeat(64);
        let wish = from_query(&[
            ("text", "a boat"),
            ("negative", "people"),
            ("image_id", &id),
            ("k", "7"),
            ("folder", "/a"),
            ("folder", "/b"),
            ("tag", "dog"),
            ("tag", "snow"),
            ("taken_from", "2020-05-01"),
            ("taken_before", "2021-01-01T12:30:00"),
            ("text_weight", "0.75"),
        ])
        .unwrap();
        let query = wish.query;
        assert_eq!(query.text.as_deref(), Some("a boat"));
        assert_eq!(query.negative.as_deref(), Some("people"));
        assert!(matches!(query.picture, Some(QueryPicture::Indexed(image)) if image.to_string() == id));
        assert_eq!(query.k, 7);
        assert_eq!(query.filter.folders, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(query.filter.tags, ["dog", "snow"]);
        let taken = query.filter.taken.unwrap();
        assert_eq!(taken.from.unwrap().to_string(), "2020-05-01T00:00:00");
        assert_eq!(taken.before.unwrap().to_string(), "2021-01-01T12:30:00");
        assert_eq!(
            query.weights,
            Weights {
                text: 1.5,
                picture: 0.5,
                negative: 0.5
            }
        );
    }

    #[test]
    fn an_even_weight_means_what_no_weight_means() {
        assert_eq!(weights(Some(0.5), true).unwrap(), Weights::default());
        assert_eq!(weights(Some(0.0), false).unwrap(), Weights::default());
    }

    #[test]
    fn empty_values_count_as_left_out() {
        let wish = from_query(&[("text", "a"), ("k", ""), ("image_id", ""), ("taken_from", "")]).unwrap();
        assert_eq!(wish.query.k, Query::DEFAULT_K);
        assert!(wish.query.picture.is_none());
    }

    #[test]
    fn refusals_name_what_is_wrong_and_what_is_right() {
        let long = "ä".repeat(2_001);
        let cases: &[(&[(&str, &str)], &str)] = &[
            (
                &[("txt", "a")],
                "there is no parameter \"txt\"; there are: text, negative",
            ),
            (&[("text", "a"), ("text", "b")], "text is given twice"),
            (&[("k", "many")], "k is a whole number, not \"many\""),
            (&[("k", "0")], "k is the number of hits, 1 to 1000, not 0"),
            (&[("k", "1001")], "1 to 1000, not 1001"),
            (&[("k", "-1")], "1 to 1000, not -1"),
            (&[("text", &long)], "text has 2001 characters, 2000 are allowed"),
            (&[("negative", &long)], "negative has 2001 characters"),
            (
                &[("image_id", "xyz")],
                "an image id is 64 hexadecimal digits, not \"xyz\"",
            ),
            (&[("tag", &long)], "a tag has at most 100 characters, not \"ää"),
            (&[("folder", "holiday")], "absolute paths, not \"holiday\""),
            (
                &[("taken_from", "last year")],
                "taken from is a date such as 2020-05-01",
            ),
            (
                &[("text_weight", "2")],
                "text_weight is a number from 0 to 1, not 2",
            ),
            (
                &[("text_weight", "NaN")],
                "text_weight is a number from 0 to 1, not NaN",
            ),
        ];
        for (pairs, expected) in cases {
            let said = detail(from_query(pairs));
            assert!(said.contains(expected), "{said:?} does not contain {expected:?}");
        }
    }

    #[test]
    fn one_picture_at_a_time() {
        let request = SearchRequest {
            image: Some("AAAA".into()),
            image_id: Some("a".repeat(64)),
            ..SearchRequest::default()
        };
        assert!(detail(request.into_wish(None)).contains("both given"));
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for text in ["YQ==", "YQ"] {
            let request = SearchRequest {
                image: Some(text.into()),
                ..SearchRequest::default()
            };
            assert_eq!(request.into_wish(None).unwrap().picture.unwrap(), b"a");
        }
        let request = SearchRequest {
            image: Some("data:x".into()),
            ..SearchRequest::default()
        };
        assert!(detail(request.into_wish(None)).contains("leave out any data: prefix"));
    }

    #[test]
    fn what_is_said_back_is_short() {
        let said = detail(from_query(&[("image_id", &"ü".repeat(10_000))]));
        assert!(said.len() < 300, "{} bytes", said.len());
    }
}
