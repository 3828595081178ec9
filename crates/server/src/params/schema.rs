//! Query parameters and forms of the OpenAPI document, made from the JSON schema of the same struct.

use utoipa::PartialSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Required, Schema};

/// One query parameter for each property of `T`.
pub(super) fn query_parameters<T: PartialSchema>() -> Vec<Parameter> {
    let object = object_schema::<T>();
    let properties = object.properties.into_iter();
    properties
        .map(|(name, mut schema)| {
            remove_null(&mut schema);
            let required = if object.required.contains(&name) {
                Required::True
            } else {
                Required::False
            };
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(required)
                .description(take_description(&mut schema))
                .schema(Some(schema))
                .build()
        })
        .collect()
}

/// The schema of `T` as a form: base64 becomes a file, a list one item on each line, an object JSON text.
pub(super) fn form_schema<T: PartialSchema>() -> RefOr<Schema> {
    let mut object = object_schema::<T>();
    for schema in object.properties.values_mut() {
        remove_null(schema);
        if let Some(field) = form_field(schema) {
            *schema = RefOr::T(Schema::Object(field));
        }
    }
    RefOr::T(Schema::Object(object))
}

/// What a property becomes in a form; `None`: it stays as it is.
fn form_field(schema: &mut RefOr<Schema>) -> Option<Object> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let description = take_description(schema).unwrap_or_default();
    match schema {
        RefOr::T(Schema::Object(object)) if object.content_encoding == "base64" => {
            let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
            Some(
                text.format(Some(binary))
                    .description(Some("An image file."))
                    .build(),
            )
        }
        RefOr::T(Schema::Object(object)) if !is_object(&object.schema_type) => {
            object.description = Some(description);
            None
        }
        RefOr::T(Schema::Array(_)) => Some(
            text.description(Some(format!("{description} One on each line.")))
                .build(),
        ),
        _ => Some(
            text.content_media_type("application/json")
                .description(Some(format!("{description} As JSON text.")))
                .build(),
        ),
    }
}

/// Removes null as type and default: a query string or form leaves a value out instead.
fn remove_null(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|schema_type| *schema_type != Type::Null);
                if let [only] = types.as_slice() {
                    object.schema_type = SchemaType::Type(only.clone());
                }
            }
            object.default.take_if(|default| default.is_null());
        }
        RefOr::T(Schema::Array(array)) => array.default = None,
        _ => {}
    }
}

fn is_object(schema_type: &SchemaType) -> bool {
    *schema_type == SchemaType::Type(Type::Object)
}

fn take_description(schema: &mut RefOr<Schema>) -> Option<String> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.take(),
        RefOr::T(Schema::Array(array)) => array.description.take(),
        RefOr::T(Schema::OneOf(one_of)) => one_of.description.take(),
        RefOr::T(Schema::AllOf(all_of)) => all_of.description.take(),
        RefOr::Ref(reference) => Some(std::mem::take(&mut reference.description)),
        RefOr::T(_) => None,
    }
}

fn object_schema<T: PartialSchema>() -> Object {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object,
        _ => unreachable!("a struct with named fields is described as an object"),
    }
}
