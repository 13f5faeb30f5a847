//! The XML of a stranger, read within limits: no DTD, no entities beyond the five, little depth.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element, its text without surrounding blanks, and the elements inside it. Attributes are not kept:
/// MANSCDP has none that matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its own text.
    pub text: String,
    /// The elements inside it.
    pub children: Vec<Self>,
}

/// Why a body is not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum XmlError {
    /// Not well formed.
    #[error("malformed XML at byte {0}")]
    Malformed(u64),
    /// A DTD or an entity of its own.
    #[error("a document type or entity is not allowed")]
    DocumentType,
    /// Too long, too deep, too many elements or attributes.
    #[error("more than {0}")]
    TooMuch(&'static str),
    /// Nothing in it.
    #[error("no element")]
    Empty,
}

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        if text.len() > BYTES_MAX {
            return Err(XmlError::TooMuch("64 KiB"));
        }
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
                Event::Eof => {
                    return Err(if elements == 0 {
                        XmlError::Empty
                    } else {
                        XmlError::Malformed(at)
                    });
                }
                Event::DocType(_) => return Err(XmlError::DocumentType),
                Event::Text(text) => {
                    add_text(&mut open, &String::from_utf8_lossy(&text));
                    None
                }
                Event::CData(text) => {
                    add_text(&mut open, &String::from_utf8_lossy(&text));
                    None
                }
                Event::GeneralRef(name) => {
                    add_text(&mut open, &resolve(&String::from_utf8_lossy(&name))?);
                    None
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

    /// The text of the first element of that name, where it has some.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name)
            .map(|child| child.text.as_str())
            .filter(|text| !text.is_empty())
    }
}

fn begin(
    start: &BytesStart<'_>,
    depth: usize,
    elements: usize,
    at: u64,
) -> Result<Element, XmlError> {
    if depth >= DEPTH_MAX {
        return Err(XmlError::TooMuch("8 levels"));
    }
    if elements > ELEMENTS_MAX {
        return Err(XmlError::TooMuch("4096 elements"));
    }
    let mut attributes = start.attributes();
    // Names are not compared: that check costs the square of their number.
    attributes.with_checks(false);
    for (number, attribute) in attributes.enumerate() {
        if number == ATTRIBUTES_MAX {
            return Err(XmlError::TooMuch("64 attributes"));
        }
        attribute.map_err(|_| XmlError::Malformed(at))?;
    }
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    Ok(Element {
        name,
        ..Element::default()
    })
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(name: &str) -> Result<String, XmlError> {
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        other => {
            let number = match other.strip_prefix("#x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => other
                    .strip_prefix('#')
                    .and_then(|digits| digits.parse().ok()),
            };
            number
                .and_then(char::from_u32)
                .ok_or(XmlError::DocumentType)?
        }
    };
    Ok(character.to_string())
}

/// Appends `<name>text</name>`; the text is escaped, and control characters are left out.
pub(super) fn put(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\r\n");
}

const BYTES_MAX: usize = 64 * 1024;
const DEPTH_MAX: usize = 8;
const ELEMENTS_MAX: usize = 4096;
const ATTRIBUTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_indents_and_entities_of_the_field_are_read() {
        let text = "<?xml version=\"1.0\"?>\r\n<Query>\r\n  <CmdType> Catalog </CmdType>\r\n\
            <Name>A&amp;B &#x4e2d;</Name><Empty/></Query>\r\n";
        let query = Element::parse(text).unwrap();
        assert_eq!(query.child_text("CmdType"), Some("Catalog"));
        assert_eq!(query.child_text("Name"), Some("A&B 中"));
        assert_eq!(query.child_text("Empty"), None);
    }

    #[test]
    fn bombs_are_refused() {
        let deep = format!("{}{}", "<a>".repeat(9), "</a>".repeat(9));
        let attributes: String = (0..65).map(|n| format!(" a{n}=\"1\"")).collect();
        for (text, error) in [
            (
                "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                XmlError::DocumentType,
            ),
            ("<a>&b;</a>", XmlError::DocumentType),
            (&deep, XmlError::TooMuch("8 levels")),
            (
                &format!("<a{attributes}/>"),
                XmlError::TooMuch("64 attributes"),
            ),
            (
                &format!("<a>{}</a>", "<b/>".repeat(5000)),
                XmlError::TooMuch("4096 elements"),
            ),
            (&"x".repeat(70_000), XmlError::TooMuch("64 KiB")),
            ("", XmlError::Empty),
        ] {
            assert_eq!(Element::parse(text), Err(error), "{text:.60}");
        }
        assert!(matches!(
            Element::parse("<a><b></a>"),
            Err(XmlError::Malformed(_))
        ));
        assert!(matches!(Element::parse("<a>"), Err(XmlError::Malformed(_))));
    }

    #[test]
    fn written_text_reads_back() {
        let mut out = String::new();
        put(&mut out, "Name", "a<b>&\"'\u{0}\u{7}中");
        assert_eq!(Element::parse(&out).unwrap().text, "a<b>&\"'中");
    }
}
