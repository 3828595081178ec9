//! From a request to a task: checked when it is sent, and again when a stored one is resumed.

use std::path::{Path, PathBuf};

use eidetic_confidence::QueryKind;
use eidetic_confidence::profile::NamedProfile;
use eidetic_domain::ImageId;
use eidetic_library::{ScreeningTarget, SwitchOptions, resolve_model};

use super::{JobRequest, JobTask};
use crate::file_access::{require_backup_access, require_indexable, require_model_access, require_readable};
use crate::params::{
    BackupParams, CalibrateParams, CheckedCalibrate, CheckedScreen, DuplicatesJobParams, IndexParams,
    ScreenParams, SpaceParams, SwitchParams, TagParams, nonempty_text,
};
use crate::problem::Problem;
use crate::state::AppState;

impl JobRequest {
    /// The task that this request asks for. Reads the file system, so it may block.
    ///
    /// Errors: the request is invalid, or not allowed on this server.
    pub(crate) fn prepare(&self, state: &AppState) -> Result<JobTask, Problem> {
        match self.clone() {
            Self::Index(params) => index(state, params),
            Self::Switch(params) => switch(state, params),
            Self::ResumeSwitch => Ok(JobTask::ResumeSwitch),
            Self::Backfill(SpaceParams { space }) => Ok(JobTask::Backfill(nonempty_text("space", space)?)),
            Self::Texts(params) => Ok(JobTask::Texts(params)),
            Self::Tag(params) => tag(state, params),
            Self::Screen(params) => screen(state, *params),
            Self::Calibrate(params) => calibrate(state, params),
            Self::Duplicates(params) => duplicates(*params),
            Self::Backup(params) => backup(state, params),
            Self::Map => Ok(JobTask::Map),
        }
    }
}

fn index(state: &AppState, params: IndexParams) -> Result<JobTask, Problem> {
    let request = params.check()?;
    require_indexable(state, &request)?;
    Ok(JobTask::Index(request))
}

fn switch(state: &AppState, params: SwitchParams) -> Result<JobTask, Problem> {
    require_model_access(state)?;
    let name = nonempty_text("model", params.model)?;
    let options = SwitchOptions {
        old: params.old,
        precision: params.precision,
        indexing: state.yielding.indexing(),
    };
    Ok(JobTask::Switch(resolve_model(&name)?, Box::new(options)))
}

fn tag(state: &AppState, params: TagParams) -> Result<JobTask, Problem> {
    let checked = params.check()?;
    let space = state.library.active();
    Ok(JobTask::Tag(
        space.changed_tag_options(checked.change, checked.rule)?,
    ))
}

fn screen(state: &AppState, params: ScreenParams) -> Result<JobTask, Problem> {
    let checked = params.check(&state.options.limits)?;
    let profile = profile_to_screen(state, &checked)?;
    if let ScreeningTarget::Files(paths) = &checked.options.target {
        require_readable(state, paths.iter().map(PathBuf::as_path))?;
    }
    Ok(JobTask::Screen(Box::new(profile), checked.options))
}

/// The profile with the patterns of the request, or else its own.
pub(crate) fn profile_to_screen(state: &AppState, request: &CheckedScreen) -> Result<NamedProfile, Problem> {
    let mut profile = state.options.profile(&request.profile)?;
    if !request.patterns.is_empty() {
        profile.patterns.clone_from(&request.patterns);
    }
    if profile.patterns.is_empty() {
        return Err(Problem::invalid(format!(
            "profile {:?} has no patterns; send some",
            profile.name
        )));
    }
    profile
        .check_patterns()
        .map_err(|error| Problem::invalid(error.to_string()))?;
    Ok(profile)
}

fn calibrate(state: &AppState, params: CalibrateParams) -> Result<JobTask, Problem> {
    let mut checked = params.check()?;
    require_readable(state, paths_of(&checked))?;
    checked.profiles = match checked.scope.profile.as_deref() {
        Some(name) => vec![state.options.profile(name)?],
        None => state.options.profiles.clone(),
    };
    Ok(JobTask::Calibrate(checked))
}

/// The paths among the names of images.
fn paths_of(request: &CheckedCalibrate) -> impl Iterator<Item = &Path> {
    let names = request.pairs.iter().flat_map(|pair| {
        let second = (request.scope.kind == QueryKind::Image).then_some(&pair.pair.text);
        [Some(&pair.pair.image), second].into_iter().flatten()
    });
    let paths = names.filter(|name| name.parse::<ImageId>().is_err());
    paths.map(|name| Path::new(name.as_str()))
}

fn duplicates(params: DuplicatesJobParams) -> Result<JobTask, Problem> {
    Ok(JobTask::Duplicates(Box::new(params.check()?)))
}

fn backup(state: &AppState, params: BackupParams) -> Result<JobTask, Problem> {
    require_backup_access(state)?;
    let checked = params.check()?;
    if checked.file.exists() {
        return Err(Problem::invalid(format!(
            "{} exists already; name another file",
            checked.file.display()
        )));
    }
    Ok(JobTask::Backup(checked))
}
