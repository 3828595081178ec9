//! The background's vectors on disk: derived, so that a file that cannot be used is made anew.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_search::confidence::{Background, background_texts};

use crate::LibraryError;

const FILE_NAME: &str = "background.bin";
const FORMAT: &[u8; 8] = b"EIDBACK1";

/// The background in the encoder's space, from the library at `directory`, else from the model and then kept there.
pub(crate) fn load(directory: &Path, encoder: &dyn Encoder) -> Result<Arc<Background>, LibraryError> {
    let path = directory.join(FILE_NAME);
    let key = key(encoder);
    let scale = encoder.score_facts().logit_scale;
    if let Some(texts) = fs::read(&path)
        .ok()
        .and_then(|bytes| decode(&bytes, &key, encoder))
    {
        return Ok(Arc::new(Background::new(texts, scale)));
    }
    let background = Background::embed(encoder)?;
    // Nothing is lost where it cannot be kept: it takes seconds again next time.
    if let Err(error) = keep(directory, &encode(&background, &key)) {
        tracing::warn!("{}: {error}", path.display());
    }
    Ok(Arc::new(background))
}

/// Stands for everything that decides the vectors.
fn key(encoder: &dyn Encoder) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(encoder.space().to_string().as_bytes());
    for text in background_texts() {
        hasher.update(b"\0").update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Format, key, vectors as f32 little endian, hash of all before.
fn encode(background: &Background, key: &[u8; 32]) -> Vec<u8> {
    let mut bytes = [FORMAT.as_slice(), key].concat();
    for text in background.texts() {
        bytes.extend(text.as_slice().iter().flat_map(|value| value.to_le_bytes()));
    }
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

fn decode(bytes: &[u8], key: &[u8; 32], encoder: &dyn Encoder) -> Option<Vec<Embedding>> {
    let (content, hash) = bytes.split_last_chunk::<32>()?;
    let vectors = content
        .strip_prefix(FORMAT.as_slice())?
        .strip_prefix(key.as_slice())?;
    let row = 4 * encoder.space().dimension;
    let whole = vectors.len() == row * background_texts().len();
    if !whole || blake3::hash(content) != *hash {
        return None;
    }
    let vector = |row: &[u8]| {
        let values = row
            .as_chunks::<4>()
            .0
            .iter()
            .map(|value| f32::from_le_bytes(*value));
        Embedding::normalize(values.collect()).ok()
    };
    vectors.chunks_exact(row).map(vector).collect()
}

fn keep(directory: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = directory.join("background.bin.new");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, directory.join(FILE_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    #[test]
    fn what_was_kept_is_read_again_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let encoder = FakeEncoder::new(16);
        let made = load(folder.path(), &encoder).unwrap();
        let path = folder.path().join(FILE_NAME);
        let bytes = fs::read(&path).unwrap();
        let read = decode(&bytes, &key(&encoder), &encoder).unwrap();
        let same = |a: &Embedding, b: &Embedding| {
            a.as_slice()
                .iter()
                .zip(b.as_slice())
                .all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(read.iter().zip(made.texts()).all(|(a, b)| same(a, b)));
        let mut flipped = bytes.clone();
        flipped[100] ^= 1;
        assert!(decode(&flipped, &key(&encoder), &encoder).is_none());
        assert!(decode(&bytes[..bytes.len() - 4], &key(&encoder), &encoder).is_none());
        let other = FakeEncoder::new(16).named("other");
        assert!(decode(&bytes, &key(&other), &other).is_none());
    }
}
