//! Reloads that are refused whole, or in single rows: what was wrong is said, and nothing changes.

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::Session;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::edits::row;
use crate::readers::is_unbroken;
use crate::reload::{nothing, pulls, registrations};
use crate::world::{SOON, World, clip, restrict, signal};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_changes_nothing_and_says_so() {
    let (world, video, session) = looked_at("reload-wrong-config").await;
    let right = std::fs::read_to_string(&world.config_path).unwrap();
    let set = |section: &str, key: &str, value: Value| {
        world.edit_config(|config| config[section][key] = value);
    };
    let wrong: [(&dyn Fn(), &str); 6] = [
        (
            &|| set("streams", "lingre", json!("1s")),
            "unknown key streams.lingre: did you mean `linger`?",
        ),
        (
            &|| set("streams", "linger", json!("1")),
            "streams.linger: `1` must be a duration such as 10s",
        ),
        (
            &|| set("inventory", "files", json!(["nowhere.csv"])),
            "nowhere.csv: No such file or directory (os error 2)",
        ),
        (
            &|| std::fs::remove_file(world.folder.join("district.pw")).unwrap(),
            "platforms[0].password: district.pw: No such file or directory (os error 2)",
        ),
        (
            &|| world.edit_config(|config| config["departments"] = Value::Null),
            "departments is missing",
        ),
        (
            &|| world.edit_platform("district", json!({"authority": null})),
            "platforms[0].authority is missing",
        ),
    ];
    for (edit, expected) in wrong {
        edit();
        let (code, said) = world.refused_reload().await;
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(expected), "{said}");
        let last = said.lines().last().unwrap();
        assert_eq!(
            last,
            "huiju: the configuration or the inventory is refused: nothing has changed"
        );
        is_noted(&world, expected).await;
        std::fs::write(&world.config_path, &right).unwrap();
        world.write_secret("district.pw", crate::world::PASSWORD);
        assert_eq!(world.reload().await, nothing(), "after {expected}");
        assert!(world.metric(SUCCESSFUL).await > 0.5, "after {expected}");
    }
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_yaml_or_gone_is_refused_at_a_sighup_too() {
    let (world, video, session) = looked_at("reload-no-yaml").await;
    let right = std::fs::read_to_string(&world.config_path).unwrap();
    std::fs::write(&world.config_path, &right[..right.len() / 2]).unwrap();
    signal(world.gateway_pid(), Signal::SIGHUP);
    is_noted(&world, "huiju.yaml:").await;
    std::fs::write(&world.config_path, &right).unwrap();
    assert_eq!(world.reload().await, nothing());
    std::fs::remove_file(&world.config_path).unwrap();
    signal(world.gateway_pid(), Signal::SIGHUP);
    is_noted(
        &world,
        "No such file or directory (os error 2): name the file with --config",
    )
    .await;
    std::fs::write(&world.config_path, &right).unwrap();
    assert_eq!(world.reload().await, nothing());
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_is_no_inventory_changes_nothing_and_says_so() {
    let (world, video, session) = looked_at("reload-wrong-inventory").await;
    let path = world.inventory_path();
    let right = std::fs::read(&path).unwrap();
    let header = "department,name,source_id,url\n";
    let wrong = [
        ("cameras.csv: is empty", String::new()),
        (
            "cameras.csv: has no rows: a truncated file changes nothing",
            header.to_owned(),
        ),
        (
            "cameras.csv:1:2: unknown column `nmae`: did you mean `name`?",
            text(&right).replacen("name", "nmae", 1),
        ),
        (
            "cameras.csv:1: column `url` is missing",
            "department,name,source_id\neducation,东门,s0\n".to_owned(),
        ),
        (
            "cameras.csv:1: no column is known: the first line names them",
            without_header(&right),
        ),
    ];
    for (expected, text) in wrong {
        std::fs::write(&path, text).unwrap();
        let (code, said) = world.refused_reload().await;
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(expected), "{said}");
        is_noted(&world, expected).await;
    }
    std::fs::remove_file(&path).unwrap();
    let (code, said) = world.refused_reload().await;
    assert_eq!(
        (code, said.lines().next()),
        (
            78,
            Some("cameras.csv: No such file or directory (os error 2)")
        )
    );
    std::fs::write(&path, right).unwrap();
    assert_eq!(world.reload().await, nothing());
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_is_cut_off_anywhere_removes_no_more_than_a_few_cameras() {
    let (world, video, session) = looked_at("reload-cut").await;
    for number in 2..=THIRTY {
        world.edit_inventory(|rows| {
            let mut new = row(
                "education",
                &format!("路口{number}"),
                &format!("rtsp://127.50.0.{number}:8554/a"),
                &format!("t{number}"),
            );
            new.insert("address".to_owned(), format!("{number}号楼,二单元"));
            rows.push(new);
        });
    }
    world.reload().await;
    let whole = std::fs::read(world.inventory_path()).unwrap();
    let known = world.ask("GET", "/api/v1/cameras").await;
    let mut cut_at_a_row = 0;
    for length in 0..whole.len() {
        std::fs::write(world.inventory_path(), &whole[..length]).unwrap();
        let (status, body) = world.ask("POST", "/api/v1/reload?plan=true").await;
        if status == 422 {
            continue;
        }
        // What is left reads well: it ends with a row, and no row of it has changed.
        let report: Value = serde_json::from_str(&body).unwrap();
        let removed = report["cameras_removed"].as_array().unwrap().len();
        let context = format!("cut after {length} of {} bytes: {report}", whole.len());
        assert!((1..5).contains(&removed), "{context}");
        let mut expected = nothing();
        expected["cameras_removed"] = report["cameras_removed"].clone();
        assert_eq!(report, expected, "{context}");
        cut_at_a_row += 1;
    }
    assert_eq!(cut_at_a_row, 4, "one to four cameras may always go");
    // The same when it is not asked first.
    let rows: Vec<usize> = (1..=whole.len())
        .filter(|at| whole[..*at].ends_with(b"\n"))
        .collect();
    for length in [
        whole.len() / 3,
        rows[rows.len() / 2],
        rows[2],
        whole.len() - 3,
    ] {
        std::fs::write(world.inventory_path(), &whole[..length]).unwrap();
        let (_, said) = world.refused_reload().await;
        assert!(
            said.contains("cameras.csv:") || said.contains("cameras would be removed"),
            "{said}"
        );
        assert!(world.metric(SUCCESSFUL).await < 0.5);
    }
    assert_eq!(world.ask("GET", "/api/v1/cameras").await, known);
    std::fs::write(world.inventory_path(), &whole).unwrap();
    assert_eq!(world.reload().await, nothing());
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_in_yaml_that_is_cut_off_changes_no_camera() {
    let mut world = World::new("reload-cut-yaml")
        .platform("district")
        .config(json!({"inventory": {"files": ["cameras.yaml"]}}))
        .without_gateway()
        .await;
    let cameras = (1..=THIRTY).map(|number| {
        format!("  - name: 路口{number}\n    department: education\n    source_id: s{number}\n    url: rtsp://127.50.0.{number}:8554/stream/{number}\n")
    });
    let whole = format!("cameras:\n{}", cameras.collect::<String>());
    let path = world.folder.join("cameras.yaml");
    std::fs::write(&path, &whole).unwrap();
    world.start_gateway().await;
    let last_rows = whole.len() - 3 * 110;
    for length in (0..60).chain(last_rows..whole.len()) {
        std::fs::write(&path, &whole.as_bytes()[..length]).unwrap();
        let (status, body) = world.ask("POST", "/api/v1/reload?plan=true").await;
        if status == 422 {
            continue;
        }
        let report: Value = serde_json::from_str(&body).unwrap();
        let context = format!("cut after {length} of {} bytes: {report}", whole.len());
        assert_eq!(
            (&report["cameras_changed"], &report["cameras_restarted"]),
            (&json!([]), &json!([])),
            "{context}"
        );
        let removed = report["cameras_removed"].as_array().unwrap().len();
        assert!(removed < 5, "{context}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_with_a_quote_that_is_never_closed_changes_nothing() {
    let mut builder = World::new("reload-quote").platform("district");
    for number in 0..10 {
        let url = format!("rtsp://127.50.0.{number}:8554/a");
        builder = builder.row("education", &format!("路口{number}"), &url);
    }
    let world = builder.start().await;
    world.set_field("路口7", "address", "一号楼\n二单元");
    world.reload().await;
    let whole = text(&std::fs::read(world.inventory_path()).unwrap());
    let cut = whole.find("二单元").unwrap();
    let unclosed = whole.replacen("路口8", "\"路口8", 1);
    for wrong in [&whole[..cut], &unclosed] {
        std::fs::write(world.inventory_path(), wrong).unwrap();
        let (status, body) = world.ask("POST", "/api/v1/reload?plan=true").await;
        assert_eq!(status, 422, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cameras_go_only_when_it_is_said_how_many() {
    let mut builder = World::new("reload-removals").platform("district");
    for number in 0..20 {
        builder = builder.row(
            "education",
            &format!("路口{number}"),
            &format!("rtsp://127.50.0.{number}:8554/a"),
        );
    }
    let world = builder.start().await;
    world.edit_inventory(|rows| rows.truncate(14));
    let (code, said) = world.refused_reload().await;
    let expected =
        "6 of 20 cameras would be removed: if that is meant, huiju reload --allow-removals 6";
    assert_eq!((code, said.lines().next()), (1, Some(expected)));
    is_noted(&world, expected).await;
    signal(world.gateway_pid(), Signal::SIGHUP);
    assert_eq!(
        world
            .command(&["reload", "--allow-removals", "5"])
            .await
            .status
            .code(),
        Some(1)
    );
    assert_eq!(
        world.command(&["reload", "--plan"]).await.status.code(),
        Some(1)
    );
    let report = world
        .json(&["reload", "--json", "--allow-removals", "6"])
        .await;
    assert_eq!(report["cameras_removed"].as_array().unwrap().len(), 6);
    let cameras = world.catalogue("district").await;
    assert_eq!(
        cameras.iter().filter(|item| item.kind() == "132").count(),
        14
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_an_error_leaves_its_camera_as_it_was() {
    let (world, video, session) = looked_at("reload-wrong-row").await;
    let right = world.rows();
    let known = world.camera_item("东门").await;
    let wrong: [(&str, &str, &str); 6] = [
        (
            "url",
            "http://127.0.0.1/a",
            "url: is not rtsp://host[:port]/path",
        ),
        (
            "url",
            "rtsp://127.0.0.1:80/a",
            "url: port 80 is none of the department's ports",
        ),
        (
            "department",
            "educaton",
            "department: `educaton` is none of education, ",
        ),
        ("point_class", "7", "point_class: `7` must be 1, 2, 3 or 9"),
        (
            "credential",
            "nvr",
            "credential: `nvr` is none of the department's credentials",
        ),
        (
            "longitude",
            "113.1",
            "longitude and latitude belong together",
        ),
    ];
    for (column, text, expected) in wrong {
        world.set_field("东门", column, text);
        // The other row of the same file is taken over all the same.
        world.set_field("西门", "address", &format!("改于{column}{text}"));
        let report = world.reload().await;
        let refused = report["refused"][0].as_str().unwrap();
        assert!(
            refused.contains(":2") && refused.contains(expected),
            "{refused}"
        );
        assert_eq!(
            (&report["rows_refused"], &report["cameras_removed"]),
            (&json!(1), &json!([])),
            "{report}"
        );
        assert_eq!(
            report["cameras_changed"].as_array().unwrap().len(),
            1,
            "{report}"
        );
        assert_eq!(report["cameras_restarted"], json!([]), "{report}");
        assert!(world.metric("huiju_inventory_rows_rejected").await > 0.5);
        world.logged(expected).await;
        world.write_rows(&right);
    }
    let kept = world.camera_item("东门").await;
    for field in ["id", "gb_code", "name", "department", "url"] {
        assert_eq!(kept[field], known[field], "{field}");
    }
    world.reload().await;
    assert!(world.metric("huiju_inventory_rows_rejected").await < 0.5);
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_the_inventory_is_taken_and_warned_of() {
    let (world, video, session) = looked_at("reload-warning").await;
    restrict(&world.inventory_path());
    world.set_field("西门", "username", "viewer");
    world.set_field("西门", "password", "x");
    let report = world.reload().await;
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("cameras.csv:3:") && warning.contains(": warning: password: "),
        "{warning}"
    );
    let restarted = report["cameras_restarted"].as_array().unwrap();
    assert_eq!((restarted.len(), &report["refused"]), (1, &json!([])));
    world
        .logged_with(&["inventory is taken as it is", "warning: password: "])
        .await;
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_names_two_cameras_leaves_both_as_they_were() {
    let (world, video, session) = looked_at("reload-two-cameras").await;
    let (east, west) = (
        world.camera_item("东门").await,
        world.camera_item("西门").await,
    );
    world.set_field("东门", "id", west["id"].as_str().unwrap());
    world.edit_inventory(|rows| rows.retain(|row| row["name"] != "西门"));
    let report = world.reload().await;
    let refused = report["refused"][0].as_str().unwrap();
    let expected = format!(
        "cameras.csv:2: names two cameras: id is {}, source_id is {}",
        west["id"].as_str().unwrap(),
        east["id"].as_str().unwrap()
    );
    assert!(refused.ends_with(&expected), "{refused}");
    let mut expected = nothing();
    (expected["rows_refused"], expected["refused"]) = (json!(1), report["refused"].clone());
    assert_eq!(report, expected);
    unnoticed(&world, &video, session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_refused_and_named() {
    let (world, video, session) = looked_at("reload-restart").await;
    let right = std::fs::read_to_string(&world.config_path).unwrap();
    let changes = [
        ("listen", "http", json!("127.0.0.1:18080")),
        ("listen", "metrics", json!("127.0.0.1:19180")),
        ("listen", "sip", json!("127.0.0.1:15060")),
        ("listen", "rtp_ports", json!("20000-20999")),
        ("gateway", "data_dir", json!("other")),
        ("gateway", "civil_code", json!("430212")),
    ];
    for (section, key, value) in changes {
        world.edit_config(|config| {
            config[section][key] = value;
            // Beside it stands what could be taken over.
            config["gateway"]["name"] = json!("别名");
        });
        let (code, said) = world.refused_reload().await;
        assert_eq!(code, 78, "{said}");
        let name = if section == "listen" {
            "listen"
        } else {
            &format!("{section}.{key}")
        };
        let expected = format!("{name} has changed: that needs a restart");
        assert_eq!(said.lines().next(), Some(expected.as_str()));
        is_noted(&world, &expected).await;
        std::fs::write(&world.config_path, &right).unwrap();
    }
    let info = world
        .platform("district")
        .query("DeviceInfo", LOCAL, &[], SOON)
        .await
        .unwrap();
    assert_eq!(info.text_of("DeviceName"), "天元区视频汇聚网关");
    unnoticed(&world, &video, session).await;
}

/// A gateway with two cameras, the first of which is looked at.
async fn looked_at(name: &str) -> (World, std::sync::Arc<Clip>, Session) {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new(name)
        .camera("东门", CameraSettings::new(&video))
        .row("education", "西门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    world.edit_inventory(|_| {});
    restrict(&world.inventory_path());
    let session = world.look("district", "东门").await;
    (world, video, session)
}

/// The log and the metrics say that the last reload was refused, and why.
async fn is_noted(world: &World, problem: &str) {
    let line = world.logged_with(&["reload refused", problem]).await;
    assert!(line.contains("WARN"), "{line}");
    assert!(world.metric(SUCCESSFUL).await < 0.5);
}

/// The session, the camera and the platform have noticed nothing of all that.
async fn unnoticed(world: &World, video: &Clip, session: Session) {
    let seen = session.stats().frames;
    session
        .wait_for(|stats| stats.frames >= seen + 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    is_unbroken(&session.finish().await.unwrap(), video);
    assert_eq!(pulls(&world.camera("东门").stats()), (1, 1));
    let platform = world.platform("district");
    assert_eq!(registrations(platform), 1);
    assert_eq!(platform.violations(), Vec::<String>::new());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn without_header(bytes: &[u8]) -> String {
    text(bytes).split_once('\n').unwrap().1.to_owned()
}

const SUCCESSFUL: &str = "huiju_config_last_reload_successful";
const THIRTY: usize = 30;
/// Our code at the first platform.
const LOCAL: &str = "43021100002000000101";
