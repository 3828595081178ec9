//! Reads files of embeddings: tables.
#![no_main]

use eidetic_exchange::FileFormat;

libfuzzer_sys::fuzz_target!(init: eidetic_fuzz::set_up(), |bytes: &[u8]| {
    eidetic_fuzz::check_vectors(bytes, FileFormat::Parquet);
});
