use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use eidetic_domain::Precision;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;

use crate::engine::Engine;

/// What a model works in beside its weights: tokenizer, pictures and what lies between layers. With one picture and one
/// text the whole program beside the weights was measured at 18 to 30 MiB; batches and large vocabularies take more.
const WORKING: u64 = 64 << 20;
/// Largest header that the format allows.
const LARGEST_HEADER: u64 = 100_000_000;

/// Bytes that the model in `folder` holds at the peak of its loading; `None` where no header can be read, which whoever
/// loads it says better.
pub fn in_folder(folder: &Path, engine: Engine) -> Option<u64> {
    let form = form(folder, engine);
    let mut kept = 0;
    let mut peak = 0;
    for file in weights(folder)? {
        let header = header(&file)?;
        for name in header.offset_keys() {
            let tensor = header.info(&name)?;
            // Tensors are read in this order, one at a time.
            peak = peak.max(kept + form.while_read(tensor));
            kept += form.kept(&name, tensor);
        }
    }
    Some(peak.max(kept) + WORKING)
}

/// How an engine keeps a model's weights.
#[derive(Clone, Copy)]
enum Form {
    /// Widened to f32.
    F32,
    /// Factors of products in 8 bits, the rest in f32.
    Int8,
    /// In the type that they have on disk.
    AsOnDisk,
    /// The same, with matrices in 16 bits at most.
    Halves,
}

impl Form {
    fn kept(self, name: &str, tensor: &TensorInfo) -> u64 {
        let count = elements(tensor);
        match self {
            Self::Halves if tensor.shape.len() > 1 => on_disk(tensor).min(2 * count),
            Self::AsOnDisk | Self::Halves => on_disk(tensor),
            Self::Int8 if is_factor(name, tensor) => count,
            _ if is_number(tensor.dtype) => 4 * count,
            _ => 0,
        }
    }

    /// One tensor at a time lies in memory as it is on disk, and widened.
    fn while_read(self, tensor: &TensorInfo) -> u64 {
        match self {
            Self::AsOnDisk | Self::Halves => on_disk(tensor),
            _ => on_disk(tensor) + 4 * elements(tensor),
        }
    }
}

/// Tables that are looked up in rather than multiplied with stay in f32.
fn is_factor(name: &str, tensor: &TensorInfo) -> bool {
    let table = ["position", "token", "word_embeddings"]
        .iter()
        .any(|part| name.contains(part));
    tensor.shape.len() > 1 && !table
}

const fn is_number(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

fn elements(tensor: &TensorInfo) -> u64 {
    tensor.shape.iter().map(|&side| side as u64).product()
}

const fn on_disk(tensor: &TensorInfo) -> u64 {
    (tensor.data_offsets.1 - tensor.data_offsets.0) as u64
}

#[derive(Deserialize)]
struct Description {
    model_type: Option<String>,
}

/// Language models keep their weights as they are: widened they would not fit where they are meant to run.
fn form(folder: &Path, engine: Engine) -> Form {
    let description = fs::read(folder.join("config.json")).ok();
    let description: Option<Description> = description.and_then(|json| serde_json::from_slice(&json).ok());
    let family = description.and_then(|description| description.model_type);
    if family.is_some_and(|family| family.starts_with("qwen")) {
        return match engine {
            Engine::Cpu(Precision::Bf16) => Form::Halves,
            _ => Form::AsOnDisk,
        };
    }
    match engine {
        Engine::Cpu(Precision::Int8) => Form::Int8,
        _ => Form::F32,
    }
}

/// The weight files that whoever loads the folder would read.
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
    if size > LARGEST_HEADER || size > length {
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
    const INT8: Engine = Engine::Cpu(Precision::Int8);

    /// A header that claims two tensors of two million numbers each, and one of a thousand.
    fn claims(folder: &Path, file: &str, family: &str) {
        let header = r#"{"a.fc1.weight":{"dtype":"F16","shape":[1000,2000],"data_offsets":[0,4000000]},"token_embedding.weight":{"dtype":"F16","shape":[2000,1000],"data_offsets":[4000000,8000000]},"a.bias":{"dtype":"F16","shape":[1000],"data_offsets":[8000000,8002000]}}"#;
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
    fn weights_count_as_the_engine_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        claims(folder.path(), "model.safetensors", "clip");
        // While the second is read it is there twice: as it lies on disk, and widened.
        let read = 4_000_000 + 8_000_000;
        let needed = |engine| in_folder(folder.path(), engine).unwrap() - WORKING;
        assert_eq!(needed(F32), 8_000_000 + read);
        assert_eq!(needed(INT8), 2_000_000 + read);
        claims(folder.path(), "model.safetensors", "qwen2_vl");
        assert_eq!(needed(F32), 8_002_000);
        assert_eq!(needed(Engine::Cpu(Precision::Bf16)), 8_002_000);
    }

    #[test]
    fn shards_count_together() {
        let folder = tempfile::tempdir().unwrap();
        for shard in ["1.safetensors", "2.safetensors"] {
            claims(folder.path(), shard, "qwen3_vl");
        }
        let index = r#"{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        let needed = in_folder(folder.path(), F32).unwrap() - WORKING;
        assert_eq!(needed, 2 * 8_002_000);
    }

    #[test]
    fn nothing_is_told_of_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(in_folder(folder.path(), F32), None);
        for bytes in [&b"short"[..], &[0xff; 20], &[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'x']] {
            fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
            assert_eq!(in_folder(folder.path(), F32), None, "{bytes:?}");
        }
    }
}
