//! What a platform asks: the body of a MESSAGE (GB/T 28181-2016 annex A).

use super::charset::Charset;
use super::xml::{Element, XmlError};
use crate::catalog::GbCode;

/// The content type of a body.
pub const CONTENT_TYPE: &str = "Application/MANSCDP+xml";

/// The root of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AskKind {
    /// Wants to know.
    Query,
    /// Wants something done.
    Control,
    /// Tells.
    Notify,
    /// Answers what we asked.
    Response,
}

/// A body that was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// Its root.
    pub kind: AskKind,
    /// `CmdType`.
    pub command: String,
    /// `SN`: repeated in the answer.
    pub number: String,
    /// `DeviceID`: repeated in the answer. May be a region of 2 … 8 digits.
    pub device: String,
    /// The whole.
    pub element: Element,
}

/// Why a body is not read: SIP 400.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AskError {
    /// It is no XML that we read.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Its root is none of the four.
    #[error("root element `{0}` is not known")]
    Root(String),
    /// An element is missing or too long.
    #[error("element {0} is missing or too long")]
    Missing(&'static str),
}

impl Ask {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, AskError> {
        let element = Element::parse(&Charset::decode(body))?;
        let kind = match element.name.as_str() {
            "Query" => AskKind::Query,
            "Control" => AskKind::Control,
            "Notify" => AskKind::Notify,
            "Response" => AskKind::Response,
            other => return Err(AskError::Root(other.chars().take(32).collect())),
        };
        let text = |name: &'static str| {
            let text = element
                .child_text(name)
                .filter(|text| text.len() <= FIELD_BYTES_MAX);
            text.map(str::to_owned).ok_or(AskError::Missing(name))
        };
        Ok(Self {
            kind,
            command: text("CmdType")?,
            number: text("SN")?,
            device: text("DeviceID")?,
            element,
        })
    }

    /// The device as a code, where it is one.
    pub fn code(&self) -> Option<GbCode> {
        self.device.parse().ok()
    }
}

const FIELD_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_with_blanks_is_read() {
        let ask = Ask::parse(
            b"<?xml version=\"1.0\" encoding=\"GB2312\"?>\n<Query>\n <CmdType> Catalog </CmdType>\n\
            <SN> 7 </SN><DeviceID> 43021100002000000002 </DeviceID></Query>",
        )
        .unwrap();
        assert_eq!(
            (ask.kind, ask.command.as_str(), ask.number.as_str()),
            (AskKind::Query, "Catalog", "7")
        );
        assert_eq!(ask.code(), "43021100002000000002".parse().ok());
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Ask::parse(b"<Query/>"), Err(AskError::Missing("CmdType")));
        assert_eq!(Ask::parse(b"<Html/>"), Err(AskError::Root("Html".into())));
        assert_eq!(Ask::parse(b""), Err(AskError::Xml(XmlError::Empty)));
    }
}
