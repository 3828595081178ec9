//! What is damaged in a catalog, and its repair.

use std::path::{Path, PathBuf};

use eidetic_domain::counted;
use serde::{Deserialize, Serialize};

use crate::ledger::{Ledger, LedgerEntry};
use crate::records::{decode_checked, is_whole};
use crate::salvage::{Consistent, LostRecords, Salvage, folder};
use crate::store::{failure, ledger_error, unknown_version};
use crate::store_files::DerivedFiles;
use crate::{CatalogCounts, CatalogError, ImageTags, SledCatalog, keys, snapshot};

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it, and what that means.
    pub what: String,
}

/// What the files of a catalog hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogCheck {
    /// Images, paths and failed files whose records are whole.
    pub counts: CatalogCounts,
    /// Images with tags, in all spaces.
    pub tagged: u64,
    /// Answers of users.
    pub answers: u64,
    /// What is damaged; empty where nothing is.
    pub findings: Vec<Finding>,
}

/// The result of a repair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogRepair {
    /// The state before the repair; its records are all there after it.
    pub before: CatalogCheck,
    /// Where the damaged store is kept, if a new one was written.
    pub set_aside: Option<PathBuf>,
    /// What is lost.
    pub lost: LostRecords,
}

/// Everything that is known about the files.
struct Examined {
    check: CatalogCheck,
    consistent: Consistent,
    needs_ledger: bool,
    needs_store: bool,
    needs_snapshot: bool,
}

impl SledCatalog {
    /// Reads all records of the catalog in `dir` and says what is damaged. Writes nothing.
    pub fn check(dir: &Path) -> Result<CatalogCheck, CatalogError> {
        let ledger =
            Ledger::open_for_reading(&dir.join("ledger")).map_err(|error| ledger_error(dir, error))?;
        Ok(examine(dir, ledger.as_ref())?.check)
    }

    /// Writes a new store with every record that is whole, where anything is damaged, and keeps the old one.
    /// Missing changes are accepted. A catalog without damage is not changed.
    pub fn repair(dir: &Path) -> Result<CatalogRepair, CatalogError> {
        let failed = |error| failure(dir, error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        let is_known = dir.join("ledger").exists();
        let ledger = Ledger::open(&dir.join("ledger")).map_err(|error| ledger_error(dir, error))?;
        crate::rebuild::finish(dir).map_err(failed)?;
        let Examined {
            check,
            mut consistent,
            needs_ledger,
            needs_store,
            needs_snapshot,
        } = examine(dir, is_known.then_some(&ledger))?;
        if needs_snapshot {
            snapshot::remove(dir).map_err(failed)?;
        }
        let files = DerivedFiles::list(&folder(dir)).map_err(failed)?;
        files.make_usable(dir).map_err(failed)?;
        let mut repair = CatalogRepair {
            before: check,
            set_aside: None,
            lost: consistent.lost,
        };
        if needs_store {
            consistent.records.remove(keys::MISSING);
            repair.set_aside = crate::rebuild::rebuild(dir, consistent.records.into_iter().map(Ok))?;
        }
        if needs_store || needs_ledger {
            ledger.reset(consistent.state.sequence).map_err(failed)?;
        }
        Ok(repair)
    }
}

/// Without `ledger`, it is missing.
fn examine(dir: &Path, ledger: Option<&Ledger>) -> Result<Examined, CatalogError> {
    let failed = |error| failure(dir, error);
    let salvage = Salvage::read(dir, ledger).map_err(failed)?;
    if let Some(found) = salvage.other_version() {
        return Err(unknown_version(dir, found));
    }
    let places = salvage.damaged_places;
    let consistent = salvage.into_consistent();
    let mut findings = derived_findings(dir).map_err(failed)?;
    let of_snapshot = snapshot_finding(dir).map_err(failed)?;
    let needs_snapshot = of_snapshot.is_some();
    findings.extend(of_snapshot);
    let of_ledger = ledger_finding(dir, ledger, &consistent).map_err(failed)?;
    let of_log = log_findings(&folder(dir), places, &consistent);
    let (needs_ledger, needs_store) = (of_ledger.is_some(), !of_log.is_empty());
    findings.extend(of_ledger);
    findings.extend(of_log);
    let is_tagged = |(key, value): &(&Vec<u8>, &Vec<u8>)| {
        let tags: Option<ImageTags> = decode_checked(key, value);
        b"tu".contains(&key[0]) && tags.is_some_and(|found| !found.tags.is_empty())
    };
    let answers = consistent.records.keys().filter(|key| key[0] == b'f');
    let check = CatalogCheck {
        counts: consistent.state.counts(),
        tagged: consistent.records.iter().filter(is_tagged).count() as u64,
        answers: answers.count() as u64,
        findings,
    };
    debug_assert!(consistent.records.iter().all(|(key, value)| is_whole(key, value)));
    Ok(Examined {
        check,
        consistent,
        needs_ledger,
        needs_store,
        needs_snapshot,
    })
}

fn derived_findings(dir: &Path) -> std::io::Result<Vec<Finding>> {
    let files = DerivedFiles::list(&folder(dir))?;
    let finding = |path: PathBuf, what: &str| Finding {
        path,
        what: format!("{what}; it is derived, and nothing is lost"),
    };
    // Drafts are what any kill may leave, and no damage; the next opening removes them.
    let damaged = files.snapshots.into_iter().filter(|(_, _, is_whole)| !is_whole);
    let mut findings: Vec<Finding> = damaged
        .map(|(_, path, _)| finding(path, "its checksum does not match"))
        .collect();
    findings.extend(
        files
            .damaged_settings
            .map(|path| finding(path, "it cannot be read")),
    );
    Ok(findings)
}

/// Damage to the copy that other processes read.
fn snapshot_finding(dir: &Path) -> std::io::Result<Option<Finding>> {
    let folder = dir.join(snapshot::FOLDER);
    let Some(durable) = Ledger::durable(&dir.join("ledger"))? else {
        return Ok(None);
    };
    let finding = |what| Finding {
        path: folder.clone(),
        what: format!("{what}; it is derived, and nothing is lost"),
    };
    Ok(snapshot::damage(&folder, durable)?.map(finding))
}

fn ledger_finding(
    dir: &Path,
    ledger: Option<&Ledger>,
    consistent: &Consistent,
) -> std::io::Result<Option<Finding>> {
    let entry = ledger.map_or(Ok(LedgerEntry::New), Ledger::read)?;
    let is_damaged = ledger.map_or(Ok(false), Ledger::is_damaged)?;
    let what = match entry {
        // A creation that was interrupted.
        LedgerEntry::New if consistent.state.sequence == 0 => return Ok(None),
        LedgerEntry::New => "it is missing, so that nothing proves the catalog complete",
        LedgerEntry::Damaged => "it cannot be read, so that nothing proves the catalog complete",
        LedgerEntry::Sequence(_) if is_damaged => {
            "it is damaged, but one of its two entries is whole; nothing is lost"
        }
        LedgerEntry::Sequence(_) => return Ok(None),
    };
    Ok(Some(Finding {
        path: dir.join("ledger"),
        what: what.to_owned(),
    }))
}

fn log_findings(store: &Path, places: u64, consistent: &Consistent) -> Vec<Finding> {
    let Consistent { missing, lost, .. } = consistent;
    let mut found = Vec::new();
    match places {
        0 => {}
        _ if lost.is_empty() && *missing == 0 => {
            found.push(format!(
                "its log cannot be read in {}; nothing is lost",
                counted(places, "place")
            ));
        }
        _ => found.push(format!("its log cannot be read in {}", counted(places, "place"))),
    }
    match *missing {
        0 => {}
        _ if consistent.state.counts() == CatalogCounts::default() => {
            found.push("it is empty: paths, tags and answers of all images are lost".to_owned());
        }
        _ => found.push(format!(
            "it lacks the last {}, which the ledger beside it counts",
            counted(*missing, "change")
        )),
    }
    let losses = [
        (lost.unreadable, "record", "cannot be read"),
        (lost.images.len() as u64, "image", "without its record"),
        (lost.paths.len() as u64, "image", "without its paths"),
        (lost.uncounted, "image", "missing"),
        (lost.tags.len() as u64, "image", "without its tags"),
    ];
    found.extend(
        losses
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, things, what)| format!("{} {what}", counted(count, things))),
    );
    let finding = |what| Finding {
        path: store.to_owned(),
        what,
    };
    found.into_iter().map(finding).collect()
}
