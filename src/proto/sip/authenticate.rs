//! Reads a challenge and answers it.

use super::digest::{Algorithm, Credentials, Input};
use super::message::Response;

/// A `WWW-Authenticate: Digest` header (RFC 7616 §3.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// Who asks.
    pub realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    has_qop: bool,
    /// Whether the password was right and only the nonce was old.
    pub is_stale: bool,
    /// Requests answered under this nonce.
    count: u32,
}

impl Challenge {
    /// Returns the strongest challenge of a 401 or 407 that can be answered.
    pub fn of(response: &Response) -> Option<Self> {
        let headers = &response.headers;
        let all = headers
            .all("WWW-Authenticate")
            .chain(headers.all("Proxy-Authenticate"));
        let read: Vec<_> = all.filter_map(Self::parse).collect();
        let strongest = read
            .iter()
            .find(|challenge| challenge.algorithm == Algorithm::Sha256);
        strongest.or_else(|| read.first()).cloned()
    }

    /// Reads a header's value; `None` for another scheme or algorithm.
    pub fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let fields = split_fields(rest);
        let field = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.clone())
        };
        let algorithm = match field("algorithm")
            .unwrap_or_default()
            .to_ascii_uppercase()
            .as_str()
        {
            "" | "MD5" => Algorithm::Md5,
            "SHA-256" | "SHA256" => Algorithm::Sha256,
            _ => return None,
        };
        let qop = field("qop").unwrap_or_default();
        let has_qop = qop
            .split(',')
            .any(|word| word.trim().eq_ignore_ascii_case("auth"));
        Some(Self {
            realm: field("realm")?,
            nonce: field("nonce")?,
            opaque: field("opaque"),
            algorithm,
            has_qop,
            is_stale: field("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            count: 0,
        })
    }

    /// Goes on counting where `old` left off, if it is the same nonce (RFC 7616 §3.4).
    pub fn follow(&mut self, old: &Self) {
        if (&self.nonce, &self.realm) == (&old.nonce, &old.realm) {
            self.count = old.count;
        }
    }

    /// Writes the `Authorization` value for the next request under this challenge.
    pub fn answer(
        &mut self,
        credentials: Credentials<'_>,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> String {
        self.count += 1;
        let counted = self.has_qop.then_some((cnonce, self.count));
        let response = Input {
            algorithm: self.algorithm,
            realm: &self.realm,
            nonce: &self.nonce,
            counted,
            method,
            uri,
        }
        .response(credentials);
        let mut value = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            credentials.username,
            self.realm,
            self.nonce,
            self.algorithm.name()
        );
        if let Some((cnonce, count)) = counted {
            value += &format!(", qop=auth, nc={count:08x}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            value += &format!(", opaque=\"{opaque}\"");
        }
        value
    }
}

/// Splits `a="x, y", b=z` at the commas outside quotes.
fn split_fields(text: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                let end = after.find(',').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        fields.push((
            key.trim_matches([' ', ',', '\t']).to_owned(),
            value.trim().to_owned(),
        ));
        rest = next;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_of_a_deployed_platform_is_answered() {
        let value = r#"Digest realm="4301040000",qop="auth",nonce="abc",algorithm=MD5"#;
        let mut challenge = Challenge::parse(value).unwrap();
        let credentials = Credentials {
            username: "u",
            password: "p",
        };
        let answer = challenge.answer(credentials, "REGISTER", "sip:1@2", "cn");
        assert!(answer.contains("nc=00000001, cnonce=\"cn\""), "{answer}");
        let again = challenge.answer(credentials, "REGISTER", "sip:1@2", "cn");
        assert!(again.contains("nc=00000002"), "{again}");
    }

    #[test]
    fn the_count_of_one_nonce_goes_on_over_challenges() {
        let text = "Digest realm=\"r\",nonce=\"n\",qop=\"auth\"";
        let credentials = || Credentials {
            username: "u",
            password: "p",
        };
        let mut first = Challenge::parse(text).unwrap();
        first.answer(credentials(), "REGISTER", "sip:x", "c");
        let mut again = Challenge::parse(text).unwrap();
        again.follow(&first);
        let answer = again.answer(credentials(), "REGISTER", "sip:x", "c");
        assert!(answer.contains("nc=00000002"), "{answer}");
        let mut other = Challenge::parse(&text.replace("\"n\"", "\"m\"")).unwrap();
        other.follow(&first);
        let answer = other.answer(credentials(), "REGISTER", "sip:x", "c");
        assert!(answer.contains("nc=00000001"), "{answer}");
    }

    #[test]
    fn without_qop_there_is_no_count() {
        let mut challenge = Challenge::parse("Digest realm = \"r, s\", nonce=n").unwrap();
        assert_eq!(challenge.realm, "r, s");
        let credentials = Credentials {
            username: "u",
            password: "p",
        };
        assert!(
            !challenge
                .answer(credentials, "REGISTER", "sip:1", "c")
                .contains("nc=")
        );
    }

    #[test]
    fn an_unknown_algorithm_is_not_answered() {
        assert_eq!(
            Challenge::parse("Digest realm=r,nonce=n,algorithm=SM3"),
            None
        );
        assert_eq!(Challenge::parse("Basic realm=r"), None);
    }
}
