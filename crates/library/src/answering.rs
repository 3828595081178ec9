//! What a library answers, its active space answers.

use std::sync::{Arc, PoisonError};

use eidetic_catalog::Tag;
use eidetic_confidence::TextMatch;
use eidetic_confidence::calibration::{Calibrated, LabelledPair};
use eidetic_confidence::{Fit, Judge, QueryKind};
use eidetic_domain::{Embedding, ImageId, Precision, SpaceId};
use eidetic_hub::DownloadProgress;
use eidetic_indexer::{Observer, RunContext};
use eidetic_search::{Answer, Query, QueryPicture};

use crate::{
    CalibrationHistory, Keep, Library, LibraryError, Loading, Refitted, ScoredPairs, Space, TagOptions,
    TagReport,
};

impl Library {
    /// The space that answers now. Whoever takes several steps takes them in one space.
    pub fn active(&self) -> Arc<Space> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&active)
    }

    /// The active space's name.
    pub fn space(&self) -> SpaceId {
        self.active().space().clone()
    }

    /// How to load the active space's model again.
    pub fn model(&self) -> String {
        self.active().model.clone()
    }

    /// See [`Space::compute_in`].
    pub fn compute_in(&self, precision: Precision) {
        self.active().compute_in(precision);
    }

    /// See [`Space::load_by`].
    pub fn load_by(&self, loading: Loading) {
        self.active().load_by(loading);
    }

    /// See [`Space::precision`].
    pub fn precision(&self) -> Precision {
        self.active().precision()
    }

    /// Loads the active space's model now rather than when it is first needed.
    pub fn load_encoder(&self, progress: &dyn DownloadProgress) -> Result<(), LibraryError> {
        self.active().load_encoder(progress).map(drop)
    }

    /// See [`Space::search`].
    pub fn search(&self, query: &Query) -> Result<Answer, LibraryError> {
        self.active().search(query)
    }

    /// See [`Space::refresh_graph`].
    pub fn refresh_graph(&self) -> Result<(), LibraryError> {
        self.active().refresh_graph()
    }

    /// See [`Space::damaged`].
    pub fn damaged(&self) -> usize {
        self.active().damaged()
    }

    /// See [`Space::match_texts`].
    pub fn match_texts(
        &self,
        picture: &QueryPicture,
        texts: &[&str],
    ) -> Result<Vec<TextMatch>, LibraryError> {
        self.active().match_texts(picture, texts)
    }

    /// See [`Space::match_vector`].
    pub fn match_vector(&self, picture: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, LibraryError> {
        self.active().match_vector(picture, texts)
    }

    /// See [`Space::picture_vector`].
    pub fn picture_vector(&self, picture: &QueryPicture) -> Result<Embedding, LibraryError> {
        self.active().picture_vector(picture)
    }

    /// See [`Space::judge`].
    pub fn judge(&self) -> Result<Arc<Judge>, LibraryError> {
        self.active().judge()
    }

    /// See [`Space::tag`].
    pub fn tag(&self, options: &TagOptions, context: &RunContext<'_>) -> Result<TagReport, LibraryError> {
        self.active().tag(options, context)
    }

    /// See [`Space::get_tags`].
    pub fn get_tags(&self, image: &ImageId) -> Result<Vec<Tag>, LibraryError> {
        self.active().get_tags(image)
    }

    /// See [`Space::score_pairs`].
    pub fn score_pairs(
        &self,
        kind: QueryKind,
        pairs: &[LabelledPair],
        observer: &dyn Observer,
    ) -> Result<ScoredPairs, LibraryError> {
        self.active().score_pairs(kind, pairs, observer)
    }

    /// See [`Space::calibrate`].
    pub fn calibrate(
        &self,
        kind: QueryKind,
        pairs: &ScoredPairs,
        keep: Keep,
    ) -> Result<Calibrated, LibraryError> {
        self.active().calibrate(kind, pairs, keep)
    }

    /// See [`Space::refit`].
    pub fn refit(&self, kind: QueryKind, answers: &ScoredPairs) -> Result<Refitted, LibraryError> {
        self.active().refit(kind, answers)
    }

    /// See [`Space::undo_calibration`].
    pub fn undo_calibration(&self, kind: QueryKind) -> Result<CalibrationHistory, LibraryError> {
        self.active().undo_calibration(kind)
    }

    /// See [`Space::calibration_history`].
    pub fn calibration_history(&self) -> Result<CalibrationHistory, LibraryError> {
        self.active().calibration_history()
    }

    /// See [`Space::calibration`].
    pub fn calibration(&self, kind: QueryKind) -> Result<Option<Calibrated>, LibraryError> {
        self.active().calibration(kind)
    }

    /// See [`Space::fit`].
    pub fn fit(&self, kind: QueryKind) -> Result<Fit, LibraryError> {
        self.active().fit(kind)
    }
}
