//! The body of a NOTIFY of the catalogue (GB/T 28181-2016 §9.11.4, §A.2.5).

use super::answer::{begin, end, put_head};
use super::catalogue::{Style, fitting_item};
use super::xml::put;
use crate::catalog::{Camera, Node};

/// What is said of one node.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// The camera of that code is ON or OFF.
    Status(&'a str, bool),
    /// The node of that name is gone.
    Delete(&'a str),
    /// The node is new: its item, whole.
    Add(&'a Node),
    /// The node reads otherwise: its item, whole.
    Update(&'a Node),
}

/// Writes a notice of these items; `device` is ourselves, `number` its SN.
pub fn notice(
    device: &str,
    number: u32,
    items: &[Said<'_>],
    style: &Style<'_>,
    is_on: &dyn Fn(&Camera) -> bool,
) -> Vec<u8> {
    let mut body = begin("Notify", style.charset);
    put_head(&mut body, "Catalog", &number.to_string(), device);
    put(&mut body, "SumNum", &items.len().to_string());
    body.push_str(&format!("<DeviceList Num=\"{}\">\r\n", items.len()));
    for item in items {
        match item {
            Said::Status(id, true) => put_short(&mut body, id, "ON"),
            Said::Status(id, false) => put_short(&mut body, id, "OFF"),
            Said::Delete(id) => put_short(&mut body, id, "DEL"),
            Said::Add(node) => body.push_str(&put_event(&fitting_item(node, style, is_on), "ADD")),
            Said::Update(node) => {
                body.push_str(&put_event(&fitting_item(node, style, is_on), "UPDATE"));
            }
        }
    }
    body.push_str("</DeviceList>\r\n");
    end(body, "Notify", style.charset)
}

fn put_short(body: &mut String, id: &str, event: &str) {
    body.push_str("<Item>\r\n");
    put(body, "DeviceID", id);
    put(body, "Event", event);
    body.push_str("</Item>\r\n");
}

/// The event stands behind the id, where platforms look for it.
fn put_event(item: &str, event: &str) -> String {
    item.replacen(
        "</DeviceID>\r\n",
        &format!("</DeviceID>\r\n<Event>{event}</Event>\r\n"),
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{NodeId, NodeKind};
    use crate::proto::gb28181::{Ask, AskKind, Charset};

    #[test]
    fn a_notice_is_read_again_with_its_events() {
        let node = Node {
            id: NodeId::Region("43021101".into()),
            name: "嵩山路街道".into(),
            parent: Some(NodeId::Region("430211".into())),
            group: None,
            kind: NodeKind::Region,
        };
        let style = Style {
            charset: Charset::Gb2312,
            items_per_message: 4,
            page_bytes_max: 850,
            owner: "网关",
            civil_code: "430211",
        };
        let items = [
            Said::Add(&node),
            Said::Status("43021100111326000001", false),
            Said::Delete("43021102"),
        ];
        let body = notice("43021100002000000002", 7, &items, &style, &|_| true);
        let ask = Ask::parse(&body).unwrap();
        assert_eq!(
            (ask.kind, ask.command.as_str(), ask.number.as_str()),
            (AskKind::Notify, "Catalog", "7")
        );
        let list = ask.element.child("DeviceList").unwrap();
        let events: Vec<_> = list
            .children
            .iter()
            .map(|item| item.child_text("Event").unwrap())
            .collect();
        assert_eq!(events, ["ADD", "OFF", "DEL"]);
        assert_eq!(list.children[0].child_text("Name"), Some("嵩山路街道"));
        assert_eq!(list.children[0].child_text("CivilCode"), Some("430211"));
    }
}
