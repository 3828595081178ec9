//! The catalog on disk, compared with the one in memory, and with its files damaged.

mod conformance;
mod damage;
mod records;
