//! An address that a camera has beside that of its stream.

use std::fmt;

use super::camera::{Secret, mask_secrets};

/// Of a second stream, a picture, recordings, or the device's service: `scheme://host[:port]/path[?query]`, without user and
/// password, which are the camera's. The values of parameters that are secret by their names are shown as `****`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Scheme, host, and the port where one is given.
    place: String,
    path: Secret,
}

impl Link {
    /// A link; an IPv6 address stands in brackets in `host`.
    pub fn new(scheme: &str, host: &str, port: Option<u16>, path: String) -> Self {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Self {
            place: format!("{scheme}://{host}{port}"),
            path: Secret::new(path),
        }
    }

    /// With its path and query as given; may hold a secret.
    pub fn whole(&self) -> Secret {
        Secret::new(format!("{}{}", self.place, self.path.expose()))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, mask_secrets(self.path.expose()))
    }
}
