//! Catalogs on disk and in memory: behavior, conformance, damage.

mod backup;
mod behavior;
mod conformance;
mod damage;
mod listing;
mod records;
mod salvage;
