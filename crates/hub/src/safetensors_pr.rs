//! Finds the pull request in which the Hub's converter offers safetensors, for models that were published as pickles only.
//!
//! A pull request has a revision of its own (`refs/pr/N`). transformers looks for it in the same way.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::settings::HubSettings;

/// The account of the Hub's converter.
const CONVERTER: &str = "SFconvertbot";
/// The file in the cache that names the pull request.
const MARK: &str = ".eidetic-converted";
/// Largest accepted response, in bytes; the Hub returns longer lists of discussions in pages.
const MAX_RESPONSE: u64 = 4 << 20;

#[derive(Deserialize)]
struct Discussions {
    discussions: Vec<Discussion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discussion {
    num: u32,
    title: String,
    status: String,
    is_pull_request: bool,
    author: Option<Author>,
}

#[derive(Deserialize)]
struct Author {
    name: String,
}

/// The revision of the converter's pull request for this model; `None` also if the Hub cannot be reached.
pub fn revision(model: &str, settings: &HubSettings) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(settings.timeout))
        .build()
        .into();
    let mut request = agent.get(format!("{}/api/models/{model}/discussions", settings.endpoint));
    if let Some(token) = &settings.token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = request.call().ok()?;
    let json = answer
        .body_mut()
        .with_config()
        .limit(MAX_RESPONSE)
        .read_to_vec()
        .ok()?;
    offered(&json)
}

fn offered(json: &[u8]) -> Option<String> {
    let answer: Discussions = serde_json::from_slice(json).ok()?;
    let is_offer = |one: &&Discussion| {
        one.is_pull_request
            && one.status == "open"
            && one.title.contains("safetensors")
            && one.author.as_ref().is_some_and(|author| author.name == CONVERTER)
    };
    let offer = answer.discussions.iter().find(is_offer)?;
    Some(format!("refs/pr/{}", offer.num))
}

/// Stores beside the model's files in the cache which pull request was used: any other may be of another author.
pub fn remember(folder: &Path, revision: &str) {
    // Without the file, the Hub is queried again the next time.
    let _ = fs::write(folder.join(MARK), revision);
}

/// The pull request that was stored.
pub fn remembered(folder: &Path) -> Option<String> {
    let revision = fs::read_to_string(folder.join(MARK)).ok()?;
    let number = revision.strip_prefix("refs/pr/")?;
    number.parse::<u32>().is_ok().then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pull_request_revisions_are_stored() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(remembered(folder.path()), None);
        remember(folder.path(), "refs/pr/15");
        assert_eq!(remembered(folder.path()).as_deref(), Some("refs/pr/15"));
        remember(folder.path(), "refs/pr/../../x");
        assert_eq!(remembered(folder.path()), None);
    }

    #[test]
    fn only_open_pull_request_of_converter_counts() {
        let list = |author: &str, status: &str, pull: bool, title: &str| {
            format!(
                r#"{{"count":2,"discussions":[{{"num":3,"title":"a question","status":"open","isPullRequest":false,"author":null}},
                {{"num":15,"title":"{title}","status":"{status}","isPullRequest":{pull},"author":{{"name":"{author}"}}}}]}}"#
            )
        };
        let title = "Adding `safetensors` variant of this model";
        let whole = list(CONVERTER, "open", true, title);
        assert_eq!(offered(whole.as_bytes()).as_deref(), Some("refs/pr/15"));
        for other in [
            list("other-account", "open", true, title),
            list(CONVERTER, "closed", true, title),
            list(CONVERTER, "open", false, title),
            list(CONVERTER, "open", true, "Upload README.md"),
            "no JSON".to_owned(),
        ] {
            assert_eq!(offered(other.as_bytes()), None, "{other}");
        }
    }
}
