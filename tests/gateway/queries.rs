//! Where cameras are, and which of them see a place.

use std::fmt::Write as _;

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use serde_json::{Value, json};

use crate::python::judged;
use crate::world::{World, WorldBuilder, clip};

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_where_an_independent_library_says() {
    let mut world = World::new("coordinates")
        .platform("district")
        .without_gateway()
        .await;
    let points = moved_points(7, 5000).await;
    let mut rows = "name,department,url,source_id,longitude,latitude,datum\n".to_owned();
    for (n, [_, gcj02, bd09]) in points.iter().enumerate() {
        for (datum, (longitude, latitude)) in [("gcj02", gcj02), ("bd09", bd09)] {
            let url = format!("rtsp://127.50.0.1:8554/{datum}/{n}");
            writeln!(
                rows,
                "{datum} {n},education,{url},{datum}-{n},{longitude},{latitude},{datum}"
            )
            .unwrap();
        }
    }
    world.write("cameras.csv", &rows);
    world.start_gateway().await;
    let mut found = 0;
    // Each answer in another datum than half of the cameras are given in.
    for (datum, number) in [("wgs84", 0), ("gcj02", 1), ("bd09", 2), ("cgcs2000", 0)] {
        for camera in world
            .cameras_of(&format!("datum={datum}&fields=name,position"))
            .await
        {
            let name = camera["name"].as_str().unwrap();
            let n: usize = name.split(' ').nth(1).unwrap().parse().unwrap();
            let position = &camera["position"];
            assert_eq!(position["datum"], datum);
            let at = |key: &str| position[key].as_f64().unwrap();
            let (longitude, latitude) = points[n][number];
            let north = (at("latitude") - latitude) * 111_320.0;
            let east = (at("longitude") - longitude) * 111_320.0 * latitude.to_radians().cos();
            let metres = north.hypot(east);
            assert!(metres < 1.0, "{name} in {datum} is {metres} m away");
            found += 1;
        }
    }
    assert_eq!(found, 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_near_a_place_come_first_if_they_play_and_see_it() {
    let video = clip(ClipKind::H264Small).await;
    let camera = || CameraSettings::new(&video);
    let place = (113.134, 27.828);
    let dead = "rtsp://127.50.0.1:8554/a";
    let builder = World::new("near")
        .camera("背对", camera())
        .camera("朝向", camera())
        .camera("远处", camera())
        .row("education", "坏的", dead)
        .row("health", "他处", dead);
    // A thousandth of a degree of latitude is 111 m.
    let builder = at(
        builder,
        "背对",
        place,
        0.0005,
        &[("bearing", "0"), ("fov", "60")],
    );
    let builder = at(
        builder,
        "朝向",
        place,
        0.001,
        &[("bearing", "180"), ("fov", "60"), ("view_distance", "200")],
    );
    let builder = at(builder, "远处", place, 0.004, &[("bearing", "180")]);
    let builder = at(builder, "坏的", place, 0.0001, &[]);
    let builder = at(builder, "他处", place, 0.01, &[]);
    let world = builder.platform("district").start().await;
    for name in ["背对", "朝向", "远处"] {
        world.order("probe", name).await;
        world.is_in(name, "online").await;
    }
    world.order("probe", "坏的").await;

    let near = "near=113.134,27.828";
    let found = world.cameras_of(&format!("{near}&radius=500")).await;
    assert_eq!(names(&found), ["朝向", "远处", "背对", "坏的"]);
    let told = |key: &str| -> Vec<Value> { found.iter().map(|c| c[key].clone()).collect() };
    assert_eq!(
        told("covers"),
        [json!(true), Value::Null, json!(false), Value::Null]
    );
    let distances = told("distance");
    for (distance, expected) in distances.iter().zip([111.2, 444.8, 55.6, 11.1]) {
        let distance = distance.as_f64().unwrap();
        assert!((distance - expected).abs() < 0.2, "{distance}");
    }
    // Pages hold together, and each camera comes once.
    let one_by_one = world.cameras_of(&format!("{near}&limit=1")).await;
    assert_eq!(names(&one_by_one), names(&found));
    // Asked in the datum of another map, the same cameras are there.
    let gcj02 = "near=113.1398287,27.8248589&datum=gcj02&radius=200&state=online";
    assert_eq!(names(&world.cameras_of(gcj02).await), ["朝向", "背对"]);
    let listed = world
        .plain(&["camera", "list", "--near", "113.134,27.828"])
        .await;
    let first = listed.lines().nth(1).unwrap();
    assert!(first.ends_with("朝向 (111 m)"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_found_in_polygons_along_roads_and_by_region() {
    let mut world = World::new("regions")
        .platform("district")
        .config(json!({"gateway": {"regions": "regions.geojson"}}))
        .without_gateway()
        .await;
    world.write("regions.geojson", &regions().to_string());
    let mut rows =
        "name,department,url,source_id,longitude,latitude,grid,town,point_class\n".to_owned();
    // In Baidu's datum, as nothing says but their grids.
    for n in 0..12 {
        let (longitude, latitude) = (113.145_4 + 0.0003 * f64::from(n), 27.828_1);
        let url = format!("rtsp://127.50.0.1:8554/{n}");
        writeln!(
            rows,
            "路口{n},education,{url},{n},{longitude:.6},{latitude},第一网格,430211001,{}",
            1 + n % 2
        )
        .unwrap();
    }
    world.write("cameras.csv", &rows);
    world.start_gateway().await;

    let cameras = world.cameras_of("").await;
    for camera in &cameras {
        let given = &camera["position"]["given"];
        assert_eq!(
            (&given["datum"], &given["declared"]),
            (&json!("bd09"), &json!(false))
        );
    }
    for (query, count) in [
        ("town=泰山路街道", 12),
        ("town=430211001&point_class=1", 6),
        ("grid=G1", 12),
        ("grid=第二网格", 0),
        ("q=路口1", 3),
        ("q=没有", 0),
    ] {
        let query = query.split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        });
        let query: Vec<_> = query.collect();
        assert_eq!(
            world.cameras_of(&query.join("&")).await.len(),
            count,
            "{query:?}"
        );
    }
    let first = &cameras[0]["position"];
    let (west, south) = (
        first["longitude"].as_f64().unwrap(),
        first["latitude"].as_f64().unwrap(),
    );
    // The first four cameras are within 0.001 degrees to the east of the first.
    let (w, e, s, n) = (west - 0.0001, west + 0.001, south - 0.001, south + 0.001);
    let polygon =
        json!({"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]});
    assert_eq!(
        names(&found(&world, "", &polygon).await),
        ["路口0", "路口1", "路口2", "路口3"]
    );
    assert_eq!(found(&world, "?point_class=1", &polygon).await.len(), 2);
    let road = json!({"type": "LineString", "coordinates": [[w, s], [w, n]], "buffer": 50});
    assert_eq!(names(&found(&world, "", &road).await), ["路口0", "路口1"]);
    regions_and_departments_are_counted(&world).await;
}

/// In the world of [`regions`] with twelve cameras.
async fn regions_and_departments_are_counted(world: &World) {
    let counted = |path: &'static str| async move {
        let (status, page) = world.ask_json("GET", path).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap().iter();
        let items = items.map(|item| (item["name"].clone(), item["cameras"].clone()));
        (items.collect::<Vec<_>>(), page["next"].clone())
    };
    let of = |name: &str, count: usize| (json!(name), json!(count));
    let (town, first, second) = (of("泰山路街道", 12), of("第一网格", 12), of("第二网格", 0));
    let all = counted("/api/v1/regions").await;
    assert_eq!(
        all,
        (
            vec![town.clone(), first.clone(), second.clone()],
            Value::Null
        )
    );
    let page = counted("/api/v1/regions?limit=1").await;
    assert_eq!(page, (vec![town], json!("430211001")));
    let page = counted("/api/v1/regions?limit=2&cursor=430211001").await;
    assert_eq!(page, (vec![first.clone(), second], Value::Null));
    let page = counted("/api/v1/regions?level=grid&limit=1").await;
    assert_eq!(page, (vec![first], json!("G1")));
    let (status, _) = world.ask_json("GET", "/api/v1/regions?level=street").await;
    assert_eq!(status, 400);
    let (departments, _) = counted("/api/v1/departments").await;
    assert_eq!(departments[0].1, 12, "{departments:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_says_what_is_wrong() {
    let world = World::new("wrong-queries")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    for (query, told) in [
        ("near=27.8,113.1", "near must be longitude,latitude"),
        ("near=NaN,1", "near must be longitude,latitude"),
        ("near=113.1", "near must be longitude,latitude"),
        (
            "near=113.1,27.8&radius=5001",
            "radius must be 1 to 5000 metres",
        ),
        ("radius=100", "radius is metres around near"),
        (
            "datum=bd90",
            "`bd90` is none of wgs84, gcj02, bd09, cgcs2000",
        ),
        (
            "cursor=43021100111326000001",
            "cursor is none that this list gave",
        ),
        ("fields=name,nam", "fields: `nam` is none of"),
        ("limit=1001", "limit must be 1 to 1000"),
        ("nearby=1,1", "unknown field `nearby`"),
    ] {
        let (status, body) = world.api(&format!("/api/v1/cameras?{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.contains(told), "{query}: {body}");
    }
    let ring = |count: usize| -> Value { (0..=count).map(|n| json!([n % count, 1])).collect() };
    for (body, told) in [
        (
            json!({"type": "Point", "coordinates": [1, 1]}),
            "unknown variant `Point`",
        ),
        (
            json!({"type": "Polygon", "coordinates": []}),
            "the polygon has no ring",
        ),
        (
            json!({"type": "Polygon", "coordinates": [[[1, 1], [1, 1]]]}),
            "has 2 positions",
        ),
        (
            json!({"type": "Polygon", "coordinates": [[[181, 1], [1, 1], [1, 2], [181, 1]]]}),
            "no longitude",
        ),
        (
            json!({"type": "Polygon", "coordinates": [ring(1000)]}),
            "1001 positions, 1000 are the most",
        ),
        (
            json!({"type": "LineString", "coordinates": [[1, 1], [2, 2]]}),
            "missing field `buffer`",
        ),
        (
            json!({"type": "LineString", "coordinates": [[1, 1], [2, 2]], "buffer": 0}),
            "buffer must be 1 to 1000",
        ),
    ] {
        let text = body.to_string();
        let answer = world.ask_with("POST", "/api/v1/cameras/search", &text);
        let (status, answer) = answer.await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer.contains(told), "{body}: {answer}");
    }
}

/// Puts a camera so many degrees to the north of a place.
fn at(
    builder: WorldBuilder,
    name: &str,
    (longitude, latitude): (f64, f64),
    north: f64,
    besides: &[(&str, &str)],
) -> WorldBuilder {
    let latitude = format!("{:.6}", latitude + north);
    let longitude = longitude.to_string();
    let columns = [
        ("longitude", &*longitude),
        ("latitude", &*latitude),
        ("datum", "wgs84"),
    ];
    builder.columns(name, &columns).columns(name, besides)
}

/// Two grids of a town, of 1 km each.
fn regions() -> Value {
    let square = |west: f64, south: f64| {
        let (east, north) = (west + 0.01, south + 0.01);
        json!({"type": "Polygon", "coordinates":
            [[[west, south], [east, south], [east, north], [west, north], [west, south]]]})
    };
    let feature = |code: &str, name: &str, level: &str, geometry: Value| json!({"type": "Feature", "properties": {"code": code, "name": name, "level": level}, "geometry": geometry});
    json!({"type": "FeatureCollection", "features": [
        feature("430211001", "泰山路街道", "town", Value::Null),
        feature("G1", "第一网格", "grid", square(113.13, 27.82)),
        feature("G2", "第二网格", "grid", square(113.14, 27.82)),
    ]})
}

/// The cameras in a geometry.
async fn found(world: &World, query: &str, geometry: &Value) -> Vec<Value> {
    let path = format!("/api/v1/cameras/search{query}");
    let (status, body) = world.ask_with("POST", &path, &geometry.to_string()).await;
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["items"].as_array().unwrap().clone()
}

fn names(cameras: &[Value]) -> Vec<&str> {
    cameras
        .iter()
        .map(|camera| camera["name"].as_str().unwrap())
        .collect()
}

type Place = (f64, f64);

/// Points in WGS-84, GCJ-02 and BD-09, by a library that is not ours.
async fn moved_points(seed: u32, count: usize) -> Vec<[Place; 3]> {
    let (from, most) = (seed.to_string(), count.to_string());
    let text = judged("move_coordinates.py", &[from.as_ref(), most.as_ref()]).await;
    let text = String::from_utf8(text).unwrap();
    let points = text.lines().map(|line| {
        let numbers: Vec<f64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
        [0, 2, 4].map(|n| (numbers[n], numbers[n + 1]))
    });
    let points: Vec<_> = points.collect();
    assert_eq!(points.len(), count);
    points
}
