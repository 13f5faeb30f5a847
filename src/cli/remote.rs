//! A gateway that is asked over HTTP: `--url` says where, `HUIJU_TOKEN` is its token.

use std::fmt;

use url::{Host, Url};

use crate::catalog::Secret;

/// A gateway that is asked over HTTP.
pub(super) struct Remote {
    host: Host,
    port: u16,
    token: Secret,
}

impl Remote {
    /// The gateway at `url`.
    ///
    /// # Errors
    ///
    /// It cannot be asked there: why, and what to do.
    pub(super) fn new(url: &str, token: Option<String>) -> Result<Self, String> {
        // A URL that cannot be read may hold a secret too.
        let url = Url::parse(url)
            .map_err(|error| format!("--url: {error}: write it as in http://127.0.0.1:8080"))?;
        match url.scheme() {
            "http" => {}
            "https" => {
                return Err(
                    "--url: https is not supported by this version: write http://, to this machine"
                        .to_owned(),
                );
            }
            scheme => {
                return Err(format!(
                    "--url: {scheme} is no scheme of the API: write http://"
                ));
            }
        }
        let has_more = !url.username().is_empty()
            || url.password().is_some()
            || !matches!(url.path(), "" | "/")
            || url.query().is_some();
        if has_more {
            return Err(
                "--url: write no more than scheme, host and port, as in http://127.0.0.1:8080; the token is in HUIJU_TOKEN"
                    .to_owned(),
            );
        }
        let host = url.host().map(|host| host.to_owned());
        let host = host.filter(is_loopback).ok_or(
            "--url: the host must be loopback: without TLS a token goes to no other machine; forward a port to it, as ssh -L does",
        )?;
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or("HUIJU_TOKEN is not set: it must be the token of listen.http")?;
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "HUIJU_TOKEN has letters that no token has: is there a line end in it?".to_owned(),
            );
        }
        Ok(Self {
            host,
            port: url.port_or_known_default().unwrap_or(80),
            token: Secret::new(token),
        })
    }

    /// Where to connect to.
    pub(super) fn address(&self) -> (String, u16) {
        let host = match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        (host, self.port)
    }

    /// As the header Host says it.
    pub(super) fn host(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// As the header Authorization says it; for the wire only.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.token.expose())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_asked_on_this_machine_with_a_token() {
        for (url, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost/", "http://localhost:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            let remote = Remote::new(url, Some("a-token".to_owned())).ok();
            assert_eq!(
                remote.map(|remote| remote.to_string()).as_deref(),
                Some(shown)
            );
        }
    }

    #[test]
    fn where_a_token_must_not_go_is_refused_with_what_to_do() {
        let token = Some("a-token".to_owned());
        let table = [
            (
                "127.0.0.1:8080",
                token.clone(),
                "write it as in http://127.0.0.1:8080",
            ),
            (
                "https://127.0.0.1",
                token.clone(),
                "https is not supported by this version",
            ),
            ("ftp://127.0.0.1", token.clone(), "write http://"),
            ("http://10.0.0.1:8080", token.clone(), "forward a port"),
            (
                "http://a:b@127.0.0.1",
                token.clone(),
                "the token is in HUIJU_TOKEN",
            ),
            (
                "http://127.0.0.1/api",
                token,
                "no more than scheme, host and port",
            ),
            ("http://127.0.0.1", None, "HUIJU_TOKEN is not set"),
            ("http://127.0.0.1", Some("a\n".to_owned()), "line end"),
        ];
        for (url, token, said) in table {
            let refused = Remote::new(url, token).err().unwrap_or_default();
            assert!(refused.contains(said), "{url}: {refused}");
        }
    }
}
