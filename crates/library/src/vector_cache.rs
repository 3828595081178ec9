//! Embeddings of fixed texts on disk. They are derived: a file that cannot be used counts as missing.

use std::fs;
use std::path::PathBuf;

use eidetic_domain::{Embedding, SpaceId};

const FORMAT: &[u8; 8] = b"EIDTEXT1";
const HASH_BYTES: usize = 32;

/// A file of embeddings: magic, key, values as f32 little endian, BLAKE3 of everything before.
pub(crate) struct VectorCache {
    path: PathBuf,
    key: [u8; HASH_BYTES],
    count: usize,
    dimension: usize,
}

impl VectorCache {
    /// The file at `path` for `count` vectors of `space`, which depend on `texts`.
    pub(crate) fn new<T: AsRef<str>>(
        path: PathBuf,
        space: &SpaceId,
        texts: impl IntoIterator<Item = T>,
        count: usize,
    ) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(space.to_string().as_bytes());
        for text in texts {
            hasher.update(b"\0").update(text.as_ref().as_bytes());
        }
        Self {
            path,
            key: *hasher.finalize().as_bytes(),
            count,
            dimension: space.dimension,
        }
    }

    /// Hash of everything that the vectors depend on.
    pub(crate) const fn key(&self) -> &[u8; HASH_BYTES] {
        &self.key
    }

    /// The stored vectors; `None` where there is no file, or one with another key.
    pub(crate) fn read(&self) -> Option<Vec<Embedding>> {
        let length = FORMAT.len() + HASH_BYTES + 4 * self.count * self.dimension + HASH_BYTES;
        if fs::metadata(&self.path).ok()?.len() != length as u64 {
            return None;
        }
        self.decode(&fs::read(&self.path).ok()?)
    }

    /// Stores `vectors`. A failure is only logged: the model computes them again next time.
    pub(crate) fn write(&self, vectors: &[Embedding]) {
        match eidetic_atomic_file::write(&self.path, &self.encode(vectors)) {
            // A reader who may not write, as usual.
            Err(error) if eidetic_atomic_file::is_unwritable(&error) => {
                tracing::info!("{}: {error}", self.path.display());
            }
            Err(error) => tracing::warn!("{}: {error}", self.path.display()),
            Ok(()) => {}
        }
    }

    fn encode(&self, vectors: &[Embedding]) -> Vec<u8> {
        let mut bytes = [FORMAT.as_slice(), &self.key].concat();
        for vector in vectors {
            bytes.extend(vector.as_slice().iter().flat_map(|value| value.to_le_bytes()));
        }
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    fn decode(&self, bytes: &[u8]) -> Option<Vec<Embedding>> {
        let (content, hash) = bytes.split_last_chunk::<HASH_BYTES>()?;
        let vectors = content
            .strip_prefix(FORMAT.as_slice())?
            .strip_prefix(self.key.as_slice())?;
        let row = 4 * self.dimension;
        if row == 0 || vectors.len() != row * self.count || blake3::hash(content) != *hash {
            return None;
        }
        vectors.chunks_exact(row).map(vector).collect()
    }
}

fn vector(row: &[u8]) -> Option<Embedding> {
    let values = row
        .as_chunks::<4>()
        .0
        .iter()
        .map(|value| f32::from_le_bytes(*value));
    Embedding::normalize(values.collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(model: &str) -> SpaceId {
        SpaceId {
            model: model.into(),
            revision: "1".into(),
            preprocessing: "p".into(),
            dimension: 3,
        }
    }

    #[test]
    fn vectors_read_back_damage_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.bin");
        let at = |model: &str, texts: &[&str]| VectorCache::new(path.clone(), &space(model), texts, 2);
        let cache = at("a", &["x", "y"]);
        assert!(cache.read().is_none());
        let unit = |values: [f32; 3]| Embedding::normalize(values.to_vec()).unwrap();
        let vectors = vec![unit([1.0, 0.0, 0.0]), unit([0.0, 0.0, -1.0])];
        cache.write(&vectors);
        assert_eq!(cache.read().unwrap(), vectors);
        assert!(at("b", &["x", "y"]).read().is_none(), "another space");
        assert!(at("a", &["x", "z"]).read().is_none(), "another text");
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(cache.decode(&flipped).is_none(), "byte {at}");
        }
        fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        assert!(cache.read().is_none(), "cut short");
    }
}
