//! What an event is called: its dates and its place.

use std::collections::BTreeMap;

use eidetic_domain::Place;
use jiff::civil::DateTime;

/// Such as `2024-07-04 – 2024-07-06, Rome`.
pub(super) fn title(first: DateTime, last: DateTime, place: Option<&str>) -> String {
    let (from, to) = (first.date(), last.date());
    let dates = if from == to {
        from.to_string()
    } else {
        format!("{from} – {to}")
    };
    match place {
        Some(place) => format!("{dates}, {place}"),
        None => dates,
    }
}

/// The narrowest name that more than half of the images with a place share: of a city, of a state or of a country.
pub(super) fn place_name<'a>(places: impl Iterator<Item = (&'a Place, usize)>) -> Option<String> {
    let places: Vec<(&Place, usize)> = places.collect();
    let total: usize = places.iter().map(|(_, count)| count).sum();
    let levels: [fn(&Place) -> Option<&String>; 3] = [
        |place| place.city.as_ref(),
        |place| place.state.as_ref(),
        |place| place.country.as_ref(),
    ];
    let most = |level: fn(&Place) -> Option<&String>| {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for (place, count) in &places {
            if let Some(name) = level(place) {
                *counts.entry(name).or_default() += count;
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.filter(|(_, count)| 2 * count > total)
            .map(|(name, _)| name.clone())
    };
    levels.into_iter().find_map(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn place(city: Option<&str>, country: &str) -> Place {
        Place {
            city: city.map(Into::into),
            country: Some(country.into()),
            ..Place::default()
        }
    }

    #[test]
    fn title_has_dates_and_place() {
        let (first, last) = (date(2024, 7, 4).at(22, 0, 0, 0), date(2024, 7, 6).at(1, 0, 0, 0));
        assert_eq!(title(first, last, Some("Rome")), "2024-07-04 – 2024-07-06, Rome");
        assert_eq!(title(first, first, None), "2024-07-04");
    }

    #[test]
    fn narrowest_shared_name_is_place() {
        let (rome, florence) = (place(Some("Rome"), "Italy"), place(Some("Florence"), "Italy"));
        let name = |counts: &[(&Place, usize)]| place_name(counts.iter().copied());
        assert_eq!(name(&[(&rome, 3), (&florence, 2)]).as_deref(), Some("Rome"));
        assert_eq!(name(&[(&rome, 2), (&florence, 2)]).as_deref(), Some("Italy"));
        let paris = place(Some("Paris"), "France");
        assert_eq!(name(&[(&rome, 2), (&paris, 2)]), None);
        assert_eq!(name(&[]), None);
    }
}
