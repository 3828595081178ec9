//! The prompt before every text.

use std::collections::BTreeMap;

use super::json_file::JsonFile;
use crate::error::LoadError;

/// What E5's authors put before queries; their files do not say it.
const E5: &str = "query: ";

/// The prompt of a model by `config_sentence_transformers.json`: that of queries, since captions and searches are read alike;
/// else the default one; else, for E5 models by their name, theirs. Empty: there is none.
pub fn prompt(file: &JsonFile, model: &str) -> Result<String, LoadError> {
    let prompts: BTreeMap<String, Option<String>> = file.optional("prompts")?.unwrap_or_default();
    if let Some(query) = prompts
        .get("query")
        .cloned()
        .flatten()
        .filter(|query| !query.is_empty())
    {
        return Ok(query);
    }
    if let Some(name) = file.optional::<String>("default_prompt_name")? {
        let found = prompts.get(&name).cloned().flatten();
        return found
            .ok_or_else(|| file.invalid(format!("default_prompt_name {name:?} is not one of prompts")));
    }
    Ok(if is_e5(model) {
        E5.to_owned()
    } else {
        String::new()
    })
}

/// Whether the last part of a model's name is that of an E5 model without instructions.
fn is_e5(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_lowercase();
    let known = ["e5-small", "e5-base", "e5-large", "multilingual-e5-"];
    known.iter().any(|start| name.starts_with(start)) && !name.contains("instruct")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, model: &str) -> Result<String, LoadError> {
        prompt(
            &JsonFile::parse("config_sentence_transformers.json", json.as_bytes())?,
            model,
        )
    }

    #[test]
    fn query_prompt_goes_before_default() {
        let both = r#"{"prompts":{"query":"Q: ","document":"D: "},"default_prompt_name":"document"}"#;
        assert_eq!(of(both, "a/b").unwrap(), "Q: ");
        let default = r#"{"prompts":{"query":"","document":"D: "},"default_prompt_name":"document"}"#;
        assert_eq!(of(default, "a/b").unwrap(), "D: ");
        assert_eq!(of(r#"{"prompts":{"document":"D: "}}"#, "a/b").unwrap(), "");
        let error = of(r#"{"default_prompt_name":"query"}"#, "a/b")
            .unwrap_err()
            .to_string();
        assert!(error.contains("config_sentence_transformers.json") && error.contains("default_prompt_name"));
    }

    #[test]
    fn e5_models_have_their_prefix() {
        for (model, expected) in [
            ("intfloat/multilingual-e5-small", E5),
            ("e5-base-v2", E5),
            ("intfloat/multilingual-e5-large-instruct", ""),
            ("intfloat/e5-mistral-7b-instruct", ""),
            ("sentence-transformers/all-MiniLM-L6-v2", ""),
        ] {
            assert_eq!(of("{}", model).unwrap(), expected, "{model}");
        }
    }
}
