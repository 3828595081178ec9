//! The application over a real library in a temporary directory, with an encoder that needs no model.

mod about;
mod asking;
mod feedback;
mod indexing;
mod matching;
mod pictures;
mod refusals;
mod site;
mod spaces;
mod tagging;
