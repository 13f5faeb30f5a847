//! How good what is known of cameras is: by the API and by the command.

use serde_json::{Value, json};

use crate::world::{World, WorldBuilder};

#[tokio::test(flavor = "multi_thread")]
async fn a_flawed_inventory_is_told_what_is_wrong_with_it_and_what_would_raise_it() {
    let world = flawed("quality").await;
    let (status, whole) = world.ask_json("GET", "/api/v1/quality").await;
    assert_eq!(status, 200, "{whole}");
    assert_eq!(
        (&whole["cameras"], &whole["disabled"]),
        (&json!(7), &json!(1))
    );
    for (kind, field, severity, names) in [
        ("forbidden_place", "place_type", "error", &["男宿舍"][..]),
        ("outside_district", "position", "error", &["后门"]),
        ("duplicate", "host_channel", "error", &["大厅主", "大厅子"]),
        (
            "duplicate",
            "near",
            "warning",
            &["体检中心东门", "体检中心（东门）"],
        ),
        ("gb_code_taken", "gb_code", "error", &["后门"]),
        ("elsewhere", "grid", "warning", &["后门"]),
        ("missing", "position", "error", &["校门"]),
        ("record_days_short", "record_days", "warning", &["校门"]),
    ] {
        let finding = finding(&whole, kind, field);
        assert_eq!(finding["severity"], severity, "{kind} {field}");
        let examples = finding["examples"].as_array().unwrap().iter();
        let mut told: Vec<_> = examples.map(|e| e["name"].as_str().unwrap()).collect();
        told.sort_unstable();
        let mut names = names.to_vec();
        names.sort_unstable();
        assert_eq!(told, names, "{kind} {field}");
        assert_eq!(finding["count"], names.len(), "{kind} {field}");
    }
    let pairs = whole["duplicates"].as_array().unwrap();
    assert_eq!(pairs.len(), 2, "{pairs:?}");
    // The camera that is where none may be loses all its hundred points.
    let first = &whole["raises"][0];
    assert_eq!(
        (&first["kind"], &first["by"]),
        (&json!("forbidden_place"), &json!(14.29))
    );
    let raises = whole["raises"].as_array().unwrap();
    let sum: f64 = raises
        .iter()
        .map(|raise| raise["by"].as_f64().unwrap())
        .sum();
    let score = whole["score"].as_f64().unwrap();
    assert!((score + sum - 100.0).abs() < 0.2, "{score} + {sum}");

    let (_, health) = world
        .ask_json("GET", "/api/v1/quality?department=health")
        .await;
    let of_whole = whole["departments"].as_array().unwrap();
    let of_whole = of_whole.iter().find(|part| part["department"] == "health");
    assert_eq!(Some(&health), of_whole);
    assert_eq!(
        (&health["cameras"], &health["classes"][0]["point_class"]),
        (&json!(4), &json!(2))
    );
    let by_command = world.json(&["report", "--json"]).await;
    assert_eq!(by_command, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_comes_as_text_and_as_a_table_too() {
    let world = flawed("quality-text").await;
    let text = world.plain(&["report", "--department", "education"]).await;
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("区教育局 (education): 得分 score "),
        "{text}"
    );
    assert!(first.ends_with(", 摄像机 cameras 3"), "{text}");
    let raise = "补齐 1 台摄像机的经纬度 / fill position on 1 camera";
    assert!(text.contains(raise), "{text}");
    let (_, by_api) = world
        .api("/api/v1/quality?department=education&format=text")
        .await;
    assert_eq!(by_api, text);

    let (status, table) = world.api("/api/v1/quality?format=csv").await;
    assert_eq!(status, 200, "{table}");
    let header = "\u{feff}department,department_name,row,point_class,field,severity,cameras,points,zh,en,examples";
    assert_eq!(table.lines().next(), Some(header));
    let outside = table
        .lines()
        .find(|line| line.contains("education,区教育局,finding,,position,error"));
    assert!(
        outside.is_some_and(|line| line.ends_with(" 后门")),
        "{table}"
    );

    for (query, told) in [
        (
            "department=parks",
            "department: `parks` is none of education, health",
        ),
        ("format=xml", "`xml` is none of json, text, csv, xlsx"),
        ("examples=1001", "examples must be 0 to 1000"),
        ("departments=park", "unknown field `departments`"),
    ] {
        let (status, body) = world.api(&format!("/api/v1/quality?{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.contains(told), "{query}: {body}");
    }
    let refused = world.command(&["report", "--department", "parks"]).await;
    assert_eq!(refused.status.code(), Some(2));
}

/// A world whose inventory has a flaw of each sort.
async fn flawed(name: &str) -> World {
    let url = |path: &str| format!("rtsp://127.50.0.1:8554{path}");
    let builder = World::new(name)
        .config(json!({"gateway": {"regions": "regions.geojson"}}))
        .row("education", "校门", &url("/1"))
        .row("education", "后门", &url("/2"))
        .row("education", "男宿舍", &url("/3"))
        .row(
            "health",
            "大厅主",
            "rtsp://127.50.0.2:8554/Streaming/Channels/101",
        )
        .row(
            "health",
            "大厅子",
            "rtsp://127.50.0.2:8554/Streaming/Channels/102",
        )
        .row("health", "体检中心东门", &url("/4"))
        .row("health", "体检中心（东门）", &url("/5"))
        .row("health", "旧门", &url("/6"))
        .columns("校门", &[("record_days", "7"), ("point_class", "1")])
        // The gateway itself has its code.
        .columns("后门", &[("gb_code", CODE), ("grid", "第一网格")])
        .columns("男宿舍", &[("place_type", "宿舍")])
        .columns("旧门", &[("disabled", "true")]);
    let builder = [
        ("后门", "113.2", "27.825"),
        ("男宿舍", "113.135", "27.825"),
        ("大厅主", "113.136", "27.825"),
        ("大厅子", "113.137", "27.825"),
        ("体检中心东门", "113.138", "27.825"),
        ("体检中心（东门）", "113.13802", "27.825"),
        ("旧门", "113.138", "27.825"),
    ]
    .into_iter()
    .fold(builder, at);
    let mut world = builder.platform("district").without_gateway().await;
    world.write("regions.geojson", &regions().to_string());
    world.start_gateway().await;
    world
}

fn at(builder: WorldBuilder, (name, longitude, latitude): (&str, &str, &str)) -> WorldBuilder {
    let columns = [
        ("longitude", longitude),
        ("latitude", latitude),
        ("datum", "wgs84"),
    ];
    builder.columns(name, &columns)
}

/// The district, and a grid as large as it.
fn regions() -> Value {
    let (west, south, east, north) = (113.13, 27.82, 113.14, 27.83);
    let area = json!({"type": "Polygon", "coordinates":
        [[[west, south], [east, south], [east, north], [west, north], [west, south]]]});
    let feature = |code: &str, name: &str, level: &str| json!({"type": "Feature", "properties": {"code": code, "name": name, "level": level}, "geometry": area});
    json!({"type": "FeatureCollection", "features": [
        feature("430211", "天元区", "district"),
        feature("G1", "第一网格", "grid"),
    ]})
}

fn finding<'a>(part: &'a Value, kind: &str, field: &str) -> &'a Value {
    let findings = part["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|finding| finding["kind"] == kind && finding["field"] == field);
    found.unwrap_or_else(|| panic!("no {kind} of {field} in {part:#}"))
}

/// Of the gateway at the platform `district`.
const CODE: &str = "43021100002000000101";
