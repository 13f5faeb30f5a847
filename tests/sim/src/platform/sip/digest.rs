//! Digest access authentication, the server's half (RFC 2617, RFC 7616, RFC 8760).

use std::collections::HashMap;

use md5::{Digest, Md5};
use sha2::Sha256;

/// The hash of a challenge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// RFC 2617.
    Md5,
    /// RFC 8760, GB/T 28181-2022.
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// What a 401 asks for.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The protection space.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// The hash.
    pub algorithm: Algorithm,
    /// Offers `qop="auth"`.
    pub qop: bool,
}

impl Challenge {
    /// The value of WWW-Authenticate.
    pub fn to_header(&self) -> String {
        let qop = if self.qop { "qop=\"auth\"," } else { "" };
        let (realm, nonce, algorithm) = (&self.realm, &self.nonce, self.algorithm.name());
        format!("Digest realm=\"{realm}\",{qop}nonce=\"{nonce}\",algorithm={algorithm}")
    }

    /// Says whether an Authorization value answers this challenge.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn verify(
        &self,
        authorization: &str,
        method: &str,
        username: &str,
        password: &str,
    ) -> Result<(), String> {
        let fields = parse(authorization).ok_or("Authorization is not Digest")?;
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        for (name, expected) in [
            ("realm", self.realm.as_str()),
            ("nonce", &self.nonce),
            ("username", username),
        ] {
            if field(name) != expected {
                return Err(format!("{name} {:?} instead of {expected:?}", field(name)));
            }
        }
        let algorithm = fields.get("algorithm").map_or("MD5", String::as_str);
        if !algorithm.eq_ignore_ascii_case(self.algorithm.name()) {
            return Err(format!(
                "algorithm {algorithm} instead of {}",
                self.algorithm.name()
            ));
        }
        let protection = match field("qop") {
            "" => None,
            "auth" if self.qop && !field("cnonce").is_empty() && field("nc").len() == 8 => {
                Some((field("nc"), field("cnonce")))
            }
            other => {
                return Err(format!(
                    "qop {other:?} with nc {:?} and cnonce {:?}",
                    field("nc"),
                    field("cnonce")
                ));
            }
        };
        let secret = (username, password);
        let expected = response(self, secret, (method, field("uri")), protection);
        if expected == field("response") {
            Ok(())
        } else {
            Err("wrong response: password or computation".into())
        }
    }
}

/// Computes the response of a digest: `secret` is (user, password), `request` is (method, uri),
/// `protection` is (nc, cnonce) with `qop=auth`.
pub fn response(
    challenge: &Challenge,
    secret: (&str, &str),
    request: (&str, &str),
    protection: Option<(&str, &str)>,
) -> String {
    let hash = |text: String| challenge.algorithm.hash(&text);
    let secret = hash(format!("{}:{}:{}", secret.0, challenge.realm, secret.1));
    let request = hash(format!("{}:{}", request.0, request.1));
    let nonce = &challenge.nonce;
    match protection {
        Some((nc, cnonce)) => hash(format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{request}")),
        None => hash(format!("{secret}:{nonce}:{request}")),
    }
}

/// Reads the parameters of a Digest header value; names in lower case.
pub fn parse(value: &str) -> Option<HashMap<String, String>> {
    let mut rest = value.trim().strip_prefix("Digest ")?.trim_start();
    let mut fields = HashMap::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (text, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.find(',').map_or((after, ""), |at| after.split_at(at)),
        };
        fields.insert(name.trim().to_ascii_lowercase(), text.trim().to_owned());
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(realm: &str, nonce: &str, algorithm: Algorithm) -> Challenge {
        Challenge {
            realm: realm.into(),
            nonce: nonce.into(),
            algorithm,
            qop: true,
        }
    }

    const REQUEST: (&str, &str) = ("GET", "/dir/index.html");

    #[test]
    fn the_example_of_rfc_2617_holds() {
        let challenge = challenge(
            "testrealm@host.com",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            Algorithm::Md5,
        );
        let secret = ("Mufasa", "Circle Of Life");
        let got = response(&challenge, secret, REQUEST, Some(("00000001", "0a4f113b")));
        assert_eq!(got, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn the_examples_of_rfc_7616_hold() {
        let protection = Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"));
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = challenge("http-auth@example.org", nonce, algorithm);
            assert_eq!(
                response(
                    &challenge,
                    ("Mufasa", "Circle of Life"),
                    REQUEST,
                    protection
                ),
                expected
            );
        }
    }

    #[test]
    fn an_answer_without_qop_is_taken_and_a_wrong_password_is_not() {
        let challenge = challenge("4302110000", "n", Algorithm::Md5);
        let request = ("REGISTER", "sip:4302110000");
        let given = response(&challenge, ("u", "p"), request, None);
        let header = format!(
            "Digest username=\"u\", realm=\"4302110000\", nonce=\"n\", uri=\"sip:4302110000\", response=\"{given}\", algorithm=MD5"
        );
        assert_eq!(challenge.verify(&header, "REGISTER", "u", "p"), Ok(()));
        assert!(challenge.verify(&header, "REGISTER", "u", "q").is_err());
    }
}
