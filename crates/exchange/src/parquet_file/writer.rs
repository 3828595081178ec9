//! Writes tables of embeddings, one group of rows after another.

use std::fs::File;
use std::sync::Arc;

use eidetic_domain::ImageId;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::{DIMENSION, FORMAT, MODEL, NORMALIZED, SPACE};
use crate::path_text::{exact_bytes, text};
use crate::{ExchangeError, ExportInfo, FORMAT_VERSION, RowColumns, VectorRow, VectorWriter};

/// Values of embeddings in one group of rows, which is held in memory until it is complete: 32 MiB.
const GROUP_VALUES: usize = 8 << 20;

const NAMES: &str = "required binary id (STRING); required binary path (STRING);
    required group paths (LIST) { repeated group list { required binary element (STRING); } }
    optional binary path_bytes;";
const METADATA: &str =
    "optional int64 taken (TIMESTAMP(MICROS, false)); required int32 width; required int32 height;
    required group tags (LIST) { repeated group list { required binary element (STRING); } }";
const EMBEDDING: &str = "required group embedding (LIST) { repeated group list { required float element; } }";

/// Writes a table of embeddings.
pub struct Writer<'a> {
    file: SerializedFileWriter<&'a mut File>,
    columns: RowColumns,
    group: Vec<VectorRow>,
    group_rows: usize,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut File, info: &ExportInfo) -> Result<Self, ExchangeError> {
        let metadata = match info.columns {
            RowColumns::Embeddings => "",
            RowColumns::Metadata => METADATA,
        };
        let schema = format!("message eidetic {{ {NAMES} {metadata} {EMBEDDING} }}");
        Ok(Self {
            file: open(out, &schema, info)?,
            columns: info.columns,
            group: Vec::new(),
            group_rows: (GROUP_VALUES / info.space.dimension.max(1)).max(1),
        })
    }

    fn write_group(&mut self) -> Result<(), ExchangeError> {
        let rows = std::mem::take(&mut self.group);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        put::<ByteArrayType>(
            &mut group,
            &Column::required(rows.iter().map(|row| id_text(&row.image))),
        )?;
        put::<ByteArrayType>(&mut group, &Column::required(rows.iter().map(first_path)))?;
        let paths = |row: &VectorRow| row.paths.iter().map(|path| bytes_of(text(path))).collect();
        put::<ByteArrayType>(&mut group, &Column::lists(rows.iter().map(paths)))?;
        put::<ByteArrayType>(&mut group, &Column::optional(rows.iter().map(exact_path)))?;
        if self.columns == RowColumns::Metadata {
            put::<Int64Type>(&mut group, &Column::optional(rows.iter().map(taken_us)))?;
            put::<Int32Type>(
                &mut group,
                &Column::required(rows.iter().map(|row| row.details.width as i32)),
            )?;
            put::<Int32Type>(
                &mut group,
                &Column::required(rows.iter().map(|row| row.details.height as i32)),
            )?;
            let tags = |row: &VectorRow| row.details.tags.iter().cloned().map(bytes_of).collect();
            put::<ByteArrayType>(&mut group, &Column::lists(rows.iter().map(tags)))?;
        }
        put_embeddings(&mut group, &rows)?;
        group.close()?;
        Ok(())
    }
}

impl VectorWriter for Writer<'_> {
    fn write(&mut self, rows: &[VectorRow]) -> Result<(), ExchangeError> {
        for row in rows {
            self.group.push(row.clone());
            if self.group.len() == self.group_rows {
                self.write_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExchangeError> {
        self.write_group()?;
        self.file.close()?;
        Ok(())
    }
}

/// Rows of one group in a table of paths alone.
const PATH_ROWS: usize = 1 << 16;

/// Writes the table of paths beside the arrays of clip-retrieval.
pub struct PathWriter<'a> {
    file: SerializedFileWriter<&'a mut File>,
    ids: Vec<ByteArray>,
    paths: Vec<ByteArray>,
    exact: Vec<Option<ByteArray>>,
}

impl<'a> PathWriter<'a> {
    pub fn new(out: &'a mut File, info: &ExportInfo) -> Result<Self, ExchangeError> {
        let schema = "message eidetic { required binary image_path (STRING); required binary id (STRING); optional binary path_bytes; }";
        Ok(Self {
            file: open(out, schema, info)?,
            ids: Vec::new(),
            paths: Vec::new(),
            exact: Vec::new(),
        })
    }

    pub fn write(&mut self, rows: &[VectorRow]) -> Result<(), ExchangeError> {
        self.ids.extend(rows.iter().map(|row| id_text(&row.image)));
        self.paths.extend(rows.iter().map(first_path));
        self.exact.extend(rows.iter().map(exact_path));
        if self.ids.len() >= PATH_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ExchangeError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        put::<ByteArrayType>(&mut group, &Column::required(self.paths.drain(..)))?;
        put::<ByteArrayType>(&mut group, &Column::required(self.ids.drain(..)))?;
        put::<ByteArrayType>(&mut group, &Column::optional(self.exact.drain(..)))?;
        group.close()?;
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), ExchangeError> {
        self.write_group()?;
        self.file.close()?;
        Ok(())
    }
}

fn open<'a>(
    out: &'a mut File,
    schema: &str,
    info: &ExportInfo,
) -> Result<SerializedFileWriter<&'a mut File>, ExchangeError> {
    let facts = [
        (FORMAT, FORMAT_VERSION.to_string()),
        (SPACE, info.space.to_string()),
        (MODEL, info.space.model.clone()),
        (DIMENSION, info.space.dimension.to_string()),
        (NORMALIZED, "true".to_owned()),
    ];
    let facts = facts.map(|(name, value)| KeyValue::new(name.to_owned(), value));
    let embedding = ColumnPath::new(["embedding", "list", "element"].map(str::to_owned).to_vec());
    let properties = WriterProperties::builder()
        .set_created_by(concat!("eidetic ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(facts.to_vec()))
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        // Directions of unit vectors do not become smaller.
        .set_column_compression(embedding, Compression::UNCOMPRESSED)
        .build();
    let schema = Arc::new(parse_message_type(schema)?);
    Ok(SerializedFileWriter::new(out, schema, Arc::new(properties))?)
}

/// The values of a column, and what places them in rows.
struct Column<T> {
    values: Vec<T>,
    defined: Option<Vec<i16>>,
    repeated: Option<Vec<i16>>,
}

impl<T> Column<T> {
    fn required(values: impl Iterator<Item = T>) -> Self {
        Self {
            values: values.collect(),
            defined: None,
            repeated: None,
        }
    }

    fn optional(rows: impl Iterator<Item = Option<T>>) -> Self {
        let rows: Vec<Option<T>> = rows.collect();
        Self {
            defined: Some(rows.iter().map(|value| i16::from(value.is_some())).collect()),
            repeated: None,
            values: rows.into_iter().flatten().collect(),
        }
    }

    /// Required lists of required values, of which each may be empty.
    fn lists(rows: impl Iterator<Item = Vec<T>>) -> Self {
        let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        for list in rows {
            let length = list.len();
            defined.extend(std::iter::repeat_n(i16::from(length > 0), length.max(1)));
            repeated.push(0);
            repeated.extend(std::iter::repeat_n(1, length.saturating_sub(1)));
            values.extend(list);
        }
        Self {
            values,
            defined: Some(defined),
            repeated: Some(repeated),
        }
    }
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut File>,
    column: &Column<T::T>,
) -> Result<(), ExchangeError> {
    let mut writer = next(group)?;
    writer.typed::<T>().write_batch(
        &column.values,
        column.defined.as_deref(),
        column.repeated.as_deref(),
    )?;
    writer.close()?;
    Ok(())
}

/// The same for all embeddings, a block at a time, so that they are not copied as a whole.
fn put_embeddings(
    group: &mut SerializedRowGroupWriter<'_, &mut File>,
    rows: &[VectorRow],
) -> Result<(), ExchangeError> {
    let mut writer = next(group)?;
    let dimension = rows.first().map_or(0, |row| row.embedding.dimension());
    let rows_at_once = crate::block_rows(dimension);
    let defined = vec![1; rows_at_once * dimension];
    let repeated: Vec<i16> = (0..rows_at_once * dimension)
        .map(|at| i16::from(at % dimension != 0))
        .collect();
    for block in rows.chunks(rows_at_once) {
        let values: Vec<f32> = block
            .iter()
            .flat_map(|row| row.embedding.as_slice())
            .copied()
            .collect();
        let (defined, repeated) = (&defined[..values.len()], &repeated[..values.len()]);
        writer
            .typed::<FloatType>()
            .write_batch(&values, Some(defined), Some(repeated))?;
    }
    writer.close()?;
    Ok(())
}

fn next<'a>(
    group: &'a mut SerializedRowGroupWriter<'_, &mut File>,
) -> Result<SerializedColumnWriter<'a>, ExchangeError> {
    let writer = group.next_column()?;
    writer.ok_or_else(|| ExchangeError::invalid("more columns than the table has"))
}

fn bytes_of(text: String) -> ByteArray {
    ByteArray::from(text.into_bytes())
}

fn id_text(image: &ImageId) -> ByteArray {
    bytes_of(image.to_string())
}

fn first_path(row: &VectorRow) -> ByteArray {
    bytes_of(row.paths.first().map(|path| text(path)).unwrap_or_default())
}

/// The bytes of a first path that is not UTF-8.
fn exact_path(row: &VectorRow) -> Option<ByteArray> {
    Some(exact_bytes(row.paths.first()?)?.to_vec().into())
}

/// Microseconds since 1970 in local time.
fn taken_us(row: &VectorRow) -> Option<i64> {
    let taken = row.details.taken?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(taken.timestamp().as_microsecond())
}
