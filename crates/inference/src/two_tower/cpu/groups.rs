//! Cuts batches into groups and hands them to threads.

use std::sync::{Mutex, PoisonError};

use eidetic_encoder::EncodeError;
use rayon::prelude::*;

use super::workspace::Workspace;

/// Rows of a group: few enough that intermediate results stay in a core's own cache (a megabyte holds 256 rows of 768),
/// enough that reading the weights, which every group does, costs little.
const ROWS_A_GROUP: usize = 256;

/// The workspaces that wait for their next group.
#[derive(Default)]
pub struct Groups {
    idle: Mutex<Vec<Workspace>>,
}

impl Groups {
    /// Runs `forward` on groups of `items`, which have `rows` rows together, on the threads that there are, and gives the
    /// results in order, or the error of one. A single group runs on the caller's thread.
    pub fn run<T: Sync>(
        &self,
        items: &[T],
        rows: usize,
        forward: impl Fn(&[T], &mut Workspace) -> Result<Vec<Vec<f32>>, EncodeError> + Sync,
    ) -> Result<Vec<Vec<f32>>, EncodeError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let size = group_size(items.len(), rows, rayon::current_num_threads());
        let with_workspace = |group: &[T]| {
            let mut workspace = self.take();
            let result = forward(group, &mut workspace);
            self.give_back(workspace);
            result
        };
        if size >= items.len() {
            return with_workspace(items);
        }
        let groups = items.par_chunks(size).map(with_workspace);
        let groups: Vec<Vec<Vec<f32>>> = groups.collect::<Result<_, _>>()?;
        Ok(groups.into_iter().flatten().collect())
    }

    fn take(&self) -> Workspace {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_default()
    }

    fn give_back(&self, workspace: Workspace) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(workspace);
    }
}

/// Items of a group: as many groups as the rows need, rounded up to a number that the threads share evenly.
fn group_size(items: usize, rows: usize, threads: usize) -> usize {
    let groups = rows.div_ceil(ROWS_A_GROUP).next_multiple_of(threads.max(1));
    items.div_ceil(groups).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_small_and_shared_evenly() {
        assert_eq!(group_size(1, 7, 1), 1);
        assert_eq!(group_size(16, 800, 1), 4);
        assert_eq!(group_size(16, 800, 2), 4);
        assert_eq!(group_size(16, 800, 16), 1);
        assert_eq!(group_size(2, 1154, 1), 1);
        assert_eq!(group_size(16, 112, 1), 16);
    }

    #[test]
    fn results_keep_order() {
        let items: Vec<usize> = (0..1000).collect();
        let forward =
            |group: &[usize], _: &mut Workspace| Ok(group.iter().map(|&i| vec![i as f32]).collect());
        let got = Groups::default().run(&items, 50_000, forward).unwrap();
        assert!(got.iter().enumerate().all(|(i, row)| *row == [i as f32]) && got.len() == 1000);
    }
}
