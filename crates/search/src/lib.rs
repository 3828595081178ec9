//! From queries to hits.
//!
//! A [`Query`] has a text, an image, a negative text, or several of them. A [`Searcher`] embeds the parts,
//! combines their embeddings, finds the nearest vectors among the images that match the filter, folds images
//! that look the same into one hit, and computes the confidence of each hit from the vectors that the index
//! returns with its neighbors. A [`Matcher`] compares one image with many texts. Both leave out words that the
//! model does not know, and make no claim where nothing is left.
//!
//! The crate uses traits only ([`Encoder`](eidetic_encoder::Encoder),
//! [`VectorIndex`](eidetic_vectors::VectorIndex), [`Catalog`](eidetic_catalog::Catalog)) and does no file
//! I/O.
//!
//! # Example
//! Search two images in memory, with the test doubles of the traits.
//! ```
//! use std::sync::RwLock;
//!
//! use eidetic_catalog::{Catalog, MemoryCatalog};
//! # use eidetic_catalog::{FileRecord, FileStamp, FileState, NewImage, WriteBatch};
//! use eidetic_domain::ImageId;
//! # use eidetic_domain::{ImageFormat, Metadata};
//! use eidetic_encoder::Encoder;
//! use eidetic_encoder::fake::FakeEncoder;
//! use eidetic_search::{FilterCache, Query, RankingCache, Searcher, TextCache, Verdict};
//! use eidetic_vectors::{MemoryIndex, VectorIndex};
//! use image::{Rgb, RgbImage};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let encoder = FakeEncoder::default();
//! let mut vectors = MemoryIndex::new(encoder.space().clone());
//! let catalog = MemoryCatalog::new();
//! for (path, color) in [("/red.jpg", [250, 10, 10]), ("/blue.jpg", [20, 10, 250])] {
//!     let image = ImageId::of(path.as_bytes());
//!     let embedding = encoder
//!         .encode_images(&[RgbImage::from_pixel(16, 16, Rgb(color))])?
//!         .remove(0);
//!     let row = vectors.upsert(&[(image, embedding)])?[0];
//!     // Record the image, its row and its file in the catalog.
//! #   let metadata = Metadata {
//! #       width: 16,
//! #       height: 16,
//! #       format: ImageFormat::Jpeg,
//! #       taken: None,
//! #       camera: None,
//! #       position: None,
//! #   };
//! #   let stamp = FileStamp::default();
//! #   let file = FileRecord { path: path.into(), stamp, state: FileState::Indexed(image) };
//! #   let batch = WriteBatch {
//! #       images: vec![NewImage { image, row, bytes: 1, metadata }],
//! #       files: vec![file],
//! #       ..WriteBatch::default()
//! #   };
//!     catalog.put_batch(&batch)?;
//! }
//!
//! let searcher = Searcher {
//!     encoder: &encoder,
//!     vectors: &RwLock::new(vectors),
//!     catalog: &catalog,
//!     text_cache: &TextCache::default(),
//!     filter_cache: &FilterCache::default(),
//!     ranking_cache: &RankingCache::default(),
//!     confidence_model: None,
//! };
//! let results = searcher.search(&Query::text("blue"))?;
//! assert_eq!(results.hits[0].record.paths[0].to_str(), Some("/blue.jpg"));
//! // Without a confidence model, scores rank the hits and say nothing about matches.
//! assert_eq!(results.verdict, Verdict::Uncalibrated);
//! # Ok(())
//! # }
//! ```

mod breakdown;
mod copies;
mod error;
mod filter_cache;
mod fusion;
mod matcher;
mod query;
mod query_parts;
mod query_texts;
mod ranking_cache;
mod results;
mod searcher;
mod shots;
mod text_cache;

pub use breakdown::{BreakdownError, BreakdownOptions, ViewedImage};
pub use error::SearchError;
pub use filter_cache::FilterCache;
pub use fusion::fuse;
pub use matcher::{Matcher, distinct_texts};
pub use query::{CopyMode, HitOrder, Query, QueryImage, QueryWeights, SearchPosition};
pub use ranking_cache::RankingCache;
pub use results::{RankedHit, SearchResults, Timings, Verdict};
pub use searcher::Searcher;
pub use shots::shot_of;
pub use text_cache::{EmbeddedText, TextCache};
