//! Two hundred reloads of random edits: after each, exactly what has changed is named and restarted.
//!
//! The model knows nothing of the gateway but the contract: a camera is its department and `source_id`, its
//! source is address, login and recorder, and it is pulled while it is in service and `always`.

use std::collections::BTreeMap;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, CameraStats, Group, Nvr, NvrHandle};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::edits::{Row, member, row, text};
use crate::readers::is_unbroken;
use crate::reload::{nothing, registrations};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn after_two_hundred_random_edits_only_what_changed_was_restarted() {
    let seed = std::env::var("HUIJU_TEST_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let video = clip(ClipKind::H264Small).await;
    let places = (0..2 * CAMERAS).map(|n| CameraSettings::new(&video).path(&format!("/{n}")));
    let recorder = Nvr::start(
        "127.0.0.1:0".parse().unwrap(),
        &Group::default(),
        places.collect(),
    );
    let (mut world, recorder) = (world(&video).await, recorder.unwrap());
    let mut model = Model::new(&world, &recorder, StdRng::seed_from_u64(seed));
    world.write_rows(&model.file());
    world.start_gateway().await;
    world.registered().await;
    let session = world.look("district", STEADY).await;
    for item in world.json(&["camera", "list", "--json"]).await["items"]
        .as_array()
        .unwrap()
    {
        model.ids.insert(text(item, "name"), text(item, "id"));
    }
    model.expect_pulls(&BTreeMap::new());
    model
        .are_as_expected(&world, &recorder, "at the start")
        .await;

    for step in 0..RELOADS {
        let before = model.now.clone();
        let edits = model.edits();
        let context = format!("seed {seed}, reload {step}: {}", edits.join(", "));
        world.write_rows(&model.file());
        world.edit_config(|config| *config = model.now.config.clone());
        let plan = sorted(world.json(&["reload", "--plan", "--json"]).await);
        let report = sorted(world.reload().await);
        assert_eq!(plan, report, "{context}");
        model.learn(&report);
        assert_eq!(report, sorted(model.report(&before)), "{context}");
        model.expect(&before);
        model.are_as_expected(&world, &recorder, &context).await;
    }
    session.bye().await.unwrap();
    is_unbroken(&session.finish().await.unwrap(), &video);
    assert_eq!(world.camera(STEADY).stats().connections_total, 1);
    for id in ["district", "city"] {
        assert_eq!(
            world.platform(id).violations(),
            Vec::<String>::new(),
            "{id}"
        );
    }
}

/// What the files say.
#[derive(Clone)]
struct Files {
    /// By name, which the model never changes: it is what tells cameras apart in reports.
    rows: BTreeMap<String, Row>,
    /// Order of the rows in their file.
    order: Vec<String>,
    /// Rows that were removed, and may come back.
    removed: BTreeMap<String, Row>,
    config: Value,
    /// The platform `city`, while it is removed.
    city: Option<Value>,
}

/// What the files say, and what must have come of it.
struct Model {
    now: Files,
    random: StdRng,
    ids: BTreeMap<String, String>,
    /// Connections by path at the recorder.
    connections: BTreeMap<String, u64>,
    registrations: BTreeMap<&'static str, usize>,
    recorder: String,
}

impl Model {
    fn new(world: &World, recorder: &NvrHandle, random: StdRng) -> Self {
        let address = recorder.address();
        world.edit_config(|config| {
            for department in config["departments"].as_array_mut().unwrap() {
                department["ports"] = json!([8554, address.port()]);
            }
        });
        let config = serde_json::from_str(&std::fs::read_to_string(&world.config_path).unwrap());
        let recorder = format!("rtsp://{address}");
        let mut rows: BTreeMap<_, _> = (0..CAMERAS)
            .map(|number| {
                let department = ["education", "health", "social"][number % 3];
                let name = format!("路口{number:02}");
                let url = format!("{recorder}/{}", 2 * number);
                let mut row = row(department, &name, &url, &format!("r{number}"));
                if number % 2 == 0 {
                    row.insert("pull".to_owned(), "always".to_owned());
                }
                (name, row)
            })
            .collect();
        let steady = world.rows().remove(0);
        rows.insert(STEADY.to_owned(), steady);
        let now = Files {
            order: rows.keys().cloned().collect(),
            rows,
            removed: BTreeMap::new(),
            config: config.unwrap(),
            city: None,
        };
        Self {
            now,
            random,
            ids: BTreeMap::new(),
            connections: BTreeMap::new(),
            registrations: BTreeMap::from([("district", 1), ("city", 1)]),
            recorder,
        }
    }

    fn file(&self) -> Vec<Row> {
        self.now
            .order
            .iter()
            .map(|name| self.now.rows[name].clone())
            .collect()
    }

    /// Makes one to three edits and says which. None ends a pull and changes its source too: whether such a
    /// camera is asked once more before it is let go is not said anywhere.
    fn edits(&mut self) -> Vec<String> {
        let before = self.now.clone();
        loop {
            let count = self.random.random_range(1..=3);
            let edits = (0..count).map(|_| self.edit()).collect();
            let (old, new) = (before.pulled(), self.now.pulled());
            let is_unclear = |(name, source): (&String, &Source)| {
                let is_kept = self.now.rows.contains_key(name);
                is_kept && !new.contains_key(name) && *source != self.now.source(name)
            };
            if !old.iter().any(is_unclear) {
                return edits;
            }
            self.now = before.clone();
        }
    }

    /// Makes one edit and says which.
    fn edit(&mut self) -> String {
        match self.random.random_range(0..16) {
            0..=6 => self.edit_row(),
            7 | 8 => self.add_or_remove_row(),
            9 => {
                self.now.order.shuffle(&mut self.random);
                "rows in another order".to_owned()
            }
            10..=12 => self.edit_platform(),
            13 => self.add_or_remove_platform(),
            14 => self.edit_department(),
            _ => {
                let number: u16 = self.random.random();
                self.now.config["gateway"]["name"] = json!(format!("网关{number}"));
                "gateway.name".to_owned()
            }
        }
    }

    fn edit_row(&mut self) -> String {
        let names: Vec<_> = self
            .now
            .order
            .iter()
            .filter(|name| *name != STEADY)
            .cloned()
            .collect();
        let name = names[self.random.random_range(0..names.len())].clone();
        let number: u32 = self.random.random_range(0..1000);
        let row = self.now.rows.get_mut(&name).unwrap();
        let (column, value) = match number % 6 {
            0 => ("address", format!("{number}号")),
            1 => {
                let place: u64 = name.trim_start_matches("路口").parse().unwrap();
                let other = format!("{}/{}", self.recorder, 2 * place + 1);
                let is_there = row["url"] == other;
                let home = format!("{}/{}", self.recorder, 2 * place);
                ("url", if is_there { home } else { other })
            }
            2 => ("username", format!("user{number}")),
            3 => ("nvr", format!("录像机{}", number % 2)),
            4 => (
                "pull",
                ["always", "on_demand", ""][number as usize / 6 % 3].to_owned(),
            ),
            _ => (
                "disabled",
                ["true", "false"][number as usize / 6 % 2].to_owned(),
            ),
        };
        if value.is_empty() {
            row.remove(column);
        } else {
            row.insert(column.to_owned(), value.clone());
        }
        format!("{column} of {name} is {value:?}")
    }

    fn add_or_remove_row(&mut self) -> String {
        let removable: Vec<_> = self
            .now
            .order
            .iter()
            .filter(|name| *name != STEADY)
            .cloned()
            .collect();
        if self.random.random() && removable.len() > CAMERAS / 2 {
            let name = &removable[self.random.random_range(0..removable.len())];
            let row = self.now.rows.remove(name).unwrap();
            self.now.removed.insert(name.clone(), row);
            self.now.order.retain(|other| other != name);
            return format!("{name} is removed");
        }
        let Some((name, row)) = self.now.removed.pop_first() else {
            return "nothing".to_owned();
        };
        self.now.rows.insert(name.clone(), row);
        let place = self.random.random_range(0..=self.now.order.len());
        self.now.order.insert(place, name.clone());
        format!("{name} is back")
    }

    fn edit_platform(&mut self) -> String {
        let id = ["district", "city"][self.random.random_range(0..2)];
        if id == "city" && self.now.city.is_some() {
            return "nothing".to_owned();
        }
        let number: u64 = self.random.random_range(0..1000);
        let platform = member(&mut self.now.config, "platforms", id);
        match number % 5 {
            0 => platform["name"] = json!(format!("平台{number}")),
            1 => platform["keepalive"] = json!({"interval": format!("{}s", 20 + number % 40)}),
            2 => platform["limits"] = json!({"sessions": 100 + number}),
            3 => platform["media"]["lost_grace"] = json!(format!("{}s", 20 + number % 40)),
            // What carries SIP: it begins anew.
            _ if id == "city" => {
                platform["transport"] = json!(if number.is_multiple_of(2) {
                    "udp"
                } else {
                    "tcp"
                });
            }
            _ => return "nothing".to_owned(),
        }
        format!("{id} {number}")
    }

    fn add_or_remove_platform(&mut self) -> String {
        let platforms = self.now.config["platforms"].as_array_mut().unwrap();
        match self.now.city.take() {
            Some(city) => platforms.push(city),
            None => self.now.city = Some(platforms.remove(1)),
        }
        "city comes or goes".to_owned()
    }

    fn edit_department(&mut self) -> String {
        let number: u64 = self.random.random_range(0..1000);
        let departments = self.now.config["departments"].as_array_mut().unwrap();
        let has_park = departments
            .iter()
            .any(|department| department["id"] == "fire");
        match number % 4 {
            0 if has_park => departments.retain(|department| department["id"] != "fire"),
            0 => departments
                .push(json!({"id": "fire", "industry": "11", "networks": ["127.0.0.0/8"]})),
            1 => departments[0]["name"] = json!(format!("部门{number}")),
            2 => departments[1]["limits"] = json!({"streams": 100 + number}),
            // What its cameras do where their rows say nothing.
            _ => departments[0]["pull"] = json!(["always", "on_demand"][number as usize / 4 % 2]),
        }
        format!("department {number}")
    }

    /// Ids of cameras are learned once; a later report must have the same.
    fn learn(&mut self, report: &Value) {
        for added in report["cameras_added"].as_array().unwrap() {
            let (id, name) = added.as_str().unwrap().split_once(' ').unwrap();
            self.ids
                .entry(name.to_owned())
                .or_insert_with(|| id.to_owned());
        }
    }

    /// What a reload that came from `before` must say.
    fn report(&self, before: &Files) -> Value {
        let mut report = nothing();
        let named = |names: Vec<&String>| -> Value {
            names
                .into_iter()
                .map(|name| json!(format!("{} {name}", self.ids[name])))
                .collect()
        };
        let (old, new) = (&before.rows, &self.now.rows);
        let kept = || new.keys().filter(|name| old.contains_key(*name));
        let is_restarted = |name: &&String| before.source(name) != self.now.source(name);
        report["cameras_added"] =
            named(new.keys().filter(|name| !old.contains_key(*name)).collect());
        report["cameras_removed"] =
            named(old.keys().filter(|name| !new.contains_key(*name)).collect());
        report["cameras_restarted"] = named(kept().filter(is_restarted).collect());
        let has_changed = |name: &&String| {
            let reads_otherwise =
                old[*name] != new[*name] || before.is_always(name) != self.now.is_always(name);
            reads_otherwise && !is_restarted(name) && before.meaning(name) != self.now.meaning(name)
        };
        report["cameras_changed"] = named(kept().filter(has_changed).collect());
        for id in ["district", "city"] {
            let list = match (before.platform(id), self.now.platform(id)) {
                (None, Some(_)) => "platforms_added",
                (Some(_), None) => "platforms_removed",
                (Some(old), Some(new)) if transport(old) != transport(new) => "platforms_restarted",
                (Some(old), Some(new)) if meaning_of_platform(old) != meaning_of_platform(new) => {
                    "platforms_changed"
                }
                _ => continue,
            };
            report[list].as_array_mut().unwrap().push(json!(id));
        }
        let settings = |files: &Files| {
            (
                files.config["gateway"].clone(),
                meaning_of_departments(&files.config),
            )
        };
        report["settings_changed"] = json!(settings(before) != settings(&self.now));
        report
    }

    /// What has come of a reload at the recorder and at the platforms.
    fn expect(&mut self, before: &Files) {
        self.expect_pulls(&before.pulled());
        let begins = |files: &Files| files.platform("city").map(transport);
        if self.now.city.is_none() && begins(before) != begins(&self.now) {
            *self.registrations.get_mut("city").unwrap() += 1;
        }
    }

    /// A pull that was not there before, or is another, is a new connection.
    fn expect_pulls(&mut self, before: &BTreeMap<String, Source>) {
        for (name, source) in self.now.pulled() {
            if before.get(&name) != Some(&source) && name != STEADY {
                *self.connections.entry(source.url).or_default() += 1;
            }
        }
    }

    async fn are_as_expected(&self, world: &World, recorder: &NvrHandle, context: &str) {
        let pulled = self.now.pulled();
        for camera in recorder.cameras() {
            let url = camera.url();
            let connections = self.connections.get(&url).copied().unwrap_or_default();
            let is_pulled = u64::from(pulled.values().any(|source| source.url == url));
            let is_right = |stats: &CameraStats| {
                (stats.playing, stats.connections, stats.connections_total)
                    == (is_pulled, is_pulled, connections)
            };
            let settled = camera.wait_for(is_right, SOON).await;
            settled.unwrap_or_else(|error| {
                panic!("{context}: {connections} connections, pulled {is_pulled}: {error}")
            });
        }
        for (id, times) in &self.registrations {
            let platform = world.platform(id);
            if self.now.platform(id).is_some() {
                platform
                    .registered(SOON)
                    .await
                    .unwrap_or_else(|error| panic!("{context}: {id}: {error}"));
            }
            assert_eq!(registrations(platform), *times, "{context}: {id}");
        }
    }
}

/// Where a camera is pulled: a change of any of it is another pull.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Source {
    url: String,
    username: Option<String>,
    nvr: Option<String>,
    is_disabled: bool,
}

impl Files {
    fn source(&self, name: &str) -> Source {
        let row = &self.rows[name];
        Source {
            url: row["url"].clone(),
            username: row.get("username").cloned(),
            nvr: row.get("nvr").cloned(),
            is_disabled: row.get("disabled").is_some_and(|text| text == "true"),
        }
    }

    fn is_always(&self, name: &str) -> bool {
        let row = &self.rows[name];
        let departments = self.config["departments"].as_array().unwrap();
        let department = departments
            .iter()
            .find(|department| department["id"] == row["department"]);
        let of_department = department.unwrap()["pull"].as_str();
        row.get("pull").map(String::as_str).or(of_department) == Some("always")
    }

    /// The row without what says nothing.
    fn meaning(&self, name: &str) -> (Row, bool) {
        let mut row = self.rows[name].clone();
        row.retain(|column, text| !(column == "disabled" && text == "false"));
        (row, self.is_always(name))
    }

    /// The cameras that are pulled though nobody looks.
    fn pulled(&self) -> BTreeMap<String, Source> {
        let sources = self
            .rows
            .keys()
            .map(|name| (name.clone(), self.source(name)));
        sources
            .filter(|(name, source)| self.is_always(name) && !source.is_disabled)
            .collect()
    }

    fn platform(&self, id: &str) -> Option<&Value> {
        let platforms = self.config["platforms"].as_array()?;
        platforms.iter().find(|platform| platform["id"] == id)
    }
}

/// What is left out means its default.
/// What carries SIP to a platform.
fn transport(platform: &Value) -> String {
    platform["transport"].as_str().unwrap_or("udp").to_owned()
}

fn meaning_of_platform(platform: &Value) -> Value {
    let mut meaning = platform.clone();
    let defaults = [
        ("keepalive", json!({"interval": "60s"})),
        ("limits", json!({"sessions": 500})),
        ("transport", json!("udp")),
    ];
    for (key, default) in defaults {
        if meaning[key].is_null() {
            meaning[key] = default;
        }
    }
    if meaning["media"]["lost_grace"].is_null() {
        meaning["media"]["lost_grace"] = json!("10s");
    }
    meaning
}

fn meaning_of_departments(config: &Value) -> Value {
    let mut departments = config["departments"].clone();
    for department in departments.as_array_mut().unwrap() {
        if department["pull"].is_null() {
            department["pull"] = json!("on_demand");
        }
    }
    departments
}

/// A report whose lists are sorted.
fn sorted(mut report: Value) -> Value {
    for list in report.as_object_mut().unwrap().values_mut() {
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(ToString::to_string);
        }
    }
    report
}

/// A camera that nothing is done to, two platforms, and a pull that ends at once.
async fn world(video: &std::sync::Arc<huiju_sim::clips::Clip>) -> World {
    World::new("reload-random")
        .camera(STEADY, CameraSettings::new(video))
        .platform("district")
        .platform("city")
        .config(json!({"streams": {"linger": "0s"}}))
        .without_gateway()
        .await
}

const STEADY: &str = "不变";
const CAMERAS: usize = 16;
const RELOADS: usize = 200;
const SEED: u64 = 20_260_101;
