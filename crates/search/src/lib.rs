//! Queries to hits.
