//! Walks the nodes of a configuration: takes known keys, notes every error, refuses the rest.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::overrides::Overrides;
use crate::problem::{Problem, did_you_mean};
use crate::yaml::{Node, Value};

/// The file that is read, and what is wrong with it so far.
#[derive(Debug)]
pub(super) struct Context {
    file: String,
    folder: PathBuf,
    /// Variables of the environment that changed the file; see [`Overrides`].
    overrides: Vec<String>,
    problems: RefCell<Vec<Problem>>,
}

impl Context {
    pub(super) fn new(file: &str, folder: &Path, overrides: &Overrides) -> Self {
        Self {
            file: file.to_owned(),
            folder: folder.to_owned(),
            overrides: overrides.names(),
            problems: RefCell::default(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems
    }

    /// A path of the file, against the file's folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    pub(super) fn fail(&self, line: u64, column: u64, message: impl Into<String>) {
        let overridden = Overrides::number_of(line).and_then(|number| self.overrides.get(number));
        let problem = match overridden {
            Some(name) => Problem {
                file: format!("environment {name}"),
                line: 0,
                column: 0,
                message: message.into(),
            },
            None => Problem {
                file: self.file.clone(),
                line,
                column,
                message: message.into(),
            },
        };
        // A value that two parts of the configuration look at is told once.
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

/// A mapping of the configuration. A section that is missing reads as an empty one.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) context: &'a Context,
    /// Its name with those above it: `platforms.district.media`.
    name: String,
    node: Option<&'a Node>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole file; `None` when it is no mapping.
    pub(super) fn root(context: &'a Context, node: &'a Node) -> Option<Self> {
        if matches!(node.value, Value::Map(_)) {
            return Some(Self::new(context, String::new(), Some(node)));
        }
        context.fail(
            node.line,
            node.column,
            "the configuration must be a mapping",
        );
        None
    }

    fn new(context: &'a Context, name: String, node: Option<&'a Node>) -> Self {
        Self {
            context,
            name,
            node,
            known: RefCell::default(),
        }
    }

    /// Whether the file has this section.
    pub(super) fn is_present(&self) -> bool {
        self.node.is_some()
    }

    /// A section inside this one.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let node = self.node(key).filter(|node| {
            let is_map = matches!(node.value, Value::Map(_));
            if !is_map {
                self.context.fail(
                    node.line,
                    node.column,
                    format!("{} must be a mapping", self.path(key)),
                );
            }
            is_map
        });
        Section::new(self.context, self.path(key), node)
    }

    /// The mappings of a list inside this section.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let mut sections = Vec::new();
        for (number, node) in self.list(key).into_iter().flatten().enumerate() {
            let name = format!("{}[{number}]", self.path(key));
            if matches!(node.value, Value::Map(_)) {
                sections.push(Section::new(self.context, name, Some(node)));
            } else {
                self.context
                    .fail(node.line, node.column, format!("{name} must be a mapping"));
            }
        }
        sections
    }

    /// The mappings of a mapping whose keys are names.
    pub(super) fn named_sections(&self, key: &'static str) -> Vec<(String, Self)> {
        let section = self.section(key);
        let Some(Value::Map(entries)) = section.node.map(|node| &node.value) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (key, node) in entries {
            let name = section.path(&key.name);
            if matches!(node.value, Value::Map(_)) {
                sections.push((
                    key.name.clone(),
                    Section::new(self.context, name, Some(node)),
                ));
            } else {
                self.context
                    .fail(node.line, node.column, format!("{name} must be a mapping"));
            }
        }
        sections
    }

    /// The items of a list.
    pub(super) fn list(&self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => {
                self.context.fail(
                    node.line,
                    node.column,
                    format!("{} must be a list", self.path(key)),
                );
                None
            }
        }
    }

    /// The node of a key, which is known from now on.
    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().insert(key);
        let Some(Value::Map(entries)) = self.node.map(|node| &node.value) else {
            return None;
        };
        let found = entries
            .iter()
            .find(|(name, _)| name.name == key)
            .map(|(_, node)| node);
        found.filter(|node| !matches!(node.value, Value::Null))
    }

    /// A value read by `parse`, whose error says what it must be.
    pub(super) fn value<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.node(key)?;
        self.parse_node(key, node, &parse)
    }

    /// The values of a list, each read by `parse`.
    pub(super) fn values<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.list(key)?;
        Some(
            items
                .iter()
                .filter_map(|item| self.parse_node(key, item, &parse))
                .collect(),
        )
    }

    fn parse_node<T>(
        &self,
        key: &'static str,
        node: &Node,
        parse: &dyn Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Value::Scalar { text, is_quoted } = &node.value else {
            self.context.fail(
                node.line,
                node.column,
                format!("{} must be a single value", self.path(key)),
            );
            return None;
        };
        let is_code = text.len() >= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = if is_code && !is_quoted {
            Err(format!("a code must stand in quotes: \"{text}\""))
        } else {
            parse(text)
        };
        match parsed {
            Ok(value) => Some(value),
            Err(message) => {
                self.context.fail(
                    node.line,
                    node.column,
                    format!("{}: {message}", self.path(key)),
                );
                None
            }
        }
    }

    /// A value that must be there.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.node(key).is_none() {
            self.missing(key);
        }
        self.value(key, parse)
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &'static str) {
        self.known.borrow_mut().insert(key);
        let (line, column) = self.node.map_or((0, 0), |node| (node.line, node.column));
        self.context
            .fail(line, column, format!("{} is missing", self.path(key)));
    }

    /// Notes an error at a key's value.
    pub(super) fn fail(&self, key: &'static str, message: impl AsRef<str>) {
        let place = self.node(key).or(self.node);
        let (line, column) = place.map_or((0, 0), |node| (node.line, node.column));
        self.context.fail(
            line,
            column,
            format!("{}: {}", self.path(key), message.as_ref()),
        );
    }

    /// Refuses all keys that were not asked for; those in `later` are of the contract, not of this
    /// version.
    pub(super) fn finish(&self, later: &[&str]) {
        let Some(Value::Map(entries)) = self.node.map(|node| &node.value) else {
            return;
        };
        let known = self.known.borrow();
        for (key, _) in entries {
            let name = key.name.as_str();
            if known.contains(name) {
                continue;
            }
            let path = self.path(name);
            let message = if later.contains(&name) {
                format!("{path} is not supported by this version: leave it out")
            } else {
                match did_you_mean(name, known.iter().copied().chain(later.iter().copied())) {
                    Some(meant) => format!("unknown key {path}: did you mean `{meant}`?"),
                    None => format!("unknown key {path}"),
                }
            };
            self.context.fail(key.line, key.column, message);
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}
