//! The application over a real library in a temporary directory, with an encoder that needs no model.

mod analysis;
mod authentication;
mod bodies;
mod duplicates;
mod errors;
mod feedback;
mod harness;
mod images;
mod indexing;
mod jobs;
mod map;
mod matching;
mod openapi;
mod search;
mod server;
mod spaces;
mod tags;
mod texts;
