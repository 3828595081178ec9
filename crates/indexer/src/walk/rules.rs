//! Ignore files: rules in the syntax of `.gitignore` that keep files out of the library.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The name of files with rules.
pub const IGNORE_FILE: &str = ".eideticignore";

/// What a rule does with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleMatch {
    Ignore,
    Include,
}

/// The rules of a folder, and of the folders between it and the source.
pub struct IgnoreRules {
    own: Gitignore,
    outer: Option<Arc<IgnoreRules>>,
}

impl IgnoreRules {
    /// The rules within `folder`, which contains `entries`: its own, if it has an ignore file, and those of
    /// `outer`.
    pub fn of(folder: &Path, entries: &[DirEntry], outer: Option<Arc<Self>>) -> Option<Arc<Self>> {
        if !entries.iter().any(|entry| entry.file_name() == IGNORE_FILE) {
            return outer;
        }
        Some(Arc::new(Self {
            own: read(folder),
            outer,
        }))
    }

    pub fn innermost_match(&self, path: &Path, is_folder: bool) -> Option<RuleMatch> {
        let mut rules = Some(self);
        while let Some(Self { own, outer }) = rules {
            if let Some(found) = match_rules(own, path, is_folder) {
                return Some(found);
            }
            rules = outer.as_deref();
        }
        None
    }
}

/// The rules of the folders above a source, the innermost first.
pub struct AncestorRules {
    rules: Vec<Gitignore>,
    source: PathBuf,
    /// The real path of the source, whose ancestors these are.
    real: PathBuf,
}

impl AncestorRules {
    pub fn new(source: &Path) -> Self {
        let real = source.canonicalize().unwrap_or_else(|_| source.to_owned());
        let ancestors = real.ancestors().skip(1);
        let with_rules = ancestors.filter(|folder| folder.join(IGNORE_FILE).is_file());
        Self {
            rules: with_rules.map(read).collect(),
            source: source.to_owned(),
            real,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// `None` also where `path` is not within the source.
    pub fn innermost_match(&self, path: &Path, is_folder: bool) -> Option<RuleMatch> {
        let path = self.real.join(path.strip_prefix(&self.source).ok()?);
        self.rules
            .iter()
            .find_map(|rules| match_rules(rules, &path, is_folder))
    }
}

fn match_rules(rules: &Gitignore, path: &Path, is_folder: bool) -> Option<RuleMatch> {
    match rules.matched(path, is_folder) {
        Match::None => None,
        Match::Ignore(_) => Some(RuleMatch::Ignore),
        Match::Whitelist(_) => Some(RuleMatch::Include),
    }
}

/// The valid rules of the ignore file in `folder`. Invalid ones are logged.
fn read(folder: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    let rule_error = builder.add(folder.join(IGNORE_FILE));
    let (rules, build_error) = match builder.build() {
        Ok(rules) => (rules, None),
        Err(error) => (Gitignore::empty(), Some(error)),
    };
    for error in [rule_error, build_error].into_iter().flatten() {
        tracing::warn!(path = %folder.display(), %error, "invalid ignore rule");
    }
    rules
}
