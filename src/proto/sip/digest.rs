//! Digest access authentication (RFC 2617, RFC 7616, RFC 8760).

use md5::Md5;
use sha2::{Digest, Sha256};

/// The hash of a challenge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// RFC 2617; what 2016 platforms use.
    Md5,
    /// RFC 7616; what 2022 platforms use.
    Sha256,
}

/// Who answers a challenge.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The user name.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Algorithm {
    /// The lower-case hexadecimal hash of `text`.
    pub(super) fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Self::Sha256 => hex::encode(Sha256::digest(text.as_bytes())),
        }
    }

    /// The name in a header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// What a response is computed over.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) realm: &'a str,
    pub(super) nonce: &'a str,
    /// Client nonce and count, where `qop=auth`.
    pub(super) counted: Option<(&'a str, u32)>,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
}

impl Input<'_> {
    /// The `response` value (RFC 7616 §3.4.1).
    pub(super) fn response(&self, credentials: Credentials<'_>) -> String {
        let Credentials { username, password } = credentials;
        let secret = self
            .algorithm
            .hash(&format!("{username}:{}:{password}", self.realm));
        let request = self
            .algorithm
            .hash(&format!("{}:{}", self.method, self.uri));
        let nonce = self.nonce;
        self.algorithm.hash(&match self.counted {
            Some((cnonce, count)) => {
                format!("{secret}:{nonce}:{count:08x}:{cnonce}:auth:{request}")
            }
            None => format!("{secret}:{nonce}:{request}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2617_holds() {
        let input = Input {
            algorithm: Algorithm::Md5,
            realm: "testrealm@host.com",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            counted: Some(("0a4f113b", 1)),
            method: "GET",
            uri: "/dir/index.html",
        };
        let credentials = Credentials {
            username: "Mufasa",
            password: "Circle Of Life",
        };
        assert_eq!(
            input.response(credentials),
            "6629fae49393a05397450978507c4ef1"
        );
    }

    #[test]
    fn the_example_of_rfc_7616_holds() {
        let input = Input {
            algorithm: Algorithm::Sha256,
            realm: "http-auth@example.org",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            counted: Some(("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)),
            method: "GET",
            uri: "/dir/index.html",
        };
        let credentials = Credentials {
            username: "Mufasa",
            password: "Circle of Life",
        };
        assert_eq!(
            input.response(credentials),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn credentials_print_no_password() {
        let credentials = Credentials {
            username: "u",
            password: "hunter2",
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
