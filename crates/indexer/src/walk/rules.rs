//! Rules like `.gitignore`'s that keep files out of the library.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

const IGNORE_FILE: &str = ".eideticignore";

/// The rules of a folder, and of those between it and the source.
pub struct Rules {
    own: Gitignore,
    outer: Option<Arc<Rules>>,
}

/// What rules say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    PassOver,
    LetIn,
}

impl Rules {
    /// The rules within `folder`, which holds `entries`: those of `outer` and its own.
    pub fn of(folder: &Path, entries: &[DirEntry], outer: Option<Arc<Self>>) -> Option<Arc<Self>> {
        if !entries.iter().any(|entry| entry.file_name() == IGNORE_FILE) {
            return outer;
        }
        Some(Arc::new(Self {
            own: read(folder),
            outer,
        }))
    }

    /// The rules of the folders above `source`, by its real path.
    pub fn above(source: &Path) -> Above {
        let real = source.canonicalize().unwrap_or_else(|_| source.to_owned());
        let ancestors = real.ancestors().skip(1);
        let with_rules = ancestors.filter(|folder| folder.join(IGNORE_FILE).is_file());
        Above {
            rules: with_rules.map(read).collect(),
            source: source.to_owned(),
            real,
        }
    }

    /// The innermost verdict on `path`.
    pub fn verdict(&self, path: &Path, is_folder: bool) -> Option<Verdict> {
        let mut rules = Some(self);
        while let Some(Self { own, outer }) = rules {
            if let Some(verdict) = verdict(own, path, is_folder) {
                return Some(verdict);
            }
            rules = outer.as_deref();
        }
        None
    }
}

/// The rules of the folders above a source, the innermost first.
pub struct Above {
    rules: Vec<Gitignore>,
    source: PathBuf,
    real: PathBuf,
}

impl Above {
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The innermost verdict on `path`, which lies in the source.
    pub fn verdict(&self, path: &Path, is_folder: bool) -> Option<Verdict> {
        let path = self.real.join(path.strip_prefix(&self.source).ok()?);
        self.rules
            .iter()
            .find_map(|rules| verdict(rules, &path, is_folder))
    }
}

fn verdict(rules: &Gitignore, path: &Path, is_folder: bool) -> Option<Verdict> {
    match rules.matched(path, is_folder) {
        Match::None => None,
        Match::Ignore(_) => Some(Verdict::PassOver),
        Match::Whitelist(_) => Some(Verdict::LetIn),
    }
}

/// The good rules of the ignore file in `folder`; bad ones are named in the log.
fn read(folder: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    let partly = builder.add(folder.join(IGNORE_FILE));
    let (rules, wholly) = match builder.build() {
        Ok(rules) => (rules, None),
        Err(error) => (Gitignore::empty(), Some(error)),
    };
    for error in [partly, wholly].into_iter().flatten() {
        tracing::warn!(path = %folder.display(), %error, "a rule for ignoring is no good");
    }
    rules
}
