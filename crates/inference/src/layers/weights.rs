//! The tensors of a model's files: read once, front to back, hashed on the way, packed one by one.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::file_rows::{LEAST_BYTES, RowsPlace};
use super::tensor_data::TensorData;
use crate::error::LoadError;
use crate::tensor_names::{Form, Names};

/// Largest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;

/// The tensors of a model by the names that engines use, each in the form `T` that an engine holds it in.
///
/// Files of the safetensors format come in through [`read_file`](Self::read_file), one file or shard after another;
/// other sources give their tensors to [`add`](Self::add).
pub struct Weights<T> {
    tensors: HashMap<String, (Vec<usize>, T)>,
    /// Tensors of a single value.
    scalars: HashMap<String, f32>,
    /// Names and types of tensors that do not hold floating-point values.
    others: HashMap<String, String>,
    names: Names,
}

/// A weight file, to be read front to back.
pub struct WeightReader<'a> {
    pub reader: &'a mut dyn Read,
    /// Its length in bytes.
    pub length: u64,
    /// How large tables stay in the file; `None`: everything is read into memory.
    pub tables: Option<TablesOnDisk<'a>>,
}

/// Large tables stay in their file, which is kept open.
#[derive(Clone, Copy)]
pub struct TablesOnDisk<'a> {
    /// The file that is being read.
    pub file: &'a Arc<File>,
    /// Whether a tensor is a table, by the engines' name for it and its shape.
    pub is_table: &'a dyn Fn(&str, &[usize]) -> bool,
}

/// Turns a tensor into the form that an engine holds it in, by the engine's name for it.
pub type Pack<'a, T> = &'a dyn Fn(&str, TensorData) -> Result<T, LoadError>;

impl<T> Weights<T> {
    /// No tensors yet; those of files are renamed by `names`.
    pub fn new(names: Names) -> Self {
        Self {
            tensors: HashMap::new(),
            scalars: HashMap::new(),
            others: HashMap::new(),
            names,
        }
    }

    /// Reads a safetensors file and feeds all of it to `hasher`. Each tensor is packed as soon as it was read, so that
    /// memory holds no more than the packed tensors, and one tensor as it is on disk.
    pub fn read_file(
        &mut self,
        file: WeightReader<'_>,
        hasher: &mut blake3::Hasher,
        pack: Pack<'_, T>,
    ) -> Result<(), LoadError> {
        let WeightReader {
            reader,
            length,
            tables,
        } = file;
        let mut source = Source {
            reader,
            hasher,
            position: 0,
        };
        let metadata = read_header(&mut source, length)?;
        for name in metadata.offset_keys() {
            let info = metadata.info(&name).expect("the name comes from the header");
            let place = tables.and_then(|tables| self.table_on_disk(&name, info, source.position, tables));
            if let Some(place) = place {
                let data = TensorData::on_disk(&info.shape, place, |count| source.take(count))?;
                self.add(&name, data, pack)?;
                continue;
            }
            let bytes = source.take(bytes_of(info))?;
            self.add_bytes(&name, info, bytes, pack)?;
        }
        Ok(())
    }

    /// Where the rows of a tensor are that stays in its file; `None` where it is to be read.
    fn table_on_disk(
        &self,
        name: &str,
        info: &TensorInfo,
        start: u64,
        tables: TablesOnDisk<'_>,
    ) -> Option<RowsPlace> {
        let is_table = self.needs_whole(name, |ours| (tables.is_table)(ours, &info.shape));
        if !is_table || bytes_of(info) < LEAST_BYTES {
            return None;
        }
        RowsPlace::in_safetensors(tables.file, start, info.dtype, &info.shape)
    }

    fn add_bytes(
        &mut self,
        name: &str,
        info: &TensorInfo,
        bytes: Vec<u8>,
        pack: Pack<'_, T>,
    ) -> Result<(), LoadError> {
        let known_as = self.names.known_as(name);
        if known_as.is_empty() {
            return Ok(());
        }
        if let Some(data) = TensorData::from_bytes(info.dtype, info.shape.clone(), &bytes) {
            drop(bytes);
            return self.add(name, data, pack);
        }
        let dtype = type_name(info.dtype);
        let others = known_as.into_iter().map(|(ours, _)| (ours, dtype.clone()));
        self.others.extend(others);
        Ok(())
    }

    /// Whether engines need the tensor that a file calls `name`.
    pub fn needs(&self, name: &str) -> bool {
        !self.names.known_as(name).is_empty()
    }

    /// Whether engines need the tensor that a file calls `name` as it is there, for one use that `accepts` its name.
    pub fn needs_whole(&self, name: &str, accepts: impl FnOnce(&str) -> bool) -> bool {
        match self.names.known_as(name).as_slice() {
            [(ours, Form::Whole)] => accepts(ours),
            _ => false,
        }
    }

    /// Packs a tensor, called `name` in its file, as everything that engines may need of it.
    pub fn add(&mut self, name: &str, data: TensorData, pack: Pack<'_, T>) -> Result<(), LoadError> {
        if let Some(scalar) = data.scalar() {
            self.scalars.insert(name.to_owned(), scalar);
        }
        let mut known_as = self.names.known_as(name);
        let last = known_as.pop();
        let found = data.shape.clone();
        let damaged = || LoadError::Weights(format!("{name} has the shape {found:?}, which is not valid"));
        for (ours, form) in known_as {
            let part = form.taken_from(&data).ok_or_else(damaged)?;
            self.insert(ours, part, pack)?;
        }
        if let Some((ours, form)) = last {
            let part = form.of_whole(data).ok_or_else(damaged)?;
            self.insert(ours, part, pack)?;
        }
        Ok(())
    }

    fn insert(&mut self, ours: String, data: TensorData, pack: Pack<'_, T>) -> Result<(), LoadError> {
        let shape = data.shape.clone();
        let packed = pack(&ours, data)?;
        self.tensors.insert(ours, (shape, packed));
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

    /// Whether there is a tensor of that name that was not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The value of the tensor of that name, where the file has it and it is a single value.
    pub fn scalar(&self, name: &str) -> Option<f32> {
        self.scalars.get(name).copied()
    }

    fn missing(&self, ours: &str) -> LoadError {
        let name = self.names.in_file(ours).name;
        match self.others.get(ours).cloned() {
            Some(found) => LoadError::TensorType { name, found },
            None => LoadError::TensorMissing { name },
        }
    }
}

/// Bytes of a tensor in its file.
pub const fn bytes_of(info: &TensorInfo) -> u64 {
    (info.data_offsets.1 - info.data_offsets.0) as u64
}

fn type_name(dtype: Dtype) -> String {
    format!("{dtype:?}").to_lowercase()
}

struct Source<'a> {
    reader: &'a mut dyn Read,
    hasher: &'a mut blake3::Hasher,
    /// Bytes read so far.
    position: u64,
}

impl Source<'_> {
    /// The next `count` bytes. Memory grows with what arrives, not with what the header claims.
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
        self.position += count;
        Ok(bytes)
    }
}

/// Reads the header and checks that it describes exactly `length` bytes.
fn read_header(source: &mut Source, length: u64) -> Result<Metadata, LoadError> {
    let size = source.take(8)?.try_into().map_or(0, u64::from_le_bytes);
    if size > MAX_HEADER || size > length {
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
