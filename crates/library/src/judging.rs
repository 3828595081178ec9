use std::sync::{Arc, PoisonError, RwLockReadGuard};

use eidetic_confidence::{Fit, Judge, OwnScores, QueryKind};
use eidetic_vectors::VectorIndex;

use crate::{LibraryError, Space, background};

impl Space {
    /// What says how probable matches are, as the library is calibrated now.
    ///
    /// Where nothing but the background can say it, the first call takes a thousand texts through the model.
    pub fn judge(&self) -> Result<Arc<Judge>, LibraryError> {
        let current = |judge: &&Arc<Judge>| self.knows_the_library(judge);
        if let Some(judge) = self.read_judge().as_ref().filter(current) {
            return Ok(judge.clone());
        }
        let mut kept = self.judge.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(judge) = kept.as_ref().filter(current) {
            return Ok(judge.clone());
        }
        let judge = Arc::new(match &*kept {
            Some(judge) => Judge {
                own_scores: self.own_scores(),
                ..Judge::clone(judge)
            },
            None => self.make_judge()?,
        });
        *kept = Some(judge.clone());
        Ok(judge)
    }

    fn make_judge(&self) -> Result<Judge, LibraryError> {
        let encoder = self.encoder()?;
        let text = self.fit(QueryKind::Text)?;
        let picture = self.fit(QueryKind::Picture)?;
        let needed = [&text, &picture].contains(&&Fit::Background);
        let background = needed
            .then(|| background::load(&self.directory, encoder))
            .transpose()?;
        let own_scores = needed.then(|| self.own_scores()).flatten();
        Ok(Judge {
            text,
            picture,
            background,
            own_scores,
        })
    }

    /// Whether the library's scores are still what the judge took them for.
    fn knows_the_library(&self, judge: &Judge) -> bool {
        if judge.background.is_none() {
            return true;
        }
        let size = self.read_vectors().len();
        judge
            .own_scores
            .as_ref()
            .map_or(size < OwnScores::LEAST, |own| own.stand_for(size))
    }

    /// A part of the library that stands for it.
    fn own_scores(&self) -> Option<Arc<OwnScores>> {
        let vectors = self.read_vectors();
        let images: Vec<_> = vectors.live().map(|(_, image)| image).collect();
        OwnScores::choose(&images, |image| vectors.vector(&image)).map(Arc::new)
    }

    fn read_judge(&self) -> RwLockReadGuard<'_, Option<Arc<Judge>>> {
        self.judge.read().unwrap_or_else(PoisonError::into_inner)
    }
}
