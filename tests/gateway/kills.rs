//! Two hundred kills while cameras are written: what was acknowledged is there, what was not is there whole or not at all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::edits::{Answer, request};
use crate::world::{SOON, World};

/// What is known of the cameras: their names by the department's own ids.
type Names = BTreeMap<String, String>;

/// What was acknowledged, and what it becomes if the request that is under way is done.
#[derive(Clone, Debug, Default)]
struct Model {
    acknowledged: Names,
    under_way: Option<Names>,
    /// Requests that were acknowledged.
    count: usize,
    /// The import that was the last thing done, with the names before it.
    applied: Option<(u64, Names)>,
}

/// Writes cameras until the gateway is gone.
struct Writer {
    socket: PathBuf,
    random: StdRng,
    model: Model,
    told: watch::Sender<usize>,
    /// Id and code by the department's own ids.
    ids: BTreeMap<String, (String, String)>,
    next: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_while_cameras_are_written_lose_nothing_that_was_acknowledged() {
    let world = World::new("write-kills").undeclared();
    let mut world = world.platform("district").without_gateway().await;
    let mut random = StdRng::seed_from_u64(6);
    let mut writer = Writer {
        socket: world.folder.join("admin.sock"),
        random: StdRng::seed_from_u64(7),
        model: Model::default(),
        told: watch::Sender::new(0),
        ids: BTreeMap::new(),
        next: 0,
    };
    let mut lost_answers = 0;
    for life in 0..200 {
        world.start_gateway().await;
        writer.settle(&world, life).await;
        // From the first byte of a request to long after its answer.
        let (wanted, spins) = (random.random_range(0..4), 1 << random.random_range(4..17));
        let mut told = writer.told.subscribe();
        let from = *told.borrow();
        let killing = async {
            let answered = timeout(SOON, told.wait_for(|count| *count >= from + wanted)).await;
            let answered = answered.map(|count| count.is_ok());
            assert_eq!(
                answered,
                Ok(true),
                "life {life}: no answer: {}",
                world.log()
            );
            for _ in 0..spins {
                yield_now().await;
            }
            world.kill().await;
        };
        let writing = timeout(SOON, writer.write());
        let (writing, ()) = tokio::join!(writing, killing);
        writing.expect("the writer ends");
        lost_answers += usize::from(writer.model.under_way.is_some());
    }
    world.start_gateway().await;
    writer.settle(&world, 200).await;
    assert!(writer.model.count > 300, "{} requests", writer.model.count);
    assert!(lost_answers > 60, "{lost_answers} kills were in a request");
    let store = world.folder.join("data").join("huiju.db");
    let store = rusqlite::Connection::open(store).unwrap();
    let check: String = store
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

impl Writer {
    /// Holds what the gateway knows to what was acknowledged.
    async fn settle(&mut self, world: &World, life: usize) {
        let mut found = Names::new();
        for camera in world.cameras_of("limit=1000").await {
            let text = |key: &str| camera[key].as_str().unwrap().to_owned();
            let (id, code) = (text("id"), text("gb_code"));
            let source = text("source_id");
            let known = self.ids.entry(source.clone());
            let known = known.or_insert_with(|| (id.clone(), code.clone()));
            assert_eq!(
                *known,
                (id, code),
                "life {life}: {source} has its id and code for good"
            );
            found.insert(source, text("name"));
        }
        let model = &mut self.model;
        let is_done = model.under_way.as_ref() == Some(&found);
        assert!(
            is_done || model.acknowledged == found,
            "life {life}: {found:?} is neither {:?} nor {:?}",
            model.acknowledged,
            model.under_way
        );
        let codes: std::collections::BTreeSet<_> =
            self.ids.values().map(|(_, code)| code).collect();
        assert_eq!(codes.len(), self.ids.len(), "a code was given twice");
        // Nobody was told which import that was.
        model.applied = model.applied.take().filter(|_| !is_done);
        model.acknowledged = found;
        model.under_way = None;
    }

    async fn write(&mut self) {
        loop {
            let names = self.model.acknowledged.clone();
            // The ids of what was imported are known once it is listed.
            let known: Vec<_> = names.keys().filter(|s| self.ids.contains_key(*s)).collect();
            let pick = (!known.is_empty()).then(|| self.random.random_range(0..known.len()));
            let picked = pick.map(|n| known[n].clone());
            let done = match (self.random.random_range(0..6), picked) {
                (0, Some(source)) => self.remove(names, &source).await,
                (1, Some(source)) => self.rename(names, &source).await,
                (2, _) => self.undo().await,
                (3 | 4, _) => self.import(names).await,
                _ => self.add(names).await,
            };
            if done.is_none() {
                return;
            }
        }
    }

    fn fresh(&mut self) -> (String, String) {
        self.next += 1;
        (format!("s{}", self.next), format!("摄像机{}", self.next))
    }

    async fn add(&mut self, mut names: Names) -> Option<()> {
        let (source, name) = self.fresh();
        let url = format!("rtsp://127.60.0.1:8554/{source}");
        let body = json!({"name": name, "department": "education", "url": url, "source_id": source,
                          "username": "admin", "password": "hunter2"});
        names.insert(source.clone(), name);
        let added = self
            .ask("POST", "/api/v1/cameras", &body, Some(names))
            .await?;
        let text = |key: &str| added[key].as_str().unwrap().to_owned();
        self.ids.insert(source, (text("id"), text("gb_code")));
        Some(())
    }

    async fn rename(&mut self, mut names: Names, source: &str) -> Option<()> {
        let (_, name) = self.fresh();
        let path = format!("/api/v1/cameras/{}", self.ids[source].0);
        names.insert(source.to_owned(), name.clone());
        self.ask("PATCH", &path, &json!({"name": name}), Some(names))
            .await?;
        Some(())
    }

    async fn remove(&mut self, mut names: Names, source: &str) -> Option<()> {
        let path = format!("/api/v1/cameras/{}", self.ids[source].0);
        names.remove(source);
        self.ask("DELETE", &path, &Value::Null, Some(names)).await?;
        Some(())
    }

    /// Three new cameras and another name for one that is there.
    async fn import(&mut self, mut names: Names) -> Option<()> {
        let before = names.clone();
        let mut sheet = "name,department,url,source_id\r\n".to_owned();
        let mut row = |source: &str, name: &str| {
            sheet += &format!("{name},education,rtsp://127.60.0.1:8554/{source},{source}\r\n");
        };
        for _ in 0..3 {
            let (source, name) = self.fresh();
            row(&source, &name);
            names.insert(source, name);
        }
        if let Some(source) = before.keys().next() {
            let (_, name) = self.fresh();
            row(source, &name);
            names.insert(source.clone(), name);
        }
        let form = format!(
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"s.csv\"\r\n\r\n{sheet}\r\n--b--\r\n"
        );
        let multipart = [("content-type", "multipart/form-data; boundary=b")];
        let planned = request(
            &self.socket,
            "POST",
            "/api/v1/imports",
            &multipart,
            form.as_bytes(),
        );
        let planned = self.acknowledged(planned.await.ok()?, None);
        let id = planned["id"].as_u64().unwrap();
        let path = format!("/api/v1/imports/{id}/apply");
        self.ask("POST", &path, &Value::Null, Some(names)).await?;
        self.model.applied = Some((id, before));
        Some(())
    }

    /// Undoes the import that was the last thing done.
    async fn undo(&mut self) -> Option<()> {
        let Some((id, before)) = self.model.applied.take() else {
            return Some(());
        };
        let path = format!("/api/v1/imports/{id}/undo");
        self.ask("POST", &path, &Value::Null, Some(before)).await?;
        Some(())
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        after: Option<Names>,
    ) -> Option<Value> {
        self.model.under_way.clone_from(&after);
        self.model.applied = None;
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = request(&self.socket, method, path, &headers, body.as_bytes()).await;
        Some(self.acknowledged(answer.ok()?, after))
    }

    fn acknowledged(&mut self, answer: Answer, after: Option<Names>) -> Value {
        let text = answer.text();
        assert!(
            (200..300).contains(&answer.status),
            "{}: {text}",
            answer.status
        );
        if let Some(after) = after {
            self.model.acknowledged = after;
        }
        self.model.under_way = None;
        self.model.count += 1;
        self.told.send_modify(|count| *count += 1);
        if text.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }
}
