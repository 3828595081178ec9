//! GGUF's key-value pairs and its list of tensors, read with limits: memory grows with what arrives, not with claimed lengths.
//!
//! Format: github.com/ggml-org/ggml, `docs/gguf.md`, versions 2 and 3.

use std::collections::HashMap;
use std::io::Read;

use crate::error::LoadError;

/// Most parts of a tensor's shape.
const MOST_DIMENSIONS: u32 = 4;
/// Longest name or text; the longest that occur are chat templates.
const LONGEST_TEXT: u64 = 1 << 24;

/// Everything before the tensors' data.
pub struct GgufHeader {
    pub values: HashMap<String, Value>,
    pub tensors: Vec<TensorInfo>,
}

/// A value of the kinds that are used.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Whole(u64),
    Real(f64),
    Text(String),
    Texts(Vec<String>),
    Wholes(Vec<u64>),
    /// Of another kind.
    Other,
}

/// The place and type of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    /// Outputs first, as elsewhere; the file has them last.
    pub shape: Vec<usize>,
    /// ggml's number for the type.
    pub kind: u32,
    /// Bytes from the beginning of all numbers.
    pub offset: u64,
}

/// A file's bytes in order, counted and hashed.
pub struct Source<R> {
    reader: R,
    pub hasher: blake3::Hasher,
    left: u64,
    pub position: u64,
}

impl<R: Read> Source<R> {
    /// `reader` has `length` bytes.
    pub fn new(reader: R, length: u64) -> Self {
        Self {
            reader,
            hasher: blake3::Hasher::new(),
            left: length,
            position: 0,
        }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: u64) -> Result<Vec<u8>, LoadError> {
        if count > self.left {
            return Err(damaged("the file ends early"));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(count).read_to_end(&mut bytes);
        if read.map_err(|error| damaged(&error.to_string()))? as u64 != count {
            return Err(damaged("the file ends early"));
        }
        self.hasher.update(&bytes);
        self.left -= count;
        self.position += count;
        Ok(bytes)
    }

    /// Skips the bytes before `position`.
    pub fn skip_to(&mut self, position: u64) -> Result<(), LoadError> {
        let Some(mut gap) = position.checked_sub(self.position) else {
            return Err(damaged("tensors overlap"));
        };
        while gap > 0 {
            let step = gap.min(1 << 20);
            self.take(step)?;
            gap -= step;
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| damaged("the file ends early"))
    }

    fn u32(&mut self) -> Result<u32, LoadError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, LoadError> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, LoadError> {
        let length = self.u64()?;
        if length > LONGEST_TEXT {
            return Err(damaged("a text is too long"));
        }
        String::from_utf8(self.take(length)?).map_err(|_| damaged("a text is not UTF-8"))
    }

    /// Reads up to where the numbers begin, but for the gap before them.
    pub fn header(&mut self) -> Result<GgufHeader, LoadError> {
        if &self.array()? != b"GGUF" {
            return Err(damaged("it does not begin with GGUF"));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(damaged(&format!("version {version} of the format is not known")));
        }
        let (tensors, values) = (self.u64()?, self.u64()?);
        let mut header = GgufHeader {
            values: HashMap::new(),
            tensors: Vec::new(),
        };
        for _ in 0..values {
            let key = self.text()?;
            let kind = self.u32()?;
            header.values.insert(key, self.value(kind)?);
        }
        for _ in 0..tensors {
            header.tensors.push(self.tensor()?);
        }
        Ok(header)
    }

    fn value(&mut self, kind: u32) -> Result<Value, LoadError> {
        match kind {
            8 => self.text().map(Value::Text),
            9 => self.list(),
            _ => self.number(kind),
        }
    }

    fn number(&mut self, kind: u32) -> Result<Value, LoadError> {
        Ok(match kind {
            0 | 7 => Value::Whole(self.array::<1>()?[0].into()),
            2 => Value::Whole(u16::from_le_bytes(self.array()?).into()),
            4 => Value::Whole(self.u32()?.into()),
            // Of signed numbers only those that are not negative are of use.
            5 => u64::try_from(i32::from_le_bytes(self.array()?)).map_or(Value::Other, Value::Whole),
            6 => Value::Real(f32::from_le_bytes(self.array()?).into()),
            10 => Value::Whole(self.u64()?),
            11 => u64::try_from(i64::from_le_bytes(self.array()?)).map_or(Value::Other, Value::Whole),
            12 => Value::Real(f64::from_le_bytes(self.array()?)),
            1 => self.array::<1>().map(|_| Value::Other)?,
            3 => self.array::<2>().map(|_| Value::Other)?,
            other => return Err(damaged(&format!("a value of the unknown kind {other}"))),
        })
    }

    fn list(&mut self) -> Result<Value, LoadError> {
        let (kind, count) = (self.u32()?, self.u64()?);
        if kind == 8 {
            return (0..count)
                .map(|_| self.text())
                .collect::<Result<_, _>>()
                .map(Value::Texts);
        }
        let mut wholes = Vec::new();
        for _ in 0..count {
            if let Value::Whole(whole) = self.number(kind)? {
                wholes.push(whole);
            }
        }
        Ok(Value::Wholes(wholes))
    }

    fn tensor(&mut self) -> Result<TensorInfo, LoadError> {
        let name = self.text()?;
        let count = self.u32()?;
        if count > MOST_DIMENSIONS {
            return Err(damaged(&format!("the tensor {name} has {count} dimensions")));
        }
        let mut shape = (0..count)
            .map(|_| self.u64().map(|size| size as usize))
            .collect::<Result<Vec<usize>, _>>()?;
        shape.reverse();
        Ok(TensorInfo {
            name,
            shape,
            kind: self.u32()?,
            offset: self.u64()?,
        })
    }
}

pub fn damaged(reason: &str) -> LoadError {
    LoadError::Weights(reason.to_owned())
}
