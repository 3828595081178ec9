//! What many operations have in common: the token, and the problems that do not depend on the handler.

use utoipa::Modify;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, OneOf, Schema, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required};

use crate::routes;

/// Adds what many operations have in common.
pub(super) struct CommonParts;

/// Whether an operation, at a path, can have a problem.
type Applies = fn(&str, &Operation) -> bool;

/// The problems that an operation can have whatever its handler does: status, description, where.
const PROBLEMS: [(&str, &str, Applies); 9] = [
    ("400", "A parameter or the body is invalid.", |_, operation| {
        has_body(operation) || has_parameters(operation)
    }),
    ("401", "The server requires its token.", |path, _| {
        !routes::is_public(path)
    }),
    (
        "403",
        "The request is for another host, or comes from a page of another site.",
        |_, _| true,
    ),
    ("408", "The body arrives too slowly.", |_, operation| {
        has_body(operation)
    }),
    ("413", "The body is too large.", |_, operation| {
        has_body(operation)
    }),
    (
        "415",
        "The body is of another type, or compressed.",
        |_, operation| has_body(operation),
    ),
    ("431", "The head of the request is too large.", |_, _| true),
    ("500", "The library cannot be read.", |path, _| uses_library(path)),
    (
        "503",
        "Too many requests at once; try again after `Retry-After`.",
        |path, operation| uses_library(path) || has_body(operation),
    ),
];

impl Modify for CommonParts {
    fn modify(&self, document: &mut OpenApi) {
        add_token(document);
        remove_defaults(document);
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                add_problems(path, operation);
                forbid_null_body(operation);
                describe_encoding(operation);
                if routes::is_public(path) {
                    operation.security = Some(Vec::new());
                }
            }
        }
    }
}

/// The token, which a server on a loopback address may not require.
fn add_token(document: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The server's token, where it requires one."))
        .build();
    let cookie = ApiKeyValue::with_description(
        "eidetic-session",
        "The session that `POST /v1/session` opens for a browser; its name ends with the server's port.",
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let requirement = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    document.security = Some(vec![
        SecurityRequirement::default(),
        requirement("token"),
        requirement("session"),
    ]);
}

/// Removes the defaults of fields in bodies: generators of clients take them to mean that the field is
/// always there, so that every request would have to give it. Descriptions tell the default.
fn remove_defaults(document: &mut OpenApi) {
    let components = document.components.iter_mut();
    for schema in components.flat_map(|components| components.schemas.values_mut()) {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.properties.values_mut().for_each(remove_default);
        }
    }
}

fn remove_default(property: &mut RefOr<Schema>) {
    let default = match property {
        RefOr::Ref(reference) => &mut reference.default,
        RefOr::T(Schema::Array(array)) => &mut array.default,
        RefOr::T(Schema::Object(object)) => &mut object.default,
        RefOr::T(Schema::OneOf(one_of)) => &mut one_of.default,
        RefOr::T(Schema::AllOf(all_of)) => &mut all_of.default,
        RefOr::T(Schema::AnyOf(any_of)) => &mut any_of.default,
        RefOr::T(_) => return,
    };
    *default = None;
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [&mut item.get, &mut item.post, &mut item.delete];
    methods.into_iter().flatten()
}

fn add_problems(path: &str, operation: &mut Operation) {
    for (status, description, applies) in PROBLEMS {
        if applies(path, operation) {
            let responses = &mut operation.responses.responses;
            let problem = || RefOr::T(problem(description));
            responses.entry(status.to_owned()).or_insert_with(problem);
        }
    }
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("ProblemDocument");
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build()
}

/// Bodies are refused when they are compressed.
fn describe_encoding(operation: &mut Operation) {
    if !has_body(operation) {
        return;
    }
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^identity$"));
    let parameter = ParameterBuilder::new()
        .name("Content-Encoding")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Bodies are sent uncompressed."))
        .schema(Some(schema))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(parameter));
}

/// A body that may be left out is not JSON's null.
fn forbid_null_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(one_of))) = &content.schema
            && let Some(schema) = not_null(one_of)
        {
            content.schema = Some(schema);
        }
    }
}

fn not_null(one_of: &OneOf) -> Option<RefOr<Schema>> {
    let is_null = |schema: &&RefOr<Schema>| match schema {
        RefOr::T(Schema::Object(object)) => object.schema_type == SchemaType::Type(Type::Null),
        _ => false,
    };
    let others: Vec<_> = one_of.items.iter().filter(|item| !is_null(item)).collect();
    match others.as_slice() {
        [only] => Some((*only).clone()),
        _ => None,
    }
}

fn has_body(operation: &Operation) -> bool {
    operation.request_body.is_some()
}

fn has_parameters(operation: &Operation) -> bool {
    operation
        .parameters
        .as_ref()
        .is_some_and(|parameters| !parameters.is_empty())
}

/// Whether an address reads or changes the library, whose work is bounded.
fn uses_library(path: &str) -> bool {
    let beside = ["/v1/session", "/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/events"];
    path == "/metrics" || (path.starts_with("/v1/") && !beside.contains(&path))
}
