//! The section `departments`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reader::Section;
use super::values::{duration, id, network, number, one_of, rate, secret, text};
use crate::catalog::{Department, DepartmentLimits, Pull, Secret};
use crate::problem::none_of;
use crate::sink::gb28181::PlatformSettings;
use crate::yaml::Value;

/// The industry digits of the departments that the contract names.
const INDUSTRIES: [(&str, &str); 6] = [
    ("education", "11"),
    ("health", "09"),
    ("urban_management", "08"),
    ("housing", "44"),
    ("park", "42"),
    ("social", "03"),
];

pub(super) fn read(root: &Section<'_>) -> Vec<Department> {
    let sections = root.sections("departments");
    if root.node("departments").is_none() {
        root.missing("departments");
    }
    let mut departments: Vec<Department> = Vec::new();
    for section in &sections {
        let department = department(section);
        let is_same = |other: &Department| other.id.eq_ignore_ascii_case(&department.id);
        if departments.iter().any(is_same) && !department.id.is_empty() {
            section.fail("id", format!("`{}` stands twice", department.id));
        }
        departments.push(department);
    }
    if departments.len() > DEPARTMENTS_MAX {
        root.fail("departments", format!("at most {DEPARTMENTS_MAX}"));
    }
    departments
}

fn department(section: &Section<'_>) -> Department {
    let id = section.required("id", id).unwrap_or_default();
    let default = INDUSTRIES
        .iter()
        .find(|(name, _)| *name == id)
        .map(|(_, industry)| *industry);
    let industry = section.value("industry", |text| {
        let is_industry = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
        is_industry
            .then(|| text.to_owned())
            .ok_or_else(|| format!("`{text}` must be two digits (0 to 9), in quotes"))
    });
    if section.node("industry").is_none() && default.is_none() && !id.is_empty() {
        section.missing("industry");
    }
    let credentials = credentials(section);
    let department = Department {
        name: section.value("name", text).unwrap_or_else(|| id.clone()),
        networks: section.values("networks", network).unwrap_or_default(),
        ports: section
            .some_values("ports", number(1..=65_535))
            .unwrap_or_else(|| vec![554]),
        pull: section
            .value(
                "pull",
                one_of(&[("on_demand", Pull::OnDemand), ("always", Pull::Always)]),
            )
            .unwrap_or_default(),
        industry: industry
            .or_else(|| default.map(str::to_owned))
            .unwrap_or_default(),
        network: section
            .value("network", number(0..=9))
            .unwrap_or(if id == "social" { 7 } else { 6 }),
        probe_interval: probe_interval(&section.section("probe")),
        credentials,
        limits: limits(&section.section("limits")),
        shared_with: shared_with(&section.section("sharing")),
        id,
    };
    section.finish(&[]);
    department
}

/// `none` is for departments whose cameras cannot bear it.
fn probe_interval(section: &Section<'_>) -> Option<Duration> {
    let second = Duration::from_secs(1);
    let interval = section.value("interval", |text| match text {
        "none" => Ok(None),
        other => duration(second..=86_400 * second)(other).map(Some),
    });
    section.finish(&[]);
    interval.unwrap_or(Some(600 * second))
}

/// Users and passwords that cameras name in their column `credential`.
fn credentials(section: &Section<'_>) -> BTreeMap<String, (String, Secret)> {
    let mut credentials = BTreeMap::new();
    for (name, section) in section.named_sections("credentials", id) {
        let username = section.required("username", text);
        let password = secret(&section, "password");
        section.finish(&[]);
        if let (Some(username), Some(password)) = (username, password) {
            credentials.insert(name, (username, password));
        }
    }
    credentials
}

fn limits(section: &Section<'_>) -> DepartmentLimits {
    let default = DepartmentLimits::default();
    let limits = DepartmentLimits {
        streams: section
            .value("streams", number(1..=100_000))
            .unwrap_or(default.streams),
        bandwidth: section
            .value("bandwidth", rate)
            .unwrap_or(default.bandwidth),
        connects_per_second: section
            .value("connects_per_second", number(1..=250))
            .map_or(default.connects_per_second, f64::from),
    };
    section.finish(&[]);
    limits
}

/// The platforms are checked against the section `platforms` once that is read.
fn shared_with(section: &Section<'_>) -> Option<Vec<String>> {
    let platforms = section.values("platforms", id);
    section.finish(&["hours", "case_required", "never"]);
    platforms
}

/// A platform sees a department when both sides name one another.
pub(super) fn withhold(departments: &[Department], platforms: &mut [PlatformSettings]) {
    for platform in platforms {
        let id = &platform.id;
        let is_shared = |name: &String| {
            departments
                .iter()
                .any(|department| department.id == *name && department.is_shared_with(id))
        };
        platform.share.departments.retain(is_shared);
    }
}

/// A department is shared with platforms that exist.
pub(super) fn check_sharing(root: &Section<'_>) {
    let known = match root.node("platforms") {
        None => Vec::new(),
        Some(_) => match ids(root, "platforms") {
            None => return,
            Some(ids) => ids,
        },
    };
    for department in root.sections("departments") {
        let sharing = department.section("sharing");
        sharing.values("platforms", |text| {
            let is_known = known.iter().any(|id| id == text);
            let unknown = || none_of(text, "platform", known.iter().map(String::as_str));
            is_known.then_some(()).ok_or_else(unknown)
        });
    }
}

/// The ids of the members of a list, whatever else is wrong with them. `None` where not all can be read:
/// then nothing can be said about who is not among them.
pub(super) fn ids(root: &Section<'_>, key: &'static str) -> Option<Vec<String>> {
    let node = root.node(key)?;
    let sections = root.sections(key);
    let ids: Vec<_> = sections
        .iter()
        .filter_map(|section| section.value("id", id))
        .collect();
    matches!(&node.value, Value::List(items) if items.len() == ids.len()).then_some(ids)
}

const DEPARTMENTS_MAX: usize = 32;
