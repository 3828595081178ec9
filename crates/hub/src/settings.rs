//! Settings of the Hugging Face Hub: endpoint, cache directory, token, timeout, network access.

use std::path::PathBuf;
use std::time::Duration;

use hf_hub::Cache;

/// Whether the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Missing files are downloaded.
    #[default]
    Allowed,
    /// No connection is made; a missing file is an error.
    Off,
}

/// Where models are downloaded from and to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// URL of the Hub, without a trailing slash.
    pub endpoint: String,
    /// Directory of the Hub's cache, which other programs share.
    pub cache: PathBuf,
    /// Access token for models that are not public.
    pub token: Option<String>,
    /// Longest wait for the next bytes.
    pub timeout: Duration,
    /// Whether downloads are allowed.
    pub network: Network,
}

impl HubSettings {
    /// Reads `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE`, with the defaults of `huggingface_hub`.
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

/// Parses a switch as `huggingface_hub` does.
fn is_yes(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn settings_follow_environment_variables() {
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
