//! A graph on disk: the two files that `hnsw_rs` writes, and one of ours that says what they are.
//!
//! `hnsw_rs`'s loader trusts the sizes that it reads and panics, or ends the process, on others. So nothing reaches it
//! whose length and BLAKE3 hash are not those that were written down when the graph was saved, by the same kind of
//! machine. The file `graph/nodes.bin` holds them:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `EIDETGRF` |
//! | 4 | format version |
//! | 4 + 1 | the number 0x01020304 and the size of an address, as this machine has them |
//! | 4 + n | the space's text form |
//! | 2 · (8 + 32) | length and hash of the graph and the data file |
//! | 8 + 36 · n | the number of images, then each with the number of its node, in order of node |
//! | 32 | hash of everything before |

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, SpaceId};
use hnsw_rs::api::AnnT;
use hnsw_rs::hnswio::HnswIo;

use crate::IndexError;
use crate::file::sync_directory;
use crate::graph::{Graph, UnitDistance, UnitHnsw};

const MAGIC: &[u8; 8] = b"EIDETGRF";
const VERSION: u32 = 1;
const BASE_NAME: &str = "vectors";
const DUMPS: [&str; 2] = ["vectors.hnsw.graph", "vectors.hnsw.data"];
const NODES: &str = "nodes.bin";

/// Where the graph of a vector file is kept. Knows no vectors, so that saving and loading hold up no search.
#[derive(Debug, Clone)]
pub struct GraphFiles {
    directory: PathBuf,
    space: SpaceId,
}

impl GraphFiles {
    pub(crate) fn new(vectors: &Path, space: &SpaceId) -> Self {
        Self {
            directory: vectors.join("graph"),
            space: space.clone(),
        }
    }

    /// Replaces the saved graph. A crash at any moment leaves the old one, the new one or none.
    pub fn save(&self, graph: &Graph) -> Result<(), IndexError> {
        let unfinished = self.directory.with_extension("new");
        let saved = self
            .write(graph, &unfinished)
            .and_then(|()| self.replace_with(&unfinished));
        saved.map_err(|source| {
            // What was written is of no use to anyone; that it cannot be removed changes nothing.
            let _ = fs::remove_dir_all(&unfinished);
            IndexError::Io {
                path: self.directory.clone(),
                source,
            }
        })
    }

    /// The saved graph; `None` where there is none of this space that is whole, so that one has to be built.
    pub fn load(&self) -> Option<Graph> {
        match self.read() {
            Ok(graph) => Some(graph),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::info!(path = %self.directory.display(), %error, "the saved graph is of no use");
                None
            }
        }
    }

    /// Size of the saved files; 0 where there are none.
    pub fn bytes(&self) -> u64 {
        let size = |name: &str| fs::metadata(self.directory.join(name)).map_or(0, |file| file.len());
        DUMPS.into_iter().chain([NODES]).map(size).sum()
    }

    fn write(&self, graph: &Graph, directory: &Path) -> io::Result<()> {
        if directory.try_exists()? {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir(directory)?;
        // Made first: `hnsw_rs` panics where it may not make files.
        let mut nodes = File::create(directory.join(NODES))?;
        dump(graph, directory)?;
        nodes.write_all(&self.describe(graph, directory)?)?;
        nodes.sync_all()?;
        for name in DUMPS {
            File::open(directory.join(name))?.sync_all()?;
        }
        sync_directory(directory)
    }

    fn replace_with(&self, unfinished: &Path) -> io::Result<()> {
        if self.directory.try_exists()? {
            fs::remove_dir_all(&self.directory)?;
        }
        fs::rename(unfinished, &self.directory)?;
        self.directory.parent().map_or(Ok(()), sync_directory)
    }

    /// Everything up to the table of nodes, but for the hashes of the dumps.
    fn preamble(&self) -> Vec<u8> {
        let space = self.space.to_string();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(0x0102_0304_u32.to_ne_bytes());
        bytes.push(size_of::<usize>() as u8);
        bytes.extend((space.len() as u32).to_le_bytes());
        bytes.extend(space.as_bytes());
        bytes
    }

    fn describe(&self, graph: &Graph, directory: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = self.preamble();
        for name in DUMPS {
            bytes.extend(fingerprint(&directory.join(name))?);
        }
        bytes.extend((graph.len() as u64).to_le_bytes());
        for (node, images) in (0_u32..).zip(graph.nodes()) {
            for image in images {
                bytes.extend(image.as_bytes());
                bytes.extend(node.to_le_bytes());
            }
        }
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        Ok(bytes)
    }

    fn read(&self) -> io::Result<Graph> {
        let bytes = fs::read(self.directory.join(NODES))?;
        let (content, hash) = bytes
            .split_last_chunk::<32>()
            .ok_or_else(|| unusable("it is cut off"))?;
        if blake3::hash(content).as_bytes() != hash {
            return Err(unusable("the checksum of its nodes does not fit"));
        }
        let mut rest = content
            .strip_prefix(self.preamble().as_slice())
            .ok_or_else(|| unusable("it is of another space, version or kind of machine"))?;
        for name in DUMPS {
            let expected = fingerprint(&self.directory.join(name))?;
            rest = rest
                .strip_prefix(expected.as_slice())
                .ok_or_else(|| unusable("a checksum does not fit"))?;
        }
        let nodes = nodes(rest).ok_or_else(|| unusable("its table of nodes has the wrong size"))?;
        let hnsw = load(&self.directory)?;
        let dimension = hnsw.get_point_indexation().get_data_dimension();
        if hnsw.get_nb_point() != nodes.len() || dimension != self.space.dimension {
            return Err(unusable("its parts do not fit together"));
        }
        Ok(Graph::new(hnsw, nodes))
    }
}

/// Length and BLAKE3 hash of a file, read piece by piece.
fn fingerprint(path: &Path) -> io::Result<[u8; 40]> {
    let mut file = File::open(path)?;
    let (mut hasher, mut piece, mut length) = (blake3::Hasher::new(), vec![0; 1 << 20], 0_u64);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        length += read as u64;
    }
    let mut fingerprint = [0; 40];
    fingerprint[..8].copy_from_slice(&length.to_le_bytes());
    fingerprint[8..].copy_from_slice(hasher.finalize().as_bytes());
    Ok(fingerprint)
}

/// The table of images: their number, then each with its node, in order of node.
fn nodes(bytes: &[u8]) -> Option<Vec<Vec<ImageId>>> {
    let (count, table) = bytes.split_first_chunk::<8>()?;
    let (entries, rest) = table.as_chunks::<36>();
    if !rest.is_empty() || entries.len() as u64 != u64::from_le_bytes(*count) {
        return None;
    }
    let mut nodes = Vec::<Vec<ImageId>>::new();
    for entry in entries {
        let (image, node) = entry.split_first_chunk::<32>()?;
        if u32::from_le_bytes(node.try_into().ok()?) as usize == nodes.len() {
            nodes.push(Vec::new());
        }
        nodes.last_mut()?.push(ImageId::from_bytes(*image));
    }
    Some(nodes)
}

fn dump(graph: &Graph, directory: &Path) -> io::Result<()> {
    let dumped = catch_unwind(AssertUnwindSafe(|| graph.hnsw().file_dump(directory, BASE_NAME)));
    match dumped {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(io::Error::other(format!(
            "the graph could not be written: {error}"
        ))),
        Err(_) => Err(io::Error::other("the graph could not be written")),
    }
}

/// Loads dumps that have been verified.
fn load(directory: &Path) -> io::Result<UnitHnsw> {
    // The graph borrows from what loads it, for the sake of memory maps, which are not used here. Giving that up for
    // good (a path and a name, some hundred bytes a load) makes the graph free to move.
    let loader: &'static HnswIo = Box::leak(Box::new(HnswIo::new(directory, BASE_NAME)));
    let loaded = catch_unwind(AssertUnwindSafe(|| loader.load_hnsw_with_dist(UnitDistance)));
    match loaded {
        Ok(Ok(hnsw)) => Ok(hnsw),
        Ok(Err(error)) => Err(unusable(&error.to_string())),
        Err(_) => Err(unusable("it could not be loaded")),
    }
}

fn unusable(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
