//! All weights of a model that is read from a directory.

use std::sync::Arc;

use eidetic_hub::Shards;

use crate::error::LoadError;
use crate::layers::packing::{PackOptions, PackedTensor, pack};
use crate::layers::weights::{TablesOnDisk, WeightReader, Weights};
use crate::tensor_names::Names;

/// Reads all tensors of a checkpoint and feeds its files to `hasher`. Large tables stay in their files.
pub fn read_checkpoint(
    shards: &Shards,
    names: Names,
    options: &PackOptions,
    hasher: &mut blake3::Hasher,
) -> Result<Weights<PackedTensor>, LoadError> {
    let mut weights = Weights::new(names);
    let is_table = |name: &str, shape: &[usize]| options.is_table(name, shape);
    for file in shards.open() {
        let (file, length) = file?;
        let file = Arc::new(file);
        let reader = WeightReader {
            reader: &mut file.as_ref(),
            length,
            tables: Some(TablesOnDisk {
                file: &file,
                is_table: &is_table,
            }),
        };
        weights.read_file(reader, hasher, &|name, data| pack(name, data, options))?;
    }
    Ok(weights)
}
