//! The map and events.

use actix_web::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_indexer::{IndexerOptions, RunContext};

use super::harness::{TestServer, image_of};
use crate::responses::{EventImagesResponse, EventsResponse, JobState, MapResponse, MapState};
use eidetic_domain::ImageId;

/// The map once its job has ended.
pub(super) async fn computed(server: &TestServer, query: &str) -> MapResponse {
    let first: MapResponse = server.get("/v1/map").await.json();
    if let Some(job) = &first.job {
        assert_eq!(first.state, MapState::Computing);
        assert_eq!(server.ended(job).await.state, JobState::Done);
    }
    let map: MapResponse = server.get(&format!("/v1/map?{query}")).await.json();
    assert_eq!((map.state, &map.job), (MapState::Current, &None));
    map
}

fn ids(map: &MapResponse) -> Vec<String> {
    let bytes = STANDARD.decode(&map.images).unwrap();
    let id = |bytes: &[u8]| ImageId::from_bytes(bytes.try_into().unwrap()).to_string();
    bytes.chunks(32).map(id).collect()
}

/// Adds photos that were taken at some times, by their names.
fn add_photos(server: &TestServer, times: &[&str]) {
    for (number, time) in times.iter().enumerate() {
        let color = [40 * number as u8, 90, 200];
        let path = server.photo(&format!("trip/IMG_{time}.png"));
        image_of(color).save(path).unwrap();
    }
    let report = server
        .state
        .library
        .index(&[], &IndexerOptions::default(), &RunContext::default());
    assert_eq!(report.unwrap().indexed, times.len() as u64);
}

#[actix_web::test]
async fn map_is_computed_then_returned() {
    let server = TestServer::new();
    let first: MapResponse = server.get("/v1/map").await.json();
    assert_eq!(
        (first.state, first.total, first.unplaced),
        (MapState::Computing, 0, 5)
    );
    let map = computed(&server, "").await;
    assert_eq!((map.total, map.unplaced, map.next_cursor.clone()), (5, 0, None));
    let ids = ids(&map);
    assert!(ids.is_sorted() && ids.contains(&server.id("red.png")));
    assert_eq!([map.x.len(), map.y.len(), map.region.len(), ids.len()], [5; 4]);
    for region in &map.region {
        let found = map.regions.iter().find(|known| known.number == *region).unwrap();
        assert_eq!((found.level, &found.name), (3, &None), "nothing is tagged");
    }
    for level in 1..=3 {
        let of_level = map.regions.iter().filter(|region| region.level == level);
        assert_eq!(of_level.map(|region| region.count).sum::<u64>(), 5);
    }
}

#[actix_web::test]
async fn pages_and_filters_keep_places() {
    let server = TestServer::new();
    let whole = computed(&server, "").await;
    let mut paged = MapResponse::default();
    let mut cursor = String::new();
    loop {
        let page: MapResponse = server
            .get(&format!("/v1/map?limit=2&cursor={cursor}"))
            .await
            .json();
        paged.x.extend(&page.x);
        paged.region.extend(&page.region);
        assert_eq!(page.regions, whole.regions);
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!((paged.x, paged.region), (whole.x.clone(), whole.region.clone()));
    let folder = server.photo("trip").to_string_lossy().into_owned();
    let trip = computed(&server, &format!("folder={folder}")).await;
    assert_eq!(trip.total, 2);
    let all = ids(&whole);
    for (id, x) in ids(&trip).iter().zip(&trip.x) {
        assert_eq!(whole.x[all.iter().position(|known| known == id).unwrap()], *x);
    }
    let regions_alone = computed(&server, "limit=0").await;
    assert_eq!((regions_alone.x.len(), regions_alone.regions), (0, whole.regions));
}

#[actix_web::test]
async fn new_images_get_places_others_keep_theirs() {
    let server = TestServer::new();
    computed(&server, "").await;
    add_photos(&server, &["20240704_101112"]);
    let before: MapResponse = server.get("/v1/map").await.json();
    assert_eq!(
        (before.state, before.total, before.unplaced),
        (MapState::Computing, 5, 1)
    );
    let after = computed(&server, "").await;
    assert_eq!((after.total, after.unplaced), (6, 0));
}

#[actix_web::test]
async fn events_are_listed_latest_first() {
    let server = TestServer::new();
    add_photos(
        &server,
        &[
            "20240704_101112",
            "20240704_101500",
            "20240709_080000",
            "20230101_000000",
        ],
    );
    let events: EventsResponse = server.get("/v1/events").await.json();
    let titles: Vec<&str> = events.events.iter().map(|event| event.title.as_str()).collect();
    assert_eq!(titles, ["2024-07-09", "2024-07-04", "2023-01-01"]);
    assert_eq!((events.total, events.weak_dates, events.undated), (3, 5, 0));
    let page: EventsResponse = server.get("/v1/events?k=2").await.json();
    let cursor = page.next_cursor.unwrap();
    let rest: EventsResponse = server
        .get(&format!("/v1/events?k=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(rest.events, events.events[2..]);
    assert_eq!(rest.next_cursor, None);
    let event = &events.events[1];
    assert_eq!(
        (event.count, event.first.to_string().as_str()),
        (2, "2024-07-04T10:11:12")
    );
    let found: EventImagesResponse = server.get(&format!("/v1/events/{}?k=1", event.id)).await.json();
    assert_eq!((&found.event, found.images.len()), (event, 1));
    let cursor = found.next_cursor.unwrap();
    let rest: EventImagesResponse = server
        .get(&format!("/v1/events/{}?cursor={cursor}", event.id))
        .await
        .json();
    assert!(rest.images[0].path.ends_with("IMG_20240704_101500.png"));
    let none: EventsResponse = server.get("/v1/events?taken_before=2020").await.json();
    assert!(none.events.is_empty());
}

#[actix_web::test]
async fn invalid_parameters_are_refused() {
    let server = TestServer::new();
    let weak = format!("/v1/events/{}", server.id("red.png"));
    for (address, status, names) in [
        ("/v1/map?limit=100001", StatusCode::BAD_REQUEST, "limit 100001"),
        ("/v1/map?cursor=x", StatusCode::BAD_REQUEST, "64 hexadecimal"),
        ("/v1/map?level=1", StatusCode::BAD_REQUEST, "level"),
        ("/v1/events?k=0", StatusCode::BAD_REQUEST, "k 0"),
        ("/v1/events?cursor=2024", StatusCode::BAD_REQUEST, "cursor"),
        ("/v1/events/abc", StatusCode::BAD_REQUEST, "64 hexadecimal"),
        (weak.as_str(), StatusCode::NOT_FOUND, "in no event"),
    ] {
        let answer = server.get(address).await;
        assert_eq!(answer.status, status, "{address}");
        assert!(
            answer.problem().detail.contains(names),
            "{address}: {}",
            answer.text()
        );
    }
}
