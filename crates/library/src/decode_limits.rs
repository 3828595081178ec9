//! The limits of decoding, which the spaces of a library share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use eidetic_imaging::DecodeLimits;
use eidetic_indexer::IndexerOptions;

use crate::{Library, Space};

/// A setting of the library, for all who decode its pictures.
#[derive(Debug, Clone)]
pub(crate) struct SharedLimits {
    megapixels: Arc<AtomicU32>,
}

impl SharedLimits {
    pub(crate) fn new(megapixels: u32) -> Self {
        Self {
            megapixels: Arc::new(AtomicU32::new(megapixels)),
        }
    }

    pub(crate) fn set(&self, megapixels: u32) {
        self.megapixels.store(megapixels, Ordering::Relaxed);
    }

    fn get(&self) -> DecodeLimits {
        DecodeLimits::for_megapixels(self.megapixels.load(Ordering::Relaxed))
    }
}

impl Library {
    /// The limits by which its pictures are decoded.
    pub fn decode_limits(&self) -> DecodeLimits {
        self.limits.get()
    }

    /// `options` with these limits, with memory for one picture at least, and with the kinds of files that are looked into.
    pub(crate) fn with_decoding(&self, options: &IndexerOptions) -> IndexerOptions {
        let limits = self.decode_limits();
        IndexerOptions {
            limits,
            contents: self.indexing_settings().contents(),
            decode_memory: options.decode_memory.max(limits.memory),
            ..options.clone()
        }
    }
}

impl Space {
    /// The limits by which the library's pictures are decoded.
    pub fn decode_limits(&self) -> DecodeLimits {
        self.limits.get()
    }
}
