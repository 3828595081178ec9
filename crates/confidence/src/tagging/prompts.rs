//! Prompts of a tag, and the vectors of a vocabulary.

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};

/// Texts around a tag. `{}` is replaced by the tag, `{a}` by its article and the tag. They vary on purpose,
/// so that only the tag is common to all.
const TEMPLATES: [&str; 8] = [
    "{}",
    "a photo of {a}",
    "a photo of {}",
    "a photo of the {}",
    "a picture of {a}",
    "a close-up photo of {}",
    "a bright photo of {a}",
    "an image that shows {}",
];

/// The tags of a vocabulary with their vectors in an encoder's space.
#[derive(Debug, Clone, PartialEq)]
pub struct TagVectors {
    tags: Vec<String>,
    vectors: Vec<Embedding>,
}

/// The texts whose mean embedding represents `tag`. The templates are English, so a tag in another script
/// is its only prompt.
pub fn prompts(tag: &str) -> Vec<String> {
    if tag.chars().any(|c| c.is_alphabetic() && !is_latin(c)) {
        return vec![tag.to_owned()];
    }
    let article = if tag.to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    let with_article = format!("{article} {tag}");
    let fill = |template: &&str| template.replace("{a}", &with_article).replace("{}", tag);
    TEMPLATES.iter().map(fill).collect()
}

impl TagVectors {
    /// The vectors of `tags`, one per tag: the normalized mean of the prompts' embeddings.
    pub fn embed(encoder: &dyn Encoder, tags: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        let each: Vec<Vec<String>> = tags.iter().map(|tag| prompts(tag)).collect();
        let texts: Vec<&str> = each.iter().flatten().map(String::as_str).collect();
        let mut vectors = encoder.encode_texts(&texts)?.into_iter();
        let mut mean = |prompts: &Vec<String>| {
            let terms: Vec<Embedding> = vectors.by_ref().take(prompts.len()).collect();
            let weighted: Vec<(f32, &Embedding)> = terms.iter().map(|term| (1.0, term)).collect();
            Embedding::weighted_sum(&weighted).map_err(EncodeError::Output)
        };
        each.iter().map(&mut mean).collect()
    }

    /// Tags with the vectors that [`embed`](Self::embed) returned for them; `None` if their numbers differ.
    pub fn new(tags: Vec<String>, vectors: Vec<Embedding>) -> Option<Self> {
        (tags.len() == vectors.len()).then_some(Self { tags, vectors })
    }

    /// The tags with their vectors, in the vocabulary's order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Embedding)> {
        self.tags.iter().map(String::as_str).zip(&self.vectors)
    }
}

/// Whether `c` is in the Unicode blocks of Latin letters, accented ones included.
const fn is_latin(c: char) -> bool {
    matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    #[test]
    fn each_template_gives_distinct_prompt() {
        let texts = prompts("owl");
        assert_eq!(texts.len(), TEMPLATES.len());
        assert!(texts.contains(&"owl".into()) && texts.contains(&"a photo of an owl".into()));
        let distinct: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len());
        assert_eq!(prompts("été")[1], "a photo of a été");
    }

    #[test]
    fn tag_in_other_script_is_only_prompt() {
        assert_eq!(prompts("собака"), ["собака"]);
        assert_eq!(prompts("犬"), ["犬"]);
    }

    #[test]
    fn tag_vector_is_mean_of_prompts() {
        let encoder = FakeEncoder::default();
        let vectors = TagVectors::embed(&encoder, &["owl", "犬"]).unwrap();
        let texts = prompts("owl");
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let each = encoder.encode_texts(&texts).unwrap();
        let sum: Vec<f32> = (0..64)
            .map(|i| each.iter().map(|e| e.as_slice()[i]).sum())
            .collect();
        let expected = Embedding::normalize(sum).unwrap();
        let distance: f32 = expected
            .as_slice()
            .iter()
            .zip(vectors[0].as_slice())
            .map(|(a, b)| (a - b).abs())
            .sum();
        assert!(distance < 1e-5, "{distance}");
        assert_eq!(vectors[1], encoder.encode_texts(&["犬"]).unwrap()[0]);
    }
}
