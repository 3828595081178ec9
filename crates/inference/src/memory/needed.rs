//! An estimate of the memory that a model needs, from the headers of its weight files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use eidetic_domain::Precision;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;

use crate::engine::Engine;
use crate::layers::packing::HalfWeights;

/// What a model needs besides its weights: tokenizer, images and activations. With one image and one text the program
/// without the weights was measured at 18 to 30 MiB; batches and large vocabularies take more.
const WORKING: u64 = 64 << 20;
/// Largest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;

/// Bytes that the model in `folder` takes at the peak of its loading; `None` where no header can be read, which loading
/// reports better.
pub fn in_folder(folder: &Path, engine: Engine) -> Option<u64> {
    let form = form(folder, engine);
    let mut packed = 0;
    let mut peak = 0;
    for file in weights(folder)? {
        let header = header(&file)?;
        for name in header.offset_keys() {
            let tensor = header.info(&name)?;
            // Tensors are read in this order, one at a time.
            peak = peak.max(packed + form.while_read(tensor));
            packed += form.packed(&name, tensor);
        }
    }
    Some(peak.max(packed) + WORKING)
}

/// How a model's weights are held.
#[derive(Clone, Copy)]
struct Form {
    precision: Precision,
    /// What f32 precision makes of 16-bit weights.
    halves: HalfWeights,
}

impl Form {
    /// Bytes that a tensor takes once it is packed.
    fn packed(self, name: &str, tensor: &TensorInfo) -> u64 {
        let count = elements(tensor);
        if !is_number(tensor.dtype) {
            return 0;
        }
        let unrounded = match self.halves {
            HalfWeights::Widened => 4 * count,
            HalfWeights::Kept => on_disk(tensor),
        };
        match (self.precision, tensor_use(name, tensor)) {
            (Precision::F32, _) | (_, Use::Values) => unrounded,
            (Precision::Bf16, Use::Linear) | (_, Use::Table) => on_disk(tensor).min(2 * count),
            (Precision::Int8, Use::Linear) => count,
        }
    }

    /// Bytes that the tensor being read takes besides: as it is on disk, and widened.
    fn while_read(self, tensor: &TensorInfo) -> u64 {
        match self.halves {
            HalfWeights::Widened => on_disk(tensor) + 4 * elements(tensor),
            HalfWeights::Kept => on_disk(tensor),
        }
    }
}

enum Use {
    Values,
    Linear,
    Table,
}

/// Matrices are for products, but positions are added and tables of embeddings are looked up.
fn tensor_use(name: &str, tensor: &TensorInfo) -> Use {
    let named = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if tensor.shape.len() < 2 || named(&["position", "pos_embed", "token_type"]) {
        Use::Values
    } else if named(&["token", "word_embeddings"]) {
        Use::Table
    } else {
        Use::Linear
    }
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

/// The Qwen families hold 16-bit weights as they are: widened, they would not fit where they are meant to run.
fn form(folder: &Path, engine: Engine) -> Form {
    let description = fs::read(folder.join("config.json")).ok();
    let description: Option<Description> = description.and_then(|json| serde_json::from_slice(&json).ok());
    let family = description.and_then(|description| description.model_type);
    Form {
        precision: engine.precision(),
        halves: match family {
            Some(family) if family.starts_with("qwen") => HalfWeights::Kept,
            _ => HalfWeights::Widened,
        },
    }
}

/// The weight files that loading the folder reads.
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
    fn weights_count_as_precision_packs_them() {
        let folder = tempfile::tempdir().unwrap();
        claims(folder.path(), "model.safetensors", "clip");
        // The second is in memory twice while it is read: as it is on disk, and widened.
        let read = 4_000_000 + 8_000_000;
        let needed = |engine| in_folder(folder.path(), engine).unwrap() - WORKING;
        assert_eq!(needed(F32), 8_000_000 + read);
        assert_eq!(needed(BF16), 4_000_000 + read);
        assert_eq!(needed(INT8), 2_000_000 + read);
        claims(folder.path(), "model.safetensors", "qwen2_vl");
        assert_eq!(needed(F32), 8_002_000);
        assert_eq!(needed(BF16), 8_002_000);
        assert_eq!(needed(INT8), 6_002_000);
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
    fn damaged_headers_give_no_estimate() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(in_folder(folder.path(), F32), None);
        for bytes in [&b"short"[..], &[0xff; 20], &[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'x']] {
            fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
            assert_eq!(in_folder(folder.path(), F32), None, "{bytes:?}");
        }
    }
}
