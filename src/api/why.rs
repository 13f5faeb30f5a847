//! `GET /api/v1/cameras/{id}/why` and `GET /api/v1/platforms/{id}/why`: why it is as it is, in Chinese and
//! English, with evidence.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::openapi;
use super::operations::Operation;
use super::problem::Problem;
use super::status::timestamp;
use crate::catalog::Camera;
use crate::ledger::State as CameraState;
use crate::sink::gb28181::PlatformStatus;

/// Why a camera is as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CameraWhy {
    id: String,
    gb_code: String,
    name: String,
    #[schema(schema_with = openapi::state)]
    state: &'static str,
    #[schema(schema_with = openapi::cause)]
    cause: &'static str,
    since: Option<String>,
    /// What it means and what to do.
    zh: Text,
    en: Text,
    evidence: Evidence,
    /// Which platforms see it, and why the others do not.
    platforms: Vec<Sharing>,
    /// Its newest states, newest first.
    history: Vec<Interval>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Text {
    reason: String,
    action: String,
}

#[derive(Debug, Default, Serialize, ToSchema)]
struct Evidence {
    /// Where it was found.
    address: Option<String>,
    /// The last failure since the start.
    last_failure: Option<Failure>,
    last_key_frame: Option<String>,
    next_try: Option<String>,
    tries: u64,
    failures: u64,
    viewers: usize,
    live: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct Failure {
    #[schema(schema_with = openapi::cause)]
    cause: &'static str,
    detail: String,
    at: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Sharing {
    platform: String,
    sees_it: bool,
    zh: String,
    en: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Interval {
    #[schema(schema_with = openapi::state)]
    state: &'static str,
    #[schema(schema_with = openapi::cause)]
    cause: &'static str,
    began: String,
    ended: Option<String>,
}

/// Why a camera is as it is, what to do, the evidence
#[utoipa::path(
    get, path = "/api/v1/cameras/{id}/why", operation_id = "why_camera", tag = "cameras",
    params(("id" = String, Path, description = "Its id or its code")),
    responses(
        (status = 200, description = "Why it is as it is", body = CameraWhy),
        (status = 404, description = "There is no such camera"),
        (status = 500, description = "The store cannot be read"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn camera(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CameraWhy>, Problem> {
    let camera = api.camera(&id)?;
    let wanted = camera.id;
    let intervals = api.ask(|answer| Operation::Intervals {
        camera: wanted,
        count: HISTORY,
        answer,
    });
    let intervals = intervals.await?.map_err(Problem::internal)?;
    let state = api.0.sources.state(&camera);
    let status = api.0.sources.status(camera.id);
    let explanation = state.explain();
    let text = |reason: &str, action: &str| Text {
        reason: reason.to_owned(),
        action: action.to_owned(),
    };
    let history = intervals.into_iter().map(|(state, began, ended)| Interval {
        state: state.state().name(),
        cause: state.cause().name(),
        began: timestamp(began),
        ended: ended.map(timestamp),
    });
    let is_in_service = state.state() != CameraState::Disabled;
    Ok(Json(CameraWhy {
        id: camera.id.to_string(),
        gb_code: camera.code.to_string(),
        name: camera.record.name.clone(),
        state: state.state().name(),
        cause: state.cause().name(),
        since: status
            .as_ref()
            .filter(|_| is_in_service)
            .map(|status| timestamp(status.since)),
        zh: text(explanation.zh, explanation.zh_action),
        en: text(explanation.en, explanation.en_action),
        evidence: evidence(&api, &camera),
        platforms: sharing(&api, &camera),
        history: history.collect(),
    }))
}

fn evidence(api: &Api, camera: &Camera) -> Evidence {
    let Some(status) = api.0.sources.status(camera.id) else {
        return Evidence::default();
    };
    let port = camera.record.location.port;
    Evidence {
        address: status
            .address
            .map(|ip| std::net::SocketAddr::new(ip, port).to_string()),
        last_failure: status.last_failure.map(|failure| Failure {
            cause: failure.cause.name(),
            detail: failure.detail,
            at: timestamp(failure.at),
        }),
        last_key_frame: status.last_key_frame.map(timestamp),
        next_try: status.next_try.map(timestamp),
        tries: status.verdicts,
        failures: status.failures,
        viewers: api.0.sources.viewers(camera.id),
        live: status.is_live,
    }
}

fn sharing(api: &Api, camera: &Camera) -> Vec<Sharing> {
    let platforms = api.0.platforms.settings().into_iter();
    platforms
        .map(|platform| {
            let (zh, en) = if platform.share.includes(camera) {
                ("已共享", "it is shared with it")
            } else if !camera.is_in_service() {
                ("摄像机已停用，不上报", "the camera is out of service")
            } else if !platform
                .share
                .departments
                .contains(&camera.record.department)
            {
                (
                    "其部门未与该平台共享",
                    "its department is not shared with it",
                )
            } else {
                (
                    "其点位类型未与该平台共享",
                    "its point class is not shared with it",
                )
            };
            Sharing {
                sees_it: platform.share.includes(camera),
                platform: platform.id,
                zh: zh.to_owned(),
                en: en.to_owned(),
            }
        })
        .collect()
}

/// Why a platform is as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlatformWhy {
    id: String,
    registered: bool,
    since: String,
    zh: Text,
    en: Text,
    evidence: PlatformEvidence,
}

#[derive(Debug, Serialize, ToSchema)]
struct PlatformEvidence {
    address: String,
    signalling: Vec<String>,
    gb_id: String,
    local_gb_id: String,
    realm: String,
    last_answer: Option<String>,
    subscribed: bool,
    notices_waiting: usize,
    sessions: usize,
    cameras: usize,
}

/// Why a platform is as it is, what to do, the evidence
#[utoipa::path(
    get, path = "/api/v1/platforms/{id}/why", operation_id = "why_platform", tag = "platforms",
    params(("id" = String, Path, description = "Its id in the configuration")),
    responses(
        (status = 200, description = "Why it is as it is", body = PlatformWhy),
        (status = 404, description = "There is no such platform"),
    )
)]
pub(super) async fn platform(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<PlatformWhy>, Problem> {
    let status = api.platform(&id)?;
    let settings = api
        .0
        .platforms
        .settings()
        .into_iter()
        .find(|settings| settings.id == id);
    let settings = settings.ok_or_else(|| Problem::no_such("platform", &id))?;
    let [zh, zh_action, en, en_action] = explain(&status);
    let text = |reason: &str, action: &str| Text {
        reason: reason.to_owned(),
        action: action.to_owned(),
    };
    Ok(Json(PlatformWhy {
        id: status.id,
        registered: status.is_registered,
        since: timestamp(status.since),
        zh: text(zh, zh_action),
        en: text(en, en_action),
        evidence: PlatformEvidence {
            address: status.address,
            signalling: settings
                .signalling
                .iter()
                .map(ToString::to_string)
                .collect(),
            gb_id: settings.gb_id.to_string(),
            local_gb_id: settings.local_gb_id.to_string(),
            realm: settings.domain,
            last_answer: status.reason,
            subscribed: status.is_subscribed,
            notices_waiting: status.notices,
            sessions: status.sessions,
            cameras: status.cameras,
        },
    }))
}

/// What is known, what to do; zh and en.
fn explain(status: &PlatformStatus) -> [&'static str; 4] {
    let reason = status.reason.as_deref().unwrap_or_default();
    if status.is_registered {
        return ["已注册", "", "registered", ""];
    }
    if reason.contains("no answer") || reason.contains("not tried") || reason.contains("keepalives")
    {
        return [
            "平台没有应答",
            "检查 address、transport 以及到平台的网络；平台可能未启动",
            "the platform does not answer",
            "check address and transport, and the network to the platform; it may be down",
        ];
    }
    if reason.contains("403") || reason.contains("password") || reason.contains("401") {
        return [
            "平台拒绝注册",
            "与平台核对 local_gb_id、username、password 和 domain",
            "the platform refuses the registration",
            "compare local_gb_id, username, password and domain with the platform's operators",
        ];
    }
    [
        "平台返回错误，正在退避重试",
        "查看证据中的 last_answer",
        "the platform answers with an error; it is tried again, less and less often",
        "see last_answer in the evidence",
    ]
}

const HISTORY: usize = 20;
