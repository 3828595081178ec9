//! Decoding through the public interface.

mod corpus;
mod formats;
mod hostile;
mod jpeg_scaled;
mod samples;
