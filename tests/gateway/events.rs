//! What happens to cameras, as those hear it who follow the events.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::world::{SOON, World, clip};

/// Somebody who follows the events.
struct Follower(Lines<BufReader<UnixStream>>);

/// An event: its id, its kind, and what it says.
type Heard = (String, String, Value);

impl Follower {
    /// The next event; what keeps the connection alive is none.
    async fn hears(&mut self) -> Heard {
        let heard = async {
            let (mut id, mut kind) = (String::new(), String::new());
            while let Some(line) = self.0.next_line().await.unwrap() {
                match line.split_once(": ") {
                    Some(("id", text)) => id = text.to_owned(),
                    Some(("event", text)) => kind = text.to_owned(),
                    Some(("data", text)) => return (id, kind, serde_json::from_str(text).unwrap()),
                    _ => {}
                }
            }
            panic!("the events ended");
        };
        timeout(SOON, heard).await.expect("an event")
    }

    /// Waits for an event of a kind.
    async fn hears_of(&mut self, kind: &str) -> Heard {
        loop {
            let heard = self.hears().await;
            if heard.1 == kind {
                return heard;
            }
        }
    }
}

impl World {
    /// Follows the events from behind one, or from now on.
    async fn follow(&self, last: Option<&str>) -> Follower {
        let mut stream = UnixStream::connect(self.folder.join("admin.sock"))
            .await
            .unwrap();
        let last = last
            .map(|id| format!("last-event-id: {id}\r\n"))
            .unwrap_or_default();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: huiju\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await.unwrap();
        assert_eq!(status.as_deref(), Some("HTTP/1.1 200 OK"));
        Follower(lines)
    }

    async fn events_since(&self, id: &str) -> Value {
        self.ask_json("GET", &format!("/api/v1/events?since={id}"))
            .await
            .1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_cameras_is_heard_in_order_and_again_from_any_place() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("events").undeclared();
    let mut world = world
        .camera("校门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let begin = world.events_since("").await["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut follower = world.follow(None).await;
    let url = world.camera("校门").url();
    let camera = json!({"name": "校门", "department": "education", "url": url}).to_string();
    let (status, added) = world.ask_with("POST", "/api/v1/cameras", &camera).await;
    assert_eq!(status, 201, "{added}");
    let (_, kind, heard) = follower.hears().await;
    let id = heard["camera"].as_str().unwrap().to_owned();
    assert!(kind == "camera.added" && added.contains(&id), "{heard}");
    world.order("probe", "校门").await;
    let online = loop {
        let heard = follower.hears_of("camera.state").await;
        if heard.2["state"] == "online" {
            break heard;
        }
    };
    let path = format!("/api/v1/cameras/{id}");
    let headers = [("content-type", "application/json"), ("if-match", "*")];
    let patch = br#"{"bearing": 90}"#;
    assert_eq!(
        world.request("PATCH", &path, &headers, patch).await.status,
        200
    );
    let changed = follower.hears_of("camera.changed").await;
    assert_eq!(
        world.request("DELETE", &path, &headers, b"").await.status,
        204
    );
    let removed = follower.hears_of("camera.removed").await;

    let mut later = world.follow(Some(&online.0)).await;
    assert_eq!(later.hears_of("camera.changed").await, changed);
    assert_eq!(later.hears_of("camera.removed").await, removed);
    let page = world.events_since(&begin).await;
    let kinds = page["items"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|item| item["event"].as_str().unwrap()).collect();
    let first = kinds.iter().position(|kind| *kind == "camera.changed");
    assert_eq!(
        (kinds[0], first.is_some(), &page["reset"]),
        ("camera.added", true, &json!(false))
    );
    let next = page["next"].as_str().unwrap();
    assert_eq!(world.events_since(next).await["items"], json!([]));

    world.stop().await;
    world.start_gateway().await;
    assert_eq!(
        world.events_since(next).await["reset"],
        true,
        "of a run before"
    );
    let mut after = world.follow(Some(next)).await;
    assert_eq!(after.hears().await.1, "reset");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_follow_are_limited_and_leave_room_when_they_go() {
    let world = World::new("followers").undeclared();
    let world = world.platform("district").start().await;
    let mut followers = Vec::new();
    for _ in 0..16 {
        followers.push(world.follow(None).await);
    }
    let (status, problem) = world.ask_json("GET", "/api/v1/events").await;
    assert_eq!((status, &problem["code"]), (503, &json!("busy")));
    drop(followers);
    // A connection that is closed is seen as closed a moment later.
    let again = async {
        loop {
            let mut stream = UnixStream::connect(world.folder.join("admin.sock"))
                .await
                .unwrap();
            let request = b"GET /api/v1/events HTTP/1.1\r\nhost: huiju\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut lines = BufReader::new(stream).lines();
            let status = lines.next_line().await.unwrap();
            if status.as_deref() == Some("HTTP/1.1 200 OK") {
                return;
            }
        }
    };
    timeout(SOON, again).await.expect("room for another");
}
