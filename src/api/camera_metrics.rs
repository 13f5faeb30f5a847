//! `/metrics/cameras?department=`: the cameras of one department, one by one. Made when it is asked for, so
//! that the labels of cameras that are gone end with them.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Registry};
use serde::Deserialize;

use super::Api;
use super::health::exposition;
use super::problem::Problem;
use crate::catalog::{Camera, Catalog, pad_civil_code};
use crate::ledger::State as CameraState;
use crate::metrics::{self, Registrar};
use crate::source::Sources;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    department: String,
}

pub(super) async fn show(
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which?;
    let catalog = api.0.catalog.borrow().clone();
    let is_known = catalog
        .departments()
        .iter()
        .any(|department| department.id == which.department);
    if !is_known {
        return Err(Problem::no_such("department", &which.department));
    }
    let text = encode(&catalog, &api.0.sources, &which.department);
    text.map(exposition)
        .map_err(|error| Problem::internal(error.to_string()))
}

fn encode(
    catalog: &Catalog,
    sources: &Sources,
    department: &str,
) -> Result<Vec<u8>, prometheus::Error> {
    let registry = Registry::new();
    let families = Families::register(&registry)?;
    for camera in catalog.cameras() {
        if camera.record.department == department {
            families.fill(camera, town(camera, catalog.civil_code()), sources);
        }
    }
    metrics::encode(&registry.gather())
}

/// The town's code of 8 digits; empty for a camera of which no more than the district is known.
fn town(camera: &Camera, gateway: &str) -> String {
    let own = camera.record.civil_code.as_deref().unwrap_or(gateway);
    let code = pad_civil_code(own).unwrap_or_default();
    if code.ends_with("00") {
        String::new()
    } else {
        code
    }
}

/// At most twelve series a camera.
struct Families {
    info: IntGaugeVec,
    state: IntGaugeVec,
    state_since: GaugeVec,
    online: IntGaugeVec,
    viewers: IntGaugeVec,
    verdicts: IntCounterVec,
    failures: IntCounterVec,
    last_key_frame: GaugeVec,
    media_info: IntGaugeVec,
}

impl Families {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let add = Registrar(registry);
        Ok(Self {
            info: add.gauges(
                "huiju_camera_info",
                "1, labelled with where the camera belongs.",
                &["camera", "department", "town"],
            )?,
            state: add.gauges(
                "huiju_camera_state",
                "1, labelled with the state and cause of now.",
                &["camera", "state", "cause"],
            )?,
            state_since: add.info(
                "huiju_camera_state_since_timestamp_seconds",
                "When it entered its state, in Unix seconds.",
                &["camera"],
            )?,
            online: add.gauges("huiju_camera_online", "1 while it is online.", &["camera"])?,
            viewers: add.gauges("huiju_camera_viewers", "Who watches it now.", &["camera"])?,
            verdicts: add.counters(
                "huiju_camera_verdicts_total",
                "Tries that had a verdict since the start.",
                &["camera"],
            )?,
            failures: add.counters(
                "huiju_camera_failures_total",
                "Tries that failed since the start.",
                &["camera"],
            )?,
            last_key_frame: add.info(
                "huiju_camera_last_key_frame_timestamp_seconds",
                "When its last key frame came, in Unix seconds.",
                &["camera"],
            )?,
            media_info: add.gauges(
                "huiju_camera_media_info",
                "1, labelled with what its media is like.",
                &["camera", "video", "audio", "width", "height"],
            )?,
        })
    }

    fn fill(&self, camera: &Camera, town: String, sources: &Sources) {
        let id = camera.id.to_string();
        let one = [id.as_str()];
        let department = &camera.record.department;
        let state = sources.state(camera);
        self.info
            .with_label_values(&[&id, department, &town])
            .set(1);
        let labels = [&id, state.state().name(), state.cause().name()];
        self.state.with_label_values(&labels).set(1);
        let is_online = state.state() == CameraState::Online;
        self.online.with_label_values(&one).set(is_online.into());
        let viewers = i64::try_from(sources.viewers(camera.id)).unwrap_or(i64::MAX);
        self.viewers.with_label_values(&one).set(viewers);
        let Some(status) = sources.status(camera.id) else {
            return;
        };
        let since = self.state_since.with_label_values(&one);
        since.set(unix(status.since));
        let verdicts = self.verdicts.with_label_values(&one);
        verdicts.inc_by(status.verdicts);
        let failures = self.failures.with_label_values(&one);
        failures.inc_by(status.failures);
        if let Some(at) = status.last_key_frame {
            self.last_key_frame.with_label_values(&one).set(unix(at));
        }
        let observed = status.observed;
        let Some(video) = observed.video else {
            return;
        };
        let audio = observed.audio.map_or("", |audio| audio.name());
        let [width, height] = observed.size.map_or_else(Default::default, |size| {
            [size.0, size.1].map(|n| n.to_string())
        });
        self.media_info
            .with_label_values(&[&id, video.name(), audio, &width, &height])
            .set(1);
    }
}

fn unix(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
