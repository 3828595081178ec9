use std::sync::{Arc, PoisonError};

use eidetic_search::confidence::{Fit, Judge, QueryKind};

use crate::{LibraryError, Space, background};

impl Space {
    /// What says how probable matches are, as the library is calibrated now.
    ///
    /// Where nothing but the background can say it, the first call takes a thousand texts through the model.
    pub fn judge(&self) -> Result<Arc<Judge>, LibraryError> {
        if let Some(judge) = &*self.judge.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(judge.clone());
        }
        let mut kept = self.judge.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(judge) = &*kept {
            return Ok(judge.clone());
        }
        let judge = Arc::new(self.make_judge()?);
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
        Ok(Judge {
            text,
            picture,
            background,
        })
    }
}
