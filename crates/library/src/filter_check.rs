//! Searches that say what is wrong with their filter, rather than that nothing was found.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, FacetQuery, FacetValues, FolderLevel, TagStore};
use eidetic_confidence::profile::NamedProfile;
use eidetic_containers::file_at;
use eidetic_domain::{Filter, ImageId, ReachFilter};
use eidetic_indexer::RunContext;
use eidetic_search::{HitOrder, Query, SearchResults, fuse};

use crate::space::{with_canonical_folders, with_filter};
use crate::{
    Library, LibraryError, ScreenedImage, ScreeningOptions, ScreeningReport, ScreeningTarget, Space,
};

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
    /// A camera, a lens, a keyword or a place that no image has.
    #[error("no picture of the library has the {what} {value:?}{}", alternatives(known))]
    Value {
        /// What it is.
        what: &'static str,
        /// The pattern of the filter.
        value: String,
        /// The most frequent ones of the library.
        known: Vec<String>,
    },
}

/// Values of a kind that a message names.
const NAMED: usize = 5;
/// Files of a folder that are looked for to find out whether it can be reached.
const SAMPLED: usize = 8;

/// Values of images that filters name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Camera,
    Lens,
    Keyword,
    Place,
}

impl ValueKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Lens => "lens",
            Self::Keyword => "keyword",
            Self::Place => "place",
        }
    }

    /// Whether one of the filter's values suffices, rather than all.
    const fn is_alternative(self) -> bool {
        matches!(self, Self::Camera | Self::Lens)
    }

    fn of(self, filter: &Filter) -> &[String] {
        match self {
            Self::Camera => &filter.cameras,
            Self::Lens => &filter.lenses,
            Self::Keyword => &filter.keywords,
            Self::Place => &filter.places,
        }
    }

    /// The filter of one value.
    fn filter(self, value: String) -> Filter {
        let mut filter = Filter::default();
        let values = match self {
            Self::Camera => &mut filter.cameras,
            Self::Lens => &mut filter.lenses,
            Self::Keyword => &mut filter.keywords,
            Self::Place => &mut filter.places,
        };
        values.push(value);
        filter
    }
}

impl Library {
    /// Searches in `space`. A filter that names what the library does not have is an error: otherwise a misspelled
    /// folder would look like an empty one.
    pub fn search(&self, space: &Space, query: &Query) -> Result<SearchResults, LibraryError> {
        let query = with_filter(query, self.resolve_filter(&query.filter)?);
        let results = space.search_resolved(&query)?;
        if results.hits.is_empty() {
            space.require_known_values(&query.filter)?;
        }
        Ok(results)
    }

    /// Refuses a filter that names what the library does not have, before a long computation that it is for.
    pub fn require_known(&self, space: &Space, filter: &Filter) -> Result<(), LibraryError> {
        space
            .images_matching(self.resolve_filter(filter)?.as_ref())
            .map(drop)
    }

    /// Screens images of the library or others, as [`ScreeningOptions`] say; `screened` receives them as they are compared.
    ///
    /// Errors: among others, the filter names what the library does not have.
    pub fn screen(
        &self,
        space: &Space,
        profile: &NamedProfile,
        options: &ScreeningOptions,
        context: &RunContext<'_>,
        screened: &mut dyn FnMut(ScreenedImage),
    ) -> Result<ScreeningReport, LibraryError> {
        let ScreeningTarget::Library(filter) = &options.target else {
            return space.screen(profile, options, context, screened);
        };
        let filter = self.resolve_filter(filter)?.into_owned();
        space.require_known_values(&filter)?;
        let options = ScreeningOptions {
            target: ScreeningTarget::Library(Box::new(filter)),
            ..options.clone()
        };
        space.screen(profile, &options, context, screened)
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
        let (mut k, mut min_confidence, mut order) = (Query::DEFAULT_K, None, HitOrder::Score);
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
            order = std::mem::take(&mut query.order);
            // Hits that one space ranks lower may be first together.
            query.k = k.saturating_mul(2);
            results.push(self.search(&space, &query)?);
        }
        let mut fused = fuse(results, k, min_confidence);
        fused.sort(order);
        Ok(fused)
    }

    /// The filter as the catalog takes it: with the canonical forms of its folders, and with the folders that are out of reach
    /// where it asks for those.
    ///
    /// Errors: among others, it names a folder that the library does not have.
    pub(crate) fn resolve_filter<'a>(&self, filter: &'a Filter) -> Result<Cow<'a, Filter>, LibraryError> {
        // As they are named: the other form of one is known if this one is.
        self.require_known_folders(filter)?;
        let mut resolved = with_canonical_folders(filter);
        if let Some(reach) = &filter.reach {
            let reach = ReachFilter {
                folders: self.unreachable_folders()?,
                ..reach.clone()
            };
            resolved.to_mut().reach = Some(reach);
        }
        Ok(resolved)
    }

    /// Sources, file systems in them, and parts that the last runs could not reach, of which no file is there now.
    fn unreachable_folders(&self) -> Result<Vec<PathBuf>, LibraryError> {
        let statuses = self.source_statuses();
        let parts = statuses.iter().flat_map(|source| &source.unreachable);
        let mut folders: Vec<PathBuf> = parts.map(|part| part.path.clone()).collect();
        folders.extend(self.known_mounts().into_iter().map(|known| known.folder));
        folders.extend(self.sources());
        folders.sort();
        folders.dedup();
        let mut unreachable = Vec::new();
        for folder in folders {
            if self.is_out_of_reach(&folder)? {
                unreachable.push(folder);
            }
        }
        Ok(unreachable)
    }

    fn is_out_of_reach(&self, folder: &Path) -> Result<bool, LibraryError> {
        if !folder.exists() {
            return Ok(true);
        }
        let mut has_files = false;
        for file in self.catalog.files_under(folder).take(SAMPLED) {
            if file_at(&file?.path).exists() {
                return Ok(false);
            }
            has_files = true;
        }
        Ok(has_files)
    }

    fn require_known_folders(&self, filter: &Filter) -> Result<(), LibraryError> {
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
    /// The images that match a filter whose folders are resolved, in no certain order.
    ///
    /// Errors: none does, and the filter names what no image has.
    pub(crate) fn images_matching(&self, filter: &Filter) -> Result<Vec<ImageId>, LibraryError> {
        let tagged = self.images_with_tags_of(filter)?;
        let images = self.catalog.images_matching(filter, tagged.as_deref())?;
        if images.is_empty() {
            self.require_known_values(filter)?;
        }
        Ok(images)
    }

    /// Errors: the filter names a tag, a camera, a lens, a keyword or a place that no image has. For empty answers, of which it says
    /// why.
    pub(crate) fn require_known_values(&self, filter: &Filter) -> Result<(), LibraryError> {
        self.require_known_tags(filter)?;
        for kind in [
            ValueKind::Camera,
            ValueKind::Lens,
            ValueKind::Keyword,
            ValueKind::Place,
        ] {
            let mut unknown = Vec::new();
            for value in kind.of(filter) {
                let only = kind.filter(value.clone());
                if self.catalog.images_matching(&only, None)?.is_empty() {
                    unknown.push(value.clone());
                }
            }
            let is_enough = kind.is_alternative() && unknown.len() < kind.of(filter).len();
            if let Some(value) = unknown.into_iter().next().filter(|_| !is_enough) {
                return Err(UnknownFilterValue::Value {
                    what: kind.name(),
                    value,
                    known: self.frequent_values(kind)?,
                }
                .into());
            }
        }
        Ok(())
    }

    fn frequent_values(&self, kind: ValueKind) -> Result<Vec<String>, LibraryError> {
        let facets = self.catalog.facets(&FacetQuery {
            filter: Filter::default(),
            among: None,
            folders: FolderLevel::Roots(Vec::new()),
            most: NAMED,
        })?;
        let texts = |values: FacetValues<String>| values.values.into_iter().map(|(value, _)| value).collect();
        Ok(match kind {
            ValueKind::Camera => texts(facets.cameras),
            ValueKind::Lens => texts(facets.lenses),
            ValueKind::Keyword => texts(facets.keywords),
            ValueKind::Place => {
                let places = facets.places.values.iter().flat_map(|(place, _)| place.names());
                let distinct: BTreeSet<&str> = places.collect();
                distinct.into_iter().take(NAMED).map(str::to_owned).collect()
            }
        })
    }

    fn require_known_tags(&self, filter: &Filter) -> Result<(), LibraryError> {
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

/// Such as `; there are "Nikon D750", "iPhone 12"`.
fn alternatives(known: &[String]) -> String {
    let quoted: Vec<String> = known.iter().map(|value| format!("{value:?}")).collect();
    match quoted.as_slice() {
        [] => "; none has any".to_owned(),
        values => format!("; there are {}", values.join(", ")),
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
