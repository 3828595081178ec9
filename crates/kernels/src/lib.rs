//! Dot products over vectors: a plain one and the fastest one this processor has. All unsafe code lives here.
