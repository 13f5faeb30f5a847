//! A part's XML, an element or text at a time. No entity is known but XML's own, and no document type is taken.

use std::borrow::Cow;
use std::io::BufReader;

use quick_xml::Reader;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::Wrong;
use super::package::{Counted, broken};

/// A part that is being read.
pub(super) struct Xml<'a> {
    reader: Reader<BufReader<Counted<'a>>>,
    buffer: Vec<u8>,
    depth: usize,
}

/// What comes next; an element that is empty begins and ends.
pub(super) enum Node<'a> {
    Start(Element<'a>),
    End(End<'a>),
    Text(Cow<'a, str>),
    /// A comment or an instruction.
    Other,
    Eof,
}

/// An element that begins.
pub(super) struct Element<'a>(BytesStart<'a>);

/// An element that ends.
pub(super) struct End<'a>(BytesEnd<'a>);

impl<'a> Xml<'a> {
    pub(super) fn new(part: BufReader<Counted<'a>>) -> Self {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
        }
    }

    /// The next element or text.
    pub(super) fn next(&mut self) -> Result<Node<'_>, Wrong> {
        self.buffer.clear();
        self.reader.get_mut().get_mut().event();
        let event = self
            .reader
            .read_event_into(&mut self.buffer)
            .map_err(wrong)?;
        Ok(match event {
            Event::Start(_) if self.depth >= DEPTH_MAX => return Err(broken()),
            Event::Start(start) => {
                self.depth += 1;
                self.reader.get_mut().get_mut().element()?;
                Node::Start(Element(start))
            }
            Event::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                Node::End(End(end))
            }
            Event::Text(text) => Node::Text(text.xml10_content().map_err(|_| broken())?),
            Event::CData(text) => Node::Text(text.xml10_content().map_err(|_| broken())?),
            Event::GeneralRef(name) => {
                let sign = name.resolve_char_ref().map_err(|_| broken())?;
                let Some(sign) = sign.or_else(|| entity(&name)) else {
                    return Err("uses an entity, which no workbook does".to_owned());
                };
                Node::Text(Cow::Owned(sign.to_string()))
            }
            Event::DocType(_) => {
                return Err("declares a document type, which no workbook does".to_owned());
            }
            Event::Eof => Node::Eof,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => Node::Other,
        })
    }
}

impl End<'_> {
    /// The element's name without prefix.
    pub(super) fn name(&self) -> &[u8] {
        self.0.local_name().into_inner()
    }
}

impl Element<'_> {
    /// Whether it is called so, whatever its prefix.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.0.local_name().as_ref() == name
    }

    /// An attribute, whatever its prefix.
    pub(super) fn attribute(&self, name: &[u8]) -> Option<Cow<'_, str>> {
        let mut attributes = self.0.attributes();
        let mut attributes = attributes.with_checks(false).flatten();
        let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
        let text = match found.value {
            Cow::Borrowed(text) => Cow::Borrowed(str::from_utf8(text).ok()?),
            Cow::Owned(text) => Cow::Owned(String::from_utf8(text).ok()?),
        };
        if text.contains('&') {
            let plain = quick_xml::escape::unescape(&text).ok()?;
            return Some(Cow::Owned(plain.into_owned()));
        }
        Some(text)
    }

    /// An attribute that is a number.
    pub(super) fn number(&self, name: &[u8]) -> Option<u64> {
        self.attribute(name)?.parse().ok()
    }
}

fn entity(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}

/// What stopped the reading says it, if it is ours.
fn wrong(error: quick_xml::Error) -> Wrong {
    match error {
        quick_xml::Error::Io(error)
            if error.get_ref().is_some() && error.kind() == std::io::ErrorKind::Other =>
        {
            error.to_string()
        }
        _ => broken(),
    }
}

/// No part of a workbook nests so deep.
const DEPTH_MAX: usize = 64;
