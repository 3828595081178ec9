//! What was found wrong with a library when it was opened: it works, but its owner must know.

use eidetic_catalog::ReadOnlyReason;
use eidetic_domain::counted;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Library, LibraryError, Published};

impl Library {
    /// Why the library cannot be changed by this process; `None` where it can.
    pub fn read_only(&self) -> Option<String> {
        let reason = self.catalog.condition().read_only?;
        Some(reason.to_string())
    }

    /// When the last change was made that this process knows of, where another one owns the library.
    pub fn as_of(&self) -> Option<Timestamp> {
        let published = self.published().filter(|published| published.owner.is_some())?;
        Timestamp::from_millisecond(published.age.at_ms).ok()
    }

    /// Changes that were reported as done and are missing, since the catalog is a copy of an earlier state. Counted until
    /// `eidetic check --repair` accepts it.
    pub fn missing_changes(&self) -> u64 {
        self.catalog.condition().missing_changes
    }

    /// What its owner must know, in sentences; empty where everything is as it was written.
    pub fn warnings(&self) -> Vec<String> {
        let condition = self.catalog.condition();
        let mut warnings = Vec::new();
        warnings.extend(self.published().and_then(describe_published));
        match &condition.read_only {
            Some(ReadOnlyReason::Damaged(what)) => warnings.push(format!(
                "the catalog is damaged ({what}); searches use what is whole, and nothing can be changed: `eidetic check` says what is lost, `eidetic check --repair` saves the rest"
            )),
            Some(ReadOnlyReason::Unwritable(reason)) => warnings.push(format!(
                "the library can only be read ({reason}); searches work, changes do not"
            )),
            Some(ReadOnlyReason::Snapshot) | None => {}
        }
        let is_damaged = matches!(condition.read_only, Some(ReadOnlyReason::Damaged(_)));
        if condition.missing_changes > 0 && !is_damaged {
            warnings.push(format!(
                "the catalog lacks the last {}, as a copy of an earlier state does; `eidetic index` finds the pictures again, and `eidetic check --repair` accepts the loss",
                counted(condition.missing_changes, "change")
            ));
        }
        if let Some(damage) = &self.manifest_damage {
            warnings.push(format!(
                "{damage}; its copy is used, and `eidetic check --repair` restores it"
            ));
        }
        let active = self.active();
        warnings.extend(active.calibration_fault().map(|fault| fault.to_string()));
        let damaged = active.damaged();
        if damaged > 0 {
            warnings.push(format!(
                "the vectors of {} are damaged and left out; run `eidetic index` to embed again",
                counted(damaged, "image")
            ));
        }
        warnings
    }

    /// Errors: the library can only be read.
    pub fn require_writable(&self) -> Result<(), LibraryError> {
        self.active().require_writable()
    }
}

/// Says what a process reads while another one owns the library.
fn describe_published(published: &Published) -> Option<String> {
    let owner = published.owner.as_ref()?;
    let at = Timestamp::from_millisecond(published.age.at_ms).ok()?;
    let at = at.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
    Some(match published.age.behind {
        0 => format!("{owner} is working on the library; this is its state of {at}"),
        behind => format!(
            "{owner} is working on the library; this is its state of {at}, without the last {}, which could not be published",
            counted(behind, "change")
        ),
    })
}
