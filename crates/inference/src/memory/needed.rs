//! An estimate of the memory that a model needs, from the headers of its weight files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use eidetic_domain::Precision;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;

use crate::engine::Engine;
use crate::layers::file_rows::LEAST_BYTES;
use crate::layers::packing::HalfWeights;
use crate::layers::weights::bytes_of;

/// Memory besides the weights: tokenizer, images and activations. With one image and one text, 18 to 30 MiB were
/// measured; batches and large vocabularies take more.
const WORKING: u64 = 64 << 20;
/// Bytes of memory for each row of a table that stays in its file.
const ROW_CHECKSUM: u64 = 4;
/// Largest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;

/// Bytes at the peak of loading the model in `folder`; `None` if a header cannot be read, which loading reports.
pub fn in_folder(folder: &Path, engine: Engine) -> Option<u64> {
    let format = storage_format(folder, engine);
    let mut packed = 0;
    let mut peak = 0;
    for file in weights(folder)? {
        let header = header(&file)?;
        for name in header.offset_keys() {
            let tensor = header.info(&name)?;
            // Loading reads the tensors in this order, one at a time.
            peak = peak.max(packed + format.while_read(&name, tensor));
            packed += format.packed(&name, tensor);
        }
    }
    Some(peak.max(packed) + WORKING)
}

/// The format of a model's weights in memory.
#[derive(Clone, Copy)]
struct StorageFormat {
    precision: Precision,
    /// How f32 precision stores 16-bit weights.
    halves: HalfWeights,
    /// Whether large tables stay in their file. Only the engine of the CPU does that.
    reads_rows: bool,
}

impl StorageFormat {
    /// Bytes of a tensor after packing.
    fn packed(self, name: &str, tensor: &TensorInfo) -> u64 {
        let count = elements(tensor);
        if !is_number(tensor.dtype) {
            return 0;
        }
        let unrounded = match self.halves {
            HalfWeights::Widened => 4 * count,
            HalfWeights::Kept => bytes_of(tensor),
        };
        match (self.precision, self.tensor_use(name, tensor)) {
            (_, Use::TableOnDisk) => ROW_CHECKSUM * tensor.shape[0] as u64,
            (Precision::F32, _) | (_, Use::Values) => unrounded,
            (Precision::Bf16, Use::Linear) | (_, Use::Table) => bytes_of(tensor).min(2 * count),
            (Precision::Int8, Use::Linear) => count,
        }
    }

    /// Additional bytes while a tensor is read: as on disk, and widened.
    fn while_read(self, name: &str, tensor: &TensorInfo) -> u64 {
        if matches!(self.tensor_use(name, tensor), Use::TableOnDisk) {
            return ROW_CHECKSUM * tensor.shape[0] as u64;
        }
        match self.halves {
            HalfWeights::Widened => bytes_of(tensor) + 4 * elements(tensor),
            HalfWeights::Kept => bytes_of(tensor),
        }
    }

    /// Matrices are weights of linear layers, except for position embeddings, which are added, and token embeddings, which are
    /// looked up, in the file where there are many.
    fn tensor_use(self, name: &str, tensor: &TensorInfo) -> Use {
        let named = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if tensor.shape.len() < 2 || named(&["position", "pos_embed", "token_type"]) {
            Use::Values
        } else if named(&["token", "word_embeddings"]) {
            if bytes_of(tensor) < LEAST_BYTES || !self.reads_rows {
                Use::Table
            } else {
                Use::TableOnDisk
            }
        } else {
            Use::Linear
        }
    }
}

enum Use {
    Values,
    Linear,
    Table,
    /// A table that stays in its file.
    TableOnDisk,
}

const fn is_number(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

fn elements(tensor: &TensorInfo) -> u64 {
    tensor.shape.iter().map(|&side| side as u64).product()
}

#[derive(Deserialize)]
struct ConfigFile {
    model_type: Option<String>,
}

/// The Qwen families keep 16-bit weights, since widened ones would need twice the memory.
fn storage_format(folder: &Path, engine: Engine) -> StorageFormat {
    let config = fs::read(folder.join("config.json")).ok();
    let config: Option<ConfigFile> = config.and_then(|json| serde_json::from_slice(&json).ok());
    let family = config.and_then(|config| config.model_type);
    StorageFormat {
        precision: engine.precision(),
        reads_rows: matches!(engine, Engine::Cpu(_)),
        halves: match family {
            Some(family) if family.starts_with("qwen") => HalfWeights::Kept,
            _ => HalfWeights::Widened,
        },
    }
}

/// The weight files of the model.
fn weights(folder: &Path) -> Option<Vec<PathBuf>> {
    let whole = ["model.safetensors", "open_clip_model.safetensors"].map(|file| folder.join(file));
    let index = folder.join("model.safetensors.index.json");
    if whole[0].is_file() {
        return Some(vec![whole[0].clone()]);
    }
    if let Ok(shards) = eidetic_hub::shards_of(&index) {
        return Some(shards.iter().map(|shard| folder.join(shard)).collect());
    }
    whole[1].is_file().then(|| vec![whole[1].clone()])
}

fn header(file: &Path) -> Option<Metadata> {
    let mut file = File::open(file).ok()?;
    let mut size = [0; 8];
    file.read_exact(&mut size).ok()?;
    let size = u64::from_le_bytes(size);
    let length = file.metadata().ok()?.len();
    if size > MAX_HEADER || size > length {
        return None;
    }
    let mut json = Vec::new();
    file.take(size).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const F32: Engine = Engine::Cpu(Precision::F32);
    const BF16: Engine = Engine::Cpu(Precision::Bf16);
    const INT8: Engine = Engine::Cpu(Precision::Int8);

    /// Writes a header with three tensors of two million numbers each, the second of which is a table, and one of a thousand.
    fn write_header(folder: &Path, file: &str, family: &str) {
        let header = r#"{"a.fc1.weight":{"dtype":"F16","shape":[1000,2000],"data_offsets":[0,4000000]},"token_embedding.weight":{"dtype":"F16","shape":[2000,1000],"data_offsets":[4000000,8000000]},"a.fc2.weight":{"dtype":"F16","shape":[1000,2000],"data_offsets":[8000000,12000000]},"a.bias":{"dtype":"F16","shape":[1000],"data_offsets":[12000000,12002000]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        fs::write(folder.join(file), bytes).unwrap();
        fs::write(
            folder.join("config.json"),
            format!(r#"{{"model_type":"{family}"}}"#),
        )
        .unwrap();
    }

    #[test]
    fn weights_count_as_precision_packs_them() {
        let folder = tempfile::tempdir().unwrap();
        write_header(folder.path(), "model.safetensors", "clip");
        // The third tensor is in memory twice while it is read: as on disk, and widened. The table stays on disk.
        let (table, read) = (4 * 2000, 4_000_000 + 8_000_000);
        let needed = |engine| in_folder(folder.path(), engine).unwrap() - WORKING;
        assert_eq!(needed(F32), 8_000_000 + table + read);
        assert_eq!(needed(BF16), 4_000_000 + table + read);
        assert_eq!(needed(INT8), 2_000_000 + table + read);
        // candle has the table in memory too.
        assert_eq!(needed(Engine::Candle), 2 * 8_000_000 + read);
        write_header(folder.path(), "model.safetensors", "qwen2_vl");
        assert_eq!(needed(F32), 8_002_000 + table);
        assert_eq!(needed(BF16), 8_002_000 + table);
        assert_eq!(needed(INT8), 2_000_000 + table + 4_000_000);
    }

    #[test]
    fn shards_count_together() {
        let folder = tempfile::tempdir().unwrap();
        for shard in ["1.safetensors", "2.safetensors"] {
            write_header(folder.path(), shard, "qwen3_vl");
        }
        let index = r#"{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        let needed = in_folder(folder.path(), F32).unwrap() - WORKING;
        assert_eq!(needed, 2 * (8_002_000 + 4 * 2000));
    }

    #[test]
    fn damaged_headers_give_no_estimate() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(in_folder(folder.path(), F32), None);
        for bytes in [&b"short"[..], &[0xff; 20], &[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'x']] {
            fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
            assert_eq!(in_folder(folder.path(), F32), None, "{bytes:?}");
        }
    }
}
