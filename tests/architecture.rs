//! Holds the module rules of ARCHITECTURE.md: who may import whom, and what a core may not touch.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of `src`, and the modules it may import. Lower rows may import upper rows only.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("media", &[]),
    ("catalog", &[]),
    ("ledger", &[]),
    ("problem", &[]),
    ("task", &[]),
    ("descriptors", &[]),
    ("clock", &[]),
    ("meter", &[]),
    ("metrics", &["ledger"]),
    ("yaml", &["problem"]),
    ("proto", &["catalog", "media"]),
    ("bus", &["media", "proto"]),
    ("store", &["catalog", "ledger"]),
    ("import", &["catalog", "problem", "yaml"]),
    (
        "source",
        &[
            "bus",
            "catalog",
            "clock",
            "descriptors",
            "ledger",
            "media",
            "meter",
            "metrics",
            "proto",
            "task",
        ],
    ),
    (
        "sink",
        &[
            "bus",
            "catalog",
            "clock",
            "descriptors",
            "ledger",
            "media",
            "meter",
            "metrics",
            "proto",
            "source",
            "task",
        ],
    ),
    ("discover", &["catalog", "clock", "descriptors", "task"]),
    (
        "config",
        &[
            "catalog", "media", "problem", "proto", "sink", "source", "yaml",
        ],
    ),
    (
        "api",
        &[
            "catalog", "clock", "discover", "import", "ledger", "metrics", "problem", "sink",
            "source", "task",
        ],
    ),
    (
        "gateway",
        &[
            "api",
            "catalog",
            "clock",
            "config",
            "descriptors",
            "discover",
            "import",
            "ledger",
            "metrics",
            "problem",
            "sink",
            "source",
            "store",
            "task",
        ],
    ),
    (
        "cli",
        &[
            "catalog",
            "config",
            "descriptors",
            "gateway",
            "import",
            "ledger",
            "metrics",
            "problem",
            "source",
            "task",
        ],
    ),
];

/// Modules that are cores as a whole.
const PURE: &[&str] = &["media", "catalog", "ledger", "proto"];

/// What would make a core depend on a runtime, a socket or a clock.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net::Udp",
    "std::net::Tcp",
    "::now()",
    "async fn",
    "rand::",
    "std::env",
];

/// The most lines a file may have above its unit tests.
const FILE_LINES_MAX: usize = 500;

#[test]
fn modules_import_only_what_they_may() {
    let mut broken = Vec::new();
    for (module, allowed) in MAY_IMPORT {
        for (place, line) in code_of(module) {
            for imported in imports(&line) {
                if imported.is_empty() {
                    broken.push(format!("{place}: write one `use crate::module` a line"));
                } else if imported != *module && !allowed.contains(&imported.as_str()) {
                    broken.push(format!("{place}: {module} imports {imported}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_table_of_imports_has_no_circle() {
    for (row, (module, allowed)) in MAY_IMPORT.iter().enumerate() {
        for import in *allowed {
            let above = MAY_IMPORT[..row].iter().any(|(name, _)| name == import);
            assert!(
                above,
                "{module} may import {import}, which does not stand above it"
            );
        }
    }
}

#[test]
fn cores_do_no_io() {
    let broken: Vec<_> = PURE
        .iter()
        .flat_map(|module| code_of(module))
        .filter(|(_, line)| IMPURE.iter().any(|word| line.contains(word)))
        .map(|(place, line)| format!("{place}: not pure: {}", line.trim()))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_sink_imports_another() {
    let mut broken = Vec::new();
    for (place, line) in code_of("sink") {
        let own = place.split('/').nth(2).unwrap_or_default().to_owned();
        for other in line.split("crate::sink::").skip(1) {
            if !other.starts_with(&own) {
                broken.push(format!("{place}: {}", line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_the_api_and_the_commands_know_json() {
    let broken: Vec<_> = MAY_IMPORT
        .iter()
        .filter(|(module, _)| !matches!(*module, "api" | "cli"))
        .flat_map(|(module, _)| code_of(module))
        .filter(|(_, line)| line.contains("serde_json") || line.contains("derive(Serialize"))
        // Maps come as GeoJSON.
        .filter(|(place, _)| !place.starts_with("src/config/regions.rs"))
        .map(|(place, _)| place)
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_the_task_module_spawns() {
    let broken: Vec<_> = MAY_IMPORT
        .iter()
        .filter(|(module, _)| *module != "task")
        .flat_map(|(module, _)| code_of(module))
        .filter(|(_, line)| line.contains("tokio::spawn") || line.contains("unbounded"))
        .map(|(place, line)| format!("{place}: {}", line.trim()))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_child_process_is_started() {
    let broken: Vec<_> = MAY_IMPORT
        .iter()
        .flat_map(|(module, _)| code_of(module))
        .filter(|(_, line)| line.contains("process::Command"))
        .map(|(place, _)| place)
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_stay_small() {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    let long: Vec<_> = files
        .iter()
        .filter(|path| code_lines(path) > FILE_LINES_MAX)
        .collect();
    assert!(long.is_empty(), "over {FILE_LINES_MAX} lines: {long:?}");
}

#[test]
fn every_module_has_a_row() {
    let missing: Vec<_> = fs::read_dir("src")
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .filter(|name| name != "lib" && name != "main")
        .filter(|name| !MAY_IMPORT.iter().any(|(module, _)| module == name))
        .collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

/// The modules that a line names after `crate::`.
fn imports(line: &str) -> Vec<String> {
    line.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

/// The lines of code of a module, each with its place; no comments, no unit tests.
fn code_of(module: &str) -> Vec<(String, String)> {
    let mut files = vec![PathBuf::from(format!("src/{module}.rs"))];
    collect(&Path::new("src").join(module), &mut files);
    files.retain(|path| path.exists());
    let mut code = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for (index, line) in text
            .lines()
            .enumerate()
            .take_while(|(_, l)| *l != "#[cfg(test)]")
        {
            if !line.trim_start().starts_with("//") {
                code.push((format!("{}:{}", path.display(), index + 1), line.to_owned()));
            }
        }
    }
    assert!(!code.is_empty(), "module {module} has no code");
    code
}

fn code_lines(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
