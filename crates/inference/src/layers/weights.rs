//! Tensors from a safetensors file, read once, front to back, hashed on the way.

use std::collections::HashMap;
use std::io::Read;

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::LoadError;
use crate::tensor_names::Names;

/// Largest header that the format allows.
const LARGEST_HEADER: u64 = 100_000_000;

/// The tensors of one file, each in the form `T` that an engine keeps it in, to be taken by name.
pub struct Weights<T> {
    tensors: HashMap<String, (Vec<usize>, T)>,
    /// Numbers that stand alone.
    scalars: HashMap<String, f32>,
    /// Names and types of tensors that hold no floating-point numbers.
    others: HashMap<String, Dtype>,
    names: Names,
}

impl<T> Weights<T> {
    /// Reads a file of `length` bytes and feeds them all to `hasher`. Each tensor goes through `keep` as f32 on the CPU,
    /// under the name and in the form that engines know, as soon as it was read: at no time is more held than the result
    /// and one tensor as it lies on disk.
    pub fn read(
        reader: &mut dyn Read,
        length: u64,
        hasher: &mut blake3::Hasher,
        names: &Names,
        keep: &dyn Fn(&str, Tensor) -> Result<T, LoadError>,
    ) -> Result<Self, LoadError> {
        let mut weights = Self {
            tensors: HashMap::new(),
            scalars: HashMap::new(),
            others: HashMap::new(),
            names: names.clone(),
        };
        each_tensor(reader, length, hasher, &mut |name, info, bytes| {
            weights.add(&name, info, &bytes, keep)
        })?;
        Ok(weights)
    }

    fn add(
        &mut self,
        name: &str,
        info: &TensorInfo,
        bytes: &[u8],
        keep: &dyn Fn(&str, Tensor) -> Result<T, LoadError>,
    ) -> Result<(), LoadError> {
        let Some(tensor) = as_f32(info, bytes)? else {
            let known = self.names.known_as(name).into_iter();
            self.others.extend(known.map(|(ours, _)| (ours, info.dtype)));
            return Ok(());
        };
        self.put(name, &tensor, keep)
    }

    /// Keeps a tensor of the file as all that engines may ask of it.
    fn put(
        &mut self,
        name: &str,
        tensor: &Tensor,
        keep: &dyn Fn(&str, Tensor) -> Result<T, LoadError>,
    ) -> Result<(), LoadError> {
        if tensor.elem_count() == 1 {
            let number = tensor.flatten_all()?.to_vec1()?[0];
            self.scalars.insert(name.to_owned(), number);
        }
        for (ours, form) in self.names.known_as(name) {
            let Some(part) = form.taken_from(tensor)? else {
                let reason = format!("{name} has the shape {:?}, which cannot be", tensor.dims());
                return Err(LoadError::Weights(reason));
            };
            let shape = part.dims().to_vec();
            let kept = keep(&ours, part)?;
            self.tensors.insert(ours, (shape, kept));
        }
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
        let in_file = self.names.in_file(name);
        Err(LoadError::TensorShape {
            expected: in_file.shape(shape),
            found: in_file.shape(&found),
            name: in_file.name,
        })
    }

    /// The shape of a tensor that was not taken yet.
    pub fn shape(&self, name: &str) -> Result<&[usize], LoadError> {
        let found = self.tensors.get(name).map(|(shape, _)| shape.as_slice());
        found.ok_or_else(|| self.missing(name))
    }

    /// Whether there is a tensor of that name, which was not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The number of that name, where the file has it.
    pub fn scalar(&self, name: &str) -> Option<f32> {
        self.scalars.get(name).copied()
    }

    fn missing(&self, ours: &str) -> LoadError {
        let name = self.names.in_file(ours).name;
        match self.others.get(ours) {
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
