//! `GET /api/v1/events`: what happens, as server-sent events, or as pages with `?since=`.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::ToSchema;

use super::Api;
use super::feed::{Event, Feed, Happened};
use super::problem::Problem;
use super::query::page_limit;
use super::status::timestamp;

/// An event.
#[derive(Debug, Serialize, ToSchema)]
struct EventItem {
    id: String,
    at: String,
    /// `camera.added`, `camera.changed`, `camera.removed`, `camera.state` or `reset`: then all must be read anew.
    event: &'static str,
    camera: Option<String>,
    state: Option<&'static str>,
    cause: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Events {
    items: Vec<EventItem>,
    /// `since` of the next page, whether there is anything on it yet or not.
    next: String,
    /// What followed `since` is not kept any more: all must be read anew.
    reset: bool,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The id of the last event that was read; empty: from now on.
    since: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// What happens: as it happens, or as pages with `since`
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "follow_events", tag = "events",
    params(Wanted, ("Last-Event-ID" = Option<String>, Header, description = "Where whoever follows goes on")),
    responses(
        (status = 200, description = "With `since` a page of events, else events as they happen", content(
            (Events = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 503, description = "Too many follow the events"),
    )
)]
pub(super) async fn follow(
    State(api): State<Api>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted?;
    let limit = page_limit(wanted.limit)?;
    let feed = api.0.feed.clone();
    if let Some(since) = wanted.since {
        return Ok(Json(page(&feed, &since, limit)).into_response());
    }
    let busy = "too many follow the events: read them with ?since=";
    let turn = feed.turn().ok_or_else(|| Problem::busy(busy))?;
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let messages = Followers {
        ready: api.0.ready.clone(),
        newest: feed.newest(),
        place: place(&feed, last),
        feed,
        _turn: turn,
    };
    let messages = Sse::new(messages.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(messages.into_response())
}

/// Where the reader of an id goes on. One that names nothing begins at the end, one that is foreign nowhere.
fn place(feed: &Feed, id: &str) -> Option<u64> {
    if id.is_empty() {
        return Some(feed.end());
    }
    feed.place(id)
}

fn page(feed: &Feed, since: &str, limit: usize) -> Events {
    let Some(place) = place(feed, since) else {
        return Events {
            items: Vec::new(),
            next: feed.id(feed.end()),
            reset: true,
        };
    };
    let followed = feed.behind(place, limit);
    Events {
        items: followed
            .events
            .iter()
            .map(|event| item(feed, event))
            .collect(),
        next: feed.id(followed.next),
        reset: followed.is_lost,
    }
}

fn item(feed: &Feed, event: &Event) -> EventItem {
    let (name, camera, state) = match event.happened {
        Happened::Added(camera) => ("camera.added", Some(camera), None),
        Happened::Changed(camera) => ("camera.changed", Some(camera), None),
        Happened::Removed(camera) => ("camera.removed", Some(camera), None),
        Happened::Entered(camera, state) => ("camera.state", Some(camera), Some(state)),
        Happened::Reset => ("reset", None, None),
    };
    EventItem {
        id: feed.id(event.number),
        at: timestamp(event.at),
        event: name,
        camera: camera.map(|camera| camera.to_string()),
        state: state.map(|state| state.state().name()),
        cause: state.map(|state| state.cause().name()),
    }
}

/// Somebody who follows the events.
struct Followers {
    feed: Feed,
    /// `None`: where they are is not known here.
    place: Option<u64>,
    newest: watch::Receiver<u64>,
    ready: watch::Receiver<bool>,
    _turn: OwnedSemaphorePermit,
}

impl Followers {
    /// Ends when the gateway stops.
    fn stream(self) -> impl Stream<Item = Result<Message, Infallible>> {
        let batches = stream::unfold(self, |mut follower| async {
            let messages = follower.next().await?;
            Some((stream::iter(messages.into_iter().map(Ok)), follower))
        });
        batches.flatten()
    }

    /// What comes next, once there is something.
    async fn next(&mut self) -> Option<Vec<Message>> {
        loop {
            self.newest.borrow_and_update();
            let followed = self.place.map(|place| self.feed.behind(place, BATCH));
            let Some(followed) = followed.filter(|followed| !followed.is_lost) else {
                let end = self.feed.end();
                self.place = Some(end);
                let reset = Message::default().id(self.feed.id(end)).event("reset");
                return Some(vec![reset.data("{}")]);
            };
            if !followed.events.is_empty() {
                self.place = Some(followed.next);
                let messages = followed
                    .events
                    .iter()
                    .filter_map(|event| self.message(event));
                return Some(messages.collect());
            }
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                _ = self.ready.wait_for(|is_ready| !is_ready) => return None,
            }
        }
    }

    fn message(&self, event: &Event) -> Option<Message> {
        let item = item(&self.feed, event);
        let message = Message::default().id(&item.id).event(item.event);
        message.json_data(item).ok()
    }
}

/// Events that are handed over at once.
const BATCH: usize = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
