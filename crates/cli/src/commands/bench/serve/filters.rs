//! Filters that select about a half, a hundredth and a thousandth of a library.

use eidetic_server::responses::{FacetValue, FacetsResponse, FolderFacet, MonthFacet, YearFacet};

/// Shares of the library to select.
const SHARES: [f64; 3] = [0.5, 0.01, 0.001];
/// A filter stands for a share if it selects at most this many times as much, and at least as small a part of it.
const TOLERANCE: f64 = 2.0;

/// A filter of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SelectiveFilter {
    /// The parameter's name.
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Images that it selects.
    pub(super) images: u64,
    /// The same as a share of the library.
    pub(super) share: f64,
}

impl SelectiveFilter {
    /// Such as `50 %`.
    pub(super) fn percent(&self) -> String {
        let percent = 100.0 * self.share;
        let digits = match percent {
            10.0.. => 0,
            1.0.. => 1,
            _ => 2,
        };
        format!("{percent:.digits$} %")
    }

    /// A word for the parameter, for narrow columns.
    pub(super) fn short_name(&self) -> &'static str {
        match self.name {
            "taken_from" => "date",
            name => name,
        }
    }

    /// How many times more or less than `share` it selects.
    fn distance(&self, share: f64) -> f64 {
        (self.share / share).max(share / self.share)
    }
}

/// For each share the filter that selects the number of images nearest to it, the largest share first; none where the library
/// has none that is near.
pub(super) fn choose(facets: &FacetsResponse) -> Vec<SelectiveFilter> {
    let candidates = candidates(facets);
    let nearest = |&share: &f64| {
        let near = candidates.iter().filter(|one| one.distance(share) <= TOLERANCE);
        near.min_by(|a, b| a.distance(share).total_cmp(&b.distance(share)))
            .cloned()
    };
    SHARES.iter().filter_map(nearest).collect()
}

/// Every filter that the counts know of.
fn candidates(facets: &FacetsResponse) -> Vec<SelectiveFilter> {
    let mut found = Vec::new();
    let mut add = |name, value: String, images: u64| {
        if images > 0 {
            found.push(SelectiveFilter {
                name,
                value,
                images,
                share: images as f64 / facets.total as f64,
            });
        }
    };
    for (month, images) in since_months(&facets.years) {
        add("taken_from", month, images);
    }
    for FolderFacet { path, images, .. } in &facets.folders {
        add("folder", path.clone(), *images);
    }
    let lists = [
        ("camera", &facets.cameras),
        ("keyword", &facets.keywords),
        ("tag", &facets.tags),
        ("lens", &facets.lenses),
    ];
    for (name, values) in lists {
        for FacetValue { value, images } in values {
            add(name, value.clone(), *images);
        }
    }
    found
}

/// The first day of each month, and how many images were taken from then on.
fn since_months(years: &[YearFacet]) -> Vec<(String, u64)> {
    let mut since = 0;
    let mut found = Vec::new();
    for year in years.iter().rev() {
        for MonthFacet { month, images } in year.months.iter().rev() {
            since += images;
            found.push((format!("{:04}-{month:02}-01", year.year), since));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: &str, images: u64) -> FacetValue {
        FacetValue {
            value: value.to_owned(),
            images,
        }
    }

    #[test]
    fn nearest_filter_stands_for_share() {
        let months = |images: [u64; 2]| {
            let months = (1..).zip(images);
            months
                .map(|(month, images)| MonthFacet { month, images })
                .collect()
        };
        let facets = FacetsResponse {
            total: 10_000,
            years: vec![
                YearFacet {
                    year: 2020,
                    images: 4_900,
                    months: months([1_000, 3_900]),
                },
                YearFacet {
                    year: 2021,
                    images: 5_000,
                    months: months([4_000, 1_000]),
                },
            ],
            cameras: vec![value("A", 9_000), value("B", 100)],
            keywords: vec![value("often", 120), value("seldom", 15)],
            ..FacetsResponse::default()
        };
        let chosen = choose(&facets);
        let named: Vec<(&str, &str, String)> = chosen
            .iter()
            .map(|one| (one.name, one.value.as_str(), one.percent()))
            .collect();
        assert_eq!(
            named,
            [
                ("taken_from", "2021-01-01", "50 %".to_owned()),
                ("camera", "B", "1.0 %".to_owned()),
                ("keyword", "seldom", "0.15 %".to_owned()),
            ]
        );
    }

    #[test]
    fn far_filter_stands_for_nothing() {
        let facets = FacetsResponse {
            total: 10,
            cameras: vec![value("A", 10)],
            ..FacetsResponse::default()
        };
        // All of them are not twice as many as a half, but just as many.
        assert_eq!(choose(&facets).len(), 1);
        let facets = FacetsResponse {
            total: 100,
            cameras: vec![value("A", 8)],
            ..facets
        };
        assert_eq!(choose(&facets), []);
    }
}
