//! Vectors of fixed texts on disk: derived, so that a file that cannot be used counts as none.

use std::fs;
use std::path::PathBuf;

use eidetic_domain::{Embedding, SpaceId};

const FORMAT: &[u8; 8] = b"EIDTEXT1";
const HASH_BYTES: usize = 32;

/// One such file: format, key, vectors as f32 little endian, BLAKE3 of all before.
pub(crate) struct KeptVectors {
    path: PathBuf,
    key: [u8; HASH_BYTES],
    count: usize,
    dimension: usize,
}

impl KeptVectors {
    /// The file at `path` for `count` vectors of `space` that `texts` decide.
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

    /// Stands for everything that decides the vectors.
    pub(crate) const fn key(&self) -> &[u8; HASH_BYTES] {
        &self.key
    }

    /// What was kept; `None` where there is nothing, or something else.
    pub(crate) fn read(&self) -> Option<Vec<Embedding>> {
        let length = FORMAT.len() + HASH_BYTES + 4 * self.count * self.dimension + HASH_BYTES;
        if fs::metadata(&self.path).ok()?.len() != length as u64 {
            return None;
        }
        self.decode(&fs::read(&self.path).ok()?)
    }

    /// Keeps `vectors`. Nothing is lost where that fails: they take the model some seconds again next time.
    pub(crate) fn keep(&self, vectors: &[Embedding]) {
        if let Err(error) = eidetic_atomic_file::write(&self.path, &self.encode(vectors)) {
            tracing::warn!("{}: {error}", self.path.display());
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
    fn what_was_kept_is_read_again_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.bin");
        let at = |model: &str, texts: &[&str]| KeptVectors::new(path.clone(), &space(model), texts, 2);
        let kept = at("a", &["x", "y"]);
        assert!(kept.read().is_none());
        let unit = |values: [f32; 3]| Embedding::normalize(values.to_vec()).unwrap();
        let vectors = vec![unit([1.0, 0.0, 0.0]), unit([0.0, 0.0, -1.0])];
        kept.keep(&vectors);
        assert_eq!(kept.read().unwrap(), vectors);
        assert!(at("b", &["x", "y"]).read().is_none(), "another space");
        assert!(at("a", &["x", "z"]).read().is_none(), "another text");
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(kept.decode(&flipped).is_none(), "byte {at}");
        }
        fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        assert!(kept.read().is_none(), "cut short");
    }
}
