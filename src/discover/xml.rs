//! The XML of a device, read within limits: no DTD, no entities beyond the five, bounded depth and size.
//!
//! Unlike that of platforms it needs attributes, for names of profiles stand in them, and is larger: a recorder of
//! 64 channels tells of 200 profiles in one answer.

use std::fmt;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

/// An element by its name without prefix, its `token`, its text without surrounding blanks, and what is inside it.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attribute `token`.
    pub token: Option<String>,
    /// Its own text.
    pub text: String,
    /// The elements inside it.
    pub children: Vec<Self>,
}

/// Why an answer is not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum XmlError {
    /// Not well formed.
    #[error("malformed XML at byte {0}")]
    Malformed(u64),
    /// A DTD or an entity of its own.
    #[error("a document type or an entity of its own, which is not read")]
    DocumentType,
    /// Too deep, too many elements or attributes, too much text.
    #[error("more than {0}")]
    TooMuch(&'static str),
    /// Nothing in it.
    #[error("no XML")]
    Empty,
}

impl Element {
    /// Reads a document in UTF-8, or in GB 18030 where it is none.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::read(text),
            Err(_) => Self::read(&encoding_rs::GB18030.decode(bytes).0),
        }
    }

    fn read(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut elements = 0;
        loop {
            let event = reader.read_event();
            let at = reader.buffer_position();
            let event = event.map_err(|_| XmlError::Malformed(at))?;
            let closed = match event {
                Event::Start(start) => {
                    elements += 1;
                    open.push(begin(&start, open.len(), elements, at)?);
                    None
                }
                Event::Empty(start) => {
                    elements += 1;
                    Some(begin(&start, open.len(), elements, at)?)
                }
                Event::End(_) => Some(open.pop().ok_or(XmlError::Malformed(at))?),
                Event::Eof if elements == 0 => return Err(XmlError::Empty),
                Event::Eof => return Err(XmlError::Malformed(at)),
                Event::DocType(_) => return Err(XmlError::DocumentType),
                Event::Text(text) => add_text(&mut open, &String::from_utf8_lossy(&text))?,
                Event::CData(text) => add_text(&mut open, &String::from_utf8_lossy(&text))?,
                Event::GeneralRef(name) => {
                    let reference = format!("&{};", String::from_utf8_lossy(&name));
                    let text = unescape(&reference).map_err(|_| XmlError::DocumentType)?;
                    add_text(&mut open, &text)?
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
            };
            if let Some(mut element) = closed {
                element.text = element.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
        }
    }

    /// The first element of that name inside this one.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The elements of that name inside this one.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// What lies at the end of these names, each the first of its name inside the one before.
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names
            .iter()
            .try_fold(self, |element, name| element.child(name))
    }

    /// The text at the end of these names, where there is some.
    pub fn text_at(&self, names: &[&str]) -> Option<&str> {
        let text = self.at(names)?.text.as_str();
        (!text.is_empty()).then_some(text)
    }
}

/// What it holds may be a secret: a device names its streams with passwords in them.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.name)
    }
}

fn begin(
    start: &BytesStart<'_>,
    depth: usize,
    elements: usize,
    at: u64,
) -> Result<Element, XmlError> {
    if depth >= DEPTH_MAX {
        return Err(XmlError::TooMuch("24 levels"));
    }
    if elements > ELEMENTS_MAX {
        return Err(XmlError::TooMuch("40,000 elements"));
    }
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    let mut element = Element {
        name,
        ..Element::default()
    };
    let mut attributes = start.attributes();
    // Names are not compared: that check costs the square of their number.
    attributes.with_checks(false);
    for (number, attribute) in attributes.enumerate() {
        if number == ATTRIBUTES_MAX {
            return Err(XmlError::TooMuch("64 attributes"));
        }
        let attribute = attribute.map_err(|_| XmlError::Malformed(at))?;
        if attribute.key.as_ref() == b"token" {
            let value = String::from_utf8_lossy(&attribute.value);
            let value = unescape(&value).map_err(|_| XmlError::DocumentType)?;
            element.token = Some(value.into_owned());
        }
    }
    Ok(element)
}

fn add_text(open: &mut [Element], text: &str) -> Result<Option<Element>, XmlError> {
    if let Some(element) = open.last_mut() {
        if element.text.len() + text.len() > TEXT_BYTES_MAX {
            return Err(XmlError::TooMuch("64 KiB of text"));
        }
        element.text.push_str(text);
    }
    Ok(None)
}

const DEPTH_MAX: usize = 24;
const ELEMENTS_MAX: usize = 40_000;
const ATTRIBUTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tokens_and_texts_are_read() {
        let text = "<?xml version=\"1.0\"?><a:Profiles xmlns:a=\"x\" fixed=\"true\" token=\"P&amp;1\">\n\
            <b:Name> 东&amp;西&#x95e8; </b:Name><b:None/><b:Name>two</b:Name></a:Profiles>";
        let profiles = Element::parse(text.as_bytes()).unwrap();
        assert_eq!(profiles.token.as_deref(), Some("P&1"));
        assert_eq!(profiles.text_at(&["Name"]), Some("东&西门"));
        assert_eq!(profiles.text_at(&["None"]), None);
        assert_eq!(profiles.text_at(&["None", "Name"]), None);
        assert_eq!(profiles.all("Name").count(), 2);
        let (gbk, ..) = encoding_rs::GBK.encode("<Name>东门</Name>");
        assert_eq!(Element::parse(&gbk).unwrap().text, "东门");
    }

    #[test]
    fn bombs_and_what_is_no_document_are_refused() {
        let deep = "<a>".repeat(300_000);
        let wide = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
        let long = format!("<a>{}</a>", "x".repeat(TEXT_BYTES_MAX + 1));
        let attributes: String = (0..65).map(|n| format!(" a{n}=\"1\"")).collect();
        for (text, error) in [
            (
                "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                XmlError::DocumentType,
            ),
            ("<!DOCTYPE a><a/>", XmlError::DocumentType),
            ("<a>&b;</a>", XmlError::DocumentType),
            ("<a token=\"&b;\"/>", XmlError::DocumentType),
            (&deep, XmlError::TooMuch("24 levels")),
            (&wide, XmlError::TooMuch("40,000 elements")),
            (&long, XmlError::TooMuch("64 KiB of text")),
            (
                &format!("<a{attributes}/>"),
                XmlError::TooMuch("64 attributes"),
            ),
            ("", XmlError::Empty),
            ("plain text", XmlError::Empty),
            ("<a>", XmlError::Malformed(3)),
            ("<a><b></a>", XmlError::Malformed(10)),
        ] {
            assert_eq!(Element::parse(text.as_bytes()), Err(error), "{text:.60}");
        }
    }
}
