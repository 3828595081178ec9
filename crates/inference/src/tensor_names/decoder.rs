//! Canonical names of decoders' tensors: `layers.*`, `embed_tokens`, `norm`, `visual.*`, as transformers' Qwen2 has them.

/// The canonical name of a tensor of a safetensors file, whatever program wrote it; `None` for those that embeddings do
/// not need.
pub fn from_qwen(name: &str) -> Option<String> {
    let mut name = name;
    for prefix in ["model.", "language_model.", "model."] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let unneeded = name.starts_with("lm_head.") || name.ends_with("inv_freq");
    (!unneeded).then(|| name.to_owned())
}

/// The canonical name of a tensor of a GGUF file; `None` for those that embeddings do not need.
pub fn from_gguf(name: &str) -> Option<String> {
    const PARTS: [(&str, &str); 9] = [
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
        ("attn_norm", "input_layernorm"),
        ("ffn_norm", "post_attention_layernorm"),
    ];
    match name {
        "token_embd.weight" => return Some("embed_tokens.weight".into()),
        "output_norm.weight" => return Some("norm.weight".into()),
        _ => {}
    }
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, end) = part.rsplit_once('.')?;
    let (_, canonical) = PARTS.iter().find(|(short, _)| *short == part)?;
    Some(format!("layers.{layer}.{canonical}.{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_program_become_one() {
        for (name, expected) in [
            (
                "model.layers.0.mlp.up_proj.weight",
                Some("layers.0.mlp.up_proj.weight"),
            ),
            ("model.language_model.norm.weight", Some("norm.weight")),
            ("language_model.model.norm.weight", Some("norm.weight")),
            ("model.visual.pos_embed.weight", Some("visual.pos_embed.weight")),
            ("visual.merger.ln_q.bias", Some("visual.merger.ln_q.bias")),
            ("embed_tokens.weight", Some("embed_tokens.weight")),
            ("lm_head.weight", None),
        ] {
            assert_eq!(from_qwen(name).as_deref(), expected);
        }
        let gguf = from_gguf("blk.12.attn_q.bias");
        assert_eq!(gguf.as_deref(), Some("layers.12.self_attn.q_proj.bias"));
        assert_eq!(from_gguf("blk.12.unknown.bias"), None);
    }
}
