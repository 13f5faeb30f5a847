//! Credentials that a camera asks for: Basic (RFC 7617), and Digest with MD5 and no qop (RFC 2617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::request::Request;
use super::settings::Auth;

/// The realm that cameras name.
const REALM: &str = "IP Camera";

/// What a camera makes of a request's credentials.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Granted,
    /// Refuse with this value of `WWW-Authenticate`.
    Challenge {
        header: String,
        brought: Brought,
    },
}

/// What a refused request brought.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub(super) enum Brought {
    Nothing,
    /// Credentials of the right password for another nonce.
    OldNonce,
    WrongPassword,
}

/// Checks credentials, and keeps the nonce they are made with.
#[derive(Debug)]
pub(super) struct Gatekeeper {
    auth: Auth,
    nonce: String,
    uses: u32,
}

impl Gatekeeper {
    /// Starts with a nonce of the caller's, which nobody can guess.
    pub(super) fn new(auth: Auth, nonce: String) -> Self {
        Self {
            auth,
            nonce,
            uses: 0,
        }
    }

    /// Judges a request; `fresh` replaces the nonce when it is used up.
    pub(super) fn judge(&mut self, request: &Request, fresh: impl FnOnce() -> String) -> Verdict {
        let credentials = request.header("Authorization");
        let brought = match credentials {
            None => Brought::Nothing,
            Some(_) => Brought::WrongPassword,
        };
        let refuse = |header, brought| Verdict::Challenge { header, brought };
        match &self.auth {
            Auth::Open => Verdict::Granted,
            Auth::Basic { username, password } => {
                let expected = format!(
                    "Basic {}",
                    STANDARD.encode(format!("{username}:{password}"))
                );
                if credentials == Some(expected.as_str()) {
                    Verdict::Granted
                } else {
                    refuse(format!("Basic realm=\"{REALM}\""), brought)
                }
            }
            Auth::Digest {
                username,
                password,
                nonce_uses,
            } => {
                let known = Known { username, password };
                let Some(credentials) =
                    credentials.filter(|credentials| known.matches(credentials, request))
                else {
                    return refuse(challenge(&self.nonce, false), brought);
                };
                if digest_parameter(credentials, "nonce") != Some(&self.nonce) {
                    return refuse(challenge(&self.nonce, false), Brought::OldNonce);
                }
                if nonce_uses.is_some_and(|uses| self.uses >= uses) {
                    self.nonce = fresh();
                    self.uses = 0;
                    return refuse(challenge(&self.nonce, true), Brought::OldNonce);
                }
                self.uses += 1;
                Verdict::Granted
            }
        }
    }
}

fn challenge(nonce: &str, is_stale: bool) -> String {
    let stale = if is_stale { "TRUE" } else { "FALSE" };
    format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", stale=\"{stale}\"")
}

struct Known<'a> {
    username: &'a str,
    password: &'a str,
}

impl Known<'_> {
    /// Returns whether credentials are of our password, for the nonce that they name.
    fn matches(&self, credentials: &str, request: &Request) -> bool {
        let value = |name| digest_parameter(credentials, name);
        let Some(nonce) = value("nonce") else {
            return false;
        };
        let secret = md5(&format!("{}:{REALM}:{}", self.username, self.password));
        let asked = md5(&format!("{}:{}", request.method, request.uri));
        value("username") == Some(self.username)
            && value("realm") == Some(REALM)
            && value("uri") == Some(&request.uri)
            && value("response") == Some(&md5(&format!("{secret}:{nonce}:{asked}")))
    }
}

fn digest_parameter<'a>(credentials: &'a str, name: &str) -> Option<&'a str> {
    parameter(credentials.strip_prefix("Digest ")?, name)
}

/// Returns a parameter's value without its quotes; none of ours holds a comma or a quote.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let pairs = parameters
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim_matches('"'))
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::request::{self, Incoming};
    use super::*;

    fn request(authorization: &str) -> Request {
        let text = format!(
            "DESCRIBE rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {authorization}\r\n\r\n"
        );
        match request::take(&mut BytesMut::from(text.as_bytes())).unwrap() {
            Some(Incoming::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn digest(password: &str, nonce: &str) -> String {
        let secret = md5(&format!("admin:{REALM}:{password}"));
        let response = md5(&format!("{secret}:{nonce}:{}", md5("DESCRIBE:rtsp://h/s")));
        format!(
            "Digest username=\"admin\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"rtsp://h/s\", response=\"{response}\""
        )
    }

    fn gatekeeper(nonce_uses: Option<u32>) -> Gatekeeper {
        let auth = Auth::Digest {
            username: "admin".to_owned(),
            password: "secret".to_owned(),
            nonce_uses,
        };
        Gatekeeper::new(auth, "one".to_owned())
    }

    #[test]
    fn the_right_digest_passes_and_a_wrong_one_does_not() {
        let mut gatekeeper = gatekeeper(None);
        assert_eq!(
            gatekeeper.judge(&request(&digest("secret", "one")), String::new),
            Verdict::Granted
        );
        let verdict = gatekeeper.judge(&request(&digest("wrong", "one")), String::new);
        assert!(matches!(
            verdict,
            Verdict::Challenge {
                brought: Brought::WrongPassword,
                ..
            }
        ));
    }

    #[test]
    fn a_used_up_nonce_is_stale() {
        let mut gatekeeper = gatekeeper(Some(1));
        let right = request(&digest("secret", "one"));
        assert_eq!(gatekeeper.judge(&right, String::new), Verdict::Granted);
        let Verdict::Challenge { header, brought } = gatekeeper.judge(&right, || "two".to_owned())
        else {
            panic!("granted")
        };
        assert_eq!(brought, Brought::OldNonce);
        assert!(header.contains("nonce=\"two\"") && header.contains("stale=\"TRUE\""));
        assert_eq!(
            gatekeeper.judge(&request(&digest("secret", "two")), String::new),
            Verdict::Granted
        );
    }

    #[test]
    fn basic_is_compared_whole() {
        let auth = Auth::Basic {
            username: "admin".to_owned(),
            password: "secret".to_owned(),
        };
        let mut gatekeeper = Gatekeeper::new(auth, String::new());
        assert_eq!(
            gatekeeper.judge(&request("Basic YWRtaW46c2VjcmV0"), String::new),
            Verdict::Granted
        );
        assert_ne!(
            gatekeeper.judge(&request("Basic YWRtaW46d3Jvbmc="), String::new),
            Verdict::Granted
        );
    }
}
