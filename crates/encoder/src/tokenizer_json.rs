//! Checks of `tokenizer.json` that the `tokenizers` crate leaves out and panics without.

use serde_json::Value;

use crate::TokenizerError;

/// An error unless merges give tokens and templates use only special tokens that they define.
pub fn check(json: &[u8]) -> Result<(), TokenizerError> {
    let Ok(file) = serde_json::from_slice::<Value>(json) else {
        return unreadable("not JSON".into());
    };
    check_template(&file["post_processor"])?;
    check_merges(&file["model"])
}

/// Templates may be nested in sequences of processors.
fn check_template(processor: &Value) -> Result<(), TokenizerError> {
    for processor in processor["processors"].as_array().into_iter().flatten() {
        check_template(processor)?;
    }
    let pieces = ["single", "pair"]
        .into_iter()
        .filter_map(|key| processor[key].as_array());
    for piece in pieces.flatten() {
        let special = piece["SpecialToken"]["id"].as_str();
        if let Some(id) = special.filter(|id| processor["special_tokens"].get(id).is_none()) {
            return unreadable(format!("special token {id:?} of the template is not defined"));
        }
    }
    Ok(())
}

/// Both parts of each merge and their concatenation must be tokens.
fn check_merges(model: &Value) -> Result<(), TokenizerError> {
    let (Some(Value::Object(vocabulary)), Some(Value::Array(merges))) =
        (model.get("vocab"), model.get("merges"))
    else {
        return Ok(());
    };
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str);
    let prefix = prefix.unwrap_or_default().len();
    for merge in merges {
        let joined = merge_parts(merge).and_then(|(left, right)| {
            let known = vocabulary.contains_key(left) && vocabulary.contains_key(right);
            right
                .get(prefix..)
                .filter(|_| known)
                .map(|rest| format!("{left}{rest}"))
        });
        if !joined.is_some_and(|joined| vocabulary.contains_key(&joined)) {
            return unreadable(format!("merge {merge} gives no token"));
        }
    }
    Ok(())
}

fn unreadable(reason: String) -> Result<(), TokenizerError> {
    Err(TokenizerError::Unreadable(reason))
}

/// Both parts, which are a list or one text with a space between them.
fn merge_parts(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(text) => text.split_once(' '),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(left), Value::String(right)] => Some((left, right)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn merges_must_give_tokens() {
        let check = |merge: &str| {
            let json = format!(r#"{{"model":{{"vocab":{{"a":0,"b":1,"ab":2,"é":3}},"merges":[{merge}]}}}}"#);
            super::check(json.as_bytes())
        };
        for valid in [r#""a b""#, r#"["a","b"]"#, ""] {
            assert!(check(valid).is_ok(), "{valid}");
        }
        for invalid in [
            r#""b a""#,
            r#"["a","c"]"#,
            r#""ab""#,
            "7",
            r#"["a"]"#,
            r#""ab ab""#,
        ] {
            assert!(check(invalid).is_err(), "{invalid}");
        }
        assert!(super::check(br#"{"model":{"type":"Unigram","vocab":[["a",0.5]]}}"#).is_ok());
        assert!(super::check(b"{").is_err());
    }

    #[test]
    fn prefix_is_removed_at_character_boundary() {
        let json = r#"{"model":{"continuing_subword_prefix":"x","vocab":{"a":0,"é":1},"merges":["a é"]}}"#;
        assert!(super::check(json.as_bytes()).is_err());
    }

    #[test]
    fn templates_must_define_their_tokens() {
        let check = |defined: &str| {
            let json = format!(
                r#"{{"post_processor":{{"type":"Sequence","processors":[{{"type":"TemplateProcessing",
                "single":[{{"Sequence":{{"id":"A"}}}},{{"SpecialToken":{{"id":"<end>"}}}}],"special_tokens":{{{defined}}}}}]}}}}"#
            );
            super::check(json.as_bytes())
        };
        assert!(check(r#""<end>":{"id":"<end>","ids":[3],"tokens":["<end>"]}"#).is_ok());
        let error = check(r#""<enx>":{}"#).unwrap_err().to_string();
        assert!(error.contains("<end>"), "{error}");
    }
}
