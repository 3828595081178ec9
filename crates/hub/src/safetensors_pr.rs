//! Safetensors that the hub's own converter offers for models whose makers published only pickles.
//!
//! The converter opens a pull request, which has a revision of its own; transformers looks for it in the same way.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::settings::HubSettings;

/// The hub's converter, by its account.
const CONVERTER: &str = "SFconvertbot";
const MARK: &str = ".eidetic-converted";
/// Bytes of the hub's answer; longer lists of discussions are cut off by pages.
const LARGEST_ANSWER: u64 = 4 << 20;

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

/// The revision in which the converter offers this model's weights; `None` too where the hub cannot be asked.
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
        .limit(LARGEST_ANSWER)
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

/// Remembers, beside a model's files in the cache, which pull request was taken: any other could be anybody's.
pub fn remember(folder: &Path, revision: &str) {
    // Without it the hub is asked again the next time.
    let _ = fs::write(folder.join(MARK), revision);
}

/// What was remembered.
pub fn remembered(folder: &Path) -> Option<String> {
    let revision = fs::read_to_string(folder.join(MARK)).ok()?;
    let number = revision.strip_prefix("refs/pr/")?;
    number.parse::<u32>().is_ok().then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pull_requests_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(remembered(folder.path()), None);
        remember(folder.path(), "refs/pr/15");
        assert_eq!(remembered(folder.path()).as_deref(), Some("refs/pr/15"));
        remember(folder.path(), "refs/pr/../../x");
        assert_eq!(remembered(folder.path()), None);
    }

    #[test]
    fn only_an_open_pull_request_of_the_converter_counts() {
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
            list("somebody", "open", true, title),
            list(CONVERTER, "closed", true, title),
            list(CONVERTER, "open", false, title),
            list(CONVERTER, "open", true, "Upload README.md"),
            "no JSON".to_owned(),
        ] {
            assert_eq!(offered(other.as_bytes()), None, "{other}");
        }
    }
}
