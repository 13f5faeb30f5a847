//! The section `departments`.

use super::reader::Section;
use super::values::{id, network, number, one_of, text};
use crate::catalog::{Department, Pull};

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
    if sections.is_empty() && root.node("departments").is_none() {
        root.missing("departments");
    }
    let mut departments: Vec<Department> = Vec::new();
    for section in &sections {
        let department = department(section);
        if departments.iter().any(|other| other.id == department.id) && !department.id.is_empty() {
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
            .ok_or_else(|| format!("`{text}` must be two digits, in quotes"))
    });
    if industry.is_none() && default.is_none() && !id.is_empty() {
        section.missing("industry");
    }
    let department = Department {
        name: section.value("name", text).unwrap_or_else(|| id.clone()),
        networks: section.values("networks", network).unwrap_or_default(),
        ports: section
            .values("ports", number(1..=65_535))
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
        id,
    };
    section.finish(&["probe", "credentials", "limits", "sharing"]);
    department
}

const DEPARTMENTS_MAX: usize = 32;
