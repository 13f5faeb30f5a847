//! What `huiju check` says of a wrong configuration, word for word.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::world::command;

#[tokio::test]
async fn a_right_configuration_is_summed_up() {
    let (code, said) = check("right", |text| text).await;
    assert_eq!(
        said,
        "1 cameras, 0 rows refused, 1 departments, 1 platforms\n"
    );
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let wrong = |text: String| text.replace("linger:", "lingre:");
    is_refused(
        "unknown-key",
        wrong,
        "huiju.yaml:3:11: unknown key streams.lingre: did you mean `linger`?\n",
    )
    .await;
}

#[tokio::test]
async fn a_key_of_a_later_version_is_refused_and_not_ignored() {
    let wrong = |text: String| text + "public: []\n";
    is_refused(
        "later-key",
        wrong,
        "huiju.yaml:15:1: public is not supported by this version: leave it out\n",
    )
    .await;
}

#[tokio::test]
async fn a_token_that_is_short_or_has_other_letters_is_refused_and_how_to_make_one_is_said() {
    for (name, token) in [("short", "secret".to_owned()), ("blank", "a b".repeat(16))] {
        let right = RIGHT.replace("{admin: admin.sock}", TOKEN);
        let folder = world_of(&format!("token-{name}"), &right);
        let path = folder.join("district.pw");
        std::fs::write(&path, &token).unwrap();
        assert_eq!(
            output(&folder).await,
            (
                Some(78),
                "huiju.yaml:2:47: listen.http.token: a token must have 32 characters at least, of A-Z a-z 0-9 - . _ ~ + / =: openssl rand -base64 32 makes one\n"
                    .to_owned()
            )
        );
        std::fs::write(&path, "a".repeat(32)).unwrap();
        assert_eq!(output(&folder).await.0, Some(0));
    }
}

#[tokio::test]
async fn settings_of_http_that_are_of_a_later_version_are_refused() {
    for key in [
        "tls",
        "client_ca",
        "allowed_origins",
        "trusted_proxies",
        "plaintext",
    ] {
        let more = TOKEN.replace("token: {file: district.pw}", &format!("{key}: []"));
        let wrong = |text: String| text.replace("{admin: admin.sock}", &more);
        let said = format!(
            "huiju.yaml:2:40: listen.http.{key} is not supported by this version: leave it out\n"
        );
        is_refused(&format!("later-{key}"), wrong, &said).await;
    }
    let not_loopback = TOKEN.replace("127.0.0.1", "10.0.0.1");
    let not_loopback = not_loopback.replace(", token: {file: district.pw}", "");
    is_refused(
        "http-address",
        |text| text.replace("{admin: admin.sock}", &not_loopback),
        "huiju.yaml:2:26: listen.http.address: `10.0.0.1:80` is not loopback: this version serves it without TLS\n",
    )
    .await;
}

#[tokio::test]
async fn a_code_without_quotes_is_refused() {
    let wrong = |text: String| text.replace("\"43021100002000000001\"", "43021100002000000001");
    is_refused(
        "unquoted",
        wrong,
        "huiju.yaml:8:12: platforms[0].gb_id: a code must stand in quotes: \"43021100002000000001\"\n",
    )
    .await;
}

#[tokio::test]
async fn a_secret_that_is_missing_is_refused() {
    let wrong = |text: String| text.replace("district.pw", "nowhere.pw");
    is_refused(
        "missing-secret",
        wrong,
        "huiju.yaml:11:15: platforms[0].password: nowhere.pw: No such file or directory (os error 2)\n",
    )
    .await;
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_refused() {
    let wrong = |text: String| text.replace("district.pw", "open.pw");
    is_refused(
        "open-secret",
        wrong,
        "huiju.yaml:11:15: platforms[0].password: open.pw can be read by others: chmod 0600 open.pw\n",
    )
    .await;
}

#[tokio::test]
async fn a_secret_in_the_file_itself_is_refused_and_not_repeated() {
    let wrong = |text: String| text.replace("{file: district.pw}", "plainly-written");
    is_refused(
        "plain-secret",
        wrong,
        "huiju.yaml:11:15: platforms[0].password: a secret stands in a file: write {file: path}, {env: NAME} or {credential: NAME}\n",
    )
    .await;
}

#[tokio::test]
async fn there_is_no_network_that_means_any() {
    let wrong = |text: String| text.replace("10.1.0.0/16", "0.0.0.0/0");
    is_refused(
        "any-network",
        wrong,
        "huiju.yaml:13:24: platforms[0].media.networks: `0.0.0.0/0` is every address: name the networks that are meant\n",
    )
    .await;
}

#[tokio::test]
async fn every_error_is_told_at_once() {
    let wrong = |text: String| {
        let text = text.replace("linger: 10s", "linger: 10");
        let text = text.replace("[education]", "[eductaion]");
        text.replace("    authority: {document: d, unit: u, purpose: p}\n", "")
    };
    is_refused(
        "all-errors",
        wrong,
        "huiju.yaml:3:19: streams.linger: `10` must be a duration such as 10s\n\
         huiju.yaml:7:5: platforms[0].authority is missing\n\
         huiju.yaml:12:39: platforms[0].catalogue.share.departments: `eductaion` is none of education\n",
    )
    .await;
}

#[tokio::test]
async fn whoever_asks_the_gateway_is_told_that_the_configuration_cannot_be_read() {
    let table = [
        (
            RIGHT.replace("admin.sock}", "admin.sock]"),
            "huiju.yaml:2:9: `]` closes a `{`: write `}`\n",
        ),
        (
            RIGHT.replace("admin.sock}", "[]}"),
            "huiju.yaml:2:17: listen.admin must be a single value\n",
        ),
        (
            String::new(),
            "huiju.yaml: is empty: `gateway` and `departments` are missing\n",
        ),
    ];
    for (text, told) in table {
        let folder = world_of("no-socket", &text);
        for arguments in [&["status"][..], &["reload"], &["camera", "list"]] {
            let (code, said) = output_of(&folder, arguments).await;
            let last =
                "huiju: the configuration does not say where the gateway's admin socket is\n";
            assert_eq!(said, format!("{told}{last}"), "{arguments:?}");
            assert_eq!(code, Some(78));
        }
    }
    // What is wrong elsewhere does not matter: the gateway runs with what it read before.
    let folder = world_of("a-socket", &RIGHT.replace("10s", "often"));
    let (code, said) = output_of(&folder, &["status"]).await;
    assert_eq!(
        (code, said.as_str()),
        (
            Some(1),
            "huiju: admin.sock: No such file or directory (os error 2): is the gateway running?\n"
        )
    );
}

#[tokio::test]
async fn a_configuration_in_another_charset_is_refused_at_its_first_such_line() {
    let folder = world_of("charset", RIGHT);
    let text = RIGHT
        .replace("网关", "gateway")
        .replace("document: d", "document: 文");
    let (before, after) = text.split_once('文').unwrap();
    let bytes = [before.as_bytes(), b"\xce\xc4", after.as_bytes()].concat();
    std::fs::write(folder.join("huiju.yaml"), bytes).unwrap();
    let (code, said) = output(&folder).await;
    assert_eq!(
        said,
        "huiju.yaml:14: is not UTF-8: save the file as UTF-8\n"
    );
    assert_eq!(code, Some(78));
}

#[tokio::test]
async fn a_password_in_a_declared_file_is_a_warning_and_no_error() {
    let folder = world_of("password-column", RIGHT);
    let rows =
        "name,department,url,username,password\n东门,education,rtsp://10.11.0.1/a,viewer,x\n";
    let file = folder.join("cameras.csv");
    std::fs::write(&file, rows).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (code, said) = output(&folder).await;
    assert_eq!(
        said,
        "cameras.csv:2:5: warning: password: is a column for imports: write user and password into the \
         department's credentials, and their name into the column credential\n\
         1 cameras, 0 rows refused, 1 departments, 1 platforms\n"
    );
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn rows_that_conflict_are_told_among_the_others_in_the_order_of_the_files() {
    let files = RIGHT.replace("[cameras.csv]", "[z.csv, a.csv]");
    let folder = world_of("order", &files);
    let rows = "name,department,url,source_id\n一,education,rtsp://10.11.0.1/a,1\n\
                二,education,rtsp://10.11.0.2/a,1\n三,helth,rtsp://10.11.0.3/a,3\n\
                四,education,rtsp://10.11.0.4/a,1\n";
    std::fs::write(folder.join("z.csv"), rows).unwrap();
    let rows = "name,department,url,source_id\n五,education,rtsp://10.11.0.5/a,1\n六,helth,x,\n";
    std::fs::write(folder.join("a.csv"), rows).unwrap();
    let (code, said) = output(&folder).await;
    assert_eq!(
        said,
        "z.csv:3: is the same camera as z.csv:2\n\
         z.csv:4:2: department: `helth` is none of education\n\
         z.csv:5: is the same camera as z.csv:2\n\
         a.csv:2: is the same camera as z.csv:2\n\
         a.csv:3:2: department: `helth` is none of education\n\
         a.csv:3:3: url: is not rtsp://host[:port]/path\n\
         1 cameras, 5 rows refused, 1 departments, 1 platforms\n"
    );
    assert_eq!(code, Some(78));
}

#[tokio::test]
async fn a_wrong_row_is_named_and_the_others_are_counted() {
    let folder = world_of("wrong-row", &RIGHT.replace("cameras.csv", "rows.csv"));
    let rows = "name,department,url\n东门,education,rtsp://10.11.0.1/a\n\
                西门,helth,rtsp://10.11.0.2/a\n南门,education,http://10.11.0.3\n\
                北门,education,rtsp://10.12.0.1:80/a\n";
    std::fs::write(folder.join("rows.csv"), rows).unwrap();
    let (code, said) = output(&folder).await;
    assert_eq!(
        said,
        "rows.csv:3:2: department: `helth` is none of education\n\
         rows.csv:4:3: url: is not rtsp://host[:port]/path: an address of http is no stream\n\
         rows.csv:5:3: url: port 80 is none of the department's ports\n\
         rows.csv:5:3: url: 10.12.0.1 is outside the department's networks\n\
         1 cameras, 3 rows refused, 1 departments, 1 platforms\n"
    );
    assert_eq!(code, Some(78));
}

#[tokio::test]
async fn an_inventory_that_is_not_there_or_has_a_wrong_header_is_refused() {
    let wrong = |text: String| text.replace("cameras.csv", "nowhere.csv");
    is_refused(
        "no-inventory",
        wrong,
        "nowhere.csv: No such file or directory (os error 2)\n",
    )
    .await;
    let wrong = |text: String| text.replace("cameras.csv", "header.csv");
    is_refused(
        "wrong-header",
        wrong,
        "header.csv:1:2: unknown column `departement`: did you mean `department`?\n",
    )
    .await;
    let wrong = |text: String| text.replace("cameras.csv", "empty.csv");
    is_refused(
        "no-rows",
        wrong,
        "empty.csv: has no rows: a truncated file changes nothing\n",
    )
    .await;
}

/// Both `check` and `run` refuse it with 78 and say exactly that.
async fn is_refused(name: &str, change: impl Fn(String) -> String, expected: &str) {
    let (code, said) = check(name, change).await;
    assert_eq!(said, expected);
    assert_eq!(code, Some(78));
}

async fn check(name: &str, change: impl Fn(String) -> String) -> (Option<i32>, String) {
    let text = change(RIGHT.to_owned());
    output(&world_of(name, &text)).await
}

/// Exit code and everything printed, complaints first; paths as seen from the configuration's folder.
async fn output(folder: &Path) -> (Option<i32>, String) {
    output_of(folder, &["check"]).await
}

async fn output_of(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(&folder.join("huiju.yaml"), arguments).await;
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8(said).unwrap();
    let said = said.replace(&format!("{}/", folder.display()), "");
    (output.status.code(), said)
}

fn world_of(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let files = [
        ("huiju.yaml", text, 0o644),
        ("district.pw", "secret", 0o600),
        ("open.pw", "secret", 0o644),
        (
            "cameras.csv",
            "name,department,url\n东门,education,rtsp://10.11.0.1/a\n",
            0o644,
        ),
        (
            "header.csv",
            "name,departement,url\n东门,education,rtsp://10.11.0.1/a\n",
            0o644,
        ),
        ("empty.csv", "name,department,url\n", 0o644),
    ];
    for (file, text, mode) in files {
        let path = folder.join(file);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    folder
}

const TOKEN: &str =
    "{http: {address: 127.0.0.1:80, token: {file: district.pw}}, admin: admin.sock}";
const RIGHT: &str = "gateway: {name: 网关, civil_code: \"430211\", data_dir: data}
listen: {admin: admin.sock}
streams: {linger: 10s}
departments: [{id: education, networks: [10.11.0.0/16]}]
inventory: {files: [cameras.csv]}
platforms:
  - id: district
    gb_id: \"43021100002000000001\"
    address: 10.1.1.10:5060
    local_gb_id: \"43021100002000000002\"
    password: {file: district.pw}
    catalogue: {share: {departments: [education]}}
    media: {networks: [10.1.0.0/16]}
    authority: {document: d, unit: u, purpose: p}
";
