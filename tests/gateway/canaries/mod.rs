//! Secrets of every kind appear nowhere: neither in what is said at any level nor in what is kept.

mod secrets;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use huiju_sim::clips::ClipKind;
use huiju_sim::farm::{CameraSettings, Challenge, Fault, Misdeed, OddSdp, Step, Target};
use huiju_sim::platform::{Keep, Media, Options, Subscribe};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use self::secrets::{
    IN_COLUMN, IN_CREDENTIAL, IN_ENVIRONMENT, IN_FILE, IN_PATH, IN_QUERY, IN_SERVICE, IN_TOKEN,
    IN_URL, OF_SPY, REFUSED, ROTATED_COLUMN, ROTATED_FILE, ROTATED_TOKEN, WRONG, WRONG_PLACE,
    assert_clean, percent,
};
use crate::world::{SOON, World, WorldBuilder, clip, spawn};

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_every_kind_appear_nowhere_at_any_level() {
    let (world, heard) = troubled().await;
    let cameras = world.admin("/api/v1/cameras", is_settled).await;
    look(&world).await;

    let mut said = vec![("the admin socket".to_owned(), cameras.to_string())];
    for camera in cameras["items"].as_array().unwrap() {
        let id = camera["id"].as_str().unwrap();
        for command in [&["camera", "show", id][..], &["camera", "why", id]] {
            said.extend(both(&world, command).await);
        }
    }
    for id in ["file", "env", "credential", "refused"] {
        for command in [&["platform", "show", id][..], &["platform", "why", id]] {
            said.extend(both(&world, command).await);
        }
    }
    said.extend(by_http(&world, IN_TOKEN).await);
    // Passwords are rotated: the old ones are as secret as the new ones.
    write_inventory(&world, ROTATED_COLUMN);
    write_secret(&world.folder.join("file.pw"), ROTATED_FILE);
    write_secret(&world.folder.join("api.token"), ROTATED_TOKEN);
    for command in COMMANDS {
        said.extend(both(&world, command).await);
    }
    world.logged("reloaded").await;
    said.extend(by_http(&world, ROTATED_TOKEN).await);
    said.push(("metrics".to_owned(), world.metrics().await));
    said.push(("the log".to_owned(), world.log()));
    for (id, ..) in PLATFORMS {
        let events = world.platform(id).events();
        said.push((format!("what {id} was sent"), format!("{events:?}")));
    }
    for (place, text) in &said {
        assert_clean(place, text.as_bytes(), &[]);
    }
    // Nothing of today's libraries logs to our subscriber; whatever does one day is looked at here.
    for trouble in [
        " DEBUG ",
        "auth_failed",
        "not_found",
        "redirect_refused",
        "rtsp_error",
    ] {
        assert!(world.log().contains(trouble), "no {trouble} in the log");
    }
    for line in world.log().lines() {
        let is_digest = line.contains("response=\"") || line.contains("Authorization: ");
        assert!(!is_digest, "an answer to a challenge: {line}");
    }
    let heard = heard.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&heard);
    assert!(text.contains("Authorization: Digest"), "{text}");
    assert_clean("another camera", &heard, &[]);
    assert_kept_nowhere(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_wrong_configuration_is_not_repeated() {
    let mut world = World::new("canaries-wrong")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .environment("RUST_LOG", "trace")
        .without_gateway()
        .await;
    world.start_gateway().await;
    let right = std::fs::read_to_string(&world.config_path).unwrap();
    let password = "{\n        \"file\": \"district.pw\"\n      }";
    assert!(right.contains(password), "{right}");
    let in_place = right.replace(password, &format!("\"{WRONG_PLACE}\""));
    let unknown_key = right.replace(password, &format!("{{\"text\": \"{WRONG_PLACE}\"}}"));
    let beside = right.replace(
        password,
        &format!("{{\"file\": \"district.pw\"}}, \"passwort\": \"{WRONG_PLACE}\""),
    );
    for config in [in_place, unknown_key, beside] {
        std::fs::write(&world.config_path, config).unwrap();
        assert_complains(&world).await;
    }
    std::fs::write(&world.config_path, right).unwrap();
    let url = format!("rtsp://viewer:{}@", percent(WRONG_PLACE));
    let header = "name,department,url,username,password\n";
    let inventories = [
        (
            "no header",
            format!("东门,education,{url}127.50.0.1:554/a,,{WRONG_PLACE}\n"),
        ),
        (
            "outside the networks",
            format!("{header}东门,education,{url}10.9.9.9:554/a,,\n"),
        ),
        (
            "no port",
            format!("{header}东门,education,{url}127.50.0.1:99999/a,,\n"),
        ),
        ("no host", format!("{header}东门,education,{url}/a,,\n")),
        (
            "another scheme",
            format!("{header}东门,education,{},,\n", url.replace("rtsp", "http")),
        ),
        (
            "no department",
            format!("{header}东门,nobody,{url}127.50.0.1:554/a,,\n"),
        ),
        (
            "a cell too many",
            format!("{header}东门,education,rtsp://127.50.0.1/a,viewer,x,{WRONG_PLACE}\n"),
        ),
        (
            "cells moved by one",
            format!("{header}东门,education,viewer,{WRONG_PLACE},rtsp://127.50.0.1/a\n"),
        ),
        (
            "a password without a user",
            format!("{header}东门,education,rtsp://127.50.0.1/a,,{WRONG_PLACE}\n"),
        ),
    ];
    for (what, csv) in inventories {
        write_secret(&world.folder.join("cameras.csv"), &csv);
        println!("{what}");
        assert_complains(&world).await;
    }
    assert_clean("the log", world.log().as_bytes(), &[]);
    assert_kept_nowhere(&world);
}

/// Both `check` and `reload` complain of it, and neither repeats the secret.
async fn assert_complains(world: &World) {
    let mut complaints = 0;
    for command in [&["check"][..], &["reload"], &["reload", "--json"]] {
        let (place, said, code) = run(world, command).await;
        complaints += usize::from(code != Some(0) || !said.is_empty());
        assert_clean(&place, said.as_bytes(), &[]);
    }
    assert!(complaints > 0, "nobody minded");
}

/// Cameras with secrets of every kind, six of which are sound.
async fn cameras() -> WorldBuilder {
    let video = clip(ClipKind::H264Small).await;
    let camera = |password: &str| CameraSettings::new(&video).digest("viewer", password);
    let trouble = |password: &str, step, misdeed| camera(password).fault(Fault::At(step, misdeed));
    let elsewhere = Target::Url("rtsp://127.99.0.10:8554/x".to_owned());
    let odd_sdp = OddSdp::named("three_lines").unwrap();
    World::new("canaries")
        .camera("网址", camera(IN_URL))
        .camera("列", camera(IN_COLUMN))
        .camera("凭据", camera(IN_CREDENTIAL))
        .camera(
            "查询",
            CameraSettings::new(&video).path(&format!("/live?token={IN_QUERY}")),
        )
        .camera(
            "路径",
            CameraSettings::new(&video).path(&format!("/user=a&password={IN_PATH}&ch=1")),
        )
        .camera("错", camera("the-right-one"))
        .camera(
            "错二",
            trouble(
                WRONG,
                Step::Describe,
                Misdeed::Unauthorized(Challenge::Basic),
            ),
        )
        .camera(
            "四零四",
            trouble(IN_URL, Step::Describe, Misdeed::Status(404)),
        )
        .camera("网页", trouble(IN_COLUMN, Step::Describe, Misdeed::Http))
        .camera(
            "转向",
            trouble(
                IN_CREDENTIAL,
                Step::Describe,
                Misdeed::Redirect(302, elsewhere),
            ),
        )
        .camera("乱码", trouble(IN_URL, Step::Setup, Misdeed::Garbage))
        .camera("描述", camera(IN_COLUMN).odd_sdp(odd_sdp))
        .departments(json!({
            "pull": "always",
            "credentials": {"shared": {"username": "viewer", "password": {"file": "shared.pw"}}},
        }))
        .token(IN_TOKEN)
        .environment("RUST_LOG", "trace")
        .environment("HUIJU_TEST_CANARY", IN_ENVIRONMENT)
}

/// A gateway at trace whose cameras and platforms have secrets of every kind and troubles of many.
async fn troubled() -> (World, Arc<Mutex<Vec<u8>>>) {
    let mut builder = cameras().await;
    for (id, _, password) in PLATFORMS {
        builder = builder.platform_with(
            id,
            |settings| settings.password = password.into(),
            json!({}),
        );
    }
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("canaries-{}", std::process::id()));
    let credentials = folder.join("credentials");
    let builder = builder.environment("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    let mut world = builder.without_gateway().await;
    std::fs::create_dir_all(&credentials).unwrap();
    write_secret(&credentials.join("city"), IN_SERVICE);
    write_secret(&folder.join("shared.pw"), IN_CREDENTIAL);
    for (id, written, password) in PLATFORMS {
        let password = if id == "refused" { REFUSED } else { password };
        write_secret(&folder.join(format!("{id}.pw")), password);
        set_source(&world, id, written);
    }
    let heard = spy(&world).await;
    write_inventory(&world, IN_COLUMN);
    world.start_gateway().await;
    for id in ["file", "env", "credential"] {
        world.platform(id).registered(SOON).await.unwrap();
    }
    world.logged("not registered").await;
    (world, heard)
}

fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).unwrap();
}

/// Writes where the password of a platform is into the configuration.
fn set_source(world: &World, id: &str, written: &str) {
    let text = std::fs::read_to_string(&world.config_path).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let platforms = config["platforms"].as_array_mut().unwrap();
    let platform = platforms.iter_mut().find(|platform| platform["id"] == id);
    platform.unwrap()["password"] = serde_json::from_str(written).unwrap();
    std::fs::write(
        &world.config_path,
        serde_json::to_string_pretty(&config).unwrap(),
    )
    .unwrap();
}

fn write_inventory(world: &World, in_column: &str) {
    let mut csv = "name,department,url,username,password,credential\n".to_owned();
    let mut row = |name: &str, user: Option<&str>, rest: &str| {
        let mut url = world.camera(name).url();
        if let Some(password) = user {
            url = url.replace("rtsp://", &format!("rtsp://viewer:{}@", percent(password)));
        }
        csv += &format!("{name},education,{url},{rest}\n");
    };
    for name in ["网址", "四零四", "乱码"] {
        row(name, Some(IN_URL), ",,");
    }
    for name in ["列", "网页", "描述"] {
        row(name, None, &format!("viewer,{in_column},"));
    }
    for name in ["凭据", "转向"] {
        row(name, None, ",,shared");
    }
    for name in ["查询", "路径"] {
        row(name, None, ",,");
    }
    for name in ["错", "错二"] {
        row(name, None, &format!("viewer,{WRONG},"));
    }
    let place = spy_address(world);
    csv += &format!("旁听,education,rtsp://{place}/a,viewer,{OF_SPY},\n");
    write_secret(&world.folder.join("cameras.csv"), &csv);
}

/// A camera that hears and challenges, and never shows anything; what it heard.
async fn spy(world: &World) -> Arc<Mutex<Vec<u8>>> {
    let listener = TcpListener::bind(spy_address(world)).await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(hear(stream, Arc::clone(&all)));
        }
    });
    heard
}

async fn hear(mut stream: TcpStream, heard: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        heard.lock().unwrap().extend_from_slice(&buffer[..length]);
        let cseq = request.lines().find(|line| line.starts_with("CSeq"));
        let answer = format!(
            "RTSP/1.0 401 Unauthorized\r\n{}\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n",
            cseq.unwrap_or("CSeq: 1"),
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn spy_address(world: &World) -> String {
    let address = world.camera("网址").address();
    let mut octets = address.ip().to_string();
    octets.truncate(octets.rfind('.').unwrap());
    format!("{octets}.200:8554")
}

/// No camera is on its way any more.
fn is_settled(page: &Value) -> bool {
    let cameras = page["items"].as_array().unwrap();
    let open = ["unknown", "connecting"];
    cameras.len() == 13
        && !cameras
            .iter()
            .any(|camera| open.contains(&camera["state"].as_str().unwrap()))
}

/// Looks at a camera, subscribes, and asks for one that cannot be shown.
async fn look(world: &World) {
    let platform = world.platform("env");
    platform
        .subscribe_catalogue(Subscribe::default())
        .await
        .unwrap();
    for (name, is_up) in [
        ("网址", true),
        ("查询", true),
        ("路径", true),
        ("错", false),
    ] {
        let channel = world.channel("env", name).await;
        let options = Options {
            keep: Keep::Hash,
            ..Options::default()
        };
        let session = platform.invite(&channel, Media::Udp, options).await;
        assert_eq!(session.is_ok(), is_up, "{name}");
        if let Ok(session) = session {
            session
                .wait_for(|stats| stats.frames >= 5, SOON)
                .await
                .unwrap();
            session.bye().await.unwrap();
        }
    }
}

/// What is answered over HTTP, and what the command says that asks there: with the token, and with a wrong one.
async fn by_http(world: &World, token: &str) -> Vec<(String, String)> {
    let url = format!("http://{}", world.http());
    let mut said = Vec::new();
    for (token, is_right) in [(token, true), (&token[1..], false)] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        for path in ["/api/v1/status", "/api/v1/cameras"] {
            let answer = world.request_http("GET", path, &headers).await;
            assert_eq!(answer.status == 200, is_right, "{}", answer.text());
            said.push((format!("GET {path}"), answer.text()));
        }
        let command = Command::new(env!("CARGO_BIN_EXE_huiju"))
            .args(["status", "--url", &url])
            .env("RUST_LOG", "trace")
            .env("HUIJU_TOKEN", token)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(SOON, command).await.unwrap().unwrap();
        assert_eq!(output.status.success(), is_right);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        said.push(("huiju status --url".to_owned(), text));
    }
    said
}

/// What a command says, for people and as JSON.
async fn both(world: &World, arguments: &[&str]) -> Vec<(String, String)> {
    let (place, plain, _) = run(world, arguments).await;
    let (json_place, json, _) = run(world, &[arguments, &["--json"]].concat()).await;
    vec![(place, plain), (json_place, json)]
}

/// Runs a command with the environment of the gateway, and its log at trace.
async fn run(world: &World, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_huiju"))
        .args(arguments)
        .arg("--config")
        .arg(&world.config_path)
        .env("RUST_LOG", "trace")
        .env("HUIJU_TEST_CANARY", IN_ENVIRONMENT)
        .env("CREDENTIALS_DIRECTORY", world.folder.join("credentials"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(SOON, output).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let place = format!("huiju {}", arguments.join(" "));
    (
        place,
        String::from_utf8_lossy(&said).into_owned(),
        output.status.code(),
    )
}

/// Neither in the store nor in what the system shows of the process.
fn assert_kept_nowhere(world: &World) {
    let data = world.folder.join("data");
    let mut files = 0;
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_clean(
            &path.display().to_string(),
            &std::fs::read(&path).unwrap(),
            &[],
        );
        files += 1;
    }
    assert!(files >= 1, "no store in {}", data.display());
    let process = format!("/proc/{}", world.gateway_pid());
    let read = |file: &str| std::fs::read(format!("{process}/{file}")).unwrap();
    assert_clean("the command line", &read("cmdline"), &[]);
    // Whoever gives a secret by the environment has it there.
    assert_clean("the environment", &read("environ"), &[IN_ENVIRONMENT]);
}

/// The platforms: id, where its password is, and what it is at the platform.
const PLATFORMS: [(&str, &str, &str); 4] = [
    ("file", "{\"file\": \"file.pw\"}", IN_FILE),
    ("env", "{\"env\": \"HUIJU_TEST_CANARY\"}", IN_ENVIRONMENT),
    ("credential", "{\"credential\": \"city\"}", IN_SERVICE),
    ("refused", "{\"file\": \"refused.pw\"}", "another-one"),
];

const COMMANDS: [&[&str]; 7] = [
    &["status"],
    &["camera", "list"],
    &["platform", "list"],
    &["session", "list"],
    &["check"],
    &["reload", "--plan"],
    &["reload"],
];
