//! From, To and Contact: a URI and a tag (RFC 3261 §20.10, §20.20).

/// What the gateway reads of such a header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameAddress {
    /// The URI without its brackets.
    pub uri: String,
    /// The part before the `@`: a platform's or a channel's code.
    pub user: String,
    /// The part behind the `@`, port included.
    pub host: String,
    /// The tag.
    pub tag: Option<String>,
}

impl NameAddress {
    /// Reads a header's value: `"name" <sip:user@host>;tag=x` or the bare form.
    pub fn parse(value: &str) -> Option<Self> {
        let value = skip_display_name(value.trim());
        let (uri, parameters) = match value.find('<') {
            Some(at) => value.get(at + 1..)?.split_once('>')?,
            None => value.split_once(';').unwrap_or((value, "")),
        };
        let uri = uri.trim();
        let (scheme, rest) = uri.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return None;
        }
        let (user, host) = rest.split_once('@').unwrap_or(("", rest));
        let host = host.split([';', '?']).next().unwrap_or_default();
        Some(Self {
            uri: uri.to_owned(),
            user: user.to_owned(),
            host: host.to_owned(),
            tag: parameter(parameters, "tag").map(str::to_owned),
        })
    }
}

/// The value of a `;name=value` parameter; blanks around the signs are allowed.
pub(super) fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        key.trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

/// A quoted display name may hold a `<`.
fn skip_display_name(value: &str) -> &str {
    let Some(quoted) = value.strip_prefix('"') else {
        return value;
    };
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return quoted.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_field_are_read() {
        for value in [
            "<sip:1@4302>;tag=a",
            "sip:1@4302;tag=a",
            "\"a <b\" <sip:1@4302> ; tag = a",
            "x <SIP:1@4302;transport=udp>;tag=a",
        ] {
            let address = NameAddress::parse(value).unwrap();
            assert_eq!(
                (address.user.as_str(), address.tag.as_deref()),
                ("1", Some("a")),
                "{value}"
            );
            assert_eq!(address.host, "4302", "{value}");
        }
        assert!(NameAddress::parse("<sip:1@2").is_none());
        assert_eq!(NameAddress::parse("<sip:1@2>").unwrap().tag, None);
    }
}
