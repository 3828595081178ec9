//! Reads tables of embeddings, also those of other programs.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use half::f16;
use parquet::basic::{LogicalType, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescPtr;

use super::SPACE;
use crate::path_text::from_bytes;
use crate::{ExchangeError, FileInfo, ImportedRow, MAX_DIMENSION, VectorReader, block_rows};

/// Names that programs give to the column of embeddings and to that of paths, the best first.
const EMBEDDING_NAMES: [&str; 6] = [
    "embedding",
    "embeddings",
    "vector",
    "image_embedding",
    "img_emb",
    "image_features",
];
const PATH_NAMES: [&str; 3] = ["path", "image_path", "file_path"];
const ID: &str = "id";
const PATH_BYTES: &str = "path_bytes";

/// Values that a page may declare beyond those of the rows that are asked for: pages of a few bytes can declare billions. Some programs
/// write pages of 100 MB.
const PAGE_VALUES: u64 = 32 << 20;

/// Reads a table of embeddings.
pub struct Reader {
    file: SerializedFileReader<File>,
    info: FileInfo,
    columns: Columns,
    /// The next group of rows.
    group: usize,
    open: Option<OpenGroup>,
}

/// The columns of the file that are read, by number.
#[derive(Debug, Clone, Copy)]
struct Columns {
    embedding: usize,
    texts: TextColumns,
}

#[derive(Debug, Clone, Copy)]
struct TextColumns {
    id: Option<usize>,
    path: Option<usize>,
    path_bytes: Option<usize>,
}

/// A group of rows that is being read.
struct OpenGroup {
    embedding: EmbeddingColumn,
    texts: OpenTexts,
}

struct OpenTexts {
    id: Option<TextColumn>,
    path: Option<TextColumn>,
    path_bytes: Option<TextColumn>,
}

impl Reader {
    /// Reads the first row too, for the dimension.
    pub fn open(file: File) -> Result<Self, ExchangeError> {
        let file = guarded(|| Ok(SerializedFileReader::new(file)?))?;
        let columns = Columns::find(&file)?;
        let mut reader = Self {
            info: info_of(&file),
            file,
            columns,
            group: 0,
            open: None,
        };
        let first = guarded(|| reader.read(1))?;
        reader.info.dimension = first.first().map_or(0, |row| row.components.len());
        if reader.info.dimension > MAX_DIMENSION {
            return Err(ExchangeError::invalid(format!(
                "its embeddings have {} components; at most {MAX_DIMENSION} are read",
                reader.info.dimension
            )));
        }
        (reader.group, reader.open) = (0, None);
        Ok(reader)
    }

    fn read(&mut self, rows: usize) -> Result<Vec<ImportedRow>, ExchangeError> {
        loop {
            if let Some(open) = &mut self.open {
                let read = open.read(rows)?;
                if !read.is_empty() {
                    return Ok(read);
                }
            }
            if self.group == self.file.num_row_groups() {
                return Ok(Vec::new());
            }
            let group = self.file.get_row_group(self.group)?;
            self.open = Some(OpenGroup::new(group.as_ref(), self.columns)?);
            self.group += 1;
        }
    }
}

impl VectorReader for Reader {
    fn info(&self) -> &FileInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Vec<ImportedRow>, ExchangeError> {
        let rows = block_rows(self.info.dimension);
        guarded(|| self.read(rows))
    }
}

/// Reads the table of paths beside the arrays of clip-retrieval.
pub struct PathReader {
    file: SerializedFileReader<File>,
    info: FileInfo,
    columns: TextColumns,
    group: usize,
    open: Option<OpenTexts>,
}

impl PathReader {
    pub fn open(file: File) -> Result<Self, ExchangeError> {
        let file = guarded(|| Ok(SerializedFileReader::new(file)?))?;
        let columns = TextColumns::find(&file);
        if columns.path.is_none() {
            return Err(ExchangeError::invalid("its metadata has no column image_path"));
        }
        Ok(Self {
            info: info_of(&file),
            file,
            columns,
            group: 0,
            open: None,
        })
    }

    /// The file says nothing of dimensions.
    pub const fn info(&self) -> &FileInfo {
        &self.info
    }

    /// So many further rows, without embeddings; fewer only at the end.
    pub fn next(&mut self, rows: usize) -> Result<Vec<ImportedRow>, ExchangeError> {
        guarded(|| {
            let mut read = Vec::new();
            while read.len() < rows {
                if let Some(open) = &mut self.open {
                    let more = open.read(rows - read.len())?;
                    if !more.is_empty() {
                        read.extend(more);
                        continue;
                    }
                }
                if self.group == self.file.num_row_groups() {
                    break;
                }
                let group = self.file.get_row_group(self.group)?;
                self.open = Some(OpenTexts::new(group.as_ref(), self.columns)?);
                self.group += 1;
            }
            Ok(read)
        })
    }
}

/// The library that reads Parquet may panic at damaged files; nothing is shared with it.
fn guarded<T>(read: impl FnOnce() -> Result<T, ExchangeError>) -> Result<T, ExchangeError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(ExchangeError::invalid(
            "it cannot be read as Parquet: it is damaged",
        ))
    })
}

fn info_of(file: &SerializedFileReader<File>) -> FileInfo {
    let metadata = file.metadata().file_metadata();
    let facts = metadata.key_value_metadata().map_or(&[][..], Vec::as_slice);
    let space = facts.iter().find(|fact| fact.key == SPACE);
    FileInfo {
        space: space.and_then(|fact| fact.value.clone()),
        dimension: 0,
        rows: u64::try_from(metadata.num_rows()).ok(),
    }
}

impl Columns {
    fn find(file: &SerializedFileReader<File>) -> Result<Self, ExchangeError> {
        let schema = file.metadata().file_metadata().schema_descr();
        let is_embedding =
            |column: &ColumnDescPtr| column.max_rep_level() == 1 && Numbers::of(column).is_some();
        let found = EMBEDDING_NAMES.iter().find_map(|name| {
            let mut columns = schema.columns().iter();
            columns.position(|column| root_name(column) == *name && is_embedding(column))
        });
        let missing = || {
            let names = EMBEDDING_NAMES.join(", ");
            ExchangeError::invalid(format!(
                "it has no column with lists of numbers that is called one of {names}"
            ))
        };
        Ok(Self {
            embedding: found.ok_or_else(missing)?,
            texts: TextColumns::find(file),
        })
    }
}

impl TextColumns {
    fn find(file: &SerializedFileReader<File>) -> Self {
        let schema = file.metadata().file_metadata().schema_descr();
        let find = |name: &str| {
            schema.columns().iter().position(|column| {
                root_name(column) == name
                    && column.max_rep_level() == 0
                    && column.physical_type() == Type::BYTE_ARRAY
            })
        };
        Self {
            id: find(ID),
            path: PATH_NAMES.iter().find_map(|name| find(name)),
            path_bytes: find(PATH_BYTES),
        }
    }
}

fn root_name(column: &ColumnDescPtr) -> &str {
    column.path().parts().first().map_or("", String::as_str)
}

impl OpenGroup {
    fn new(group: &dyn RowGroupReader, columns: Columns) -> Result<Self, ExchangeError> {
        Ok(Self {
            embedding: EmbeddingColumn::new(group, columns.embedding)?,
            texts: OpenTexts::new(group, columns.texts)?,
        })
    }

    fn read(&mut self, rows: usize) -> Result<Vec<ImportedRow>, ExchangeError> {
        let embeddings = self.embedding.read(rows)?;
        let texts = self.texts.read(embeddings.len())?;
        let has_texts = self.texts.has_any();
        if has_texts && texts.len() != embeddings.len() {
            return Err(ExchangeError::invalid(
                "its columns have different numbers of rows",
            ));
        }
        let mut texts = texts.into_iter();
        let row = |components| ImportedRow {
            components,
            ..texts.next().unwrap_or_default()
        };
        Ok(embeddings.into_iter().map(row).collect())
    }
}

impl OpenTexts {
    fn new(group: &dyn RowGroupReader, columns: TextColumns) -> Result<Self, ExchangeError> {
        let open = |column: Option<usize>| column.map(|column| TextColumn::new(group, column)).transpose();
        Ok(Self {
            id: open(columns.id)?,
            path: open(columns.path)?,
            path_bytes: open(columns.path_bytes)?,
        })
    }

    const fn has_any(&self) -> bool {
        self.id.is_some() || self.path.is_some() || self.path_bytes.is_some()
    }

    fn read(&mut self, rows: usize) -> Result<Vec<ImportedRow>, ExchangeError> {
        let read =
            |column: &mut Option<TextColumn>| column.as_mut().map(|column| column.read(rows)).transpose();
        let (ids, paths, exact) = (
            read(&mut self.id)?,
            read(&mut self.path)?,
            read(&mut self.path_bytes)?,
        );
        let length = [&ids, &paths, &exact]
            .into_iter()
            .flatten()
            .map(Vec::len)
            .min()
            .unwrap_or(0);
        let at = |column: &Option<Vec<Option<Vec<u8>>>>, row: usize| column.as_ref()?.get(row)?.clone();
        let row = |row| ImportedRow {
            image: at(&ids, row).and_then(|id| std::str::from_utf8(&id).ok()?.parse().ok()),
            path: at(&exact, row)
                .or_else(|| at(&paths, row))
                .and_then(|path: Vec<u8>| -> Option<PathBuf> { from_bytes(&path) }),
            components: Vec::new(),
        };
        Ok((0..length).map(row).collect())
    }
}

/// Pages of a column that together declare no more values than the budget has left.
struct BudgetedPages {
    pages: Box<dyn PageReader>,
    budget: Arc<AtomicU64>,
}

impl Iterator for BudgetedPages {
    type Item = parquet::errors::Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for BudgetedPages {
    fn get_next_page(&mut self) -> parquet::errors::Result<Option<Page>> {
        let declared = self.pages.peek_next_page()?.and_then(|page| page.num_levels);
        let declared = declared.unwrap_or(0) as u64;
        let left = self.budget.load(Relaxed);
        if declared > left {
            return Err(ParquetError::General(
                "a page declares more values than its rows can have".into(),
            ));
        }
        self.budget.store(left - declared, Relaxed);
        self.pages.get_next_page()
    }

    fn peek_next_page(&mut self) -> parquet::errors::Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> parquet::errors::Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> parquet::errors::Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// A column, and how many values its pages may declare until the next rows are asked for.
struct LeafColumn<T: DataType> {
    reader: ColumnReaderImpl<T>,
    budget: Arc<AtomicU64>,
    max_definition: i16,
    defined: Vec<i16>,
    repeated: Vec<i16>,
    values: Vec<T::T>,
}

impl<T: DataType> LeafColumn<T> {
    fn new(group: &dyn RowGroupReader, column: usize) -> Result<Self, ExchangeError> {
        let description = group.metadata().schema_descr().column(column);
        let budget = Arc::new(AtomicU64::new(0));
        let pages = BudgetedPages {
            pages: group.get_column_page_reader(column)?,
            budget: Arc::clone(&budget),
        };
        Ok(Self {
            max_definition: description.max_def_level(),
            reader: get_typed_column_reader(get_column_reader(description, Box::new(pages))),
            budget,
            defined: Vec::new(),
            repeated: Vec::new(),
            values: Vec::new(),
        })
    }

    /// Reads so many rows; fewer at the end of the group.
    fn read(&mut self, rows: usize, values: u64) -> Result<usize, ExchangeError> {
        self.budget.store(values + PAGE_VALUES, Relaxed);
        self.defined.clear();
        self.repeated.clear();
        self.values.clear();
        let (read, _, _) = self.reader.read_records(
            rows,
            Some(&mut self.defined),
            Some(&mut self.repeated),
            &mut self.values,
        )?;
        Ok(read)
    }

    /// Number of values in each row that was read, of rows that are lists.
    fn lengths(&self) -> Vec<usize> {
        let mut lengths = Vec::new();
        for (defined, repeated) in self.defined.iter().zip(&self.repeated) {
            if *repeated == 0 {
                lengths.push(0);
            }
            if let Some(length) = lengths.last_mut() {
                *length += usize::from(*defined == self.max_definition);
            }
        }
        lengths
    }
}

/// A column of texts, of which some may be missing.
struct TextColumn(LeafColumn<ByteArrayType>);

impl TextColumn {
    fn new(group: &dyn RowGroupReader, column: usize) -> Result<Self, ExchangeError> {
        LeafColumn::new(group, column).map(Self)
    }

    fn read(&mut self, rows: usize) -> Result<Vec<Option<Vec<u8>>>, ExchangeError> {
        let read = self.0.read(rows, rows as u64)?;
        let mut values = self.0.values.iter().map(|value| value.data().to_vec());
        if self.0.max_definition == 0 {
            return Ok(values.map(Some).collect());
        }
        let defined = self.0.defined.iter().take(read);
        let is_there = |level: &i16| *level == self.0.max_definition;
        Ok(defined
            .map(|level| is_there(level).then(|| values.next()).flatten())
            .collect())
    }
}

/// The kinds of numbers that embeddings are read from.
#[derive(Debug, Clone, Copy)]
enum Numbers {
    Half,
    Single,
    Double,
}

impl Numbers {
    fn of(column: &ColumnDescPtr) -> Option<Self> {
        match (column.physical_type(), column.logical_type_ref()) {
            (Type::FLOAT, _) => Some(Self::Single),
            (Type::DOUBLE, _) => Some(Self::Double),
            (Type::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16)) => Some(Self::Half),
            _ => None,
        }
    }
}

/// A column of lists of numbers.
enum EmbeddingColumn {
    Half(LeafColumn<FixedLenByteArrayType>),
    Single(LeafColumn<FloatType>),
    Double(LeafColumn<DoubleType>),
}

impl EmbeddingColumn {
    fn new(group: &dyn RowGroupReader, column: usize) -> Result<Self, ExchangeError> {
        let description = group.metadata().schema_descr().column(column);
        match Numbers::of(&description) {
            Some(Numbers::Half) => LeafColumn::new(group, column).map(Self::Half),
            Some(Numbers::Single) => LeafColumn::new(group, column).map(Self::Single),
            Some(Numbers::Double) => LeafColumn::new(group, column).map(Self::Double),
            None => Err(ExchangeError::invalid("its embeddings are no numbers")),
        }
    }

    fn read(&mut self, rows: usize) -> Result<Vec<Vec<f32>>, ExchangeError> {
        match self {
            Self::Half(values) => lists(values, rows, |half| {
                let bytes = half.data().first_chunk().copied().unwrap_or_default();
                f16::from_le_bytes(bytes).to_f32()
            }),
            Self::Single(values) => lists(values, rows, |value| *value),
            Self::Double(values) => lists(values, rows, |value| *value as f32),
        }
    }
}

fn lists<T: DataType>(
    values: &mut LeafColumn<T>,
    rows: usize,
    number: impl Fn(&T::T) -> f32,
) -> Result<Vec<Vec<f32>>, ExchangeError> {
    let read = values.read(rows, (rows * MAX_DIMENSION) as u64)?;
    let lengths = values.lengths();
    let total: usize = lengths.iter().sum();
    if lengths.len() != read || total != values.values.len() {
        return Err(ExchangeError::invalid("its lists of numbers are damaged"));
    }
    let mut numbers = values.values.iter().map(number);
    Ok(lengths
        .iter()
        .map(|length| numbers.by_ref().take(*length).collect())
        .collect())
}
