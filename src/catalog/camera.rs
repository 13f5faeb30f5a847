//! Records of cameras.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::channel::channel_of;
use super::{CameraId, Details, GbCode, Position};

/// When a camera is pulled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pull {
    /// While somebody looks, and a little longer.
    #[default]
    OnDemand,
    /// Always.
    Always,
}

/// Text that no output shows.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Where a camera's stream is, without user and password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    /// Host name or address.
    pub host: String,
    /// RTSP port.
    pub port: u16,
    /// Path and query as given; may hold a secret, so it is never printed.
    path: Secret,
}

impl Location {
    /// Puts a location together; `path` begins with `/` or is empty.
    pub fn new(host: impl Into<String>, port: u16, path: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            path: Secret::new(path),
        }
    }

    /// The address to connect to, once `host` was resolved to `address`.
    pub fn to_url(&self, address: IpAddr) -> String {
        let host = match address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        };
        format!("rtsp://{host}:{}{}", self.port, self.path.expose())
    }

    /// With its path and query as given; may hold a secret, so it is for the store only.
    pub fn whole(&self) -> Secret {
        Secret::new(format!("{}{}", self.authority(), self.path.expose()))
    }

    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("rtsp://[{host}]:{port}")
        } else {
            format!("rtsp://{host}:{port}")
        }
    }

    /// The channel of a recorder that the path names, where it has one of the known forms.
    pub fn channel(&self) -> Option<u16> {
        channel_of(self.path.expose())
    }

    /// What tells cameras apart: host, port, path and query, values of secret parameters masked.
    pub fn key(&self) -> String {
        format!(
            "{}:{}{}",
            self.host,
            self.port,
            mask_secrets(self.path.expose())
        )
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.authority(),
            mask_secrets(self.path.expose())
        )
    }
}

/// Masks what stands behind a name that says it is secret: to the end of its query parameter, and in a
/// path, where nothing says where a value ends, to the end of the path.
pub fn mask_secrets(path: &str) -> String {
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    let mut masked = mask_value(path);
    if let Some(query) = query {
        masked.push('?');
        let parameters: Vec<_> = query.split('&').map(mask_value).collect();
        masked.push_str(&parameters.join("&"));
    }
    masked
}

fn mask_value(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let found = SECRET_NAMES.iter().filter_map(|name| {
        let at = lower.find(name)?;
        let equals = lower.get(at..)?.find('=')?;
        text.get(..=at + equals)
    });
    let shown = found.min_by_key(|shown| shown.len());
    shown.map_or_else(|| text.to_owned(), |shown| format!("{shown}****"))
}

/// `loginpas` and `psw` are of cameras' pages for pictures.
const SECRET_NAMES: [&str; 7] = ["pas", "pwd", "psw", "token", "secret", "auth", "key"];

/// Where a record comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The file.
    pub file: String,
    /// The row, by its line.
    pub line: u64,
    /// Who gave it, where it is no declared file.
    pub given: Option<Arc<Given>>,
}

/// Who gave a record by an import or by the API, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Given {
    /// The import; `None`: the API.
    pub import: Option<u64>,
    /// Who.
    pub by: String,
    /// When.
    pub at: SystemTime,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What a source says of a camera, before it has an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// File and row, for messages.
    pub origin: Origin,
    /// The camera's name.
    pub name: String,
    /// The id of its department.
    pub department: String,
    /// Where its stream is.
    pub location: Location,
    /// The department's own id of it.
    pub source_id: Option<String>,
    /// Our id, where the source repeats it.
    pub id: Option<CameraId>,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// The name that its department's configuration has for them.
    pub credential: Option<String>,
    /// The code that its owner gave it.
    pub gb_code: Option<GbCode>,
    /// The unit within the department.
    pub organisation: Option<String>,
    /// 1, 2, 3 or 9.
    pub point_class: u8,
    /// The administrative division, where it is not the gateway's.
    pub civil_code: Option<String>,
    /// Where it hangs.
    pub address: Option<String>,
    /// Where it is.
    pub position: Option<Position>,
    /// PTZType of GB/T 28181: 1 dome, 2 half-dome, 3 fixed, 4 remote fixed.
    pub ptz: Option<u8>,
    /// RoomType: 1 outside, 2 inside.
    pub room: Option<u8>,
    /// SupplyLightType: 1 none, 2 infrared, 3 white, 4 laser, 9 other.
    pub light: Option<u8>,
    /// Where it looks, in degrees clockwise from north, 0 … 359.
    pub bearing: Option<u16>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Which one it is.
    pub model: Option<String>,
    /// The recorder that it is behind; cameras of one recorder share its limits.
    pub nvr: Option<String>,
    /// When it is pulled, where that is not its department's choice.
    pub pull: Option<Pull>,
    /// Whether it is in service.
    pub upkeep: Upkeep,
    /// What is known of it for people.
    pub details: Box<Details>,
}

/// Whether a camera is in service.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Upkeep {
    /// It is.
    #[default]
    InService,
    /// Its owner took it out.
    Disabled,
    /// It hangs where the law allows no camera (State Council Order 799, article 8).
    NotAllowed,
}

impl Record {
    /// Whether it comes from a file that the configuration names: then nobody else changes it.
    pub fn is_declared(&self) -> bool {
        self.origin.given.is_none()
    }

    /// A record for tests.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            origin: Origin::default(),
            name: "校门".to_owned(),
            department: "education".to_owned(),
            location: Location::new("10.0.0.1", 554, "/1"),
            source_id: None,
            id: None,
            login: None,
            credential: None,
            gb_code: None,
            organisation: None,
            point_class: 2,
            civil_code: None,
            address: None,
            position: None,
            ptz: None,
            room: None,
            light: None,
            bearing: None,
            manufacturer: None,
            model: None,
            nvr: None,
            pull: None,
            upkeep: Upkeep::InService,
            details: Box::default(),
        }
    }

    /// What the camera's id is derived from: the department's own id, else the location.
    pub fn identity_name(&self) -> String {
        self.source_id
            .clone()
            .unwrap_or_else(|| self.location.key())
    }
}

/// A camera: its record with its identity and code.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Our id.
    pub id: CameraId,
    /// Its code towards platforms.
    pub code: GbCode,
    /// What its source says.
    pub record: Record,
    /// When it is pulled.
    pub pull: Pull,
}

impl Camera {
    /// Whether it may be pulled and shown at all.
    pub fn is_in_service(&self) -> bool {
        self.record.upkeep == Upkeep::InService
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_shows_a_secret() {
        let location = Location::new("10.0.0.1", 554, "/s?user=a&password=hunter2&ch=1");
        assert_eq!(
            location.to_string(),
            "rtsp://10.0.0.1:554/s?user=a&password=****&ch=1"
        );
        assert!(!format!("{location:?}").contains("hunter2"));
        let in_path = Location::new(
            "a",
            554,
            "/user=admin_password=hunter2_channel=1_stream=0.sdp?x=1",
        );
        assert_eq!(
            in_path.to_string(),
            "rtsp://a:554/user=admin_password=****?x=1"
        );
        assert!(
            location
                .to_url("10.0.0.1".parse().unwrap())
                .contains("hunter2")
        );
        assert_eq!(format!("{:?}", Secret::new("x")), "****");
    }
}
