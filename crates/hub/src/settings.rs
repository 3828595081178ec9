//! Where the hub is, where its files are kept, and whether it may be asked.

use std::path::PathBuf;
use std::time::Duration;

use hf_hub::Cache;

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
    pub timeout: Duration,
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
            timeout: Duration::from_secs(10),
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
