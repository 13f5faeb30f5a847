//! A catalogue put together from its pages (GB/T 28181-2016 §A.2.6).

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

use super::manscdp::Element;

/// One item: the text of each field; fields inside `Info` are named `Info/…`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Item {
    /// DeviceID.
    pub id: String,
    /// All fields, DeviceID too.
    pub fields: BTreeMap<String, String>,
}

impl Item {
    /// The text of a field; empty when it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// Name.
    pub fn name(&self) -> &str {
        self.field("Name")
    }

    /// ParentID.
    pub fn parent_id(&self) -> &str {
        self.field("ParentID")
    }

    /// Status, ON or OFF.
    pub fn status(&self) -> &str {
        self.field("Status")
    }

    /// Event of a change: ON, OFF, VLOST, DEFECT, ADD, DEL or UPDATE.
    pub fn event(&self) -> &str {
        self.field("Event")
    }

    /// BusinessGroupID beside or inside Info.
    pub fn business_group_id(&self) -> &str {
        match self.field("BusinessGroupID") {
            "" => self.field("Info/BusinessGroupID"),
            found => found,
        }
    }

    /// The type digits 11 to 13 of a code of 20 digits; empty for a region.
    pub fn kind(&self) -> &str {
        if self.id.len() == 20 {
            self.id.get(10..13).unwrap_or_default()
        } else {
            ""
        }
    }

    pub(super) fn read(element: &Element) -> anyhow::Result<Self> {
        let mut fields = BTreeMap::new();
        for child in &element.children {
            for (name, text) in leaves(child) {
                ensure!(
                    fields.insert(name.clone(), text).is_none(),
                    "an item has {name} twice"
                );
            }
        }
        let id = fields
            .get("DeviceID")
            .cloned()
            .context("an item has no DeviceID")?;
        Ok(Self { id, fields })
    }
}

fn leaves(element: &Element) -> Vec<(String, String)> {
    if element.children.is_empty() {
        return vec![(element.name.clone(), element.text.clone())];
    }
    let inside = element.children.iter().flat_map(leaves);
    inside
        .map(|(name, text)| (format!("{}/{name}", element.name), text))
        .collect()
}

/// Pages that have come so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    sum: Option<usize>,
    items: Vec<Item>,
    known: std::collections::HashSet<String>,
}

impl Pages {
    pub(super) fn handle_page(&mut self, page: &Element) -> anyhow::Result<()> {
        let sum = page.text_of("SumNum");
        let sum: usize = sum.parse().with_context(|| format!("SumNum {sum:?}"))?;
        ensure!(
            self.sum.is_none_or(|known| known == sum),
            "SumNum {sum} after {:?}",
            self.sum
        );
        self.sum = Some(sum);
        let Some(list) = page.child("DeviceList") else {
            ensure!(sum == 0, "a page without DeviceList");
            return Ok(());
        };
        let num = list.attribute("Num").unwrap_or_default();
        ensure!(
            num.parse() == Ok(list.children.len()),
            "Num {num:?} with {} items",
            list.children.len()
        );
        for element in &list.children {
            ensure!(element.name == "Item", "<{}> in DeviceList", element.name);
            let item = Item::read(element)?;
            ensure!(self.known.insert(item.id.clone()), "{} came twice", item.id);
            self.items.push(item);
        }
        ensure!(
            self.items.len() <= sum,
            "{} items, SumNum {sum}",
            self.items.len()
        );
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.sum == Some(self.items.len())
    }

    pub(super) fn progress(&self) -> String {
        match self.sum {
            Some(sum) => format!("{} of {sum} items", self.items.len()),
            None => "no page".into(),
        }
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::super::manscdp;
    use super::*;

    fn page(sum: usize, ids: &[&str]) -> Element {
        let items: String = ids
            .iter()
            .map(|id| {
                format!("<Item><DeviceID>{id}</DeviceID><Info><PTZType>3</PTZType></Info></Item>")
            })
            .collect();
        let body = format!(
            "<Response><SumNum>{sum}</SumNum><DeviceList Num=\"{}\">{items}</DeviceList></Response>",
            ids.len()
        );
        manscdp::parse(&body).unwrap()
    }

    #[test]
    fn pages_in_any_order_become_one_catalogue() {
        let mut pages = Pages::default();
        pages.handle_page(&page(3, &["2"])).unwrap();
        assert!(!pages.is_complete());
        pages.handle_page(&page(3, &["1", "3"])).unwrap();
        assert!(pages.is_complete());
        assert_eq!(pages.into_items()[0].field("Info/PTZType"), "3");
    }

    #[test]
    fn another_sum_or_an_item_twice_is_refused() {
        let mut pages = Pages::default();
        pages.handle_page(&page(3, &["1"])).unwrap();
        assert!(pages.handle_page(&page(4, &["2"])).is_err());
        assert!(pages.handle_page(&page(3, &["1"])).is_err());
    }

    #[test]
    fn an_empty_catalogue_is_one_page_with_sum_zero() {
        let mut pages = Pages::default();
        pages.handle_page(&page(0, &[])).unwrap();
        assert!(pages.is_complete());
    }
}
