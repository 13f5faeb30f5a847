//! YAML with the place of every key and value, so that a message can say line and column.

mod wording;

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Location, Spanned};

use crate::problem::Problem;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its line, from 1.
    pub line: u64,
    /// Its column, from 1.
    pub column: u64,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A scalar, letter for letter as it stands in the file; whether it stands in quotes.
    Scalar {
        /// The text.
        text: String,
        /// Whether it stands in quotes.
        is_quoted: bool,
    },
    /// Nothing, or `~` or `null`.
    Null,
    /// A list.
    List(Vec<Node>),
    /// A mapping, in order. A key may stand in it twice: whoever reads it says so.
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Its line, from 1.
    pub line: u64,
    /// Its column, from 1.
    pub column: u64,
    /// No `:` stands behind it, and no value.
    pub is_alone: bool,
}

/// What a message says of a key that nobody knows and that is alone, instead of its name: in `{password: a,b}` the `b` is
/// such a key, and the rest of a password.
pub const BARE_KEY: &str = "has no value: a value with `,` needs quotes, a `:` a blank behind it";

/// Reads a document.
///
/// # Errors
///
/// It is no YAML; the problem says where.
pub fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    if text.len() > BYTES_MAX {
        let message = format!("is larger than {} MiB", BYTES_MAX >> 20);
        return Err(Problem::whole(file, message));
    }
    let options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
    };
    let read = serde_yaml::from_str_with_options(text, options);
    let raw: Raw = read.map_err(|error| {
        let (line, column) = place(&error, text);
        Problem::new(file, line, column, wording::told(&error))
    })?;
    Ok(raw.into_node(text))
}

/// Where an error is.
fn place(error: &serde_yaml::Error, text: &str) -> (u64, u64) {
    let (line, column) = error
        .location()
        .map_or((0, 0), |location| (location.line(), location.column()));
    let is_second_document = matches!(error, serde_yaml::Error::MultipleDocuments { .. });
    if !is_second_document {
        return (line, column);
    }
    // The library names the first value behind the separator.
    let lines = (1..=line).zip(text.lines());
    let separator = lines.filter(|(_, text)| text.starts_with("---")).last();
    separator.map_or((line, column), |(line, _)| (line, 1))
}

/// A value as the library reads it.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Scalar(String),
    /// A number, a boolean: its letters are taken from the file.
    Plain,
    Null,
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    fn into_node(self, source: &str) -> Node {
        let place = self.0.referenced;
        let value = match self.0.value {
            RawValue::Scalar(text) => Value::Scalar {
                is_quoted: written(source, place).starts_with(['"', '\'']),
                text,
            },
            RawValue::Plain => Value::Scalar {
                text: written(source, place).trim().to_owned(),
                is_quoted: false,
            },
            RawValue::Null => Value::Null,
            RawValue::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| item.into_node(source))
                    .collect(),
            ),
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let place = key.referenced;
                        let key = Key {
                            is_alone: !behind(source, place).starts_with(':'),
                            name: key.value,
                            line: place.line(),
                            column: place.column(),
                        };
                        (key, value.into_node(source))
                    })
                    .collect(),
            ),
        };
        Node {
            value,
            line: place.line(),
            column: place.column(),
        }
    }
}

fn written(source: &str, place: Location) -> &str {
    let range = bytes_of(place);
    range
        .and_then(|range| source.get(range))
        .unwrap_or_default()
}

/// What stands behind a value and blanks.
fn behind(source: &str, place: Location) -> &str {
    let end = bytes_of(place).map(|range| range.end);
    let rest = end.and_then(|end| source.get(end..));
    rest.unwrap_or_default().trim_start()
}

fn bytes_of(place: Location) -> Option<Range<usize>> {
    let span = place.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start + length)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = RawValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Plain)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Plain)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Plain)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Plain)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Plain)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Plain)
    }

    fn visit_unit<E: Error>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E: Error>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key()? {
            map.push((key, entries.next_value()?));
        }
        Ok(RawValue::Map(map))
    }
}

const BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_letters_and_places() {
        let node = parse(
            "x.yaml",
            "a: 0010\nb: \"0010\"\n文: {c: [10.0.0.0/8, 1e3], d: ~}\n",
        )
        .unwrap();
        let Value::Map(entries) = node.value else {
            panic!("no map")
        };
        assert!(matches!(&entries[0].1.value,
            Value::Scalar { text, is_quoted: false } if text == "0010"));
        assert!(matches!(&entries[1].1.value,
            Value::Scalar { text, is_quoted: true } if text == "0010"));
        let Value::Map(inner) = &entries[2].1.value else {
            panic!("no map")
        };
        let Value::List(list) = &inner[0].1.value else {
            panic!("no list")
        };
        assert!(matches!(&list[1].value, Value::Scalar { text, .. } if text == "1e3"));
        assert_eq!((list[0].line, list[0].column), (3, 9));
        assert!(matches!(inner[1].1.value, Value::Null));
    }

    #[test]
    fn what_is_no_yaml_has_a_place() {
        let problem = parse("x.yaml", "a: [1\nb: 2\n").unwrap_err();
        assert!(problem.line > 0, "{problem}");
        let second = parse("x.yaml", "a: 1\n---\nb: 2\n").unwrap_err();
        assert_eq!((second.line, second.column), (2, 1), "{second}");
    }
}
