//! Whole-program scenarios: the binary, run as a person would run it.
