//! What a walk through the graph keeps: the best nodes met, and which were met at all.

use eidetic_kernels::prefetch;

/// A node and how near it is: the product of its code with the query's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scored {
    pub(crate) score: i32,
    pub(crate) node: u32,
}

impl Scored {
    /// Better ones are smaller: higher scores first, equal scores by node.
    pub(crate) const fn order(self) -> (std::cmp::Reverse<i32>, u32) {
        (std::cmp::Reverse(self.score), self.node)
    }
}

/// The best nodes met so far, best first, with a mark on those whose links have been followed.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    capacity: usize,
    kept: Vec<Entry>,
    /// Everything before it has been followed.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    scored: Scored,
    followed: bool,
}

impl Pool {
    /// Empties it; it keeps at most `capacity` ≥ 1 from now on.
    pub(crate) fn reset(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.kept.clear();
        self.next = 0;
    }

    /// Keeps a node if it is among the best, and says at which distance from the next to be followed.
    #[inline]
    pub(crate) fn offer(&mut self, scored: Scored) -> Option<usize> {
        let full = self.kept.len() == self.capacity;
        if full
            && self
                .kept
                .last()
                .is_none_or(|worst| scored.order() >= worst.scored.order())
        {
            return None;
        }
        let at = self
            .kept
            .partition_point(|entry| entry.scored.order() < scored.order());
        if full {
            self.kept.pop();
        }
        self.kept.insert(
            at,
            Entry {
                scored,
                followed: false,
            },
        );
        self.next = self.next.min(at);
        Some(at - self.next)
    }

    /// The best node whose links have not been followed, which now counts as followed.
    #[inline]
    pub(crate) fn follow(&mut self) -> Option<u32> {
        while let Some(entry) = self.kept.get_mut(self.next) {
            self.next += 1;
            if !entry.followed {
                entry.followed = true;
                return Some(entry.scored.node);
            }
        }
        None
    }

    /// What is kept, best first.
    pub(crate) fn kept(&self) -> impl ExactSizeIterator<Item = Scored> + '_ {
        self.kept.iter().map(|entry| entry.scored)
    }
}

/// Which nodes a walk has met; forgetting them all costs nothing most times.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    walk: u8,
    met_in: Vec<u8>,
}

impl Visited {
    /// Forgets all; there are `nodes` now.
    pub(crate) fn reset(&mut self, nodes: usize) {
        if self.met_in.len() < nodes {
            self.met_in.resize(nodes, 0);
        }
        self.walk = self.walk.wrapping_add(1);
        if self.walk == 0 {
            self.met_in.fill(0);
            self.walk = 1;
        }
    }

    /// Whether this is the first time that the walk meets `node`.
    #[inline]
    pub(crate) fn meet(&mut self, node: u32) -> bool {
        let met = &mut self.met_in[node as usize];
        let first = *met != self.walk;
        *met = self.walk;
        first
    }
}

/// Memory that one walk needs, to be used again by the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) pool: Pool,
    pub(crate) visited: Visited,
    /// Nodes met at one step.
    pub(crate) fresh: Vec<u32>,
}

/// Rows fetched ahead of the one being compared.
const AHEAD: usize = 6;

impl Scratch {
    /// Compares the code of every fresh node and offers it; `landed` learns which were kept near the front.
    #[inline]
    pub(crate) fn compare(&mut self, codes: &crate::codes::Codes, query: &[i8], landed: impl Fn(u32)) {
        let kernel = eidetic_kernels::Kernel::best();
        for &node in self.fresh.iter().take(AHEAD) {
            prefetch(codes.row(node));
        }
        for (at, &node) in self.fresh.iter().enumerate() {
            if let Some(&later) = self.fresh.get(at + AHEAD) {
                prefetch(codes.row(later));
            }
            let score = kernel.dot_i8(query, codes.row(node));
            if self
                .pool
                .offer(Scored { score, node })
                .is_some_and(|distance| distance < 2)
            {
                landed(node);
            }
        }
        self.fresh.clear();
    }
}
