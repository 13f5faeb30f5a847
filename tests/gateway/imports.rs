//! Spreadsheets of cameras: looked at, taken over, undone.

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;
use serde_json::{Value, json};

use crate::world::{World, clip};

/// What everybody knows of a world's cameras, as one text.
async fn catalogue(world: &World) -> String {
    let cameras = world.cameras_of("limit=1000").await;
    let known = cameras.into_iter().map(|mut camera| {
        let of_record = camera.as_object_mut().unwrap();
        for observed in [
            "state", "cause", "since", "viewers", "codec", "audio", "width", "height",
        ] {
            of_record.remove(observed);
        }
        camera.to_string()
    });
    known.collect::<Vec<_>>().join("\n")
}

impl World {
    /// Looks at a sheet by the command; `more` are its options.
    pub(crate) async fn look_at_sheet(&self, file: &str, more: &[&str]) -> Value {
        let path = self.folder.join(file);
        let path = path.to_str().unwrap();
        self.json(&[&["import", path, "--json"], more].concat())
            .await
    }

    /// Looks at a sheet and takes it over.
    pub(crate) async fn import(&self, file: &str, more: &[&str]) -> Value {
        let looked_at = self.look_at_sheet(file, more).await;
        let id = looked_at["id"].to_string();
        let digest = looked_at["digest"].as_str().unwrap();
        self.json(&["import", "apply", &id, "--digest", digest, "--json"])
            .await
    }

    /// What is said of the rows of an import.
    async fn rows_of(&self, import: &Value) -> Vec<Value> {
        let shown = self
            .json(&["import", "show", &import["id"].to_string(), "--json"])
            .await;
        shown["rows"]["items"].as_array().unwrap().clone()
    }

    /// The world's camera in a sheet, another camera, and what is none.
    fn write_sheet(&self) {
        let url = self.camera("校门").url();
        let sheet = format!(
            "名称,主码流地址,编号,密码,用户名,朝向\n\
             校门,{url},A1,hunter2,admin,朝东\n\
             操场,rtsp://127.60.0.1:8554/1,A2,,,北\n\
             食堂,http://127.60.0.1/1,A3,,,\n"
        );
        self.write("sheet.csv", &sheet);
    }

    async fn import_sheet(&self) -> Value {
        self.import("sheet.csv", &["--department", "education"])
            .await
    }

    /// The camera of the sheet is found to play, with its password.
    async fn gate_plays(&self) {
        self.order("probe", "校门").await;
        self.is_in("校门", "online").await;
    }
}

/// A world with a camera in no file, and a sheet that has it.
async fn with_sheet(name: &str) -> World {
    let video = clip(ClipKind::H264Small).await;
    let camera = CameraSettings::new(&video).digest("admin", "hunter2");
    let world = World::new(name).undeclared().camera("校门", camera);
    let world = world.platform("district").start().await;
    world.write_sheet();
    world
}

fn counts<const N: usize>(import: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| import["summary"][name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_is_looked_at_and_taken_over() {
    let world = with_sheet("imports").await;
    let looked_at = world
        .look_at_sheet("sheet.csv", &["--department", "education"])
        .await;
    let all = [
        "rows", "add", "change", "keep", "refuse", "disable", "guesses",
    ];
    assert_eq!(counts(&looked_at, all), [3, 2, 0, 0, 1, 0, 2]);
    assert_eq!(looked_at["state"], "planned");
    let rows = world.rows_of(&looked_at).await;
    assert_eq!(
        rows[0]["guesses"][0]["message"],
        "bearing: `朝东` is read as 90 (direction)"
    );
    assert_eq!(
        rows[2]["errors"][0],
        "sheet.csv:4:2: url: is not rtsp://host[:port]/path: an address of http is no stream"
    );
    assert_eq!(catalogue(&world).await, "", "a look changes nothing");

    let applied = world.import_sheet().await;
    assert_eq!(applied["state"], "applied");
    world.gate_plays().await;
    let gate = world.camera_item("校门").await;
    assert_eq!(
        (&gate["bearing"], &gate["source_id"]),
        (&json!(90), &json!("A1"))
    );
    drop(world.look("district", "校门").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_changes_nothing_and_a_sheet_changes_only_what_it_says() {
    let mut world = with_sheet("import-again").await;
    world.import_sheet().await;
    let before = catalogue(&world).await;
    let again = world.import_sheet().await;
    let done = counts(&again, ["add", "change", "keep", "refuse"]);
    assert_eq!(done, [0, 0, 2, 1]);
    assert_eq!(catalogue(&world).await, before);
    world.stop().await;
    world.start_gateway().await;
    assert_eq!(catalogue(&world).await, before, "it survives a restart");
    world.gate_plays().await;

    world.write(
        "more.csv",
        "编号,朝向,所属部门\nA1,西,区教育局\nA2,,区教育局\n",
    );
    let more = world.import("more.csv", &[]).await;
    let rows = world.rows_of(&more).await;
    let change = json!([{"field": "bearing", "before": "90", "after": "270"}]);
    assert_eq!(
        (&rows[0]["action"], &rows[0]["changes"]),
        (&json!("change"), &change)
    );
    assert_eq!(rows[1]["action"], "keep");
    world.gate_plays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_undone_leaves_nothing_but_ids_and_codes() {
    let world = with_sheet("import-undo").await;
    let first = world.import_sheet().await;
    let before = catalogue(&world).await;
    world.write(
        "more.csv",
        "编号,朝向,所属部门\nA1,西,区教育局\nA2,,区教育局\n",
    );
    let second = world.import("more.csv", &[]).await;
    let changed = catalogue(&world).await;
    assert_ne!(changed, before);
    let undo = |import: &Value| format!("/api/v1/imports/{}/undo", import["id"]);
    let (status, refused) = world.ask_json("POST", &undo(&first)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("edited_since")));
    assert_eq!(
        catalogue(&world).await,
        changed,
        "one camera was changed later"
    );
    let id = second["id"].to_string();
    world.json(&["import", "undo", &id, "--json"]).await;
    assert_eq!(catalogue(&world).await, before);
    let (status, _) = world.ask_json("POST", &undo(&first)).await;
    assert_eq!(status, 200);
    assert_eq!(catalogue(&world).await, "");
    world.import_sheet().await;
    let after = catalogue(&world).await;
    assert_eq!(ids(&after), ids(&before), "ids and codes are for good");
}

fn ids(catalogue: &str) -> Vec<String> {
    let cameras = catalogue.lines();
    let cameras = cameras.map(|line| serde_json::from_str::<Value>(line).unwrap());
    cameras
        .map(|camera| format!("{} {}", camera["id"], camera["gb_code"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_reviewed_is_not_applied() {
    let world = with_sheet("import-changed").await;
    let education = ["--department", "education"];
    let first = world.look_at_sheet("sheet.csv", &education).await;
    let second = world.look_at_sheet("sheet.csv", &education).await;
    let apply = |import: &Value| format!("/api/v1/imports/{}/apply", import["id"]);
    let (status, refused) = world
        .ask_json("POST", &format!("{}?digest=0", apply(&first)))
        .await;
    assert_eq!((status, &refused["code"]), (409, &json!("digest")));
    let (status, _) = world.ask_json("POST", &apply(&first)).await;
    assert_eq!(status, 200);
    let before = catalogue(&world).await;
    for (path, code) in [
        (apply(&second), "catalogue_changed"),
        (apply(&first), "import_state"),
    ] {
        let (status, refused) = world.ask_json("POST", &path).await;
        assert_eq!((status, &refused["code"]), (409, &json!(code)), "{path}");
    }
    let (status, _) = world.ask_json("POST", "/api/v1/imports/99/apply").await;
    assert_eq!(status, 404);
    assert_eq!(catalogue(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_list_takes_out_of_service_what_it_does_not_have() {
    let world = with_sheet("import-whole").await;
    let mut sheet = "name,url,source_id,department\n".to_owned();
    let row = |n: usize| format!("c{n},rtsp://127.60.0.1:8554/{n},s{n},education\n");
    sheet.extend((0..20).map(row));
    world.write("all.csv", &sheet);
    world.import("all.csv", &[]).await;
    let without = |count: usize| {
        let rows: String = (count..20).map(row).collect();
        format!("name,url,source_id,department\n{rows}")
    };
    world.write("few.csv", &without(3));
    let path = world.folder.join("few.csv");
    let path = path.to_str().unwrap();
    let refused = world.command(&["import", path, "--mode", "replace"]).await;
    let said = world.said(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("3 of 20 cameras are not in the file"),
        "{said}"
    );
    assert!(said.contains("allow_removals=3"), "{said}");
    let replace = ["--mode", "replace", "--allow-removals", "3"];
    let replaced = world.import("few.csv", &replace).await;
    assert_eq!(counts(&replaced, ["keep", "disable"]), [17, 3]);
    let disabled = world.cameras_of("state=disabled").await;
    let names: Vec<_> = disabled
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["c0", "c1", "c2"]);
    world.write("few.csv", &without(2));
    let back = world.import("few.csv", &["--mode", "replace"]).await;
    assert_eq!(counts(&back, ["keep", "change", "disable"]), [17, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_row_is_cut_off_is_not_missing() {
    let world = with_sheet("import-cut").await;
    world.import_sheet().await;
    let url = world.camera("校门").url();
    let cut = "{name: 操场, url: \"rtsp://127.60.0.1:8554/1\", source_id: A2, password: b,s3cret}";
    let whole = format!("cameras: [{{name: 校门, url: \"{url}\", source_id: A1}}, {cut}]\n");
    world.write("whole.yaml", &whole);
    let more = [
        "--department",
        "education",
        "--mode",
        "replace",
        "--allow-removals",
        "9",
    ];
    let looked_at = world.look_at_sheet("whole.yaml", &more).await;
    assert_eq!(counts(&looked_at, ["refuse", "disable"]), [1, 0]);
    let row = &world.rows_of(&looked_at).await[1];
    let told = row["errors"].to_string();
    assert!(told.contains("no column and has no value"), "{row}");
    assert!(!row.to_string().contains("s3cret"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_may_say_what_a_declared_file_says_and_nothing_else_of_its_cameras() {
    let world = World::new("import-declared")
        .row("education", "东门", "rtsp://127.60.0.1:8554/1")
        .row("education", "西门", "rtsp://127.60.0.1:8554/2")
        .platform("district")
        .start()
        .await;
    let before = catalogue(&world).await;
    let sheet = "name,department,url,source_id\n东门,education,rtsp://127.60.0.1:8554/1,s0\n\
                 后门,education,rtsp://127.60.0.1:8554/2,s1\n";
    world.write("sheet.csv", sheet);
    let import = world.import("sheet.csv", &[]).await;
    let rows = world.rows_of(&import).await;
    assert_eq!(
        (&rows[0]["action"], &rows[1]["action"]),
        (&json!("keep"), &json!("refuse"))
    );
    let told = rows[1]["errors"][0].as_str().unwrap();
    assert!(told.contains("cameras.csv:3: change it there"), "{told}");
    assert_eq!(catalogue(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_imported_cameras_back_with_their_passwords_if_the_key_is_there() {
    let mut world = with_sheet("import-restore").await;
    world.import_sheet().await;
    let before = catalogue(&world).await;
    let backup = world.folder.join("huiju.backup");
    let backup = backup.to_str().unwrap().to_owned();
    world.plain(&["backup", &backup]).await;
    let bytes = std::fs::read(&backup).unwrap();
    assert!(
        !bytes.windows(7).any(|seven| seven == b"hunter2"),
        "no password is in it"
    );
    world.stop().await;
    let (data, key) = (world.folder.join("data"), world.folder.join("kept.key"));
    std::fs::rename(data.join("secrets.key"), &key).unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    world.plain(&["restore", &backup]).await;
    let refused = world.command(&["run"]).await;
    let said = world.said(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("secrets.key is missing"), "{said}");
    assert!(!data.join("secrets.key").exists(), "no other key is made");
    std::fs::rename(&key, data.join("secrets.key")).unwrap();
    world.start_gateway().await;
    assert_eq!(catalogue(&world).await, before);
    world.gate_plays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_that_comes_back_with_its_problems_keeps_the_passwords() {
    let world = with_sheet("import-marked").await;
    let first = world.import_sheet().await;
    let path = format!("/api/v1/imports/{}?format=csv", first["id"]);
    let marked = world.request("GET", &path, &[], b"").await.text();
    assert!(
        !marked.contains("hunter2") && marked.contains("****"),
        "{marked}"
    );
    assert!(
        marked.contains("错误 error: sheet.csv:4:2: url: is not rtsp"),
        "{marked}"
    );
    // The steward corrects what is wrong, and sends it again.
    let mended = marked.replace("http://127.60.0.1/1", "rtsp://127.60.0.1:8554/9");
    world.write("mended.csv", &mended);
    let again = world
        .import("mended.csv", &["--department", "education"])
        .await;
    assert_eq!(
        counts(&again, ["add", "change", "keep", "refuse"]),
        [1, 0, 2, 0]
    );
    world.gate_plays().await;
    world.write(
        "other.csv",
        &mended
            .replace("A1", "A9")
            .replace(":8554/live", ":8554/other"),
    );
    let other = world
        .look_at_sheet("other.csv", &["--department", "education"])
        .await;
    let rows = world.rows_of(&other).await;
    let told = rows[0]["errors"].to_string();
    assert!(told.contains("password: is masked"), "{told}");
}

/// The world's camera in a sheet with all the addresses that it has beside its stream's, at [`LINKS_HOST`].
fn sheet_with_links(world: &World) -> String {
    let (url, host) = (world.camera("校门").url(), LINKS_HOST);
    format!(
        "名称,主码流地址,编号,密码,用户名,子码流地址,传输协议,ONVIF地址,抓图地址,回放模板\n\
         校门,{url},A1,hunter2,admin,rtsp://admin:hunter2@{host}:8554/2?token=s3cret,UDP,{host}:80,\
         http://admin:hunter2@{host}/snap?pwd=s3cret,rtsp://{host}:8554/tracks/101?start={{start}}\n"
    )
}

const LINKS_HOST: &str = "127.60.0.1";
const FOR_EDUCATION: [&str; 2] = ["--department", "education"];

#[tokio::test(flavor = "multi_thread")]
async fn the_other_addresses_of_a_camera_are_kept_and_their_secrets_are_not_shown() {
    let mut world = with_sheet("import-links").await;
    let (host, sheet) = (LINKS_HOST, sheet_with_links(&world));
    world.write("links.csv", &sheet);
    let imported = world.import("links.csv", &FOR_EDUCATION).await;
    assert_eq!(counts(&imported, ["add", "refuse"]), [1, 0]);

    let camera = &world.cameras_of("").await[0];
    for (field, expected) in [
        ("sub_url", format!("rtsp://{host}:8554/2?token=****")),
        ("transport", "udp".to_owned()),
        (
            "onvif_url",
            format!("http://{host}:80/onvif/device_service"),
        ),
        ("snapshot_url", format!("http://{host}/snap?pwd=****")),
        (
            "replay_url",
            format!("rtsp://{host}:8554/tracks/101?start={{start}}"),
        ),
    ] {
        assert_eq!(camera[field], expected, "{field}");
    }
    // What an export shows comes back as what is known, whose secrets nobody wrote.
    let exported = world
        .request("GET", "/api/v1/cameras?format=csv", &[], b"")
        .await;
    let exported = exported.text();
    let is_clean = !exported.contains("s3cret") && !exported.contains("hunter2");
    assert!(is_clean, "{exported}");
    world.write("exported.csv", &exported);
    let back = world.import("exported.csv", &[]).await;
    assert_eq!(counts(&back, ["keep", "change", "refuse"]), [1, 0, 0]);
    world.stop().await;
    world.start_gateway().await;
    let again = world.look_at_sheet("links.csv", &FOR_EDUCATION).await;
    let told = counts(&again, ["keep", "change"]);
    assert_eq!(told, [1, 0], "the secrets are known as they were written");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sheet_notes_beside_the_stream_and_nobody_can_read_costs_no_camera() {
    let world = with_sheet("import-notes").await;
    let sheet = sheet_with_links(&world);
    world.write("links.csv", &sheet);
    world.import("links.csv", &FOR_EDUCATION).await;
    let masked = "sub_url: its secret is masked, and it is not the URL that is known: write it out (it is left out)";
    // A mask is no secret of a camera that is new, or of an address that is another.
    let new = sheet.replace("s3cret", "****").replace("A1,", "A9,");
    let new = new.replace("/live", "/other");
    let other = sheet.replace("/2?token=s3cret", "/3?token=****");
    let noted = sheet
        .replace("UDP", "光纤")
        .replace(&format!(",{LINKS_HOST}:80,"), ",支持,")
        .replace("rtsp://admin:hunter2@", "http://admin:12/34@")
        .replace("A1,", "A8,")
        .replace("/live", "/third");
    for (sheet, action, warnings) in [
        (new, "add", &[masked][..]),
        // It says that there is no more to be said.
        (sheet.replace("UDP", "自动"), "change", &[]),
        (other, "keep", &[masked]),
        (
            noted,
            "add",
            &[
                "sub_url: is not rtsp://host[:port]/path (it is left out)",
                "onvif_url: is not http://host[:port]/path (it is left out)",
                "transport: `光纤` must be tcp or udp (it is left out)",
            ],
        ),
    ] {
        world.write("wrong.csv", &sheet);
        let looked_at = world.look_at_sheet("wrong.csv", &FOR_EDUCATION).await;
        let row = &world.rows_of(&looked_at).await[0];
        assert_eq!(row["action"], action, "{row}");
        let told = row["warnings"].to_string();
        for warning in warnings {
            assert!(told.contains(warning), "{warning}: {told}");
        }
        assert!(!row.to_string().contains("12/34"), "{row}");
    }
}
