//! `HUIJU_SET_LISTEN__HTTP=…`: single values of the configuration from the environment.
//!
//! Two underscores stand between keys; a member of a list is named by its id. Secrets are never taken
//! from here: `{env: NAME}` is for them.

use crate::problem::Problem;
use crate::yaml::{self, Key, Node, Value};

/// The overrides of the environment, by name.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// Those of this process's environment.
    pub fn of_environment() -> Self {
        let variables = std::env::vars_os();
        Self::new(variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Those among `variables`.
    pub fn new(variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut overrides: Vec<_> = variables
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        overrides.sort();
        Self(overrides)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Which override a node of that line comes from; lines of a file are smaller.
    pub(super) fn number_of(line: u64) -> Option<usize> {
        line.checked_sub(FIRST_LINE)
            .and_then(|number| usize::try_from(number).ok())
    }

    /// Changes the file's nodes; returns what cannot be done.
    pub(super) fn apply(&self, root: &mut Node) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (number, (name, text)) in self.0.iter().enumerate() {
            let line = FIRST_LINE + number as u64;
            let done = path(name).and_then(|path| set(root, &path, value(name, text, line)?, line));
            problems.extend(done.err().map(|message| Self::problem(name, message)));
        }
        problems
    }

    /// What is wrong with the variable `name`.
    pub(super) fn problem(name: &str, message: impl Into<String>) -> Problem {
        Problem::whole(&format!("environment {name}"), message)
    }

    /// Sorts problems: those of the file by place, then those of the environment by name.
    pub(super) fn sort(problems: &mut [Problem], file: &str) {
        problems.sort_by(|one, other| {
            let is_variable = |problem: &Problem| problem.file != file;
            (is_variable(one), one).cmp(&(is_variable(other), other))
        });
    }
}

/// The keys that a variable names.
fn path(name: &str) -> Result<Vec<&str>, String> {
    let keys = name.strip_prefix(PREFIX).unwrap_or_default();
    let keys: Vec<&str> = keys.split("__").collect();
    if keys.iter().any(|key| key.is_empty()) {
        let example = format!("{PREFIX}LISTEN__HTTP");
        return Err(format!(
            "names no key: write two underscores between keys, as in {example}"
        ));
    }
    Ok(keys)
}

/// A list or mapping in YAML's flow style, else a text.
fn value(name: &str, text: &str, line: u64) -> Result<Node, String> {
    if text.trim_start().starts_with(['[', '{']) {
        let mut node = yaml::parse(name, text).map_err(|problem| problem.message)?;
        place(&mut node, line);
        return Ok(node);
    }
    let value = Value::Scalar {
        text: text.to_owned(),
        is_quoted: true,
    };
    Ok(Node {
        value,
        line,
        column: 0,
    })
}

fn place(node: &mut Node, line: u64) {
    (node.line, node.column) = (line, 0);
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
            (key.line, key.column) = (line, 0);
            place(node, line);
        }),
        Value::List(items) => items.iter_mut().for_each(|item| place(item, line)),
        Value::Scalar { .. } | Value::Null => {}
    }
}

fn set(node: &mut Node, path: &[&str], new: Node, line: u64) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else {
        *node = new;
        return Ok(());
    };
    if SECRETS
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
    {
        return Err("a secret is never set from here: write {env: NAME} into the file".to_owned());
    }
    if let Value::Null = node.value {
        node.value = Value::Map(Vec::new());
    }
    match &mut node.value {
        Value::Map(entries) => {
            let found = entries
                .iter()
                .position(|(key, _)| key.name.eq_ignore_ascii_case(name));
            let index = found.unwrap_or_else(|| {
                let key = Key {
                    is_alone: false,
                    name: name.to_ascii_lowercase(),
                    line,
                    column: 0,
                };
                entries.push((
                    key,
                    Node {
                        value: Value::Null,
                        line,
                        column: 0,
                    },
                ));
                entries.len() - 1
            });
            match entries.get_mut(index) {
                Some((_, inner)) => set(inner, rest, new, line),
                None => Ok(()),
            }
        }
        Value::List(items) => {
            let member = items
                .iter_mut()
                .find(|item| id_of(item).is_some_and(|id| id.eq_ignore_ascii_case(name)));
            match member {
                Some(member) => set(member, rest, new, line),
                None => Err(format!("the list has no member with the id `{name}`")),
            }
        }
        Value::Scalar { .. } | Value::Null => Err(format!("`{name}` is below a single value")),
    }
}

fn id_of(node: &Node) -> Option<&str> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let (_, id) = entries.iter().find(|(key, _)| key.name == "id")?;
    match &id.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

const PREFIX: &str = "HUIJU_SET_";
/// Keys whose values are secrets.
const SECRETS: [&str; 6] = [
    "password",
    "secrets_key",
    "signing_key",
    "key",
    "token",
    "credentials",
];
/// Beyond every line of a file: a file has at most so many bytes.
const FIRST_LINE: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_replaced_added_or_found_by_its_id() {
        let mut root = yaml::parse(
            "x",
            "listen: {http: a}\nplatforms:\n  - {id: district, address: b}\n",
        )
        .unwrap();
        let problems = overrides(&[
            ("HUIJU_SET_LISTEN__HTTP", "127.0.0.1:1"),
            ("HUIJU_SET_LISTEN__SIP", "127.0.0.1:2"),
            ("HUIJU_SET_PLATFORMS__district__ADDRESS", "10.0.0.1:5060"),
            ("HUIJU_SET_INVENTORY__FILES", "[a.csv, b.csv]"),
            ("HOME", "/"),
        ])
        .apply(&mut root);
        assert_eq!(problems, []);
        let text = format!("{root:?}");
        for value in ["127.0.0.1:1", "127.0.0.1:2", "10.0.0.1:5060", "b.csv"] {
            assert!(text.contains(value), "{value} in {text}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_said() {
        let table = [
            (
                "HUIJU_SET_PLATFORMS__city__ADDRESS",
                "the list has no member with the id `city`",
            ),
            (
                "HUIJU_SET_PLATFORMS__district__PASSWORD",
                "a secret is never set from here: write {env: NAME} into the file",
            ),
            (
                "HUIJU_SET_LISTEN__HTTP__PORT",
                "`PORT` is below a single value",
            ),
        ];
        for (name, message) in table {
            let mut root = yaml::parse(
                "x",
                "listen: {http: a}\nplatforms:\n  - {id: district, password: b}\n",
            )
            .unwrap();
            let problems = overrides(&[(name, "x")]).apply(&mut root);
            assert_eq!(
                problems[0].to_string(),
                format!("environment {name}: {message}")
            );
        }
    }

    fn overrides(variables: &[(&str, &str)]) -> Overrides {
        Overrides::new(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }
}
