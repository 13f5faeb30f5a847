//! The cameras that a sheet has become, beside what is expected.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::report::{Report, list, number};
use super::{Sheet, cells};

/// A row of an export, by its headers.
type Exported = BTreeMap<String, String>;

impl Sheet {
    /// All in which the cameras of the rows are other than expected; `report` says which cameras they are.
    pub(super) async fn differences_of_cameras(&mut self, report: &Report) -> Vec<String> {
        let cameras = self.world.cameras_of("limit=1000").await;
        self.said += &json!(cameras).to_string();
        let exported = by_id(&self.exported("csv").await);
        let mut differences = Vec::new();
        for row in list(&self.expected["rows"]) {
            let record = row["record"].as_object().into_iter().flatten();
            let line = number(row);
            let id = report.row(line).map(|row| row["camera"].clone());
            let camera = cameras
                .iter()
                .find(|camera| Some(&camera["id"]) == id.as_ref());
            let Some(camera) = camera else {
                if row["record"].is_object() {
                    differences.push(format!("row {line} is no camera"));
                }
                continue;
            };
            let exported = &exported[camera["id"].as_str().unwrap()];
            let fields = Fields { camera, exported };
            for (name, expected) in record {
                let told = fields.told(name);
                if !is_same(name, &told, expected) {
                    differences.push(format!("row {line}: {name} is {told}, not {expected}"));
                }
            }
            for name in list(&row["absent"]).filter_map(Value::as_str) {
                let told = fields.told(name);
                if !told.is_null() {
                    differences.push(format!("row {line}: {name} is {told}, not absent"));
                }
            }
        }
        differences
    }
}

/// What is known of a camera, by the names that the fixtures use.
struct Fields<'a> {
    camera: &'a Value,
    exported: &'a Exported,
}

impl Fields<'_> {
    fn told(&self, name: &str) -> Value {
        let position = &self.camera["position"];
        let in_wgs84 = position["datum"] == "wgs84";
        match name {
            "host" | "port" | "path" => url_part(self.camera["url"].as_str().unwrap(), name),
            "longitude" | "latitude" if !in_wgs84 => Value::Null,
            "longitude" | "latitude" => position[name].clone(),
            "datum" if position.is_null() => Value::Null,
            "datum" if !in_wgs84 => position["datum"].clone(),
            "datum" => position["given"]["datum"].clone(),
            "given_longitude" => position["given"]["longitude"].clone(),
            "given_latitude" => position["given"]["latitude"].clone(),
            "username" => self.exported("用户名"),
            "credential" => self.exported("凭据"),
            "disabled" => json!(self.exported("停用") == "true"),
            _ => self.camera[name].clone(),
        }
    }

    fn exported(&self, header: &str) -> Value {
        let text = &self.exported[header];
        if text.is_empty() {
            Value::Null
        } else {
            json!(text)
        }
    }
}

fn url_part(url: &str, part: &str) -> Value {
    let rest = url.strip_prefix("rtsp://").unwrap();
    let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = address.split_once(':').unwrap_or((address, "554"));
    match part {
        "host" => json!(host),
        "port" => json!(port),
        _ => json!(path),
    }
}

/// Positions are right to a metre, numbers may be written as text; no password is told by anybody.
fn is_same(name: &str, told: &Value, expected: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    match name {
        "password" => true,
        // A hundred-thousandth of a degree is a metre.
        "longitude" | "latitude" => {
            let both = number(told).zip(number(expected));
            both.is_some_and(|(told, expected): (f64, f64)| (told - expected).abs() < 0.9e-5)
        }
        "gb_code" => told == expected,
        _ => {
            let both = number(told).zip(number(expected));
            told == expected
                || both.is_some_and(|(told, expected): (f64, f64)| (told - expected).abs() < 1e-9)
        }
    }
}

fn by_id(csv: &[u8]) -> BTreeMap<String, Exported> {
    let mut rows = cells(csv).into_iter();
    let headers = rows.next().unwrap();
    let rows = rows.map(|row| -> Exported { headers.iter().cloned().zip(row).collect() });
    rows.map(|row| (row["id"].clone(), row)).collect()
}
