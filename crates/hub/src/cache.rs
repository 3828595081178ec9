//! Models of the Hugging Face Hub: read from its cache on disk, or downloaded into it.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use crate::download::{Download, DownloadEvent};
use crate::error::HubError;
use crate::known_models::Modality;
use crate::layout::{self, FileSource};
use crate::model_ref::is_repo_id;
use crate::settings::{HubSettings, Network};
use crate::{checksum, model_kind, safetensors_pr};

/// Receives the progress of downloads, in the thread that loads the model.
pub trait DownloadProgress {
    /// The download of a file of `bytes` bytes begins.
    fn begin(&self, file: &str, bytes: u64);
    /// `bytes` bytes of it are on disk from an earlier download that was interrupted.
    fn resume(&self, bytes: u64) {
        self.advance(bytes);
    }
    /// `bytes` more bytes arrived.
    fn advance(&self, bytes: u64);
    /// The current file is complete.
    fn finish(&self);
}

impl DownloadProgress for () {
    fn begin(&self, _file: &str, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}

/// A model of the Hub with all files in one folder of the cache.
pub struct FetchedModel {
    pub folder: PathBuf,
    /// Its `model_type`, if it is a text-only model.
    pub text_family: Option<String>,
}

/// Completes a model in the cache: downloads the files that are missing. With a complete cache no connection is made.
///
/// With [`Modality::ImageText`] a text-only model is an error, reported before its weights are downloaded.
pub fn fetch(
    model: &str,
    revision: Option<&str>,
    wanted: Modality,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<FetchedModel, HubError> {
    validate_repo_id(model, revision)?;
    let found = ModelRevision::find(model, revision, settings, progress);
    match found.fetch(wanted) {
        // `main` has the weights in another format; the Hub's converter may offer them as safetensors.
        Err(HubError::FileMissing { file, place })
            if revision.is_none() && file == layout::WEIGHTS_NAME && !found.is_offline() =>
        {
            match safetensors_pr::revision(model, settings) {
                Some(offered) => {
                    let fetched = found.at(Cow::Borrowed(&offered)).fetch(wanted)?;
                    safetensors_pr::remember(&found.cache_folder(), &offered);
                    Ok(fetched)
                }
                None => Err(HubError::FileMissing { file, place }),
            }
        }
        fetched => fetched,
    }
}

/// Rejects anything but a repository id, which becomes part of URLs and paths.
pub fn validate_repo_id(id: &str, revision: Option<&str>) -> Result<(), HubError> {
    if is_repo_id(id, revision) {
        return Ok(());
    }
    let revision = revision.map_or_else(String::new, |revision| format!("@{revision}"));
    Err(HubError::InvalidRepoId {
        id: format!("{id}{revision}"),
    })
}

/// One revision of a model of the Hub.
pub struct ModelRevision<'a> {
    model: &'a str,
    revision: Cow<'a, str>,
    repo: Repo,
    settings: &'a HubSettings,
    progress: &'a dyn DownloadProgress,
}

impl<'a> ModelRevision<'a> {
    /// The given revision. Without one: `main`; if that is not complete on disk, the pull request of the Hub's converter
    /// that was used before, or the revision that `catalogue.toml` names for a model without safetensors in `main`.
    pub fn find(
        model: &'a str,
        revision: Option<&'a str>,
        settings: &'a HubSettings,
        progress: &'a dyn DownloadProgress,
    ) -> Self {
        let hub = Self {
            model,
            revision: Cow::Borrowed(""),
            repo: Repo::model(model.to_owned()),
            settings,
            progress,
        };
        let main = hub.at(Cow::Borrowed(revision.unwrap_or("main")));
        if revision.is_some() || main.is_complete() {
            return main;
        }
        if let Some(remembered) = safetensors_pr::remembered(&main.cache_folder()) {
            return hub.at(Cow::Owned(remembered));
        }
        match crate::known_models::revision_of(model) {
            Some(named) => hub.at(Cow::Borrowed(named)),
            None => main,
        }
    }

    /// Another revision of the same model.
    fn at(&self, revision: Cow<'a, str>) -> Self {
        Self {
            repo: Repo::with_revision(self.model.to_owned(), RepoType::Model, revision.to_string()),
            model: self.model,
            settings: self.settings,
            progress: self.progress,
            revision,
        }
    }

    fn is_complete(&self) -> bool {
        layout::gather(&CachedOnly(self)).is_ok()
    }

    fn fetch(&self, wanted: Modality) -> Result<FetchedModel, HubError> {
        // All files of one commit are in one folder. A model that is updated between two requests is complete at the second try.
        match self.try_fetch(wanted)? {
            Some(fetched) => Ok(fetched),
            None => self
                .try_fetch(wanted)?
                .ok_or_else(|| self.download_failed("one commit", &"the model is being updated; try again")),
        }
    }

    /// `None` where the files are in several folders.
    fn try_fetch(&self, wanted: Modality) -> Result<Option<FetchedModel>, HubError> {
        let text_family = model_kind::text_family(&layout::config(self)?);
        let files = match &text_family {
            Some(family) => {
                model_kind::require_images(self.model, family, wanted)?;
                layout::gather_text_model(self, family)?
            }
            None => layout::gather(self)?,
        };
        let folder = layout::one_folder(&files);
        Ok(folder.map(|folder| FetchedModel { folder, text_family }))
    }

    /// All required files of the model. Errors: one is not on disk.
    pub fn files_on_disk(&self) -> Result<Vec<PathBuf>, HubError> {
        let cached = CachedOnly(self);
        match model_kind::text_family(&layout::config(&cached)?) {
            Some(family) => layout::gather_text_model(&cached, &family),
            None => layout::gather(&cached),
        }
    }

    /// Whether downloads are disabled.
    pub fn is_offline(&self) -> bool {
        self.settings.network == Network::Off
    }

    /// The branch, tag or commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The cache's directory of contents, complete and partial.
    pub fn blobs(&self) -> PathBuf {
        self.cache_folder().join("blobs")
    }

    fn cache_folder(&self) -> PathBuf {
        self.settings.cache.join(self.repo.folder_name())
    }

    /// The file in the cache, by the name of the revision or, as other programs store it, by commit only.
    pub fn cached(&self, file: &str) -> Option<PathBuf> {
        let cache = Cache::new(self.settings.cache.clone()).repo(self.repo.clone());
        let by_commit = cache.pointer_path(&self.revision).join(file);
        cache
            .get(file)
            .or_else(|| by_commit.exists().then_some(by_commit))
    }

    /// Downloads one file; `None` if the model has no such file.
    fn download(&self, file: &str) -> Result<Option<PathBuf>, HubError> {
        if self.is_offline() {
            return Err(HubError::Offline {
                model: self.model.to_owned(),
                file: file.to_owned(),
            });
        }
        let api = self
            .connect()
            .map_err(|error| self.download_failed(file, &error))?;
        let download = Download {
            api,
            cache: Cache::new(self.settings.cache.clone()),
            repo: self.repo.clone(),
            file: file.to_owned(),
        };
        let events = download
            .start()
            .map_err(|error| self.download_failed(file, &error))?;
        self.follow(file, &events)
    }

    fn follow(&self, file: &str, events: &Receiver<DownloadEvent>) -> Result<Option<PathBuf>, HubError> {
        let mut size = None;
        loop {
            match events.recv_timeout(self.settings.timeout) {
                Ok(DownloadEvent::Begin(bytes)) => {
                    size = Some(bytes);
                    self.progress.begin(file, bytes);
                }
                Ok(DownloadEvent::Resume(bytes)) => self.progress.resume(bytes),
                Ok(DownloadEvent::Advance(bytes)) => self.progress.advance(bytes),
                Ok(DownloadEvent::TooMany) => {
                    return Err(self.download_failed(file, &"more bytes arrived than announced; try again"));
                }
                Ok(DownloadEvent::Done(Ok(path))) => return self.complete(file, path, size).map(Some),
                Ok(DownloadEvent::Done(Err(error))) => return self.explain(file, &error),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.settings.timeout.as_secs_f32();
                    return Err(self.unreachable(&format!("no answer within {seconds} seconds")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.download_failed(file, &"unexpected response"));
                }
            }
        }
    }

    /// Verifies length and checksum of a downloaded file; removes it from the cache if they are wrong.
    fn complete(&self, file: &str, path: PathBuf, size: Option<u64>) -> Result<PathBuf, HubError> {
        let found = std::fs::metadata(&path)
            .map(|metadata| metadata.len())
            .unwrap_or_default();
        if let Some(size) = size.filter(|&size| size != found) {
            checksum::mark_partial(&path);
            let cause = format!("only {found} of {size} bytes arrived; try again to resume");
            return Err(self.download_failed(file, &cause));
        }
        match checksum::check(&path) {
            Ok(_) => {
                self.progress.finish();
                Ok(path)
            }
            Err(checksum::ChecksumError::Unreadable(error)) => Err(self.download_failed(file, &error)),
            Err(wrong) => {
                checksum::remove(&path);
                Err(self.download_failed(file, &format!("{wrong}; try again")))
            }
        }
    }

    fn explain(&self, file: &str, error: &ApiError) -> Result<Option<PathBuf>, HubError> {
        match error {
            ApiError::RequestError(request) => self.explain_request(file, request),
            ApiError::LockAcquisition(_) => Err(self.download_failed(
                file,
                &"another download of this file is running; wait until it ends",
            )),
            ApiError::IoError(error) if is_connection_error(error.kind()) => {
                let cause = format!("the connection was lost ({error}); try again to resume");
                Err(self.download_failed(file, &cause))
            }
            error => Err(self.download_failed(file, error)),
        }
    }

    fn explain_request(&self, file: &str, error: &ureq::Error) -> Result<Option<PathBuf>, HubError> {
        let cause = match *error {
            ureq::Error::StatusCode(404) => return Ok(None),
            ureq::Error::StatusCode(401 | 403) => {
                "model not found, or not public: set HF_TOKEN to a token with access".into()
            }
            ureq::Error::StatusCode(status) => format!("HTTP status {status}"),
            ref other => return Err(self.unreachable(other)),
        };
        Err(self.download_failed(file, &cause))
    }

    fn connect(&self) -> Result<Api, ApiError> {
        ApiBuilder::from_cache(Cache::new(self.settings.cache.clone()))
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.settings.token.clone())
            .with_progress(false)
            .build()
    }

    fn unreachable(&self, cause: &dyn std::fmt::Display) -> HubError {
        HubError::Unreachable {
            model: self.model.to_owned(),
            cause: cause.to_string(),
        }
    }

    /// The error for a file that could not be downloaded.
    pub fn download_failed(&self, file: &str, cause: &dyn std::fmt::Display) -> HubError {
        HubError::DownloadFailed {
            model: self.model.to_owned(),
            file: file.to_owned(),
            cause: cause.to_string(),
        }
    }
}

impl FileSource for ModelRevision<'_> {
    fn find(&self, file: &str) -> Option<PathBuf> {
        self.cached(file)
    }

    fn get(&self, file: &str) -> Result<Option<PathBuf>, HubError> {
        match self.cached(file) {
            Some(path) => Ok(Some(path)),
            None => self.download(file),
        }
    }

    fn missing(&self, file: &'static str) -> HubError {
        if file == layout::CONFIG_NAME {
            // Every model has one.
            let cause = format!("model or revision not found (revision {})", self.revision);
            return self.download_failed("config.json", &cause);
        }
        HubError::FileMissing {
            file,
            place: format!("{} (revision {})", self.model, self.revision),
        }
    }
}

/// A revision without network access.
pub struct CachedOnly<'a>(pub &'a ModelRevision<'a>);

impl FileSource for CachedOnly<'_> {
    fn find(&self, file: &str) -> Option<PathBuf> {
        self.0.cached(file)
    }

    fn get(&self, file: &str) -> Result<Option<PathBuf>, HubError> {
        Ok(self.0.cached(file))
    }

    fn missing(&self, file: &'static str) -> HubError {
        self.0.missing(file)
    }
}

/// Whether the error is one of the connection, not of this disk.
fn is_connection_error(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}
