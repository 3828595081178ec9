//! What jobs are asked to do.

use eidetic_library::TextFormat;
use serde::{Deserialize, Serialize};

use crate::params::{
    BackupParams, CalibrateParams, DuplicatesJobParams, IndexParams, ScreenParams, SpaceParams, SwitchParams,
    TagParams,
};
use crate::responses::JobKind;

/// What a job is asked to do, as it was sent and not yet checked; stored until the job ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "params", rename_all = "snake_case")]
pub(crate) enum JobRequest {
    /// Indexes folders; without any, the library's sources.
    Index(IndexParams),
    /// Switches to a model.
    Switch(SwitchParams),
    /// Resumes a switch that another process began.
    ResumeSwitch,
    /// Embeds the images that are missing in a space.
    Backfill(SpaceParams),
    /// Makes a set of the texts that were uploaded.
    Texts(TextsParams),
    /// Tags all images.
    Tag(TagParams),
    /// Compares images with the patterns of a profile.
    Screen(Box<ScreenParams>),
    /// Fits confidences to labeled pairs.
    Calibrate(CalibrateParams),
    /// Looks for duplicates.
    Duplicates(Box<DuplicatesJobParams>),
    /// Writes a backup.
    Backup(BackupParams),
    /// Computes the places of the active space's images on its map.
    Map,
}

/// Which texts were uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextsParams {
    /// The name of the set.
    pub(crate) set: String,
    /// `None`: the first line tells.
    pub(crate) format: Option<TextFormat>,
}

impl JobRequest {
    pub(crate) const fn kind(&self) -> JobKind {
        match self {
            Self::Index(_) => JobKind::Index,
            Self::Switch(_) | Self::ResumeSwitch => JobKind::Switch,
            Self::Backfill(_) => JobKind::Backfill,
            Self::Texts(_) => JobKind::Texts,
            Self::Tag(_) => JobKind::Tag,
            Self::Screen(_) => JobKind::Screen,
            Self::Calibrate(_) => JobKind::Calibrate,
            Self::Duplicates(_) => JobKind::Duplicates,
            Self::Backup(_) => JobKind::Backup,
            Self::Map => JobKind::Map,
        }
    }

    /// Without pairs of labels and the like, which may be large and are of no use once the job has ended.
    pub(super) fn without_content(self) -> Self {
        match self {
            Self::Calibrate(params) => Self::Calibrate(CalibrateParams {
                pairs: Vec::new(),
                ..params
            }),
            Self::Tag(_) => Self::Tag(TagParams::default()),
            Self::Screen(params) => Self::Screen(Box::new(ScreenParams {
                profile: params.profile,
                ..ScreenParams::default()
            })),
            other => other,
        }
    }

    /// What the job works on, for people; `None` where its kind says all.
    pub(crate) fn subject(&self) -> Option<String> {
        match self {
            Self::Index(params) if params.folders.is_empty() => None,
            Self::Index(params) => Some(params.folders.join(", ")),
            Self::Switch(params) => Some(params.model.clone()),
            Self::Backfill(params) => Some(params.space.clone()),
            Self::Texts(params) => Some(params.set.clone()),
            Self::Screen(params) => Some(params.profile.clone()),
            Self::Calibrate(params) => params.profile.clone(),
            Self::Duplicates(params) => params.kind.clone(),
            Self::Backup(params) => Some(params.file.clone()),
            Self::ResumeSwitch | Self::Tag(_) | Self::Map => None,
        }
    }
}
