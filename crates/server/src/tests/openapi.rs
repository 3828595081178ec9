//! The rules of OpenAPI 3.1 and of good sense that the document keeps. Validators and generators of clients are run by
//! `tests/openapi/run.sh`.

use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(crate::openapi()).unwrap()
}

/// All operations with their method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

/// All objects within a value.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(object) => {
            found.push(object);
            object.values().for_each(|inner| objects(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        _ => {}
    }
}

#[test]
fn every_response_and_header_is_described() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let has_text = |value: &Value| value["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(has_text(response), "{name} {status}");
            let headers = response["headers"].as_object().into_iter().flatten();
            for (header, value) in headers {
                assert!(has_text(value), "{name} {status} {header}");
            }
        }
    }
}

#[test]
fn general_problems_are_declared() {
    let document = document();
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let mut expected = vec!["403", "431"];
        if operation["requestBody"].is_object() {
            expected.extend(["400", "408", "413", "415", "503"]);
        }
        if operation["parameters"]
            .as_array()
            .is_some_and(|parameters| !parameters.is_empty())
        {
            expected.push("400");
        }
        if name.contains("/v1/images") || name.contains("/v1/search") || name.contains("/v1/status") {
            expected.extend(["401", "500", "503"]);
        }
        for status in expected {
            let content = &responses.get(status).unwrap_or(&Value::Null)["content"];
            assert!(content["application/problem+json"].is_object(), "{name} {status}");
        }
    }
}

#[test]
fn path_parameters_are_in_path_and_bounded() {
    let document = document();
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let in_path = name.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
            assert_eq!(parameter["in"] == "path", in_path, "{name} {parameter}");
            assert_eq!(parameter["required"] == true, in_path, "{name} {parameter}");
            if parameter["name"] == "id" || parameter["name"] == "image_id" {
                assert!(parameter["schema"]["pattern"].is_string(), "{name} {parameter}");
            }
            if parameter["name"] == "k" {
                assert_eq!(parameter["schema"]["maximum"], 1_000, "{name}");
                assert_eq!(parameter["schema"]["minimum"], 1, "{name}");
            }
            if parameter["schema"]["type"] == "array" {
                assert!(parameter["schema"]["maxItems"].is_number(), "{name} {parameter}");
            }
        }
    }
}

#[test]
fn defaults_keep_their_own_bounds() {
    let document = document();
    let mut found = Vec::new();
    objects(&document, &mut found);
    let with_default = found.iter().filter(|object| object.contains_key("default"));
    let mut count = 0;
    for schema in with_default {
        count += 1;
        let default = &schema["default"];
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        if let Some(items) = default.as_array() {
            assert!(
                bound("minItems").is_none_or(|min| items.len() as f64 >= min),
                "{schema:?}"
            );
        }
        if let Some(number) = default.as_f64() {
            assert!(bound("minimum").is_none_or(|min| number >= min), "{schema:?}");
            assert!(bound("maximum").is_none_or(|max| number <= max), "{schema:?}");
        }
    }
    assert!(count >= 3, "{count}");
    let mut in_bodies = Vec::new();
    objects(&document["components"]["schemas"], &mut in_bodies);
    let has_default = in_bodies.iter().any(|object| object.contains_key("default"));
    assert!(!has_default, "generated clients would require such fields");
}

#[test]
fn bodies_are_never_null() {
    let document = document();
    for (name, operation) in operations(&document) {
        let contents = operation["requestBody"]["content"]
            .as_object()
            .into_iter()
            .flatten();
        for (media_type, content) in contents {
            assert!(
                !content["schema"].to_string().contains("\"null\""),
                "{name} {media_type}"
            );
        }
    }
    let optional = &document["paths"]["/v1/index"]["post"]["requestBody"];
    assert_ne!(optional["required"], true);
}

#[test]
fn only_public_operations_need_no_token() {
    let document = document();
    assert!(document["components"]["securitySchemes"]["token"].is_object());
    let open: Vec<String> = operations(&document)
        .into_iter()
        .filter(|(_, operation)| operation["security"] == serde_json::json!([]))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        open,
        [
            "get /",
            "get /assets/{path}",
            "get /healthz",
            "delete /v1/session",
            "post /v1/session"
        ]
    );
}
