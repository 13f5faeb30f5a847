//! The files for Prometheus that are shipped: promtool reads them, and each alert does what it is for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{SOON, World};

#[tokio::test]
async fn promtool_takes_the_configuration_and_the_rules() {
    promtool(&["check", "config", "prometheus.yml"]).await;
    promtool(&["check", "rules", "huiju.rules.yml"]).await;
}

#[tokio::test]
async fn alerts_fire_on_what_they_are_for_and_on_nothing_else() {
    promtool(&["test", "rules", "huiju.test.yml"]).await;
    let (rules, tests) = (read("huiju.rules.yml"), read("huiju.test.yml"));
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        let silent = format!("alertname: {alert}}}");
        assert!(tests.contains(&silent), "{alert} is never seen silent");
        let fires = format!("alertname: {alert}\n        exp_alerts:");
        assert!(tests.contains(&fires), "{alert} is never seen to fire");
    }
}

/// A rule on a name that is not there never fires, and nobody notices.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_name_metrics_that_the_gateway_has() {
    let world = World::new("alerts")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let metrics = world.metrics().await;
    let shown: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let rules = read("huiju.rules.yml");
    // Annotations and comments name commands and pages.
    let expressions = rules.lines().filter(|line| {
        let line = line.trim();
        !line.starts_with("summary:") && !line.starts_with('#')
    });
    let named: BTreeSet<&str> = expressions
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("huiju_") || word.starts_with("process_"))
        .collect();
    assert!(named.len() > 5, "{named:?}");
    let unknown: Vec<_> = named.difference(&shown).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

async fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(folder())
        .output();
    let output = timeout(SOON, output).await.expect("promtool ends");
    let output = output.expect("promtool is installed");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("SUCCESS"), "{said}");
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus")
}
