//! Tensors from a safetensors file, read once, front to back, hashed on the way.

use std::collections::HashMap;
use std::io::Read;

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::LoadError;

/// Largest header that the format allows.
const LARGEST_HEADER: u64 = 100_000_000;

/// The tensors of one file, each in the form `T` that an engine keeps it in, to be taken by name.
pub struct Weights<T> {
    tensors: HashMap<String, (Vec<usize>, T)>,
    /// Numbers that stand alone.
    scalars: HashMap<String, f32>,
    /// Names and types of tensors that hold no floating-point numbers.
    others: HashMap<String, Dtype>,
}

impl<T> Weights<T> {
    /// Reads a file of `length` bytes and feeds them all to `hasher`. Each tensor goes through `keep` as f32 on the CPU as
    /// soon as it was read: at no time is more held than the result and one tensor as it lies on disk.
    pub fn read(
        reader: &mut dyn Read,
        length: u64,
        hasher: &mut blake3::Hasher,
        keep: &dyn Fn(&str, Tensor) -> Result<T, LoadError>,
    ) -> Result<Self, LoadError> {
        let mut weights = Self {
            tensors: HashMap::new(),
            scalars: HashMap::new(),
            others: HashMap::new(),
        };
        each_tensor(reader, length, hasher, &mut |name, info, bytes| {
            weights.add(name, info, bytes, keep)
        })?;
        Ok(weights)
    }

    fn add(
        &mut self,
        name: String,
        info: &TensorInfo,
        bytes: Vec<u8>,
        keep: &dyn Fn(&str, Tensor) -> Result<T, LoadError>,
    ) -> Result<(), LoadError> {
        let Some(tensor) = as_f32(info, &bytes)? else {
            self.others.insert(name, info.dtype);
            return Ok(());
        };
        drop(bytes);
        if tensor.elem_count() == 1 {
            let number = tensor.flatten_all()?.to_vec1()?[0];
            self.scalars.insert(name.clone(), number);
        }
        let kept = keep(&name, tensor)?;
        self.tensors.insert(name, (info.shape.clone(), kept));
        Ok(())
    }

    /// Takes the tensor out, which must have this shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<T, LoadError> {
        let Some((found, tensor)) = self.tensors.remove(name) else {
            return Err(self.missing(name));
        };
        if found == shape {
            return Ok(tensor);
        }
        Err(LoadError::TensorShape {
            name: name.to_owned(),
            expected: shape.to_vec(),
            found,
        })
    }

    /// The number of that name, where the file has it.
    pub fn scalar(&self, name: &str) -> Option<f32> {
        self.scalars.get(name).copied()
    }

    fn missing(&self, name: &str) -> LoadError {
        let name = name.to_owned();
        match self.others.get(&name) {
            Some(found) => LoadError::TensorType {
                name,
                found: format!("{found:?}").to_lowercase(),
            },
            None => LoadError::TensorMissing { name },
        }
    }
}

/// Takes a tensor's name, what the header says of it, and its bytes.
pub type Visit<'a> = &'a mut dyn FnMut(String, &TensorInfo, Vec<u8>) -> Result<(), LoadError>;

/// Reads a file of `length` bytes front to back, feeds all to `hasher` and shows each tensor's bytes to `visit`.
pub fn each_tensor(
    reader: &mut dyn Read,
    length: u64,
    hasher: &mut blake3::Hasher,
    visit: Visit<'_>,
) -> Result<(), LoadError> {
    let mut source = Source { reader, hasher };
    let metadata = read_header(&mut source, length)?;
    for name in metadata.offset_keys() {
        let info = metadata.info(&name).expect("the name comes from the header");
        let bytes = source.take((info.data_offsets.1 - info.data_offsets.0) as u64)?;
        visit(name, info, bytes)?;
    }
    Ok(())
}

/// `None` for a tensor of other numbers.
fn as_f32(info: &TensorInfo, bytes: &[u8]) -> Result<Option<Tensor>, LoadError> {
    let dtype = match info.dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        _ => return Ok(None),
    };
    let tensor = Tensor::from_raw_buffer(bytes, dtype, &info.shape, &Device::Cpu)?;
    Ok(Some(tensor.to_dtype(DType::F32)?))
}

struct Source<'a> {
    reader: &'a mut dyn Read,
    hasher: &'a mut blake3::Hasher,
}

impl Source<'_> {
    /// The next `count` bytes. Memory grows with what arrives, never with what is claimed.
    fn take(&mut self, count: u64) -> Result<Vec<u8>, LoadError> {
        let mut bytes = Vec::new();
        (&mut *self.reader)
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(&error))?;
        if bytes.len() as u64 != count {
            return Err(damaged(&"the file ends early"));
        }
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

/// Reads the header and checks that it describes exactly `length` bytes.
fn read_header(source: &mut Source, length: u64) -> Result<Metadata, LoadError> {
    let size = source.take(8)?.try_into().map_or(0, u64::from_le_bytes);
    if size > LARGEST_HEADER || size > length {
        return Err(damaged(&"the header is longer than the file"));
    }
    let metadata: Metadata = serde_json::from_slice(&source.take(size)?).map_err(|error| damaged(&error))?;
    let described = 8 + size + metadata.data_len() as u64;
    if described != length {
        return Err(damaged(&format!(
            "{length} bytes where the header describes {described}"
        )));
    }
    Ok(metadata)
}

fn damaged(reason: &dyn std::fmt::Display) -> LoadError {
    LoadError::Weights(reason.to_string())
}
