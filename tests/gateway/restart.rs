//! What a restart keeps, and who may start at all.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::world::{SOON, World};

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_codes_survive_kills_restarts_and_another_order_of_rows() {
    let mut world = World::new("restart")
        .platform("district")
        .without_gateway()
        .await;
    let first = start_with(&mut world, &["3", "1", "2"]).await;
    assert_eq!(first.cameras.len(), 3);

    world.kill().await;
    let second = start_with(&mut world, &["2", "0", "3", "1"]).await;
    first.are_kept_in(&second);
    assert_eq!(second.cameras.len(), 4);

    // Rows that are gone keep what they had, and nobody else gets it.
    assert_eq!(world.stop().await, Some(0));
    let third = start_with(&mut world, &["4", "2"]).await;
    let newcomer = &third.cameras["4"];
    for (number, known) in &second.cameras {
        assert!(
            known.0 != newcomer.0 && known.1 != newcomer.1,
            "{number} and 4"
        );
    }

    world.kill().await;
    let last = start_with(&mut world, &["1", "2", "3", "0", "4"]).await;
    second.are_kept_in(&last);
    third.are_kept_in(&last);
    assert_eq!(last.nodes, first.nodes, "the tree has the same codes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_data_refuses_to_start() {
    let world = World::new("second-daemon")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let second = world.command(&["run"]).await;
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    let folder = world.folder.join("data");
    let expected = format!(
        "huiju: {} is in use by another huiju: stop that one, or set another gateway.data_dir",
        folder.display()
    );
    assert_eq!(said.lines().last(), Some(expected.as_str()), "{said}");
    // The first has not noticed.
    world.channel("district", "东门").await;
    let status = world.command(&["status", "--json"]).await;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["ready"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_at_work_brings_ids_and_codes_back_on_an_empty_machine() {
    let mut world = World::new("backup")
        .platform("district")
        .without_gateway()
        .await;
    let first = start_with(&mut world, &["3", "1", "2"]).await;
    let backup = world.folder.join("huiju.backup");
    let file = backup.to_str().unwrap().to_owned();
    let made = world.command(&["backup", &file]).await;
    assert!(made.status.success(), "{made:?}");
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Neither is overwritten: not a backup by another, not the store of a daemon at work.
    for (arguments, expected) in [
        (["backup", &file], "File exists"),
        (["restore", &file], "is in use by another huiju"),
    ] {
        let refused = world.command(&arguments).await;
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }

    world.kill().await;
    std::fs::remove_dir_all(world.folder.join("data")).unwrap();
    let restored = world.command(&["restore", &file]).await;
    assert!(restored.status.success(), "{restored:?}");
    let second = start_with(&mut world, &["0", "2", "1", "3"]).await;
    first.are_kept_in(&second);
    assert_eq!(second.nodes, first.nodes, "the tree has the same codes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_forbidden_camera_is_in_no_catalogue_and_never_asked() {
    let mut world = World::new("forbidden")
        .platform("district")
        .without_gateway()
        .await;
    let rows = "name,department,url,source_id,place_type,disabled\n\
                东门,education,rtsp://127.50.0.1:8554/a,1,,\n\
                停用,education,rtsp://127.50.0.2:8554/a,2,,true\n\
                宿舍,education,rtsp://127.50.0.3:8554/a,3,宿舍,\n\
                更衣室,health,rtsp://127.50.0.4:8554/a,4,更衣室,false\n";
    std::fs::write(world.folder.join("cameras.csv"), rows).unwrap();
    world.start_gateway().await;
    world.registered().await;
    let items = world.catalogue("district").await;
    let cameras = items.iter().filter(|item| item.kind() == "132");
    let names: Vec<&str> = cameras.map(|item| item.name()).collect();
    assert_eq!(names, ["东门"]);
    let listed = cameras_of(&world).await;
    let expected = [
        ("停用", "disabled", "none"),
        ("宿舍", "disabled", "not_allowed"),
        ("更衣室", "disabled", "not_allowed"),
    ];
    for (name, state, cause) in expected {
        let camera = listed.iter().find(|camera| camera["name"] == name).unwrap();
        assert_eq!(
            (&camera["state"], &camera["cause"]),
            (&json!(state), &json!(cause))
        );
        let code = camera["gb_code"].as_str().unwrap();
        let platform = world.platform("district");
        let invited = platform.invite(code, huiju_sim::platform::Media::Udp, Default::default());
        assert_eq!(invited.await.unwrap_err().code(), Some(404), "{name}");
        let info = platform.query("DeviceInfo", code, &[], SOON).await.unwrap();
        assert_eq!(info.text_of("Result"), "ERROR", "{name}");
    }
}

/// Starts the gateway with these rows, in that order.
async fn start_with(world: &mut World, numbers: &[&str]) -> Identities {
    write_rows(world, numbers);
    world.platform("district").forget_registration();
    world.start_gateway().await;
    world.registered().await;
    Identities::of(world).await
}

/// Cameras by `source_id`: id and code; nodes of the tree by kind, name and parent: code.
struct Identities {
    cameras: BTreeMap<String, (String, String)>,
    nodes: BTreeMap<String, String>,
}

impl Identities {
    /// As the gateway lists and the platform sees them.
    async fn of(world: &World) -> Self {
        let text = |camera: &Value, key: &str| camera[key].as_str().unwrap().to_owned();
        let listed = cameras_of(world).await;
        let cameras = listed.iter().map(|camera| {
            let name = text(camera, "name");
            let number = name.strip_prefix("摄像机").unwrap().to_owned();
            (number, (text(camera, "id"), text(camera, "gb_code")))
        });
        let cameras: BTreeMap<_, _> = cameras.collect();
        let mut nodes = BTreeMap::new();
        for item in world.catalogue("district").await {
            match item.name().strip_prefix("摄像机") {
                Some(number) => assert_eq!(cameras[number].1, item.id),
                None => {
                    let node = format!("{} {} in {}", item.kind(), item.name(), item.parent_id());
                    assert_eq!(nodes.insert(node, item.id), None);
                }
            }
        }
        Self { cameras, nodes }
    }

    fn are_kept_in(&self, later: &Self) {
        for (number, identity) in &self.cameras {
            assert_eq!(later.cameras.get(number), Some(identity), "{number}");
        }
    }
}

/// `huiju camera list --json`.
async fn cameras_of(world: &World) -> Vec<Value> {
    let listed = world.command(&["camera", "list", "--json"]).await;
    assert_eq!(listed.status.code(), Some(0));
    let page: Value = serde_json::from_slice(&listed.stdout).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// Rows of two departments and a unit, in that order.
fn write_rows(world: &World, numbers: &[&str]) {
    let mut rows = String::from("name,department,url,source_id,organisation\n");
    for number in numbers {
        let department = if *number == "2" {
            "health"
        } else {
            "education"
        };
        rows +=
            &format!("摄像机{number},{department},rtsp://127.50.0.{number}:8554/a,{number},一中\n");
    }
    std::fs::write(world.folder.join("cameras.csv"), rows).unwrap();
}
