//! The links of a graph's nodes, in flat memory.
//!
//! A node has its row's number. Level 0 has room for [`BASE`] links of every row; the levels above, where few nodes
//! stand, are kept one after the other.

use eidetic_kernels::CacheLine;
use rayon::prelude::*;

use crate::quantizer::mix;

/// Links of a node at level 0 (the paper's `M_max0`).
pub(crate) const BASE: usize = 32;
/// Links of a node at each level above (the paper's `M_max`).
pub(crate) const UPPER: usize = 16;
/// Stands behind the last link.
pub(crate) const NONE: u32 = u32::MAX;
/// One more than the highest level: enough for 16²³ nodes.
const LEVELS: u8 = 16;

/// Cache lines of a node's links at level 0.
pub(crate) const BASE_LINES: usize = BASE * size_of::<u32>() / size_of::<CacheLine>();

/// Links of all nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// Links at level 0, [`BASE_LINES`] a row.
    pub(crate) base: Vec<CacheLine>,
    /// By row: where its links above level 0 stand; `NONE` for a row that is no node.
    pub(crate) upper_at: Vec<u32>,
    pub(crate) upper: Vec<[u32; UPPER]>,
}

impl Links {
    /// Rows that there is room for.
    pub(crate) const fn rows(&self) -> usize {
        self.upper_at.len()
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.base.as_slice())
            + size_of_val(self.upper_at.as_slice())
            + size_of_val(self.upper.as_slice())
    }

    /// Whether the row is a node.
    pub(crate) fn is_node(&self, row: u32) -> bool {
        self.upper_at.get(row as usize).is_some_and(|&at| at != NONE)
    }

    /// Makes a row a node without links.
    pub(crate) fn add(&mut self, row: u32) {
        self.grow(row);
        self.upper_at[row as usize] = self.upper.len() as u32;
        self.upper
            .resize(self.upper.len() + usize::from(level(row)), [NONE; UPPER]);
    }

    /// Makes room for a row that is no node.
    pub(crate) fn grow(&mut self, row: u32) {
        let rows = self.rows().max(row as usize + 1);
        self.upper_at.resize(rows, NONE);
        let known = self.base.len();
        self.base.resize(rows * BASE_LINES, CacheLine::ZERO);
        CacheLine::words_mut(&mut self.base[known..]).fill(NONE);
    }

    /// Whether every link leads to a row, and above level 0 to a node that stands there.
    pub(crate) fn are_whole(&self) -> bool {
        let rows = self.rows();
        let is_row = |link: &u32| *link == NONE || (*link as usize) < rows;
        let base = || {
            CacheLine::words(&self.base)
                .par_chunks(1 << 16)
                .all(|links| links.iter().all(is_row))
        };
        let node = |row: u32| {
            let (levels, at) = (usize::from(level(row)), self.upper_at[row as usize] as usize);
            let lists = || self.upper.get(at..at + levels);
            self.upper_at[row as usize] == NONE || lists().is_some_and(|lists| self.stand_high_enough(lists))
        };
        self.base.len() == rows * BASE_LINES && base() && (0..rows as u32).into_par_iter().all(node)
    }

    /// Whether the links of a node's levels from 1 up lead to nodes of those levels.
    fn stand_high_enough(&self, lists: &[[u32; UPPER]]) -> bool {
        (1..).zip(lists).all(|(at_level, links)| {
            let stands = |&link: &u32| link == NONE || self.is_node(link) && level(link) >= at_level;
            links.iter().all(stands)
        })
    }

    /// The links of a node at a level that it stands at.
    #[inline]
    pub(crate) fn of(&self, node: u32, level: u8) -> &[u32] {
        let links = self.room(node, level);
        let end = links.iter().position(|&link| link == NONE);
        &links[..end.unwrap_or(links.len())]
    }

    /// The memory of a node's links.
    #[inline]
    pub(crate) fn room(&self, node: u32, level: u8) -> &[u32] {
        match level {
            0 => CacheLine::words(&self.base[node as usize * BASE_LINES..][..BASE_LINES]),
            _ => &self.upper[self.upper_at[node as usize] as usize + usize::from(level) - 1],
        }
    }

    /// Replaces the links of a node; at most as many as [`width`] says.
    pub(crate) fn set(&mut self, node: u32, level: u8, links: &[u32]) {
        let room: &mut [u32] = match level {
            0 => CacheLine::words_mut(&mut self.base[node as usize * BASE_LINES..][..BASE_LINES]),
            _ => &mut self.upper[self.upper_at[node as usize] as usize + usize::from(level) - 1],
        };
        room[..links.len()].copy_from_slice(links);
        room[links.len()..].fill(NONE);
    }
}

/// Most links of a node at a level.
pub(crate) const fn width(level: u8) -> usize {
    if level == 0 { BASE } else { UPPER }
}

/// The highest level of a row's node: one node in [`UPPER`] of each level stands at the next too. Given by the row
/// alone, so that the same rows make the same graph.
pub(crate) const fn level(row: u32) -> u8 {
    let (bits, mut level) = (mix(row as u64 ^ 0x6c65_7665_6c00_0000), 0);
    let step = UPPER.ilog2();
    while level + 1 < LEVELS && (bits >> (level as u32 * step)).trailing_zeros() >= step {
        level += 1;
    }
    level
}
