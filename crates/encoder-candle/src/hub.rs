//! Models from the Hugging Face hub: from its cache on disk where they are there, else downloaded into it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use crate::download::{Download, News};
use crate::error::LoadError;
use crate::files::{PROCESSORS, TOKENIZERS};

/// Told about a download as it goes on, from the thread that opens the model.
pub trait DownloadProgress {
    /// A file of so many bytes begins.
    fn begin(&self, file: &str, bytes: u64);
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
}

impl HubSettings {
    /// As `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME` and `HF_TOKEN` say, with their usual defaults.
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
        }
    }
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
    let revision = revision.unwrap_or("main");
    let hub = Hub {
        model,
        revision,
        repo: Repo::with_revision(model.to_owned(), RepoType::Model, revision.to_owned()),
        settings,
        progress,
    };
    // One commit's files lie in one folder. A model that changes meanwhile is there in full the second time.
    match hub.folder()? {
        Some(folder) => Ok(folder),
        None => hub
            .folder()?
            .ok_or_else(|| hub.refused("one commit", &"it keeps changing")),
    }
}

struct Hub<'a> {
    model: &'a str,
    revision: &'a str,
    repo: Repo,
    settings: &'a HubSettings,
    progress: &'a dyn DownloadProgress,
}

impl Hub<'_> {
    /// The folder of all files, or None where they came to lie in several.
    fn folder(&self) -> Result<Option<PathBuf>, LoadError> {
        let files = [
            self.one_of(&[&["config.json"]], "config.json")?,
            self.one_of(&PROCESSORS, "preprocessor_config.json")?,
            self.one_of(&TOKENIZERS, "tokenizer.json (nor vocab.json with merges.txt)")?,
            self.one_of(&[&["model.safetensors"]], "model.safetensors")?,
        ];
        let folder = files[0].parent();
        let together = files.iter().all(|file| file.parent() == folder);
        Ok(folder.filter(|_| together).map(Path::to_owned))
    }

    /// The first file of the first alternative that is complete, in the cache if possible.
    fn one_of(&self, alternatives: &[&[&str]], wanted: &'static str) -> Result<PathBuf, LoadError> {
        for files in alternatives {
            let cached: Option<Vec<PathBuf>> = files.iter().map(|file| self.cached(file)).collect();
            if let Some(path) = cached.and_then(|paths| paths.into_iter().next()) {
                return Ok(path);
            }
        }
        for files in alternatives {
            if let Some(path) = self.all_of(files)? {
                return Ok(path);
            }
        }
        Err(LoadError::FileMissing {
            file: wanted,
            place: format!("{} (revision {})", self.model, self.revision),
        })
    }

    /// The first of the files, if the hub has them all.
    fn all_of(&self, files: &[&str]) -> Result<Option<PathBuf>, LoadError> {
        let mut first = None;
        for file in files {
            let path = match self.cached(file) {
                Some(path) => path,
                None => match self.download(file)? {
                    Some(path) => path,
                    None => return Ok(None),
                },
            };
            first.get_or_insert(path);
        }
        Ok(first)
    }

    /// Where the cache holds the file, by the revision's name or, as other programs keep it, by its commit alone.
    fn cached(&self, file: &str) -> Option<PathBuf> {
        let cache = Cache::new(self.settings.cache.clone()).repo(self.repo.clone());
        let by_commit = cache.pointer_path(self.revision).join(file);
        cache
            .get(file)
            .or_else(|| by_commit.exists().then_some(by_commit))
    }

    /// Downloads one file; None where the hub says that the model has no such file.
    fn download(&self, file: &str) -> Result<Option<PathBuf>, LoadError> {
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

    /// Checks that all bytes arrived; a file cut short is taken out of the cache again.
    fn complete(&self, file: &str, path: PathBuf, size: Option<u64>) -> Result<PathBuf, LoadError> {
        let found = std::fs::metadata(&path)
            .map(|metadata| metadata.len())
            .unwrap_or_default();
        if let Some(size) = size.filter(|&size| size != found) {
            let content = path.canonicalize();
            // The link first: hf-hub cannot replace one that leads nowhere.
            let _ = std::fs::remove_file(&path);
            if let Ok(content) = content {
                let _ = std::fs::remove_file(content);
            }
            let cause = format!("only {found} of {size} bytes arrived; try again");
            return Err(self.refused(file, &cause));
        }
        self.progress.finish();
        Ok(path)
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
            // Every model has this file.
            ureq::Error::StatusCode(404) if file == "config.json" => {
                format!("it knows no such model, or not its revision {}", self.revision)
            }
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

    fn refused(&self, file: &str, cause: &dyn std::fmt::Display) -> LoadError {
        LoadError::HubRefused {
            model: self.model.to_owned(),
            file: file.to_owned(),
            cause: cause.to_string(),
        }
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

    #[test]
    fn the_usual_variables_are_obeyed() {
        let settings = HubSettings::from_variables(|name| match name {
            "HF_HOME" => Some("/somewhere".into()),
            "HF_ENDPOINT" => Some("http://localhost:1/".into()),
            "HF_TOKEN" => Some("secret".into()),
            _ => None,
        });
        assert_eq!(settings.cache, Path::new("/somewhere/hub"));
        assert_eq!(settings.endpoint, "http://localhost:1");
        assert_eq!(settings.token.as_deref(), Some("secret"));
        let plain = HubSettings::from_variables(|_| None);
        assert!(plain.cache.ends_with(".cache/huggingface/hub"));
        assert_eq!(plain.endpoint, "https://huggingface.co");
    }
}
