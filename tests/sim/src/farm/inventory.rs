//! The lists of a farm: the inventory that a gateway imports, and the manifest that a judge compares with.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::settings::{Auth, CameraSettings};

/// Who a camera belongs to.
#[derive(Debug, Eq, PartialEq)]
pub struct Department {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The point class (点位类型) of its cameras.
    pub point_class: u8,
}

/// The six departments of the quickstart.
pub const DEPARTMENTS: [Department; 6] = [
    Department {
        id: "education",
        name: "区教育局",
        point_class: 2,
    },
    Department {
        id: "health",
        name: "区卫健局",
        point_class: 2,
    },
    Department {
        id: "urban_management",
        name: "区城管局",
        point_class: 2,
    },
    Department {
        id: "housing",
        name: "区住建局",
        point_class: 2,
    },
    Department {
        id: "park",
        name: "园区管委会",
        point_class: 2,
    },
    Department {
        id: "social",
        name: "社会面",
        point_class: 3,
    },
];

/// A camera as its department lists it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Who it belongs to.
    pub department: &'static Department,
    /// The department's own number for it.
    pub source_id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it hangs.
    pub place: String,
    /// Longitude and latitude, WGS-84.
    pub position: (f64, f64),
    /// How it behaves.
    pub settings: CameraSettings,
}

impl Entry {
    /// Returns the URL of its stream, without credentials.
    pub fn url(&self) -> String {
        self.settings.url(self.address)
    }

    fn row(&self) -> [String; 14] {
        let (username, password) = match &self.settings.auth {
            Auth::Open => ("", ""),
            Auth::Basic { username, password }
            | Auth::Digest {
                username, password, ..
            } => (&**username, &**password),
        };
        [
            self.name.clone(),
            self.department.id.to_owned(),
            self.url(),
            self.source_id.clone(),
            username.to_owned(),
            password.to_owned(),
            "Huiju".to_owned(),
            "SIM-1".to_owned(),
            self.place.clone(),
            format!("{:.6}", self.position.0),
            format!("{:.6}", self.position.1),
            self.department.point_class.to_string(),
            CIVIL_CODE.to_owned(),
            "wgs84".to_owned(),
        ]
    }

    fn manifest(&self) -> Value {
        let clip =
            |clip: &crate::clips::Clip| json!({"codec": clip.codec().name(), "file": clip.path()});
        let video = self.settings.video.as_ref().map(|video| {
            let mut object = clip(video);
            object["parameter_sets"] = self.settings.parameter_sets.name().into();
            object
        });
        json!({
            "name": self.name,
            "department": self.department.id,
            "department_name": self.department.name,
            "source_id": self.source_id,
            "url": self.url(),
            "video": video,
            "audio": self.settings.audio.as_deref().map(clip),
        })
    }
}

/// Writes `cameras.csv` and `farm.json` into a directory.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write(directory: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let manifest: Vec<Value> = entries.iter().map(Entry::manifest).collect();
    let manifest = serde_json::to_string_pretty(&json!({ "cameras": manifest }))?;
    replace(&directory.join("cameras.csv"), &csv(entries))?;
    replace(&directory.join("farm.json"), &manifest)
}

/// Writes a file that its owner alone can read, since the inventory holds passwords.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let scratch = path.with_extension("new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&scratch)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&scratch, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn csv(entries: &[Entry]) -> String {
    let header = HEADER.map(str::to_owned);
    let rows = std::iter::once(header).chain(entries.iter().map(Entry::row));
    rows.map(|row| row.map(|field| quoted(&field)).join(",") + "\n")
        .collect()
}

/// RFC 4180 §2: quotes around what holds a separator, quotes doubled.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

const HEADER: [&str; 14] = [
    "name",
    "department",
    "url",
    "source_id",
    "username",
    "password",
    "manufacturer",
    "model",
    "address",
    "longitude",
    "latitude",
    "point_class",
    "civil_code",
    "datum",
];

const CIVIL_CODE: &str = "430211";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_separators_are_quoted() {
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("天元&<"), "天元&<");
    }

    #[test]
    fn each_row_has_a_field_for_each_header() {
        let entry = Entry {
            name: "天元小学东门".to_owned(),
            department: &DEPARTMENTS[0],
            source_id: "E-01".to_owned(),
            address: "127.0.0.1:8554".parse().unwrap(),
            place: "天元区".to_owned(),
            position: (113.1, 27.8),
            settings: CameraSettings::default().digest("admin", "pass,word"),
        };
        let expected = "天元小学东门,education,rtsp://127.0.0.1:8554/stream/main,E-01,admin,\"pass,word\",Huiju,SIM-1,\
                        天元区,113.100000,27.800000,2,430211,wgs84\n";
        assert_eq!(csv(&[entry]).lines().nth(1), expected.lines().next());
    }
}
