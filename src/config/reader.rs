//! Walks the nodes of a configuration: takes known keys, notes every error, refuses the rest.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::overrides::Overrides;
use crate::problem::{Problem, did_you_mean};
use crate::yaml::{BARE_KEY, Key, Node, Value};

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
        self.problems.into_inner()
    }

    /// A path of the file, against the file's folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    pub(super) fn fail(&self, line: u64, column: u64, message: impl Into<String>) {
        let overridden = Overrides::number_of(line).and_then(|number| self.overrides.get(number));
        let problem = match overridden {
            Some(name) => Overrides::problem(name, message),
            None => Problem::new(&self.file, line, column, message),
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
    /// Where it stands, or where it is missing: line and column of the nearest section above it.
    place: (u64, u64),
    /// Whether something stands here that is no mapping. That was told, and what is missing in it is not.
    is_broken: bool,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole file; `None` when it is no mapping.
    pub(super) fn root(context: &'a Context, node: &'a Node) -> Option<Self> {
        if matches!(node.value, Value::Map(_)) {
            return Some(Self::new(context, String::new(), node));
        }
        match node.value {
            Value::Null => context.fail(0, 0, "is empty: `gateway` and `departments` are missing"),
            _ => context.fail(
                node.line,
                node.column,
                "the configuration must be a mapping",
            ),
        }
        None
    }

    fn new(context: &'a Context, name: String, node: &'a Node) -> Self {
        Self {
            context,
            name,
            node: Some(node),
            place: (node.line, node.column),
            is_broken: false,
            known: RefCell::default(),
        }
    }

    /// Whether the file has this section, as a mapping.
    pub(super) fn is_present(&self) -> bool {
        self.node.is_some()
    }

    /// A section inside this one.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let name = self.path(key);
        match self.node(key) {
            Some(node) if matches!(node.value, Value::Map(_)) => {
                Section::new(self.context, name, node)
            }
            other => {
                if let Some(node) = other {
                    self.must_be(key, node, "a mapping");
                }
                Section {
                    context: self.context,
                    name,
                    node: None,
                    place: self.place,
                    is_broken: self.is_broken || other.is_some(),
                    known: RefCell::default(),
                }
            }
        }
    }

    /// The mappings of a list inside this section.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let items = self.list(key).into_iter().flatten().enumerate();
        let items = items.map(|(number, node)| (format!("{key}[{number}]"), node));
        items
            .filter_map(|(name, node)| self.member(&name, node))
            .collect()
    }

    /// The mappings of a mapping whose keys are names; `parse` says what a name must be.
    pub(super) fn named_sections(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<String, String>,
    ) -> Vec<(String, Self)> {
        let section = self.section(key);
        section.refuse_repeated();
        let Some(Value::Map(entries)) = section.node.map(|node| &node.value) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (key, node) in entries {
            if let Err(message) = parse(&key.name) {
                let message = format!("{}: {message}", section.path(&key.name));
                self.context.fail(key.line, key.column, message);
            }
            let member = section.member(&key.name, node);
            sections.extend(member.map(|member| (key.name.clone(), member)));
        }
        sections
    }

    /// A node below this section that must be a mapping.
    fn member(&self, name: &str, node: &'a Node) -> Option<Self> {
        let is_map = matches!(node.value, Value::Map(_));
        if !is_map {
            self.must_be(name, node, "a mapping");
        }
        is_map.then(|| Section::new(self.context, self.path(name), node))
    }

    fn must_be(&self, key: &str, node: &Node, what: &str) {
        let message = format!("{} must be {what}", self.path(key));
        self.context.fail(node.line, node.column, message);
    }

    /// The items of a list.
    pub(super) fn list(&self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => {
                self.must_be(key, node, "a list");
                None
            }
        }
    }

    /// Whether a key has something else than a mapping.
    pub(super) fn is_no_mapping(&self, key: &'static str) -> bool {
        let node = self.node(key);
        node.is_some_and(|node| !matches!(node.value, Value::Map(_)))
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

    /// The values of a list that must hold some.
    pub(super) fn some_values<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        if self.list(key).is_some_and(<[Node]>::is_empty) {
            self.fail(key, "must not be empty");
        }
        self.values(key, parse)
    }

    fn parse_node<T>(
        &self,
        key: &'static str,
        node: &Node,
        parse: &dyn Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Value::Scalar { text, is_quoted } = &node.value else {
            self.must_be(key, node, "a single value");
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
        if self.is_broken {
            return;
        }
        let (line, column) = self.place;
        self.context
            .fail(line, column, format!("{} is missing", self.path(key)));
    }

    /// Notes an error at a key's value.
    pub(super) fn fail(&self, key: &'static str, message: impl AsRef<str>) {
        let node = self.node(key);
        let (line, column) = node.map_or(self.place, |node| (node.line, node.column));
        self.context.fail(
            line,
            column,
            format!("{}: {}", self.path(key), message.as_ref()),
        );
    }

    /// Refuses all keys that were not asked for, and those that stand twice; those in `later` are of the
    /// contract, not of this version.
    pub(super) fn finish(&self, later: &[&str]) {
        self.refuse_repeated();
        let Some(Value::Map(entries)) = self.node.map(|node| &node.value) else {
            return;
        };
        let known = self.known.borrow();
        let is_override = |key: &Key| Overrides::number_of(key.line).is_some();
        for (key, _) in entries {
            let name = key.name.as_str();
            if known.contains(name) {
                continue;
            }
            let path = self.path(name);
            let names = || known.iter().chain(later).copied();
            let message = if later.contains(&name) {
                format!("{path} is not supported by this version: leave it out")
            } else if key.is_alone {
                format!("what stands here is no key and {BARE_KEY}")
            } else if let Some(meant) = did_you_mean(name, names()) {
                format!("unknown key {path}: did you mean `{meant}`?")
            } else if is_override(key) && begins_with_one(name, names()) {
                format!("unknown key {path}: two underscores stand between keys")
            } else {
                format!("unknown key {path}")
            };
            self.context.fail(key.line, key.column, message);
        }
    }

    fn refuse_repeated(&self) {
        let Some(Value::Map(entries)) = self.node.map(|node| &node.value) else {
            return;
        };
        let mut seen = BTreeSet::new();
        for (key, _) in entries {
            if !seen.insert(key.name.as_str()) {
                let message = if key.is_alone {
                    format!("what stands here stands twice and {BARE_KEY}")
                } else {
                    format!("{} stands twice", self.path(&key.name))
                };
                self.context.fail(key.line, key.column, message);
            }
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

/// Whether a name is a known one, an underscore and more.
fn begins_with_one<'a>(name: &str, mut known: impl Iterator<Item = &'a str>) -> bool {
    known.any(|known| {
        let rest = name.strip_prefix(known);
        rest.is_some_and(|rest| rest.starts_with('_'))
    })
}
