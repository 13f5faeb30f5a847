//! The catalogue as a business tree (GB/T 28181-2016 annex J): 200 → 215 → 216 a department → cameras.

use std::collections::BTreeMap;

use super::manifest::Camera;
use crate::platform::catalogue::Item;

/// A catalogue by code.
#[derive(Debug)]
pub struct Tree<'a> {
    items: BTreeMap<&'a str, &'a Item>,
    system: &'a str,
}

impl<'a> Tree<'a> {
    /// Takes the items of a catalogue; `system` is the lower platform's code.
    pub fn new(items: &'a [Item], system: &'a str) -> Self {
        Self {
            items: items.iter().map(|item| (item.id.as_str(), item)).collect(),
            system,
        }
    }

    /// What is wrong with the nodes above the cameras.
    pub fn wrong_nodes(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let groups = self
            .items
            .values()
            .filter(|item| item.kind() == "215")
            .count();
        if groups != 1 {
            wrong.push(format!("{groups} business groups (215) instead of one"));
        }
        for item in self.items.values() {
            if item.id.len() != 20 || !item.id.bytes().all(|byte| byte.is_ascii_digit()) {
                wrong.push(format!("{:?} is no code of 20 digits", item.id));
            }
            if item.name().is_empty() {
                wrong.push(format!("{} has no Name", item.id));
            }
            if item.field("CivilCode") == "null" {
                wrong.push(format!("{} has the CivilCode null", item.id));
            }
            match item.kind() {
                "215" if item.parent_id() != self.system => {
                    wrong.push(format!("215 {} lies under {:?}", item.id, item.parent_id()));
                }
                "216" => wrong.extend(self.path_to_system(item).err()),
                _ => {}
            }
        }
        wrong
    }

    /// The code of a camera, when the catalogue has it right.
    ///
    /// # Errors
    /// In words, what is wrong.
    pub fn find(&self, camera: &Camera) -> Result<&'a str, String> {
        let mut named = self
            .items
            .values()
            .filter(|item| item.kind() == "132" && item.name() == camera.name);
        let item = named.next().ok_or("not in the catalogue")?;
        if named.next().is_some() {
            return Err("twice in the catalogue".into());
        }
        let (industry, network) = digits(&camera.department);
        if item.id.get(8..10) != Some(industry) || item.id.get(13..14) != Some(network) {
            return Err(format!(
                "{} is not industry {industry}, network {network}",
                item.id
            ));
        }
        if !matches!(item.status(), "ON" | "OFF") {
            return Err(format!("Status {:?}", item.status()));
        }
        for (name, expected) in [("Parental", "0"), ("RegisterWay", "1"), ("Secrecy", "0")] {
            if item.field(name) != expected {
                return Err(format!("{name} {:?}", item.field(name)));
            }
        }
        for name in ["IPAddress", "Port", "Password"] {
            if !item.field(name).is_empty() {
                return Err(format!("{name} is told"));
            }
        }
        let department = self
            .items
            .get(item.parent_id())
            .ok_or_else(|| format!("ParentID {:?}", item.parent_id()))?;
        if department.kind() != "216" || department.name() != camera.department_name {
            return Err(format!(
                "lies under {} {}",
                department.kind(),
                department.name()
            ));
        }
        let group = self.path_to_system(department)?;
        if item.business_group_id() != group {
            return Err(format!("BusinessGroupID {:?}", item.business_group_id()));
        }
        Ok(&item.id)
    }

    /// Follows a 216 upwards to its 215, which must lie under the system, and returns the 215.
    fn path_to_system(&self, organisation: &'a Item) -> Result<&'a str, String> {
        let mut node = organisation;
        for _ in 0..LEVELS_MAX {
            let parent = node.parent_id();
            let Some(above) = self.items.get(parent) else {
                return Err(format!(
                    "{} has the ParentID {parent:?}, which is no item",
                    node.id
                ));
            };
            match above.kind() {
                "216" => node = above,
                "215"
                    if above.parent_id() == self.system
                        && organisation.business_group_id() == above.id =>
                {
                    return Ok(&above.id);
                }
                kind => {
                    let group = organisation.business_group_id();
                    return Err(format!(
                        "{} with BusinessGroupID {group:?} ends at {kind} {}",
                        organisation.id, above.id
                    ));
                }
            }
        }
        Err(format!("{} lies in a loop", organisation.id))
    }
}

/// The industry and network digits of a department's cameras.
fn digits(department: &str) -> (&'static str, &'static str) {
    match department {
        "education" => ("11", "6"),
        "health" => ("09", "6"),
        "urban_management" => ("08", "6"),
        "housing" => ("44", "6"),
        "park" => ("42", "6"),
        "social" => ("03", "7"),
        _ => ("00", "6"),
    }
}

/// Departments and the organisations in them.
const LEVELS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "43021100002000000002";
    const GROUP: &str = "43021100002150000001";
    const EDUCATION: &str = "43021100002166000001";
    const CAMERA: &str = "43021100111326000001";

    fn item(id: &str, name: &str, parent: &str) -> Item {
        let fields = [
            ("DeviceID", id),
            ("Name", name),
            ("ParentID", parent),
            ("BusinessGroupID", GROUP),
            ("Status", "ON"),
            ("Parental", "0"),
            ("RegisterWay", "1"),
            ("Secrecy", "0"),
        ];
        Item {
            id: id.into(),
            fields: fields
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
        }
    }

    fn catalogue() -> Vec<Item> {
        vec![
            item(SYSTEM, "天元区视频汇聚网关", ""),
            item(GROUP, "业务分组", SYSTEM),
            item(EDUCATION, "区教育局", GROUP),
            item(CAMERA, "天元小学东门", EDUCATION),
        ]
    }

    fn camera() -> Camera {
        serde_json::from_value(serde_json::json!({
            "name": "天元小学东门", "department": "education", "department_name": "区教育局",
            "video": {"codec": "h264", "file": "a.h264", "parameter_sets": "sdp_only"}, "audio": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_camera_under_its_department_is_found() {
        let items = catalogue();
        let tree = Tree::new(&items, SYSTEM);
        assert_eq!(tree.wrong_nodes(), Vec::<String>::new());
        assert_eq!(tree.find(&camera()), Ok(CAMERA));
    }

    #[test]
    fn a_flat_tree_and_a_told_address_are_found_out() {
        let mut items = catalogue();
        items[3].fields.insert("ParentID".into(), SYSTEM.into());
        assert!(Tree::new(&items, SYSTEM).find(&camera()).is_err());
        let mut items = catalogue();
        items[3]
            .fields
            .insert("IPAddress".into(), "127.20.1.1".into());
        assert!(Tree::new(&items, SYSTEM).find(&camera()).is_err());
        let mut items = catalogue();
        items[2].fields.insert("ParentID".into(), EDUCATION.into());
        assert!(Tree::new(&items, SYSTEM).wrong_nodes()[0].contains("loop"));
    }
}
