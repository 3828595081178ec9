//! Models from the Hugging Face hub: from its cache on disk where they are there, else downloaded into it.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use crate::download::{Download, News};
use crate::error::LoadError;
use crate::layout::{self, Source};
use crate::model_ref::is_hub_name;
use crate::{checksum, converted, text_only};

/// Told about a download as it goes on, from the thread that opens the model.
pub trait DownloadProgress {
    /// A file of so many bytes begins.
    fn begin(&self, file: &str, bytes: u64);
    /// So many of its bytes are there from an earlier try that was cut off.
    fn resume(&self, bytes: u64) {
        self.advance(bytes);
    }
    /// So many more bytes are there.
    fn advance(&self, bytes: u64);
    /// The file that began last is complete.
    fn finish(&self);
}

impl DownloadProgress for () {
    fn begin(&self, _file: &str, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}

/// Whether downloads may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// What is not on disk is downloaded.
    #[default]
    Allowed,
    /// What is not on disk cannot be had, and no connection is tried.
    Off,
}

/// Where the hub is and where its files are kept.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// The hub's address without a slash at its end.
    pub endpoint: String,
    /// The folder of the cache, which other programs share.
    pub cache: PathBuf,
    /// What opens models that are not public.
    pub token: Option<String>,
    /// How long the hub may be silent before a download is given up.
    pub patience: Duration,
    /// Whether it may be asked at all.
    pub network: Network,
}

impl HubSettings {
    /// As `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` say, with their usual defaults.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let home = || {
            std::env::home_dir()
                .unwrap_or_default()
                .join(".cache/huggingface")
        };
        let cache = variable("HF_HUB_CACHE").map_or_else(
            || variable("HF_HOME").map_or_else(home, PathBuf::from).join("hub"),
            PathBuf::from,
        );
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: variable("HF_TOKEN").or_else(|| Cache::new(cache.clone()).token()),
            cache,
            patience: Duration::from_secs(10),
            network: match variable("HF_HUB_OFFLINE") {
                Some(value) if is_yes(&value) => Network::Off,
                _ => Network::Allowed,
            },
        }
    }
}

/// As the hub's own client reads its switches.
fn is_yes(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
}

/// The folder that holds all files of a model, after downloading those that are not in the cache.
///
/// The network is not touched where the cache is complete.
pub fn fetch(
    model: &str,
    revision: Option<&str>,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<PathBuf, LoadError> {
    refuse_strange_name(model, revision)?;
    let hub = Hub::find(model, revision, settings, progress);
    match hub.whole_folder() {
        // The makers' weights are in another form; the hub's converter may offer them in this one.
        Err(LoadError::FileMissing { file, place })
            if revision.is_none() && file == layout::WEIGHTS_NAME && !hub.is_offline() =>
        {
            match converted::revision(model, settings) {
                Some(offered) => {
                    let folder = hub.at(Cow::Borrowed(&offered)).whole_folder()?;
                    converted::remember(&hub.cache_folder(), &offered);
                    Ok(folder)
                }
                None => Err(LoadError::FileMissing { file, place }),
            }
        }
        fetched => fetched,
    }
}

/// Keeps what is no name of the hub's out of its addresses and of the cache's paths.
pub fn refuse_strange_name(id: &str, revision: Option<&str>) -> Result<(), LoadError> {
    if is_hub_name(id, revision) {
        return Ok(());
    }
    Err(LoadError::HubRefused {
        model: id.to_owned(),
        file: "anything".into(),
        cause: "a model's name reads organisation/name".into(),
    })
}

/// One revision of a model of the hub.
pub struct Hub<'a> {
    model: &'a str,
    revision: Cow<'a, str>,
    repo: Repo,
    settings: &'a HubSettings,
    progress: &'a dyn DownloadProgress,
}

impl<'a> Hub<'a> {
    /// The revision that was asked for. Without one: `main`, or where that is not complete on disk the pull request
    /// of the hub's converter that was taken before, or the one that the catalogue names for a model whose `main` has none.
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
        if let Some(remembered) = converted::remembered(&main.cache_folder()) {
            return hub.at(Cow::Owned(remembered));
        }
        match crate::catalogue::revision_of(model) {
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
        layout::gather(&OnDiskOnly(self)).is_ok()
    }

    fn whole_folder(&self) -> Result<PathBuf, LoadError> {
        // One commit's files lie in one folder. A model that changes meanwhile is there in full the second time.
        match self.folder()? {
            Some(folder) => Ok(folder),
            None => self
                .folder()?
                .ok_or_else(|| self.refused("one commit", &"it keeps changing")),
        }
    }

    /// The folder of all files, or None where they came to lie in several.
    fn folder(&self) -> Result<Option<PathBuf>, LoadError> {
        let config = layout::config(self)?;
        text_only::refuse(&config, self.model)?;
        Ok(layout::one_folder(&layout::gather(self)?))
    }

    /// The folder of all files of a model that reads texts only.
    pub fn text_model(&self) -> Result<PathBuf, LoadError> {
        let files = layout::gather_text_model(self)?;
        layout::one_folder(&files).ok_or_else(|| self.refused("one commit", &"it keeps changing; try again"))
    }

    pub fn is_offline(&self) -> bool {
        self.settings.network == Network::Off
    }

    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Where the cache keeps contents, complete ones and parts.
    pub fn blobs(&self) -> PathBuf {
        self.cache_folder().join("blobs")
    }

    fn cache_folder(&self) -> PathBuf {
        self.settings.cache.join(self.repo.folder_name())
    }

    /// Where the cache holds the file, by the revision's name or, as other programs keep it, by its commit alone.
    pub fn cached(&self, file: &str) -> Option<PathBuf> {
        let cache = Cache::new(self.settings.cache.clone()).repo(self.repo.clone());
        let by_commit = cache.pointer_path(&self.revision).join(file);
        cache
            .get(file)
            .or_else(|| by_commit.exists().then_some(by_commit))
    }

    /// Downloads one file; None where the hub says that the model has no such file.
    fn download(&self, file: &str) -> Result<Option<PathBuf>, LoadError> {
        if self.is_offline() {
            return Err(LoadError::Offline {
                model: self.model.to_owned(),
                file: file.to_owned(),
            });
        }
        let api = self.connect().map_err(|error| self.refused(file, &error))?;
        let download = Download {
            api,
            cache: Cache::new(self.settings.cache.clone()),
            repo: self.repo.clone(),
            file: file.to_owned(),
        };
        let news = download.start().map_err(|error| self.refused(file, &error))?;
        self.follow(file, &news)
    }

    fn follow(&self, file: &str, news: &Receiver<News>) -> Result<Option<PathBuf>, LoadError> {
        let mut size = None;
        loop {
            match news.recv_timeout(self.settings.patience) {
                Ok(News::Begin(bytes)) => {
                    size = Some(bytes);
                    self.progress.begin(file, bytes);
                }
                Ok(News::Resume(bytes)) => self.progress.resume(bytes),
                Ok(News::Advance(bytes)) => self.progress.advance(bytes),
                Ok(News::TooMany) => {
                    return Err(self.refused(file, &"more bytes arrived than announced; try again"));
                }
                Ok(News::Done(Ok(path))) => return self.complete(file, path, size).map(Some),
                Ok(News::Done(Err(error))) => return self.explain(file, &error),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.settings.patience.as_secs_f32();
                    return Err(self.unreachable(&format!("no answer within {seconds} seconds")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.refused(file, &"its answer could not be understood"));
                }
            }
        }
    }

    /// Checks that the bytes arrived as the hub announced them; others are taken out of the cache again.
    fn complete(&self, file: &str, path: PathBuf, size: Option<u64>) -> Result<PathBuf, LoadError> {
        let found = std::fs::metadata(&path)
            .map(|metadata| metadata.len())
            .unwrap_or_default();
        if let Some(size) = size.filter(|&size| size != found) {
            checksum::set_back(&path);
            let cause = format!("only {found} of {size} bytes arrived; try again, it goes on from there");
            return Err(self.refused(file, &cause));
        }
        match checksum::check(&path) {
            Ok(_) => {
                self.progress.finish();
                Ok(path)
            }
            Err(checksum::Wrong::Unreadable(error)) => Err(self.refused(file, &error)),
            Err(wrong) => {
                checksum::discard(&path);
                Err(self.refused(file, &format!("{wrong}; try again")))
            }
        }
    }

    fn explain(&self, file: &str, error: &ApiError) -> Result<Option<PathBuf>, LoadError> {
        match error {
            ApiError::RequestError(request) => self.explain_request(file, request),
            ApiError::LockAcquisition(_) => {
                Err(self.refused(file, &"another download of it is under way; wait for it to end"))
            }
            ApiError::IoError(error) if ended_early(error.kind()) => {
                let cause = format!("the connection ended early ({error}); try again, it goes on from there");
                Err(self.refused(file, &cause))
            }
            error => Err(self.refused(file, error)),
        }
    }

    fn explain_request(&self, file: &str, error: &ureq::Error) -> Result<Option<PathBuf>, LoadError> {
        let cause = match *error {
            ureq::Error::StatusCode(404) => return Ok(None),
            ureq::Error::StatusCode(401 | 403) => {
                "it knows no such model, or asks for an HF_TOKEN that may read it".into()
            }
            ureq::Error::StatusCode(status) => format!("HTTP status {status}"),
            ref other => return Err(self.unreachable(other)),
        };
        Err(self.refused(file, &cause))
    }

    fn connect(&self) -> Result<Api, ApiError> {
        ApiBuilder::from_cache(Cache::new(self.settings.cache.clone()))
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.settings.token.clone())
            .with_progress(false)
            .build()
    }

    fn unreachable(&self, cause: &dyn std::fmt::Display) -> LoadError {
        LoadError::HubUnreachable {
            model: self.model.to_owned(),
            cause: cause.to_string(),
        }
    }

    pub fn refused(&self, file: &str, cause: &dyn std::fmt::Display) -> LoadError {
        LoadError::HubRefused {
            model: self.model.to_owned(),
            file: file.to_owned(),
            cause: cause.to_string(),
        }
    }
}

impl Source for Hub<'_> {
    fn find(&self, file: &str) -> Option<PathBuf> {
        self.cached(file)
    }

    fn get(&self, file: &str) -> Result<Option<PathBuf>, LoadError> {
        match self.cached(file) {
            Some(path) => Ok(Some(path)),
            None => self.download(file),
        }
    }

    fn missing(&self, file: &'static str) -> LoadError {
        if file == layout::CONFIG {
            // Every model has one.
            let cause = format!("it knows no such model, or not its revision {}", self.revision);
            return self.refused("config.json", &cause);
        }
        LoadError::FileMissing {
            file,
            place: format!("{} (revision {})", self.model, self.revision),
        }
    }
}

/// The same revision without the network.
pub struct OnDiskOnly<'a>(pub &'a Hub<'a>);

impl Source for OnDiskOnly<'_> {
    fn find(&self, file: &str) -> Option<PathBuf> {
        self.0.cached(file)
    }

    fn get(&self, file: &str) -> Result<Option<PathBuf>, LoadError> {
        Ok(self.0.cached(file))
    }

    fn missing(&self, file: &'static str) -> LoadError {
        self.0.missing(file)
    }
}

/// Whether the other side is to blame rather than this disk.
fn ended_early(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_usual_variables_are_obeyed() {
        let settings = HubSettings::from_variables(|name| match name {
            "HF_HOME" => Some("/somewhere".into()),
            "HF_ENDPOINT" => Some("http://localhost:1/".into()),
            "HF_TOKEN" => Some("secret".into()),
            "HF_HUB_OFFLINE" => Some("ON".into()),
            _ => None,
        });
        assert_eq!(settings.cache, Path::new("/somewhere/hub"));
        assert_eq!(settings.endpoint, "http://localhost:1");
        assert_eq!(settings.token.as_deref(), Some("secret"));
        assert_eq!(settings.network, Network::Off);
        let plain = HubSettings::from_variables(|_| None);
        assert!(plain.cache.ends_with(".cache/huggingface/hub"));
        assert_eq!(plain.endpoint, "https://huggingface.co");
        assert_eq!(plain.network, Network::Allowed);
    }
}
