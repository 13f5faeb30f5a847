//! A row that does not say all, completed by what is known of its camera.

use super::Mode;
use crate::catalog::Record;
use crate::catalog::geo::Point;
use crate::import::card::{Card, MASK};
use crate::import::columns::Column;
use crate::import::record::Row;
use crate::import::url::{masked, split_url};

/// What a row says itself of where its camera is.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenPosition {
    has_datum: bool,
}

/// Puts into a row what is known of its camera and what the row does not say. User and password stay where the camera
/// does: a host that is another would be told them.
pub(super) fn complete(row: &mut Row, known: &Record, mode: Mode) -> GivenPosition {
    let given = GivenPosition {
        has_datum: row.text(Column::Datum).is_some(),
    };
    let card = Card::of(known);
    unmask(row, known, &card);
    let stays = stays_where_it_is(row, known);
    let has_position = row.has(Column::Longitude) || row.has(Column::Latitude);
    let has_login = has_login(row);
    let has_secret =
        row.has(Column::Password) || row.has(Column::Credential) || has_password_in_url(row);
    let same_user = row.text(Column::Username) == card.text(Column::Username);
    for column in card.columns() {
        let keeps = match column {
            Column::Username | Column::Credential => stays && !has_login,
            Column::Password => {
                stays && !has_secret && (!has_login || same_user && row.has(Column::Username))
            }
            Column::Datum => mode == Mode::Merge && !has_position,
            _ => mode == Mode::Merge,
        };
        if let Some(text) = card.text(column).filter(|_| keeps && !row.has(column)) {
            row.put(column, text);
        }
    }
    given
}

/// A position that is given again without its datum is measured from what it was before.
pub(super) fn hold_known_position(record: &mut Record, known: &Record, given: GivenPosition) {
    let (Some(new), Some(old)) = (record.position, known.position) else {
        return;
    };
    let is_same_datum = !given.has_datum || new.datum() == old.datum();
    if is_same_datum && is_same(new.given(), old.given()) {
        record.position = Some(old);
    }
}

fn is_same(one: Point, other: Point) -> bool {
    one.longitude.to_bits() == other.longitude.to_bits()
        && one.latitude.to_bits() == other.latitude.to_bits()
}

/// Addresses that an export shows have their secrets masked: they mean those that are known.
fn unmask(row: &mut Row, known: &Record, card: &Card) {
    let all = row.fields.keys().copied().filter(|column| column.is_url());
    for column in all.collect::<Vec<_>>() {
        let Some(url) = row.text(column).filter(|url| url.contains(MASK)) else {
            continue;
        };
        // The port of a stream may be left out where it is the usual one. What is secret is masked, all or none.
        let is_it = |whole: &&str| match (column, split_url(url)) {
            _ if url == MASK => true,
            (Column::Url, Some((location, None))) => {
                let shown = location.to_string();
                shown == known.location.to_string() && shown == location.whole().expose()
            }
            _ => masked(whole) == url,
        };
        if let Some(whole) = card.text(column).filter(is_it) {
            row.put(column, whole);
        }
    }
}

fn stays_where_it_is(row: &Row, known: &Record) -> bool {
    match row.text(Column::Url).and_then(split_url) {
        None => true,
        Some((location, _)) => {
            let known = &known.location;
            location.host == known.host && location.port == known.port
        }
    }
}

fn has_password_in_url(row: &Row) -> bool {
    let in_url = row.text(Column::Url).and_then(split_url);
    let login = in_url.and_then(|(_, login)| login);
    login.is_some_and(|(_, password)| !password.expose().is_empty())
}

fn has_login(row: &Row) -> bool {
    let in_url = row.text(Column::Url).and_then(split_url);
    row.has(Column::Username)
        || row.has(Column::Credential)
        || in_url.is_some_and(|(_, login)| login.is_some())
}
