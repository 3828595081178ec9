//! What jobs do.

use eidetic_confidence::profile::NamedProfile;
use eidetic_library::{DuplicateOptions, ModelRef, ScreeningOptions, SwitchOptions, TagOptions};

use super::request::TextsParams;
use crate::params::{CheckedBackup, CheckedCalibrate, CheckedIndex};

/// What a job does.
pub(crate) enum JobTask {
    /// Indexes folders; without any, the library's sources.
    Index(CheckedIndex),
    /// Switches to this model.
    Switch(ModelRef, Box<SwitchOptions>),
    /// Resumes an interrupted switch.
    ResumeSwitch,
    /// Embeds the images that are missing in this space.
    Backfill(String),
    /// Makes a set of the texts that were uploaded.
    Texts(TextsParams),
    /// Tags all images.
    Tag(TagOptions),
    /// Compares all images with the patterns of a profile.
    Screen(Box<NamedProfile>, ScreeningOptions),
    /// Fits confidences to labeled pairs.
    Calibrate(CheckedCalibrate),
    /// Looks for duplicates.
    Duplicates(Box<DuplicateOptions>),
    /// Writes a backup.
    Backup(CheckedBackup),
    /// Computes the places of the active space's images on its map.
    Map,
}
