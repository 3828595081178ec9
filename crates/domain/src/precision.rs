//! Compute precision of encoders.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Compute precision of an encoder's matrix products.
///
/// It is not part of a [`SpaceId`](crate::SpaceId): embeddings of one model in different precisions may be compared
/// (docs/decisions/0008-precision.md).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Weights in bf16, sums in 32-bit floating point: half the memory of models whose files are in f32.
    Bf16,
    /// 8-bit integers with scales: several times as fast; the direction of embeddings changes by up to about a degree.
    Int8,
}

/// A text is not the name of a precision.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown precision {0:?}; expected f32, bf16 or int8")]
pub struct ParsePrecisionError(String);

impl Precision {
    /// `f32`, `bf16` or `int8`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = ParsePrecisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "int8" => Ok(Self::Int8),
            other => Err(ParsePrecisionError(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
        assert!(
            "fp4"
                .parse::<Precision>()
                .unwrap_err()
                .to_string()
                .contains("fp4")
        );
    }
}
