//! Requests as query strings, forms and JSON, and what is refused.

use std::collections::BTreeSet;
use std::path::PathBuf;

use eidetic_search::{Query, QueryWeights};
use serde_json::{Value, json};
use utoipa::{IntoParams, PartialSchema};

use super::pairs::{Encoding, RawValue, from_pairs};
use super::{
    CheckedSearch, ImageBytes, ImageInput, MatchForm, MatchParams, SearchForm, SearchParams, SearchQuery,
    SimilarQuery,
};
use crate::options::Limits;
use crate::problem::Problem;

fn detail<T>(result: Result<T, Problem>) -> String {
    result.err().expect("the request is refused").to_string()
}

fn check(params: SearchParams) -> Result<CheckedSearch, Problem> {
    params.check(&Limits::default())
}

fn from_query(pairs: &[(&str, &str)]) -> Result<CheckedSearch, Problem> {
    let encoded: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    check(SearchParams::from_query(&encoded.join("&"))?)
}

#[test]
fn query_string_fills_every_part() {
    let id = "a".repeat(64);
    let checked = from_query(&[
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
    let query = checked.query;
    assert_eq!(query.text.as_deref(), Some("a boat"));
    assert_eq!(query.negative.as_deref(), Some("people"));
    assert!(matches!(checked.image, Some(ImageInput::Indexed(image)) if image.to_string() == id));
    assert_eq!(query.k, 7);
    assert_eq!(query.filter.folders, [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(query.filter.tags, ["dog", "snow"]);
    let taken = query.filter.taken.unwrap();
    assert_eq!(taken.from.unwrap().to_string(), "2020-05-01T00:00:00");
    assert_eq!(taken.before.unwrap().to_string(), "2021-01-01T12:30:00");
    assert_eq!(
        query.weights,
        QueryWeights {
            text: 1.5,
            image: 0.5,
            negative: 0.5
        }
    );
}

#[test]
fn query_string_form_and_json_agree() {
    let from_json: SearchParams = serde_json::from_value(json!({
        "text": "a boat",
        "k": 7,
        "min_confidence": 0.25,
        "filter": {"folders": ["/a", "/b"], "taken": {"from": "2020-05-01"}, "tags": ["dog"]},
    }))
    .unwrap();
    let query = "text=a+boat&k=7&min_confidence=0.25&folder=%2Fa&folder=/b&taken_from=2020-05-01&tag=dog";
    assert_eq!(SearchParams::from_query(query).unwrap(), from_json);
    let filter = r#"{"folders": ["/a", "/b"], "taken": {"from": "2020-05-01"}, "tags": ["dog"]}"#;
    let fields = [
        ("text", "a boat"),
        ("k", "7"),
        ("min_confidence", "0.25"),
        ("filter", filter),
        ("negative", ""),
    ];
    assert_eq!(form::<SearchParams>(&fields).unwrap(), from_json);
}

#[test]
fn form_lists_have_one_item_per_line() {
    let params: MatchParams = form(&[("texts", "a\r\n\nb\n"), ("criticality", "high")]).unwrap();
    assert_eq!(params.texts, ["a", "b"]);
    let from_json: MatchParams =
        serde_json::from_value(json!({"texts": ["a", "b"], "criticality": "high"})).unwrap();
    assert_eq!(params, from_json);
    let refused = detail(form::<MatchParams>(&[("criticality", "dire")]));
    assert_eq!(
        refused,
        "invalid criticality \"dire\": expected low, normal or high"
    );
}

#[test]
fn even_weight_equals_default_weight() {
    let both = |weight: &str| {
        let id = "a".repeat(64);
        from_query(&[("text", "a"), ("image_id", &id), ("text_weight", weight)]).unwrap()
    };
    assert_eq!(both("0.5").query.weights, QueryWeights::default());
    let alone = from_query(&[("text", "a"), ("text_weight", "0")]).unwrap();
    assert_eq!(alone.query.weights, QueryWeights::default());
}

#[test]
fn empty_values_count_as_missing() {
    let checked = from_query(&[("text", "a"), ("k", ""), ("image_id", ""), ("taken_from", "")]).unwrap();
    assert_eq!(checked.query.k, Query::DEFAULT_K);
    assert!(checked.image.is_none());
    assert_eq!(checked.query.filter.taken, None);
}

#[test]
fn refusals_name_parameter_and_expectation() {
    let long = "ä".repeat(2_001);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("txt", "a")],
            "unknown parameter \"txt\"; expected one of text, negative, image_id, cursor, sort, k",
        ),
        (&[("image", "YQ==")], "unknown parameter \"image\""),
        (&[("filter", "{}")], "unknown parameter \"filter\""),
        (&[("text", "a"), ("text", "b")], "duplicate parameter \"text\""),
        (&[("text", ""), ("text", "b")], "duplicate parameter \"text\""),
        (&[("k", "many")], "invalid k \"many\": expected a whole number"),
        (&[("k", "0")], "invalid k 0: expected 1 to 1000"),
        (&[("k", "1001")], "invalid k 1001: expected 1 to 1000"),
        (&[("k", "-1")], "invalid k -1: expected 1 to 1000"),
        (
            &[("text", &long)],
            "text is too long: 2001 characters; at most 2000 are allowed",
        ),
        (&[("negative", &long)], "negative is too long: 2001 characters"),
        (
            &[("image_id", "xyz")],
            "invalid image id \"xyz\": expected 64 hexadecimal digits",
        ),
        (&[("tag", &long)], "invalid tag \"ää"),
        (&[("tag", &long)], "expected at most 100 characters"),
        (
            &[("folder", "holiday")],
            "invalid folder \"holiday\": expected an absolute path",
        ),
        (
            &[("taken_from", "last year")],
            "invalid taken_from \"last year\": expected a date such as 2020, 2020-05",
        ),
        (
            &[("text_weight", "2")],
            "invalid text_weight 2: expected a number from 0 to 1",
        ),
        (
            &[("text_weight", "NaN")],
            "invalid text_weight NaN: expected a number from 0 to 1",
        ),
    ];
    for (pairs, expected) in cases {
        let said = detail(from_query(pairs));
        assert!(said.contains(expected), "{said:?} does not contain {expected:?}");
    }
}

#[test]
fn search_takes_one_image() {
    let params = SearchParams {
        image: Some(ImageBytes(vec![0; 3])),
        image_id: Some("a".repeat(64)),
        ..SearchParams::default()
    };
    assert!(detail(check(params)).contains("cannot be given together"));
}

#[test]
fn base64_is_read_with_and_without_padding() {
    for text in ["YQ==", "YQ"] {
        let params: SearchParams = serde_json::from_value(json!({"image": text})).unwrap();
        let checked = check(params).unwrap();
        assert!(matches!(checked.image, Some(ImageInput::File(bytes)) if bytes == b"a"));
    }
    let refused = serde_json::from_value::<SearchParams>(json!({"image": "data:x"}));
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("leave out any data: prefix")
    );
}

#[test]
fn messages_repeat_requests_shortened() {
    let said = detail(from_query(&[("image_id", &"ü".repeat(10_000))]));
    assert!(said.len() < 300, "{} bytes", said.len());
    let said = detail(from_query(&[(&"ü".repeat(10_000), "a")]));
    assert!(said.len() < 500, "{} bytes", said.len());
}

/// A field that is added to [`SearchParams`] reaches every spelling of a search by itself.
#[test]
fn search_fields_match_parameters_and_schemas() {
    let fields = names_in_refusal(&detail(form::<SearchParams>(&[("?", "")])));
    assert_eq!(properties::<SearchParams>(), fields);
    assert_eq!(properties::<SearchForm>(), fields);
    let filter = set(&[
        "folder",
        "tag",
        "taken_from",
        "taken_before",
        "type",
        "camera",
        "lens",
        "keyword",
        "place",
        "name",
        "rating",
        "size",
        "orientation",
        "damaged",
        "unreachable",
    ]);
    let without = |left_out: &[&str]| &(&fields - &set(left_out)) | &filter;
    // Stored texts are searched by a body only.
    let query = without(&["image", "filter", "target", "set"]);
    assert_eq!(parameters::<SearchQuery>(), query);
    assert_eq!(names_in_refusal(&detail(from_query(&[("?", "")]))), query);
    let similar = without(&[
        "image",
        "filter",
        "text",
        "negative",
        "image_id",
        "text_weight",
        "target",
        "set",
    ]);
    assert_eq!(parameters::<SimilarQuery>(), similar);
    let refused = detail(SearchParams::similar_to("a".repeat(64), "text=a"));
    assert_eq!(names_in_refusal(&refused), similar);
}

#[test]
fn match_fields_match_schemas() {
    let fields = names_in_refusal(&detail(form::<MatchParams>(&[("?", "")])));
    assert_eq!(properties::<MatchParams>(), fields);
    assert_eq!(properties::<MatchForm>(), fields);
}

#[test]
fn form_schema_describes_file_lines_and_json() {
    let search = serde_json::to_value(SearchForm::schema()).unwrap();
    assert_eq!(search["properties"]["image"]["format"], "binary");
    assert_eq!(
        search["properties"]["filter"]["contentMediaType"],
        "application/json"
    );
    assert_eq!(search["properties"]["k"]["maximum"], 1000);
    assert_eq!(search["properties"]["k"]["type"], "integer");
    let matching = serde_json::to_value(MatchForm::schema()).unwrap();
    assert_eq!(matching["properties"]["texts"]["type"], "string");
}

fn form<T: serde::de::DeserializeOwned>(fields: &[(&str, &str)]) -> Result<T, Problem> {
    let field = |&(name, value): &(&str, &str)| (name.to_owned(), RawValue::Text(value.to_owned()));
    from_pairs(fields.iter().map(field), Encoding::Form)
}

fn names_in_refusal(message: &str) -> BTreeSet<String> {
    let (_, names) = message
        .split_once("expected one of ")
        .expect("the message lists the known names");
    names.split(", ").map(str::to_owned).collect()
}

fn properties<T: PartialSchema>() -> BTreeSet<String> {
    let schema: Value = serde_json::to_value(T::schema()).unwrap();
    schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

fn parameters<T: IntoParams>() -> BTreeSet<String> {
    T::into_params(|| None)
        .into_iter()
        .map(|parameter| parameter.name)
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
