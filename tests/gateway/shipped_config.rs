//! The configuration that is shipped: it loads, and it says the defaults.

use std::path::{Path, PathBuf};

use huiju::config::{Config, Overrides};
use serde_json::Value;

use crate::world::command;

#[tokio::test]
async fn the_shipped_configuration_and_inventory_are_right() {
    let config = shipped("shipped").join("huiju.yaml");
    let output = command(&config, &["check", "--json"]).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        summary,
        serde_json::json!({"cameras": 2, "rows_rejected": 0, "departments": 2, "platforms": 1})
    );
}

/// What is written with a default is what holds when it is left out.
#[test]
fn the_shipped_configuration_says_the_defaults() {
    let folder = shipped("defaults");
    let written = Config::load(&folder.join("huiju.yaml")).unwrap();
    let least = r#"
gateway: {name: 天元区视频汇聚网关, civil_code: "430211"}
departments:
  - {id: education, name: 区教育局, networks: [10.11.0.0/16]}
  - {id: social, name: 社会面, networks: [10.16.0.0/16], ports: [554, 8554]}
inventory: {files: [cameras.csv]}
platforms:
  - id: district
    name: 区综治公共安全视频监控信息交换共享平台
    gb_id: "43021100002000000001"
    address: 10.1.1.10:5060
    signalling: [10.1.1.10/32]
    local_gb_id: "43021100002000000002"
    password: {file: district.pw}
    catalogue: {share: {departments: [education, social], point_classes: [1, 2, 3, 9]}}
    media: {networks: [10.1.0.0/16]}
    authority: {document: 天综治〔2025〕12号, unit: 区综治中心, purpose: 公共安全视频共享}
"#;
    let defaults = Config::parse("least.yaml", &folder, least, &Overrides::default());
    let mut defaults = defaults.unwrap();
    // The only way to write it down that is no default: all platforms is the default.
    defaults.departments[0].shared_with = Some(vec!["district".to_owned()]);
    assert_eq!(format!("{written:#?}"), format!("{defaults:#?}"));
}

/// A copy of `config/` with the secret that it names.
fn shipped(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["huiju.yaml", "cameras.csv"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(file);
        std::fs::copy(from, folder.join(file)).unwrap();
    }
    let secret = folder.join("district.pw");
    std::fs::write(&secret, "a-password-of-tests\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}
