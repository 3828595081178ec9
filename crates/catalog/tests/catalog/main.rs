//! Catalogs on disk and in memory: behavior, conformance, damage.

mod behavior;
mod conformance;
mod damage;
mod listing;
mod records;
mod salvage;
