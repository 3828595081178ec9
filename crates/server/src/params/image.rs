//! The image that a request sends or names.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use eidetic_domain::ImageId;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::validate::image_id;
use crate::options::Limits;
use crate::problem::Problem;

/// Reads base64 with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of an image file: base64 in JSON, a file in a form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ImageBytes(pub Vec<u8>);

/// The image of a request, checked.
#[derive(Debug)]
pub(crate) enum ImageInput {
    /// The bytes of a file.
    File(Vec<u8>),
    /// An image of the library.
    Indexed(ImageId),
}

impl ImageInput {
    /// The image of a request in which at most one of `file` and `id` may be given.
    pub(super) fn new(
        file: Option<ImageBytes>,
        id: Option<&str>,
        limits: &Limits,
    ) -> Result<Option<Self>, Problem> {
        match (file, id) {
            (Some(_), Some(_)) => Err(Problem::invalid("image and image_id cannot be given together")),
            (Some(file), None) if file.0.len() > limits.upload_bytes => {
                Err(Problem::too_large(limits.upload_bytes))
            }
            (Some(file), None) => Ok(Some(Self::File(file.0))),
            (None, Some(id)) => Ok(Some(Self::Indexed(image_id(id)?))),
            (None, None) => Ok(None),
        }
    }

    /// The id that the file has if it is in the library.
    pub(crate) fn content_id(&self) -> Option<ImageId> {
        match self {
            Self::File(bytes) => Some(ImageId::of(bytes)),
            Self::Indexed(_) => None,
        }
    }
}

impl fmt::Debug for ImageBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageBytes({} bytes)", self.0.len())
    }
}

impl Serialize for ImageBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for ImageBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ImageBytesVisitor)
    }
}

struct ImageBytesVisitor;

impl Visitor<'_> for ImageBytesVisitor {
    type Value = ImageBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image file in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ImageBytes, E> {
        BASE64.decode(text).map(ImageBytes).map_err(|error| {
            E::custom(format_args!(
                "the image is not valid base64 ({error}); leave out any data: prefix"
            ))
        })
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<ImageBytes, E> {
        Ok(ImageBytes(bytes))
    }
}
