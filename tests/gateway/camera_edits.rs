//! Cameras that are added, changed and removed one by one.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use serde_json::{Value, json};

use crate::edits::Answer;
use crate::world::{World, clip};

impl World {
    /// A request with a body of JSON about the camera of an id, under the tag that it was read with.
    async fn edit(&self, method: &str, id: &str, tag: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        let path = format!("/api/v1/cameras/{id}");
        let body = body.to_string();
        self.request(method, &path, &headers, body.as_bytes()).await
    }

    async fn add(&self, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        let body = body.to_string();
        self.request("POST", "/api/v1/cameras", &json, body.as_bytes())
            .await
    }

    /// The tag of the camera of an id.
    async fn tag(&self, id: &str) -> String {
        let path = format!("/api/v1/cameras/{id}");
        let answer = self.request("GET", &path, &[], b"").await;
        answer.header("etag").expect("a tag").to_owned()
    }
}

/// A world without declared cameras, and one that plays with a password.
async fn world(name: &str) -> World {
    let video = clip(ClipKind::H264Small).await;
    let camera = CameraSettings::new(&video).digest("admin", "hunter2");
    let world = World::new(name).undeclared();
    world
        .camera("校门", camera)
        .platform("district")
        .start()
        .await
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_added_changed_and_removed() {
    let mut world = world("edits").await;
    let address = world.camera("校门").address();
    let url = format!("rtsp://{address}/live");
    let gate = json!({
        "name": "校门", "department": "education", "url": world.camera("校门").url(),
        "username": "admin", "password": "hunter2", "bearing": 90, "longitude": 113.134,
        "latitude": 27.828, "datum": "gcj02",
    });
    let added = world.add(&gate).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let id = id(&added);
    assert_eq!(
        added.header("location"),
        Some(&*format!("/api/v1/cameras/{id}"))
    );
    assert!(!added.text().contains("hunter2"));
    world.order("probe", "校门").await;
    world.is_in("校门", "online").await;
    let again = world.add(&gate).await;
    assert_eq!(
        (again.status, &again.json()["code"]),
        (409, &json!("exists"))
    );

    let tag = world.tag(&id).await;
    let patch = json!({"name": "东门", "bearing": null, "town": "泰山路街道"});
    let changed = world.edit("PATCH", &id, &tag, &patch).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let camera = changed.json();
    let said = ["name", "bearing", "town"].map(|field| &camera[field]);
    assert_eq!(said, [&json!("东门"), &Value::Null, &json!("泰山路街道")]);
    assert_eq!(camera["position"]["given"]["datum"], "gcj02");
    world.order("probe", "东门").await;
    world.is_in("东门", "online").await;
    let names: Vec<_> = world.catalogue("district").await;
    assert!(names.iter().any(|item| item.name() == "东门"));

    world.stop().await;
    world.start_gateway().await;
    assert_eq!(world.tag(&id).await, changed.header("etag").unwrap());
    world.order("probe", "东门").await;
    world.is_in("东门", "online").await;

    let code = world.camera_item("东门").await["gb_code"].clone();
    let tag = world.tag(&id).await;
    let removed = world.edit("DELETE", &id, &tag, &Value::Null).await;
    assert_eq!((removed.status, removed.text().as_str()), (204, ""));
    assert_eq!(world.cameras_of("limit=1000").await, Vec::<Value>::new());
    let other = json!({"name": "他", "department": "education", "url": format!("{url}/2")});
    let other = world.add(&other).await.json();
    assert_ne!(other["gb_code"], code, "a code is never given again");
    let back = world.add(&gate).await.json();
    assert_eq!((&back["id"], &back["gb_code"]), (&json!(id), &code));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_names_the_version_that_it_changes() {
    let world = world("edits-tags").await;
    let camera = json!({"name": "a", "department": "education", "url": "rtsp://127.60.0.1:8554/1"});
    let id = id(&world.add(&camera).await);
    let old = world.tag(&id).await;
    let path = format!("/api/v1/cameras/{id}");
    for method in ["PATCH", "DELETE"] {
        let (status, problem) = world.ask_with(method, &path, "{}").await;
        assert_eq!(status, 428, "{problem}");
    }
    let rename = json!({"name": "b"});
    assert_eq!(world.edit("PATCH", &id, &old, &rename).await.status, 200);
    for method in ["PATCH", "DELETE"] {
        let late = world.edit(method, &id, &old, &rename).await;
        assert_eq!(
            (late.status, &late.json()["code"]),
            (412, &json!("precondition_failed"))
        );
    }
    let any = world.edit("PATCH", &id, "*", &json!({"name": "c"})).await;
    assert_eq!(any.json()["name"], "c");
    let tag = world.tag(&id).await;
    let same = world.edit("PATCH", &id, &tag, &json!({"name": "c"})).await;
    assert_eq!(
        same.header("etag"),
        Some(tag.as_str()),
        "nothing has changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_sent_again_only_when_it_has_changed() {
    let world = world("edits-unchanged").await;
    let camera = json!({
        "name": "a", "department": "education", "url": "rtsp://127.60.0.1:8554/1", "longitude": 113.134,
        "latitude": 27.828, "datum": "wgs84",
    });
    let id = id(&world.add(&camera).await);
    let list = "/api/v1/cameras?near=113.134,27.828&radius=5000";
    for path in [list, "/api/v1/regions", "/api/openapi.json"] {
        let first = world.request("GET", path, &[], b"").await;
        let tag = first.header("etag").expect("a tag").to_owned();
        let known = format!("\"another\", W/{tag}");
        let again = world
            .request("GET", path, &[("if-none-match", &known)], b"")
            .await;
        let told = (again.status, again.header("etag"), again.body.len());
        assert_eq!(told, (304, Some(tag.as_str()), 0), "{path}");
    }
    let before = world.request("GET", list, &[], b"").await;
    let tag = before.header("etag").unwrap().to_owned();
    let version = world.tag(&id).await;
    world
        .edit("PATCH", &id, &version, &json!({"name": "新名"}))
        .await;
    let after = world
        .request("GET", list, &[("if-none-match", &tag)], b"")
        .await;
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), Some(tag.as_str()));
    // The version of a camera is for edits: how it is now is not in it, and is always told.
    let version = world.tag(&id).await;
    let path = format!("/api/v1/cameras/{id}");
    let camera = world
        .request("GET", &path, &[("if-none-match", &version)], b"")
        .await;
    assert_eq!(
        (camera.status, camera.json()["name"].as_str()),
        (200, Some("新名"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_edit_names_each_field_and_changes_nothing() {
    let world = world("edits-wrong").await;
    let wrong = json!({"name": "a", "department": "educatio", "url": "http://x", "bearing": 400,
                       "colour": "red", "town": ["x"]});
    let answer = world.add(&wrong).await;
    assert_eq!(answer.status, 422);
    let problems = answer.json()["problems"].clone();
    assert_eq!(
        problems,
        json!([
            "unknown field `colour`",
            "town: must be text, a number, true or false"
        ])
    );
    let wrong = json!({"department": "educatio", "url": "http://x", "bearing": 400});
    let answer = world.add(&wrong).await;
    let problems = answer.json()["problems"].clone();
    let problems: Vec<_> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap())
        .collect();
    assert_eq!(answer.status, 422);
    for (start, problem) in [
        "api: name is missing",
        "api: department: ",
        "api: url: ",
        "api: bearing: ",
    ]
    .iter()
    .zip(&problems)
    {
        assert!(problem.starts_with(start), "{problems:?}");
    }
    assert_eq!(problems.len(), 4);
    assert_eq!(world.cameras_of("limit=1000").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_moves_takes_no_password_along() {
    let world = world("edits-moves").await;
    let url = world.camera("校门").url();
    let (_, place) = url.split_once("://").unwrap();
    let place = place.rsplit('@').next().unwrap();
    let elsewhere = json!({"name": "校门", "department": "education", "source_id": "A1",
                           "url": "rtsp://127.60.0.1:8554/1", "username": "admin", "password": "hunter2"});
    let id = id(&world.add(&elsewhere).await);
    let here = json!({"url": format!("rtsp://{place}")});
    assert_eq!(world.edit("PATCH", &id, "*", &here).await.status, 200);
    world.order("probe", "校门").await;
    world.is_in("校门", "offline/auth_failed").await;
    let login = json!({"username": "admin", "password": "hunter2"});
    assert_eq!(world.edit("PATCH", &id, "*", &login).await.status, 200);
    world.order("probe", "校门").await;
    world.is_in("校门", "online").await;
    let renamed = json!({"name": "东门"});
    assert_eq!(world.edit("PATCH", &id, "*", &renamed).await.status, 200);
    world.order("probe", "东门").await;
    world.is_in("东门", "online").await;
    let nobody = json!({"username": null});
    assert_eq!(world.edit("PATCH", &id, "*", &nobody).await.status, 200);
    world.order("probe", "东门").await;
    world.is_in("东门", "offline/auth_failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_of_a_declared_file_is_changed_there() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("edits-declared")
        .camera("校门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    let id = world.id_of("校门").await;
    for method in ["PATCH", "DELETE"] {
        let answer = world.edit(method, &id, "*", &json!({"name": "b"})).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (409, &json!("declared_in_file"))
        );
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("cameras.csv:2"),
            "{problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_without_networks_takes_no_camera_from_the_api() {
    let world = World::new("edits-networks").undeclared();
    let world = world
        .department("education", json!({"networks": []}))
        .platform("district")
        .start()
        .await;
    let camera = json!({"name": "a", "department": "education", "url": "rtsp://10.0.0.1/1"});
    let answer = world.add(&camera).await;
    assert_eq!(answer.status, 422);
    let problem = answer.json()["problems"][0].clone();
    let told = "api: department: `education` has no networks, so it takes no camera here";
    assert!(problem.as_str().unwrap().starts_with(told), "{problem}");
    world.write(
        "sheet.csv",
        "name,department,url\na,education,rtsp://10.0.0.1:8554/1\n",
    );
    let path = world.folder.join("sheet.csv");
    let import = world
        .json(&["import", path.to_str().unwrap(), "--json"])
        .await;
    assert_eq!(import["summary"]["refuse"], 1, "{import}");
}
