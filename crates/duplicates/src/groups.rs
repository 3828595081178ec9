//! From pairs to groups.

/// Items that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Positions of at least two items, ascending.
    pub members: Vec<usize>,
    /// Probability of the weakest of the links that hold the group together.
    pub probability: f32,
}

/// The groups of `count` items that links of at least `threshold` connect, ordered by their first members. A link is a pair
/// of positions and a probability.
pub fn groups(count: usize, links: &[((usize, usize), f32)], threshold: f32) -> Vec<Group> {
    let mut strongest_first: Vec<_> = links
        .iter()
        .filter(|(_, probability)| *probability >= threshold)
        .collect();
    strongest_first.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut forest: Vec<usize> = (0..count).collect();
    let mut weakest = vec![1.0_f32; count];
    for ((a, b), probability) in strongest_first {
        let (a, b) = (root(&mut forest, *a), root(&mut forest, *b));
        if a != b {
            let (kept, joined) = (a.min(b), a.max(b));
            forest[joined] = kept;
            weakest[kept] = weakest[kept].min(weakest[joined]).min(*probability);
        }
    }
    let mut members = vec![Vec::new(); count];
    for item in 0..count {
        members[root(&mut forest, item)].push(item);
    }
    let found = members.into_iter().zip(weakest);
    found
        .filter(|(members, _)| members.len() > 1)
        .map(|(members, probability)| Group { members, probability })
        .collect()
}

/// The root of an item's tree, whose path is halved on the way.
fn root(forest: &mut [usize], mut item: usize) -> usize {
    while forest[item] != item {
        forest[item] = forest[forest[item]];
        item = forest[item];
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_above_threshold_connect() {
        let links = [((4, 2), 0.9), ((2, 0), 0.7), ((1, 3), 0.95), ((3, 4), 0.2)];
        let found = groups(6, &links, 0.5);
        let members: Vec<&[usize]> = found.iter().map(|group| &*group.members).collect();
        assert_eq!(members, [&[0, 2, 4][..], &[1, 3]]);
        assert_eq!(
            found.iter().map(|group| group.probability).collect::<Vec<_>>(),
            [0.7, 0.95]
        );
        assert_eq!(groups(6, &links, 0.1)[0].members, [0, 1, 2, 3, 4]);
        assert!(groups(6, &links, 0.96).is_empty());
    }

    #[test]
    fn strong_detour_replaces_weak_link() {
        let links = [((0, 1), 0.5), ((1, 2), 0.9), ((0, 2), 0.8)];
        assert!((groups(3, &links, 0.4)[0].probability - 0.8).abs() < 1e-6);
    }
}
