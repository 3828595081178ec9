//! Pictures inside files, through the public interface.

mod archives;
mod documents;
mod samples;
mod videos;
