//! Whole indexing runs over small folders, with libraries in memory and on disk.

mod absence;
mod backfill;
mod containers;
mod details;
mod files;
mod incremental;
mod interruption;
mod measure;
mod parts_of_sources;
mod random_changes;

mod world;
