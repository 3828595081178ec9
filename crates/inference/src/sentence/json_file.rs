//! A JSON file of a model, whose errors name the file and the field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::LoadError;

/// The fields of a JSON file.
pub struct JsonFile {
    /// Its path in the folder of the model.
    name: String,
    fields: Map<String, Value>,
}

impl JsonFile {
    /// The file of this name with this content, which must be an object.
    pub fn parse(name: &str, json: &[u8]) -> Result<Self, LoadError> {
        let fields = serde_json::from_slice(json);
        Ok(Self {
            name: name.to_owned(),
            fields: fields.map_err(|error| invalid(name, error.to_string()))?,
        })
    }

    /// A file without fields, in place of one that does not exist.
    pub fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            fields: Map::new(),
        }
    }

    /// A field; `None` if it is absent or null.
    pub fn optional<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, LoadError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match T::deserialize(value) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(self.invalid(format!("{field}: {error}"))),
            },
        }
    }

    /// A field that must be there.
    pub fn required<T: DeserializeOwned>(&self, field: &str) -> Result<T, LoadError> {
        self.optional(field)?
            .ok_or_else(|| self.invalid(format!("{field} is missing")))
    }

    /// The error that the file is invalid for this reason.
    pub fn invalid(&self, reason: String) -> LoadError {
        invalid(&self.name, reason)
    }
}

/// The error that a file is invalid for this reason.
pub fn invalid(file: &str, reason: String) -> LoadError {
    LoadError::ModelFile {
        file: file.to_owned(),
        reason,
    }
}
