//! A folder of images and a library, in memory or on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eidetic_catalog::{Catalog, FileRecord, FileStamp, FileState, MemoryCatalog, SledCatalog, WriteBatch};
use eidetic_domain::{ImageId, RowId};
use eidetic_encoder::{Encoder, fake::FakeEncoder};
use eidetic_imaging::ThumbnailStore;
use eidetic_indexer::{
    CancelToken, Indexer, IndexerOptions, IndexingError, IndexingReport, Observer, RunContext,
};
use eidetic_vectors::{MemoryIndex, VectorIndex, VectorStore};
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

pub const DIMENSION: usize = 16;

pub struct World {
    pub dir: TempDir,
    pub photos: PathBuf,
    pub catalog: Box<dyn Catalog>,
    pub vectors: Box<RwLock<dyn VectorIndex>>,
    pub thumbnails: ThumbnailStore,
    pub options: IndexerOptions,
}

/// Runs a scenario with a library in memory and one on disk.
pub fn each_world(scenario: impl Fn(&World)) {
    scenario(&World::in_memory());
    scenario(&World::on_disk());
}

impl World {
    pub fn in_memory() -> Self {
        let vectors = MemoryIndex::new(FakeEncoder::new(DIMENSION).space().clone());
        Self::new(
            |_| Box::new(MemoryCatalog::new()),
            |_| Box::new(RwLock::new(vectors)),
        )
    }

    pub fn on_disk() -> Self {
        let space = FakeEncoder::new(DIMENSION).space().clone();
        Self::new(
            |dir| Box::new(SledCatalog::open(&dir.join("catalog")).expect("a new catalog opens")),
            |dir| {
                let (store, _) = VectorStore::open(dir, &space, &[]).expect("new vectors open");
                Box::new(RwLock::new(store))
            },
        )
    }

    fn new(
        catalog: impl FnOnce(&Path) -> Box<dyn Catalog>,
        vectors: impl FnOnce(&Path) -> Box<RwLock<dyn VectorIndex>>,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (photos, library) = (dir.path().join("photos"), dir.path().join("library"));
        fs::create_dir_all(&photos).expect("a folder can be made");
        fs::create_dir_all(&library).expect("a folder can be made");
        Self {
            photos,
            catalog: catalog(&library),
            vectors: vectors(&library),
            thumbnails: ThumbnailStore::open(library.join("thumbnails")),
            options: IndexerOptions {
                threads: 2,
                batch: 4,
                ..IndexerOptions::default()
            },
            dir,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.photos.join(name)
    }

    /// Writes the image `number` to `name`, last modified `age` minutes after a fixed time long ago.
    pub fn put(&self, name: &str, number: u32, age: u64) {
        self.put_bytes(name, &image_bytes(number), age);
    }

    pub fn put_bytes(&self, name: &str, bytes: &[u8], age: u64) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::write(&path, bytes).expect("a file can be written");
        set_modified(&path, long_ago(age));
    }

    /// The stamp of a file as the file system has it.
    pub fn stamp(&self, name: &str) -> FileStamp {
        let metadata = fs::metadata(self.path(name)).expect("a file exists");
        let modified = metadata.modified().expect("a file has a time");
        let since_1970 = modified.duration_since(UNIX_EPOCH).expect("it is after 1970");
        #[cfg(unix)]
        let changed_ns = {
            use std::os::unix::fs::MetadataExt;
            Some(metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec())
        };
        #[cfg(not(unix))]
        let changed_ns = None;
        #[cfg(target_os = "linux")]
        let inode = Some(std::os::unix::fs::MetadataExt::ino(&metadata));
        #[cfg(not(target_os = "linux"))]
        let inode = None;
        FileStamp {
            size: metadata.len(),
            modified_ns: i64::try_from(since_1970.as_nanos()).expect("it is in this century"),
            changed_ns,
            inode,
            side_cars: None,
        }
    }

    /// Replaces the catalog's record of a file.
    pub fn put_record(&self, name: &str, stamp: FileStamp, state: FileState) {
        let file = FileRecord {
            path: self.path(name),
            stamp,
            state,
        };
        let batch = WriteBatch {
            files: vec![file],
            ..WriteBatch::default()
        };
        let removed = self.catalog.put_batch(&batch).expect("a record can be put");
        let mut vectors = self.vectors.write().expect("no thread panicked");
        vectors.hide(&removed).expect("vectors can be hidden");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("a file can be removed");
    }

    pub fn index(&self) -> IndexingReport {
        self.index_sources(std::slice::from_ref(&self.photos))
    }

    pub fn index_sources(&self, sources: &[PathBuf]) -> IndexingReport {
        self.try_index(sources, &FakeEncoder::new(DIMENSION), &RunContext::default())
            .expect("indexing succeeds")
    }

    pub fn try_index(
        &self,
        sources: &[PathBuf],
        encoder: &dyn Encoder,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, IndexingError> {
        let indexer = Indexer {
            catalog: self.catalog.as_ref(),
            vectors: &*self.vectors,
            encoder,
            thumbnails: Some(&self.thumbnails),
            on_removed: &|_| (),
            on_returned: &|_| (),
            on_decoded: &|_, _| (),
        };
        indexer.run(sources, &self.options, context)
    }

    /// Paths and images of the catalog.
    pub fn indexed(&self) -> BTreeMap<PathBuf, ImageId> {
        self.catalog
            .files_under(Path::new("/"))
            .map(|file| file.expect("a record can be read"))
            .filter_map(|file| match file.state {
                FileState::Indexed(image) => Some((file.path, image)),
                _ => None,
            })
            .collect()
    }

    pub fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| {
            let relative = path.strip_prefix(&self.photos).unwrap_or(path);
            relative.to_string_lossy().into_owned()
        };
        self.indexed().keys().map(name).collect()
    }

    pub fn row(&self, number: u32) -> Option<RowId> {
        let id = ImageId::of(&image_bytes(number));
        self.catalog
            .find_by_hash(&id)
            .expect("an image can be looked up")
            .and_then(|image| image.row)
    }

    pub fn vector_count(&self) -> usize {
        self.vectors.read().expect("no thread panicked").len()
    }

    /// Asserts that every image of the catalog has a vector and a thumbnail, and that there are no other
    /// vectors.
    pub fn assert_consistent(&self) {
        let vectors = self.vectors.read().expect("no thread panicked");
        let mut images = 0;
        for record in self.catalog.scan() {
            let image = record.expect("a record can be read").image;
            assert!(vectors.vector(&image).is_some(), "{image} has no vector");
            let thumbnail = self.thumbnails.get(&image).expect("thumbnails can be read");
            assert!(thumbnail.is_some(), "{image} has no thumbnail");
            images += 1;
        }
        assert_eq!(vectors.len(), images, "vectors without an image");
    }
}

/// The file of image `number`: different for every number below 2^24, of equal length for all.
pub fn image_bytes(number: u32) -> Vec<u8> {
    let [b, g, r, _] = number.wrapping_mul(2_654_435_761).to_le_bytes();
    let mut image = RgbImage::from_pixel(6, 6, Rgb([r, g, b]));
    let [low, mid, high, _] = number.to_le_bytes();
    image.put_pixel(0, 0, Rgb([low, mid, high]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Bmp)
        .expect("an image can be written");
    bytes.into_inner()
}

pub fn long_ago(minutes: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_500_000_000 + 60 * minutes)
}

pub fn set_modified(path: &Path, time: SystemTime) {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .expect("a file's time can be set");
}

/// Cancels once some files are done.
pub struct CancelAfter(pub u64, pub CancelToken);

impl Observer for CancelAfter {
    fn done(&self, files: u64) {
        if files >= self.0 {
            self.1.cancel();
        }
    }
}

/// The counts of a report in one line.
pub fn summary(report: &IndexingReport) -> String {
    format!(
        "indexed {} encoded {} unchanged {} moved {} removed {} failed {} skipped {}",
        report.indexed,
        report.encoded,
        report.unchanged,
        report.moved,
        report.removed,
        report.failed.len(),
        report.skipped
    )
}
