//! Deserializes requests from names and values: query strings and forms.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::fmt;
use std::str::FromStr;

use actix_web::web::Query;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde_json::Map;

use super::validate::{shortened, unknown_parameter};
use crate::problem::Problem;

/// Where names and values come from, which decides how a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// A query string: a list is a parameter given several times.
    Query,
    /// A form: a list is one field with an item on each line.
    Form,
}

/// A value as it was sent.
#[derive(Debug)]
pub(crate) enum RawValue {
    /// Text; empty text counts as left out, since browsers send it for fields that are not filled in.
    Text(String),
    /// The content of a file.
    File(Vec<u8>),
}

/// Reads a query string.
pub(crate) fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    from_pairs(query_pairs(query)?, Encoding::Query)
}

/// The names and values of a query string, in order.
pub(crate) fn query_pairs(query: &str) -> Result<Vec<(String, RawValue)>, Problem> {
    query.split('&').try_for_each(require_utf8)?;
    let pairs = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| Problem::invalid(format!("invalid query string: {error}")))?;
    let text = |(name, value)| (name, RawValue::Text(value));
    Ok(pairs.into_inner().into_iter().map(text).collect())
}

/// Refuses a parameter that is not UTF-8, parts of which the parser would replace.
fn require_utf8(parameter: &str) -> Result<(), Problem> {
    if std::str::from_utf8(&percent_decoded(parameter)).is_ok() {
        return Ok(());
    }
    let name = parameter.split('=').next().unwrap_or_default();
    Err(Problem::invalid(format!(
        "parameter {:?} is not UTF-8 text",
        shortened(name)
    )))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(value) = escaped.filter(|_| byte == b'%') {
            decoded.push(value);
            rest = &after[2..];
        } else {
            decoded.push(byte);
            rest = after;
        }
    }
    decoded
}

/// Reads names and values, of which only fields of `T` may occur, and only lists of a query string
/// several times.
pub(crate) fn from_pairs<T: DeserializeOwned>(
    pairs: impl IntoIterator<Item = (String, RawValue)>,
    encoding: Encoding,
) -> Result<T, Problem> {
    let mut values: BTreeMap<String, Vec<RawValue>> = BTreeMap::new();
    for (name, value) in pairs {
        values.entry(name).or_default().push(value);
    }
    let parameters = Parameters {
        rest: values.into_iter(),
        current: None,
        encoding,
    };
    T::deserialize(MapAccessDeserializer::new(parameters))
        .map_err(|error| Problem::invalid(error.to_string()))
}

/// All parameters of a request, each with its values.
struct Parameters {
    rest: IntoIter<String, Vec<RawValue>>,
    /// The parameter whose name was read last.
    current: Option<ParameterValues>,
    encoding: Encoding,
}

impl<'de> MapAccess<'de> for Parameters {
    type Error = PairsError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, PairsError> {
        let Some((name, values)) = self.rest.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(name.as_str().into_deserializer())?;
        self.current = Some(ParameterValues {
            name,
            values,
            encoding: self.encoding,
        });
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, PairsError> {
        let parameter = self.current.take().expect("serde reads a value after its key");
        let name = parameter.name.clone();
        seed.deserialize(parameter)
            .map_err(|error| error.of_parameter(&name))
    }
}

/// One parameter with its values.
struct ParameterValues {
    name: String,
    values: Vec<RawValue>,
    encoding: Encoding,
}

impl ParameterValues {
    /// Its only value.
    fn single(mut self) -> Result<RawValue, PairsError> {
        if self.values.len() > 1 {
            let name = shortened(&self.name);
            return Err(PairsError::Complete(format!("duplicate parameter {name:?}")));
        }
        Ok(self.values.pop().unwrap_or(RawValue::Text(String::new())))
    }

    fn text(self) -> Result<String, PairsError> {
        match self.single()? {
            RawValue::Text(text) => Ok(text),
            RawValue::File(_) => Err(PairsError::Value("expected text, not a file".into())),
        }
    }

    fn parse<T: FromStr>(self, expected: &str) -> Result<T, PairsError> {
        let text = self.text()?;
        text.parse().map_err(|_| PairsError::unexpected(&text, expected))
    }

    /// The items of a list, as parameters of the same name with one value each.
    fn items(self) -> Result<Vec<Self>, PairsError> {
        let (name, encoding) = (self.name.clone(), self.encoding);
        let values = match encoding {
            Encoding::Query => self.values,
            Encoding::Form => {
                let lines = self.text()?;
                lines
                    .lines()
                    .map(|line| RawValue::Text(line.to_owned()))
                    .collect()
            }
        };
        let given = values.into_iter().filter(|value| !value.is_empty_text());
        Ok(given
            .map(|value| Self {
                name: name.clone(),
                values: vec![value],
                encoding,
            })
            .collect())
    }
}

impl RawValue {
    fn is_empty_text(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl IntoDeserializer<'_, PairsError> for ParameterValues {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($deserialize:ident, $visit:ident, $expected:literal;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PairsError> {
            visitor.$visit(self.parse($expected)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for ParameterValues {
    type Error = PairsError;

    parsed! {
        deserialize_bool, visit_bool, "true or false";
        deserialize_i64, visit_i64, "a whole number";
        deserialize_u32, visit_u32, "a whole number";
        deserialize_u64, visit_u64, "a whole number";
        deserialize_f32, visit_f32, "a number";
        deserialize_f64, visit_f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PairsError> {
        match self.single()? {
            RawValue::Text(text) => visitor.visit_string(text),
            RawValue::File(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PairsError> {
        match self.values.as_slice() {
            [] => visitor.visit_none(),
            [value] if value.is_empty_text() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PairsError> {
        visitor.visit_seq(SeqDeserializer::new(self.items()?.into_iter()))
    }

    /// An object is written as JSON.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PairsError> {
        let text = self.text()?;
        if text.is_empty() {
            return visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, &str)>()));
        }
        let object: Result<Map<_, _>, _> = serde_json::from_str(&text);
        object
            .and_then(|object| serde_json::Value::Object(object).deserialize_map(visitor))
            .map_err(serde::de::Error::custom)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PairsError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PairsError> {
        let text = self.text()?;
        if !variants.contains(&text.as_str()) {
            return Err(PairsError::unexpected(&text, &alternatives(variants)));
        }
        text.into_deserializer().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, PairsError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

/// Such as `low, normal or high`.
fn alternatives(variants: &[&str]) -> String {
    match variants {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        only => only.concat(),
    }
}

/// Why names and values are not what the struct needs.
#[derive(Debug)]
enum PairsError {
    /// A message that names the parameter.
    Complete(String),
    /// What is wrong with a value; the name of its parameter is added on the way up.
    Value(String),
    /// A value that is not `expected`, likewise.
    Unexpected { value: String, expected: String },
}

impl PairsError {
    fn unexpected(value: &str, expected: &str) -> Self {
        Self::Unexpected {
            value: shortened(value).into_owned(),
            expected: expected.to_owned(),
        }
    }

    fn of_parameter(self, name: &str) -> Self {
        Self::Complete(match self {
            Self::Complete(message) => message,
            Self::Value(message) => format!("invalid {name}: {message}"),
            Self::Unexpected { value, expected } => format!("invalid {name} {value:?}: expected {expected}"),
        })
    }
}

impl fmt::Display for PairsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete(message) | Self::Value(message) => f.write_str(message),
            Self::Unexpected { value, expected } => write!(f, "invalid value {value:?}: expected {expected}"),
        }
    }
}

impl std::error::Error for PairsError {}

impl serde::de::Error for PairsError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Complete(unknown_parameter(field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Complete(format!("missing parameter {field:?}"))
    }
}
