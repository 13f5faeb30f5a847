//! Wrong configurations and inventories, each with all that `huiju check` says of it.
//!
//! `golden/config-*.yaml` are configurations, `golden/inventory-*` are inventories of the configuration
//! below; beside each stands a `.txt`: standard error, standard output, the exit code. A first line
//! `# env NAME=value` of a configuration is for the environment. What `check` says now is left in
//! `target/tmp/golden` as `.txt` files, to compare.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;
use tokio::time::timeout;

use crate::world::SOON;

#[tokio::test]
async fn every_wrong_configuration_is_told_in_these_words() {
    let said = said_of("config-").await;
    assert!(said.len() >= 60, "{} configurations", said.len());
    all_are_as_expected(&said);
    for section in [
        "gateway",
        "listen",
        "streams",
        "departments",
        "platforms",
        "nowhere.csv",
    ] {
        let is_in = |(_, said): &(PathBuf, String)| said.contains(section);
        assert!(said.iter().any(is_in), "nothing is wrong with {section}");
    }
}

#[tokio::test]
async fn every_wrong_inventory_is_told_in_these_words() {
    let said = said_of("inventory-").await;
    assert!(said.len() >= 35, "{} inventories", said.len());
    all_are_as_expected(&said);
    for column in COLUMNS {
        let is_in = |(_, said): &(PathBuf, String)| said.contains(&format!(" {column}: "));
        assert!(said.iter().any(is_in), "nothing is wrong with {column}");
    }
}

#[tokio::test]
async fn no_message_repeats_a_secret() {
    let (config, inventory) = (said_of("config-").await, said_of("inventory-").await);
    for (file, said) in [config, inventory].concat() {
        assert!(!said.contains("Passw0rd"), "{}: {said}", file.display());
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/golden")
}

/// Every file of that kind with what is said of it.
async fn said_of(prefix: &str) -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_case = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.starts_with(prefix) && !name.ends_with(".txt")
    };
    let mut files: Vec<_> = files.filter(is_case).collect();
    files.sort();
    let mut said = Vec::new();
    for file in files {
        let told = check(&file, prefix).await;
        said.push((file, told));
    }
    said
}

fn all_are_as_expected(said: &[(PathBuf, String)]) {
    let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    let mut differ = Vec::new();
    for (file, said) in said {
        let expected = file.with_extension("txt");
        let now = now.join(expected.strip_prefix(golden()).unwrap());
        std::fs::create_dir_all(now.parent().unwrap()).unwrap();
        std::fs::write(now, said).unwrap();
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if expected != *said {
            let file = file.file_name().unwrap().display();
            differ.push(format!("{file}, expected:\n{expected}but now:\n{said}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// Standard error, standard output and exit code of a check in a folder of its own.
async fn check(file: &Path, prefix: &str) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("golden-{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    furnish(&folder);
    std::fs::copy(file, folder.join(name)).unwrap();
    // Passwords may stand in a file that nobody else can read.
    let mode = match prefix {
        "inventory-" if !name.contains("read-by-others") => 0o600,
        _ => 0o644,
    };
    std::fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
    let config = match prefix {
        "config-" => name,
        _ => "huiju.yaml",
    };
    if prefix == "inventory-" {
        std::fs::write(folder.join(config), RIGHT.replace("right.csv", name)).unwrap();
    }
    let text = std::fs::read_to_string(folder.join(config)).unwrap();
    let variables = text
        .lines()
        .map_while(|line| line.strip_prefix("# env ")?.split_once('='));
    let check = Command::new(env!("CARGO_BIN_EXE_huiju"))
        .args(["check", "--config", config])
        .current_dir(&folder)
        .env_remove("CREDENTIALS_DIRECTORY")
        .envs(variables)
        .kill_on_drop(true)
        .output();
    let output = timeout(SOON, check).await.expect("it ends").unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8([output.stderr, output.stdout].concat()).expect("UTF-8");
    format!(
        "{said}exit {}\n",
        output.status.code().expect("an exit code")
    )
}

/// The files that the cases name.
fn furnish(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let large = vec![b'x'; 5000];
    let files: [(&str, &[u8], u32); 8] = [
        (
            "right.csv",
            "name,department,url\n东门,education,rtsp://10.11.0.1/a\n".as_bytes(),
            0o644,
        ),
        ("right.pw", b"secret\n", 0o600),
        ("open.pw", b"secret\n", 0o644),
        ("empty.pw", b"", 0o600),
        ("newline.pw", b"\n", 0o600),
        ("large.pw", &large, 0o600),
        ("binary.pw", &[0xff, 0xfe, 0x80], 0o600),
        ("cameras.xlsx", b"PK\x03\x04", 0o644),
    ];
    for (file, bytes, mode) in files {
        let path = folder.join(file);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
}

/// Columns in which something can be wrong.
const COLUMNS: [&str; 23] = [
    "name",
    "department",
    "url",
    "id",
    "credential",
    "point_class",
    "civil_code",
    "longitude",
    "latitude",
    "bearing",
    "ptz",
    "room",
    "light",
    "pull",
    "disabled",
    "datum",
    "fov",
    "view_distance",
    "mac",
    "ip",
    "channel",
    "install_time",
    "record_days",
];

const RIGHT: &str = "gateway: {name: 网关, civil_code: \"430211\", data_dir: data}
listen: {admin: admin.sock}
departments:
  - id: education
    name: 区教育局
    networks: [10.11.0.0/16]
    ports: [554, 8554]
    credentials: {nvr: {username: viewer, password: {file: right.pw}}}
  - {id: health, name: 区卫健局, networks: [10.12.0.0/16]}
  - {id: social, name: 社会面, networks: [10.16.0.0/16]}
  - {id: park, name: 园区管委会}
inventory: {files: [right.csv]}
";
