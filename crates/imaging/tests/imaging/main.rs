//! Decoding as its users see it.

mod corpus;
mod formats;
mod hostile;
mod samples;
mod scaled;
