//! MESSAGE: what a platform asks, and what it is told (GB/T 28181-2016 §9.3 … §9.5).
//!
//! The SIP request is answered at once; the result follows in a MESSAGE of our own.

use std::collections::{HashSet, VecDeque};

use tracing::{debug, info, warn};

use super::platform::{Platform, Purpose};
use super::requests::token;
use crate::catalog::{Camera, Tree};
use crate::clock::wall_clock;
use crate::proto::gb28181::answer::{self, BasicParam, DeviceInfo, DeviceStatus};
use crate::proto::gb28181::{Ask, AskKind, catalogue};
use crate::proto::sip::{Request, TransactionId, Transport};

/// The catalogues that are being delivered.
#[derive(Debug, Default)]
pub(super) struct Queries {
    deliveries: VecDeque<Delivery>,
    /// Pages that wait for their answer.
    open: HashSet<TransactionId>,
}

#[derive(Debug)]
struct Delivery {
    ask: Ask,
    tree: Tree,
    next: usize,
    /// An empty catalogue is one page.
    is_started: bool,
}

impl Queries {
    /// Forgets all deliveries: the platform is lost.
    pub(super) fn clear(&mut self) {
        self.deliveries.clear();
        self.open.clear();
    }

    /// Notes that a page was answered, or never will be.
    pub(super) fn handle_page_answer(&mut self, id: TransactionId) {
        self.open.remove(&id);
    }
}

impl Platform {
    pub(super) fn handle_message(&mut self, id: TransactionId, request: &Request) {
        let ask = match Ask::parse(&request.body) {
            Ok(ask) => ask,
            Err(error) => {
                if self.wire.is_allowed_to_log() {
                    warn!(%error, "MESSAGE not read");
                }
                self.gateway.metrics.refuse("manscdp_malformed");
                return self.respond(id, request, request.answer(400, &token()));
            }
        };
        if self.queries.deliveries.len() >= DELIVERIES_MAX && ask.command == "Catalog" {
            self.gateway.metrics.refuse("sip_overload");
            let answer = request.answer(503, &token()).with("Retry-After", "5");
            return self.respond(id, request, answer);
        }
        self.respond(id, request, request.answer(200, &token()));
        debug!(command = ask.command, device = ask.device, "asked");
        match ask.kind {
            AskKind::Query => self.handle_query(ask),
            AskKind::Control => self.handle_control(&ask),
            // A voice broadcast is refused clearly; other notices are only for the record.
            AskKind::Notify if ask.command == "Broadcast" => self.answer_error(&ask),
            AskKind::Notify | AskKind::Response => {}
        }
    }

    fn handle_query(&mut self, ask: Ask) {
        let charset = self.settings.charset;
        let body = match ask.command.as_str() {
            "Catalog" => return self.deliver_catalogue(ask),
            "DeviceInfo" => self.device_info(&ask),
            "DeviceStatus" => self.device_status(&ask),
            "ConfigDownload" => self.config(&ask),
            "RecordInfo" => Some(answer::no_records(&ask, charset)),
            _ => None,
        };
        match body {
            Some(body) => self.send_answer(body),
            None => self.answer_error(&ask),
        }
    }

    /// What cannot be done is answered where the standard has an answer, and noted otherwise.
    fn handle_control(&mut self, ask: &Ask) {
        const ANSWERED: [&str; 4] = ["RecordCmd", "GuardCmd", "AlarmCmd", "HomePosition"];
        let is_answered = ask.command == "DeviceConfig"
            || ANSWERED
                .iter()
                .any(|name| ask.element.child(name).is_some());
        info!(
            command = ask.command,
            device = ask.device,
            "control is not offered"
        );
        if is_answered {
            self.answer_error(ask);
        }
    }

    fn answer_error(&mut self, ask: &Ask) {
        let body = answer::error(ask, self.settings.charset);
        self.send_answer(body);
    }

    fn send_answer(&mut self, body: Vec<u8>) {
        let request = self.requests.message(&self.settings, body);
        self.request(&request, Purpose::Answer);
    }

    fn device_info(&self, ask: &Ask) -> Option<Vec<u8>> {
        let tree;
        let camera = self.shared_camera(ask);
        let (name, manufacturer, model, channels) = match &camera {
            Some(camera) => {
                let record = &camera.record;
                let manufacturer = record
                    .manufacturer
                    .as_deref()
                    .unwrap_or(catalogue::MANUFACTURER);
                (
                    record.name.as_str(),
                    manufacturer,
                    record.model.as_deref().unwrap_or("IPC"),
                    1,
                )
            }
            None if self.is_ours(ask) => {
                tree = self.tree();
                let name = self.gateway.name.as_str();
                (
                    name,
                    catalogue::MANUFACTURER,
                    catalogue::MODEL,
                    tree.cameras().count(),
                )
            }
            None => return None,
        };
        let firmware = env!("CARGO_PKG_VERSION");
        let info = DeviceInfo {
            name,
            manufacturer,
            model,
            firmware,
            channels,
        };
        Some(answer::device_info(ask, &info, self.settings.charset))
    }

    fn device_status(&self, ask: &Ask) -> Option<Vec<u8>> {
        let now = chrono::DateTime::<chrono::Utc>::from(wall_clock());
        let time = now
            .with_timezone(&self.gateway.timezone)
            .format("%Y-%m-%dT%H:%M:%S")
            .to_string();
        let camera = self.shared_camera(ask);
        let state = camera
            .as_ref()
            .map(|camera| self.gateway.sources.state(camera));
        let (is_online, is_encoding) = match &camera {
            Some(camera) => (
                self.is_on(camera),
                self.gateway.sources.viewers(camera.id) > 0,
            ),
            None if self.is_ours(ask) => (true, self.calls.len() > 0),
            None => return None,
        };
        let reason = state.filter(|_| !is_online).map(|state| state.to_string());
        let status = DeviceStatus {
            is_online,
            is_encoding,
            time: &time,
            reason: reason.as_deref(),
        };
        Some(answer::device_status(ask, &status, self.settings.charset))
    }

    /// BasicParam with the true keepalive settings; other types are not known here.
    fn config(&self, ask: &Ask) -> Option<Vec<u8>> {
        let types = ask.element.child_text("ConfigType").unwrap_or("BasicParam");
        if !types.split('/').any(|name| name.trim() == "BasicParam") {
            return None;
        }
        let camera = self.shared_camera(ask);
        let name = match &camera {
            Some(camera) => camera.record.name.as_str(),
            None if self.is_ours(ask) => self.gateway.name.as_str(),
            None => return None,
        };
        let param = BasicParam {
            name,
            expires: self.settings.register_expires.as_secs(),
            interval: self.settings.keepalive.interval.as_secs(),
            missed_max: self.settings.keepalive.missed_max,
        };
        Some(answer::basic_param(ask, &param, self.settings.charset))
    }

    fn deliver_catalogue(&mut self, ask: Ask) {
        let tree = self.tree();
        let cameras = tree.cameras().count();
        // The region of the gateway itself is the whole of the business tree.
        let is_whole = self.is_ours(&ask) || ask.device == self.gateway.civil_code;
        let tree = match tree.below(&ask.device) {
            Some(below) if !self.is_ours(&ask) => Some(below),
            _ => is_whole.then_some(tree),
        };
        info!(
            device = ask.device,
            cameras,
            is_known = tree.is_some(),
            "catalogue asked for"
        );
        let tree = tree.unwrap_or_default();
        self.queries.deliveries.push_back(Delivery {
            ask,
            tree,
            next: 0,
            is_started: false,
        });
        self.send_pages();
    }

    /// Sends the next pages, a few in flight: platforms lose pages that come in a burst.
    pub(super) fn send_pages(&mut self) {
        while self.queries.open.len() < PAGES_IN_FLIGHT_MAX {
            let Some(delivery) = self.queries.deliveries.front() else {
                return;
            };
            if delivery.is_started && delivery.next >= delivery.tree.nodes().len() {
                self.queries.deliveries.pop_front();
                continue;
            }
            let style = self.style();
            let is_on = |camera: &Camera| self.is_on(camera);
            let page =
                catalogue::page(&delivery.ask, &delivery.tree, delivery.next, &style, &is_on);
            let request = self.requests.message(&self.settings, page.body);
            let Some(id) = self.request(&request, Purpose::Page) else {
                return;
            };
            self.queries.open.insert(id);
            if let Some(delivery) = self.queries.deliveries.front_mut() {
                delivery.next += page.items;
                delivery.is_started = true;
            }
        }
    }

    /// How items are written for this platform.
    pub(super) fn style(&self) -> catalogue::Style<'_> {
        catalogue::Style {
            charset: self.settings.charset,
            items_per_message: self.settings.items_per_message,
            page_bytes_max: match self.target.transport {
                Transport::Udp => UDP_PAGE_BYTES,
                Transport::Tcp => TCP_PAGE_BYTES,
            },
            owner: &self.gateway.name,
            civil_code: &self.gateway.civil_code,
        }
    }

    /// The tree as this platform sees it now.
    pub(super) fn tree(&self) -> Tree {
        let catalog = self.gateway.catalog.borrow().clone();
        let settings = &self.settings;
        let tree = Tree::new(
            settings.tree,
            &catalog,
            &settings.share,
            settings.local_gb_id,
            &self.gateway.name,
        );
        let (shared, all) = (tree.cameras().count(), catalog.cameras().len());
        let gauge = &self.gateway.metrics.catalogue_cameras;
        gauge
            .with_label_values(&[settings.id.as_str(), "shared"])
            .set(shared as i64);
        gauge
            .with_label_values(&[settings.id.as_str(), "withheld"])
            .set((all - shared) as i64);
        self.status.send_if_modified(|status| {
            let changed = status.cameras != shared;
            status.cameras = shared;
            changed
        });
        tree
    }

    fn is_ours(&self, ask: &Ask) -> bool {
        ask.device == self.settings.local_gb_id.as_str()
    }

    fn shared_camera(&self, ask: &Ask) -> Option<std::sync::Arc<Camera>> {
        let catalog = self.gateway.catalog.borrow().clone();
        self.settings.share.camera(ask.code()?, &catalog)
    }
}

const DELIVERIES_MAX: usize = 8;
const PAGES_IN_FLIGHT_MAX: usize = 2;
/// A request that would pass 1,300 bytes should go by TCP, and many platforms have none: the head of
/// ours takes about 450.
const UDP_PAGE_BYTES: usize = 1300 - 450;
const TCP_PAGE_BYTES: usize = 60_000;
