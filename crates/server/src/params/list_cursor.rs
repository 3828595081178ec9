//! Places in a list as text, for the next request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eidetic_library::{ListOrder, Position, SortKey};

/// The place that a cursor means: an image's id in the order of ids, base64 in others.
///
/// Errors: it is not one of a list in this order; in a sentence.
pub fn parse(cursor: &str, order: ListOrder) -> Result<Position, String> {
    let position = if order.key == SortKey::Id {
        cursor.parse().ok().map(Position::of_id)
    } else {
        let json = URL_SAFE_NO_PAD.decode(cursor).ok();
        json.and_then(|json| serde_json::from_slice::<Position>(&json).ok())
    };
    position
        .filter(|position| position.is_of(order))
        .ok_or_else(|| "the cursor is not the next_cursor of a list in this order".to_owned())
}

/// The text for the page after a place.
pub fn of(position: &Position, order: ListOrder) -> String {
    if order.key == SortKey::Id {
        return position.image().to_string();
    }
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}
