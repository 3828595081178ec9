//! Searches that say what is wrong with their filter, rather than that nothing was found.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, TagStore};
use eidetic_domain::Filter;
use eidetic_search::{Query, SearchResults, fuse};

use crate::{Library, LibraryError, Space};

/// What a filter names that the library does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFilterValue {
    /// A folder without any file of the library.
    #[error("no picture of the library is in {}; it has those below {}", folder.display(), listed(sources))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The folders that the library has.
        sources: Vec<PathBuf>,
    },
    /// A tag that no image has, though others have tags.
    #[error("no picture of the library has the tag {0:?}")]
    Tag(String),
    /// A tag, where no image has any.
    #[error("no picture of the library has the tag {0:?}, since none has tags yet; run: eidetic tag")]
    NoTags(String),
}

impl Library {
    /// Searches in `space`. A filter that names what the library does not have is an error: otherwise a misspelled
    /// folder would look like an empty one.
    pub fn search(&self, space: &Space, query: &Query) -> Result<SearchResults, LibraryError> {
        self.require_known_folders(&query.filter)?;
        let results = space.search(query)?;
        if results.hits.is_empty() {
            space.require_known_tags(&query.filter)?;
        }
        Ok(results)
    }

    /// Searches in every space that has images, and joins the results; those of the active space come first.
    ///
    /// An image of the query must be given as pixels at the size that `query_in` makes for each space.
    pub fn search_all_spaces<E: From<LibraryError>>(
        &self,
        query_in: impl Fn(&Space) -> Result<Query, E>,
    ) -> Result<SearchResults, E> {
        let active = self.active();
        let mut results = Vec::new();
        let (mut k, mut min_confidence) = (Query::DEFAULT_K, None);
        for status in self
            .spaces()?
            .iter()
            .filter(|space| space.images > 0 || space.active)
        {
            let space = if status.active {
                active.clone()
            } else {
                self.space_named(&status.number.to_string())?
            };
            let mut query = query_in(&space)?;
            (k, min_confidence) = (query.k, query.min_confidence.take());
            // Hits that one space ranks lower may be first together.
            query.k = k.saturating_mul(2);
            results.push(self.search(&space, &query)?);
        }
        Ok(fuse(results, k, min_confidence))
    }

    /// Errors: the filter names a folder or a tag that the library does not have.
    pub fn require_known(&self, filter: &Filter) -> Result<(), LibraryError> {
        self.require_known_folders(filter)?;
        self.active().require_known_tags(filter)
    }

    pub(crate) fn require_known_folders(&self, filter: &Filter) -> Result<(), LibraryError> {
        for folder in &filter.folders {
            if !self.knows(folder)? {
                return Err(UnknownFilterValue::Folder {
                    folder: folder.clone(),
                    sources: self.sources(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Whether a folder has files of the library, or can get some by the next run.
    fn knows(&self, folder: &Path) -> Result<bool, LibraryError> {
        let real = folder.canonicalize();
        let exists = real.is_ok();
        let names = [Some(folder.to_owned()), real.ok()];
        let sources = self.sources();
        for name in names.iter().flatten() {
            let has_source = sources.iter().any(|source| source.starts_with(name));
            let is_in_source = exists && sources.iter().any(|source| name.starts_with(source));
            if has_source || is_in_source || self.catalog.files_under(name).next().transpose()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Space {
    pub(crate) fn require_known_tags(&self, filter: &Filter) -> Result<(), LibraryError> {
        for tag in filter.required_tags() {
            if self.catalog.images_with_tag(&tag)?.is_empty() {
                let has_others = self.catalog.tag_summary()?.images > 0;
                let unknown = if has_others {
                    UnknownFilterValue::Tag
                } else {
                    UnknownFilterValue::NoTags
                };
                return Err(unknown(tag).into());
            }
        }
        Ok(())
    }
}

/// At most three folders, for a message.
fn listed(folders: &[PathBuf]) -> String {
    let mut text = String::new();
    for (index, folder) in folders.iter().take(3).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{}", folder.display());
    }
    match folders.len() {
        0 => "no folder".to_owned(),
        1..=3 => text,
        count => format!("{text} and {} more", count - 3),
    }
}
