//! Folders as clip-retrieval writes them: `img_emb/img_emb_0.npy` with the embeddings of a part, and `metadata/metadata_0.parquet` with
//! the column `image_path` for the same rows; `img_emb_0.npy` and `metadata_0.parquet` in the folder itself are read too.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::npy::write_header;
use crate::npz::Matrix;
use crate::parquet_file::{PathReader, PathWriter};
use crate::{ExchangeError, ExportInfo, FileInfo, ImportedRow, VectorReader, VectorRow, VectorWriter};

const EMBEDDINGS: &str = "img_emb";
const METADATA: &str = "metadata";

/// The files of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    embeddings: PathBuf,
    metadata: PathBuf,
}

impl Part {
    /// All parts of a folder, in order of their numbers.
    fn all(folder: &Path) -> Result<Vec<Self>, ExchangeError> {
        let inner = folder.join(EMBEDDINGS);
        let (embeddings, metadata) = if inner.is_dir() {
            (inner, folder.join(METADATA))
        } else {
            (folder.to_owned(), folder.to_owned())
        };
        let mut parts = Vec::new();
        for entry in fs::read_dir(&embeddings)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| {
                let name = name.to_str()?.strip_prefix(EMBEDDINGS)?.strip_prefix('_')?;
                Some(name.strip_suffix(".npy")?.to_owned())
            });
            if let Some(number) = number {
                let metadata = metadata.join(format!("{METADATA}_{number}.parquet"));
                let order = number.parse::<u64>().unwrap_or(u64::MAX);
                parts.push((
                    (order, number),
                    Self {
                        embeddings: path,
                        metadata,
                    },
                ));
            }
        }
        parts.sort_by(|(a, _), (b, _)| a.cmp(b));
        if parts.is_empty() {
            return Err(ExchangeError::invalid(
                "the folder has no embeddings of clip-retrieval, such as img_emb/img_emb_0.npy",
            ));
        }
        Ok(parts.into_iter().map(|(_, part)| part).collect())
    }

    fn open(&self) -> Result<OpenPart, ExchangeError> {
        let input = BufReader::with_capacity(1 << 18, File::open(&self.embeddings)?);
        let paths = File::open(&self.metadata).map_err(|_| {
            ExchangeError::invalid(format!(
                "{} has no table beside it; {} is missing",
                name(&self.embeddings),
                name(&self.metadata)
            ))
        })?;
        let part = OpenPart {
            embeddings: Matrix::new(Box::new(input))?,
            paths: PathReader::open(paths)?,
        };
        let declared = part.paths.info().rows;
        if declared.is_some_and(|rows| rows != part.embeddings.left) {
            return Err(ExchangeError::invalid(format!(
                "{} has {} rows, but {} has {}",
                name(&self.embeddings),
                part.embeddings.left,
                name(&self.metadata),
                declared.unwrap_or(0)
            )));
        }
        Ok(part)
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

struct OpenPart {
    embeddings: Matrix,
    paths: PathReader,
}

impl OpenPart {
    fn next_block(&mut self) -> Result<Vec<ImportedRow>, ExchangeError> {
        let embeddings = self.embeddings.next_rows()?;
        let rows = self.paths.next(embeddings.len())?;
        if rows.len() != embeddings.len() {
            return Err(ExchangeError::invalid(
                "its table of paths ends before its embeddings do",
            ));
        }
        let row = |(row, components)| ImportedRow { components, ..row };
        Ok(rows.into_iter().zip(embeddings).map(row).collect())
    }
}

/// Reads the parts of a folder, one after another.
pub struct Reader {
    info: FileInfo,
    parts: std::vec::IntoIter<Part>,
    open: Option<OpenPart>,
}

impl Reader {
    /// Opens every part once, so that a missing table is found before anything is read.
    pub fn open(folder: &Path) -> Result<Self, ExchangeError> {
        let parts = Part::all(folder)?;
        let mut info: Option<FileInfo> = None;
        for part in &parts {
            let open = part.open()?;
            let (space, rows) = (open.paths.info().space.clone(), open.embeddings.left);
            let known = info.get_or_insert_with(|| FileInfo {
                space: space.clone(),
                dimension: open.embeddings.dimension,
                rows: Some(0),
            });
            if known.space != space || known.dimension != open.embeddings.dimension {
                return Err(ExchangeError::invalid("its parts are of different spaces"));
            }
            known.rows = known.rows.map(|sum| sum.saturating_add(rows));
        }
        Ok(Self {
            info: info.unwrap_or_default(),
            parts: parts.into_iter(),
            open: None,
        })
    }
}

impl VectorReader for Reader {
    fn info(&self) -> &FileInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Vec<ImportedRow>, ExchangeError> {
        loop {
            if let Some(open) = &mut self.open {
                let rows = open.next_block()?;
                if !rows.is_empty() {
                    return Ok(rows);
                }
            }
            let Some(part) = self.parts.next() else {
                return Ok(Vec::new());
            };
            self.open = Some(part.open()?);
        }
    }
}

/// The open files of a folder that is being written.
pub struct FolderFiles {
    embeddings: File,
    metadata: File,
}

impl FolderFiles {
    /// Creates the files in `folder`, which exists and is empty.
    pub fn create(folder: &Path) -> Result<Self, ExchangeError> {
        let create = |name: &str, extension: &str| {
            fs::create_dir(folder.join(name))?;
            File::create_new(folder.join(name).join(format!("{name}_0.{extension}")))
        };
        Ok(Self {
            embeddings: create(EMBEDDINGS, "npy")?,
            metadata: create(METADATA, "parquet")?,
        })
    }

    /// Makes them survive power loss.
    pub fn sync(&self) -> Result<(), ExchangeError> {
        self.embeddings.sync_all()?;
        Ok(self.metadata.sync_all()?)
    }
}

/// Writes a folder of one part.
pub struct FolderWriter<'a> {
    embeddings: BufWriter<&'a mut File>,
    paths: PathWriter<'a>,
    announced: u64,
    written: u64,
}

impl<'a> FolderWriter<'a> {
    /// Begins with files that were just created.
    pub fn new(files: &'a mut FolderFiles, info: &ExportInfo) -> Result<Self, ExchangeError> {
        let mut embeddings = BufWriter::with_capacity(1 << 20, &mut files.embeddings);
        write_header(&mut embeddings, "<f4", &[info.rows, info.space.dimension as u64])?;
        Ok(Self {
            embeddings,
            paths: PathWriter::new(&mut files.metadata, info)?,
            announced: info.rows,
            written: 0,
        })
    }
}

impl VectorWriter for FolderWriter<'_> {
    fn write(&mut self, rows: &[VectorRow]) -> Result<(), ExchangeError> {
        for row in rows {
            let components = row.embedding.as_slice().iter();
            let bytes: Vec<u8> = components.flat_map(|component| component.to_le_bytes()).collect();
            self.embeddings.write_all(&bytes)?;
        }
        self.written += rows.len() as u64;
        self.paths.write(rows)
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExchangeError> {
        if self.written != self.announced {
            return Err(ExchangeError::invalid("the number of pictures changed meanwhile"));
        }
        self.embeddings.flush()?;
        self.paths.finish()
    }
}
