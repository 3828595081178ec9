//! A `VectorIndex` in memory, for tests.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};

use crate::store::check_dimension;
use crate::top_k::TopK;
use crate::{IndexError, Neighbor, RowSet, VectorIndex, ranks_before};

/// Vectors in a map, searched one by one.
#[derive(Debug)]
pub struct MemoryIndex {
    space: SpaceId,
    vectors: HashMap<ImageId, (RowId, Embedding)>,
    hidden: HashMap<ImageId, (RowId, Embedding)>,
    free: BTreeSet<RowId>,
}

impl MemoryIndex {
    /// An empty index of `space`.
    pub fn new(space: SpaceId) -> Self {
        Self {
            space,
            vectors: HashMap::new(),
            hidden: HashMap::new(),
            free: BTreeSet::new(),
        }
    }

    /// The lowest free row, or a new one.
    fn vacant_row(&mut self) -> RowId {
        let end = RowId(self.end());
        self.free.pop_first().unwrap_or(end)
    }
}

impl VectorIndex for MemoryIndex {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn end(&self) -> u64 {
        (self.vectors.len() + self.hidden.len() + self.free.len()) as u64
    }

    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError> {
        for (_, vector) in vectors {
            check_dimension(self.space.dimension, vector)?;
        }
        let images: Vec<ImageId> = vectors.iter().map(|(image, _)| *image).collect();
        self.restore(&images)?;
        let mut rows = Vec::with_capacity(vectors.len());
        for (image, vector) in vectors {
            let known = self.vectors.get(image).map(|(row, _)| *row);
            let row = known.unwrap_or_else(|| {
                let row = self.vacant_row();
                self.vectors.insert(*image, (row, vector.clone()));
                row
            });
            rows.push(row);
        }
        Ok(rows)
    }

    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        for image in images {
            let hidden = self.hidden.remove(image);
            if let Some((row, _)) = self.vectors.remove(image).or(hidden) {
                self.free.insert(row);
            }
        }
        Ok(())
    }

    fn hide(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        for image in images {
            self.hidden.extend(self.vectors.remove_entry(image));
        }
        Ok(())
    }

    fn restore(&mut self, images: &[ImageId]) -> Result<Vec<Option<RowId>>, IndexError> {
        let restored = images.iter().map(|image| {
            self.vectors.extend(self.hidden.remove_entry(image));
            self.vectors.get(image).map(|(row, _)| *row)
        });
        Ok(restored.collect())
    }

    fn commit(&self) -> Result<(), IndexError> {
        Ok(())
    }

    fn vector(&self, image: &ImageId) -> Option<Embedding> {
        self.vectors.get(image).map(|(_, vector)| vector.clone())
    }

    fn row(&self, image: &ImageId) -> Option<RowId> {
        self.vectors.get(image).map(|(row, _)| *row)
    }

    fn rank(&self, query: &Embedding, filter: Option<&RowSet>) -> Result<Vec<(ImageId, f32)>, IndexError> {
        let nearest = self.search(query, self.len(), filter)?;
        let mut ranking: Vec<(ImageId, f32)> = nearest
            .into_iter()
            .map(|neighbor| (neighbor.image, neighbor.score))
            .collect();
        ranking.sort_by(ranks_before);
        Ok(ranking)
    }

    fn rank_beginning(
        &self,
        query: &Embedding,
        filter: Option<&RowSet>,
        most: usize,
    ) -> Result<Option<Vec<(ImageId, f32)>>, IndexError> {
        let mut ranking = self.rank(query, filter)?;
        ranking.truncate(most);
        Ok(Some(ranking))
    }

    fn search(
        &self,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>, IndexError> {
        check_dimension(self.space.dimension, query)?;
        let mut nearest = TopK::new(k);
        let matches = |row: &RowId| filter.is_none_or(|filter| filter.contains(row.0 as u32));
        for (image, (_, vector)) in self.vectors.iter().filter(|(_, (row, _))| matches(row)) {
            let products = query.as_slice().iter().zip(vector.as_slice()).map(|(q, v)| q * v);
            let score = products.sum::<f32>().clamp(-1.0, 1.0);
            nearest.push_with(*image, score, || Arc::from(vector.as_slice()));
        }
        Ok(nearest.into_sorted().into_iter().map(Neighbor::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn memory_index_passes_conformance_checks() {
        for dimension in [16, 64, 100] {
            conformance::check(&mut MemoryIndex::new(SpaceId {
                model: "test".into(),
                revision: "1".into(),
                preprocessing: "none".into(),
                dimension,
            }));
        }
    }
}
