//! Files are read back as they were written, those of other programs too, and damaged ones end in an error.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use eidetic_domain::{Embedding, ImageId, SpaceId};
use eidetic_exchange::{
    ExchangeError, ExportInfo, FileFormat, FolderFiles, FolderWriter, ImportedRow, RowColumns, RowDetails,
    VectorRow, VectorWriter, open, writer,
};
use proptest::prelude::*;

const FILES: [FileFormat; 3] = [FileFormat::Parquet, FileFormat::Npz, FileFormat::JsonLines];

fn space(dimension: usize) -> SpaceId {
    SpaceId {
        model: "organization/name".into(),
        revision: "abc123".into(),
        preprocessing: "bicubic224".into(),
        dimension,
    }
}

/// Rows with different numbers of paths and tags.
fn rows(count: usize, dimension: usize) -> Vec<VectorRow> {
    let row = |row: usize| VectorRow {
        image: ImageId::of(&row.to_le_bytes()),
        paths: (0..=row % 3)
            .map(|copy| format!("/photos/{row}/é {copy}.jpg").into())
            .collect(),
        embedding: Embedding::normalize(
            (0..dimension)
                .map(|c| ((row * 31 + c * 7) % 13) as f32 - 5.5)
                .collect(),
        )
        .unwrap(),
        details: RowDetails {
            taken: row
                .is_multiple_of(2)
                .then(|| "2024-05-01T12:00:00".parse().unwrap()),
            width: 4000,
            height: row as u32,
            tags: ["sea", "red sky"]
                .iter()
                .take(row % 3)
                .map(|&tag| tag.to_owned())
                .collect(),
        },
    };
    (0..count).map(row).collect()
}

/// Writes the rows in two blocks.
fn write(path: &Path, format: FileFormat, rows: &[VectorRow], columns: RowColumns) {
    let info = ExportInfo {
        space: space(rows.first().map_or(4, |row| row.embedding.dimension())),
        rows: rows.len() as u64,
        columns,
    };
    let (first, second) = rows.split_at(rows.len() / 2);
    let write = |mut writer: Box<dyn VectorWriter + '_>| {
        writer.write(first).unwrap();
        writer.write(second).unwrap();
        writer.finish().unwrap();
    };
    if format == FileFormat::ClipRetrieval {
        fs::create_dir(path).unwrap();
        let mut files = FolderFiles::create(path).unwrap();
        write(Box::new(FolderWriter::new(&mut files, &info).unwrap()));
    } else {
        let mut file = File::create(path).unwrap();
        write(writer(format, &mut file, &info).unwrap());
    }
}

fn read(path: &Path, format: FileFormat) -> Result<Vec<ImportedRow>, ExchangeError> {
    let mut reader = open(path, format)?;
    let mut rows = Vec::new();
    loop {
        let block = reader.next_block()?;
        if block.is_empty() {
            return Ok(rows);
        }
        rows.extend(block);
    }
}

fn expected(rows: &[VectorRow]) -> Vec<ImportedRow> {
    let row = |row: &VectorRow| ImportedRow {
        image: Some(row.image),
        path: row.paths.first().cloned(),
        components: row.embedding.as_slice().to_vec(),
    };
    rows.iter().map(row).collect()
}

#[test]
fn rows_are_read_back_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in FileFormat::NAMES {
        for (number, (count, dimension)) in [(0, 4), (1, 1), (5, 3), (2500, 96)].into_iter().enumerate() {
            for columns in [RowColumns::Embeddings, RowColumns::Metadata] {
                let path = folder.path().join(format!("{number}{columns:?}.{name}"));
                let rows = rows(count, dimension);
                write(&path, format, &rows, columns);
                assert_eq!(read(&path, format).unwrap(), expected(&rows), "{path:?}");
                let info = open(&path, format).unwrap().info().clone();
                assert_eq!(info.rows.unwrap_or(count as u64), count as u64, "{path:?}");
                if count > 0 || format != FileFormat::JsonLines {
                    assert_eq!(info.space, Some(space(dimension).to_string()), "{path:?}");
                }
            }
        }
    }
}

#[test]
fn several_groups_of_rows_are_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    // A group has 128 such rows.
    let rows = rows(300, 65_536);
    write(&path, FileFormat::Parquet, &rows, RowColumns::Embeddings);
    assert!(read(&path, FileFormat::Parquet).unwrap() == expected(&rows));
}

#[cfg(unix)]
#[test]
fn paths_outside_unicode_keep_their_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows(2, 3);
    rows[1].paths = vec![PathBuf::from(std::ffi::OsStr::from_bytes(b"/a/caf\xe9.jpg"))];
    for (name, format) in FileFormat::NAMES {
        let path = folder.path().join(name);
        write(&path, format, &rows, RowColumns::Embeddings);
        assert_eq!(read(&path, format).unwrap(), expected(&rows), "{name}");
    }
}

/// What `tools/exchange/golden.py` wrote.
fn golden(name: &str, format: FileFormat) -> Vec<ImportedRow> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    read(&path, format).unwrap()
}

fn golden_row(row: usize) -> ImportedRow {
    ImportedRow {
        image: None,
        path: Some(format!("photos/{row} é.jpg").into()),
        components: (0..8).map(|c| (row * 8 + c + 1) as f32 / 64.0).collect(),
    }
}

#[test]
fn files_of_other_programs_are_read() {
    let plain: Vec<ImportedRow> = (0..5).map(golden_row).collect();
    assert_eq!(golden("pandas.parquet", FileFormat::Parquet), plain);
    assert_eq!(golden("polars.parquet", FileFormat::Parquet), plain);
    assert_eq!(golden("plain.npz", FileFormat::Npz), plain);
    assert_eq!(golden("clip_retrieval", FileFormat::ClipRetrieval), plain);
    let with_ids = |row: usize| ImportedRow {
        image: Some(format!("{row:064x}").parse().unwrap()),
        ..golden_row(row)
    };
    let with_ids: Vec<ImportedRow> = (0..5).map(with_ids).collect();
    assert_eq!(golden("fixed_half.parquet", FileFormat::Parquet), with_ids);
    assert_eq!(golden("compressed.npz", FileFormat::Npz), with_ids);
}

#[test]
fn missing_values_are_empty() {
    let rows = golden("doubles_with_nulls.parquet", FileFormat::Parquet);
    assert_eq!(rows.len(), 5);
    assert!(rows[2].components.is_empty() && rows[2].path == golden_row(2).path);
    assert!(rows[3].path.is_none() && rows[3].components == golden_row(3).components);
    assert_eq!(rows[4], golden_row(4));
}

#[test]
fn space_of_foreign_arrays_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let info = |name: &str, format| open(&path.join(name), format).unwrap().info().clone();
    let found = info("compressed.npz", FileFormat::Npz);
    assert_eq!(found.space.as_deref(), Some("model@revision/preprocessing/8"));
    assert_eq!((found.dimension, found.rows), (8, Some(5)));
    assert_eq!(info("plain.npz", FileFormat::Npz).space, None);
    assert_eq!(info("clip_retrieval", FileFormat::ClipRetrieval).rows, Some(5));
}

/// Writes a file of these bytes and reads it.
fn read_bytes(bytes: &[u8], format: FileFormat) -> Result<Vec<ImportedRow>, ExchangeError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    read(file.path(), format)
}

fn bytes_of(format: FileFormat) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(file.path(), format, &rows(20, 5), RowColumns::Metadata);
    fs::read(file.path()).unwrap()
}

#[test]
fn truncated_files_are_errors() {
    for format in FILES {
        let bytes = bytes_of(format);
        for length in (0..bytes.len() - 40).step_by(97) {
            let read = read_bytes(&bytes[..length], format);
            let is_shorter =
                format == FileFormat::JsonLines && read.as_ref().is_ok_and(|rows| rows.len() < 20);
            assert!(read.is_err() || is_shorter, "{format:?} of {length} bytes");
        }
    }
}

#[test]
fn flipped_embedding_in_archive_is_noticed() {
    let mut bytes = bytes_of(FileFormat::Npz);
    bytes[300] ^= 1;
    let message = read_bytes(&bytes, FileFormat::Npz).unwrap_err().to_string();
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn declared_rows_are_not_believed() {
    let bytes = bytes_of(FileFormat::Npz);
    let declared = b"'shape': (20, 5), }";
    let at = bytes
        .windows(declared.len())
        .position(|window| window == declared)
        .unwrap();
    let mut bytes = bytes;
    let huge = b"'shape': (9999999999999999, 5), }";
    bytes[at..at + huge.len()].copy_from_slice(huge);
    assert!(read_bytes(&bytes, FileFormat::Npz).is_err());
}

#[test]
fn arrays_of_different_lengths_are_refused() {
    let rows = rows(3, 4);
    let info = ExportInfo {
        space: space(4),
        rows: 4,
        columns: RowColumns::Embeddings,
    };
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = writer(FileFormat::Npz, &mut file, &info).unwrap();
    writer.write(&rows).unwrap();
    assert!(
        writer
            .finish()
            .unwrap_err()
            .to_string()
            .contains("changed meanwhile")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the bytes, reading ends, without a panic.
    #[test]
    fn changed_bytes_are_read_or_refused(
        format in prop::sample::select(FILES.as_slice()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = bytes_of(format);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(rows) = read_bytes(&bytes, format) {
            prop_assert!(rows.len() <= 20, "{}", rows.len());
        }
    }
}
