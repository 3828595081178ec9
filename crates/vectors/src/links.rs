//! The links of the graph's nodes, in flat memory.
//!
//! The node of a row has the row's number. At level 0 every row has [`M_MAX0`] slots; the links of the higher levels,
//! which have few nodes, are stored one node after the other.

use eidetic_kernels::CacheLine;
use rayon::prelude::*;

use crate::quantizer::mix;

/// Maximum number of links of a node at level 0 (`M_max0` in the paper).
pub(crate) const M_MAX0: usize = 32;
/// Maximum number of links of a node at each higher level (`M_max` in the paper).
pub(crate) const M_MAX: usize = 16;
/// Fills unused slots.
pub(crate) const NO_LINK: u32 = u32::MAX;
/// Number of levels: enough for 16²³ nodes.
const LEVELS: u8 = 16;

/// Cache lines of a node's links at level 0.
pub(crate) const BASE_LINES: usize = M_MAX0 * size_of::<u32>() / size_of::<CacheLine>();

/// The links of all nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// Links at level 0, [`BASE_LINES`] per row.
    pub(crate) base: Vec<CacheLine>,
    /// By row: index in `upper` of its links at level 1; `NO_LINK` for rows that are not nodes.
    pub(crate) upper_offsets: Vec<u32>,
    /// Links above level 0, by node and then by level.
    pub(crate) upper: Vec<[u32; M_MAX]>,
}

impl Links {
    /// One more than the highest row that there is room for.
    pub(crate) const fn rows(&self) -> usize {
        self.upper_offsets.len()
    }

    /// Size in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.base.as_slice())
            + size_of_val(self.upper_offsets.as_slice())
            + size_of_val(self.upper.as_slice())
    }

    /// Whether the row is a node.
    pub(crate) fn is_node(&self, row: u32) -> bool {
        self.upper_offsets
            .get(row as usize)
            .is_some_and(|&offset| offset != NO_LINK)
    }

    /// Makes a row a node without links.
    pub(crate) fn add(&mut self, row: u32) {
        self.grow(row);
        self.upper_offsets[row as usize] = self.upper.len() as u32;
        let lists = self.upper.len() + usize::from(level(row));
        self.upper.resize(lists, [NO_LINK; M_MAX]);
    }

    /// Makes room for a row that is not a node.
    pub(crate) fn grow(&mut self, row: u32) {
        let rows = self.rows().max(row as usize + 1);
        self.upper_offsets.resize(rows, NO_LINK);
        let old_lines = self.base.len();
        self.base.resize(rows * BASE_LINES, CacheLine::ZERO);
        CacheLine::words_mut(&mut self.base[old_lines..]).fill(NO_LINK);
    }

    /// Whether all links point to existing rows, and above level 0 to nodes of that level. Links read from a file have
    /// to pass this before they are followed.
    pub(crate) fn are_valid(&self) -> bool {
        let rows = self.rows();
        let is_row = |link: &u32| *link == NO_LINK || (*link as usize) < rows;
        let base_is_valid = || {
            CacheLine::words(&self.base)
                .par_chunks(1 << 16)
                .all(|links| links.iter().all(is_row))
        };
        let upper_is_valid = |row: u32| {
            let (levels, offset) = (usize::from(level(row)), self.upper_offsets[row as usize]);
            if offset == NO_LINK {
                return true;
            }
            let lists = self.upper.get(offset as usize..offset as usize + levels);
            lists.is_some_and(|lists| self.are_valid_upper_links(lists))
        };
        self.base.len() == rows * BASE_LINES
            && base_is_valid()
            && (0..rows as u32).into_par_iter().all(upper_is_valid)
    }

    /// Whether a node's links at the levels from 1 up point to nodes of those levels.
    fn are_valid_upper_links(&self, lists: &[[u32; M_MAX]]) -> bool {
        (1..).zip(lists).all(|(at_level, links)| {
            let is_valid = |&link: &u32| link == NO_LINK || self.is_node(link) && level(link) >= at_level;
            links.iter().all(is_valid)
        })
    }

    /// The links of a node at a level that it has.
    #[inline]
    pub(crate) fn of(&self, node: u32, level: u8) -> &[u32] {
        let slots = self.slots(node, level);
        let end = slots.iter().position(|&link| link == NO_LINK);
        &slots[..end.unwrap_or(slots.len())]
    }

    /// All link slots of a node at a level, unused ones included.
    #[inline]
    pub(crate) fn slots(&self, node: u32, level: u8) -> &[u32] {
        match level {
            0 => CacheLine::words(&self.base[node as usize * BASE_LINES..][..BASE_LINES]),
            _ => &self.upper[self.upper_offsets[node as usize] as usize + usize::from(level) - 1],
        }
    }

    /// Replaces the links of a node, at most [`max_links`] of them.
    pub(crate) fn set(&mut self, node: u32, level: u8, links: &[u32]) {
        let slots: &mut [u32] = match level {
            0 => CacheLine::words_mut(&mut self.base[node as usize * BASE_LINES..][..BASE_LINES]),
            _ => &mut self.upper[self.upper_offsets[node as usize] as usize + usize::from(level) - 1],
        };
        slots[..links.len()].copy_from_slice(links);
        slots[links.len()..].fill(NO_LINK);
    }
}

/// Maximum number of links of a node at a level.
pub(crate) const fn max_links(level: u8) -> usize {
    if level == 0 { M_MAX0 } else { M_MAX }
}

/// The highest level of a row's node: one in [`M_MAX`] nodes of each level is in the next one too. It depends on the row
/// number alone, so that the same rows give the same graph.
pub(crate) const fn level(row: u32) -> u8 {
    let (bits, mut level) = (mix(row as u64 ^ 0x6c65_7665_6c00_0000), 0);
    let step = M_MAX.ilog2();
    while level + 1 < LEVELS && (bits >> (level as u32 * step)).trailing_zeros() >= step {
        level += 1;
    }
    level
}
