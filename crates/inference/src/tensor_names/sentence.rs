//! Canonical names of sentence encoders' tensors: `embeddings.*` and `encoder.*`, as transformers' BERT and MPNet have them.

/// The canonical name of a tensor of a safetensors file; `None` for those that embeddings do not need.
pub fn from_file(name: &str) -> Option<String> {
    let name = ["bert.", "mpnet.", "roberta."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let needed =
        name.starts_with("embeddings.") || name.starts_with("encoder.") || name.starts_with("linear.");
    if !needed || name.ends_with("_ids") {
        return None;
    }
    // The first checkpoints of BERT were converted from TensorFlow, with its names.
    let name = name.replace("LayerNorm.gamma", "LayerNorm.weight");
    Some(name.replace("LayerNorm.beta", "LayerNorm.bias"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_prefix_and_heads() {
        let embeddings = "embeddings.word_embeddings.weight";
        for prefix in ["", "bert.", "roberta.", "mpnet."] {
            assert_eq!(
                from_file(&format!("{prefix}{embeddings}")).as_deref(),
                Some(embeddings)
            );
        }
        let norm = from_file("bert.embeddings.LayerNorm.gamma");
        assert_eq!(norm.as_deref(), Some("embeddings.LayerNorm.weight"));
        for unneeded in [
            "pooler.dense.weight",
            "cls.predictions.bias",
            "embeddings.position_ids",
        ] {
            assert_eq!(from_file(unneeded), None, "{unneeded}");
        }
    }
}
