//! What operators ask of the running gateway: orders go to its root, answers come back by a channel.

use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::camera_edit::Edit;
use super::imports::ImportOrder;
use super::problem::Problem;
use crate::catalog::{CameraId, Given};
use crate::ledger::StateCause;

/// A stretch of time in one state: the state, its begin, and its end where it has one.
pub type Interval = (StateCause, SystemTime, Option<SystemTime>);

/// An order to the root.
#[derive(Debug)]
pub enum Operation {
    /// What a reload would change.
    Plan {
        /// So many cameras may go.
        allow_removals: usize,
        /// The answer.
        answer: oneshot::Sender<Result<ReloadReport, Refused>>,
    },
    /// Read configuration and inventory again.
    Reload {
        /// So many cameras may go.
        allow_removals: usize,
        /// Who wants it.
        by: String,
        /// The answer.
        answer: oneshot::Sender<Result<ReloadReport, Refused>>,
    },
    /// Take a camera out of service, or back into it.
    Maintain {
        /// Which.
        camera: CameraId,
        /// Out of it.
        is_maintained: bool,
        /// Who wants it.
        by: String,
        /// The answer.
        answer: oneshot::Sender<Result<(), String>>,
    },
    /// Change a camera.
    Edit {
        /// What is to be done.
        edit: Edit,
        /// Who wants it.
        given: Given,
        /// The answer: the camera.
        answer: oneshot::Sender<Result<CameraId, Refused>>,
    },
    /// Something about imports.
    Import(ImportOrder),
    /// The newest intervals of a camera.
    Intervals {
        /// Which.
        camera: CameraId,
        /// How many.
        count: usize,
        /// The answer, newest first.
        answer: oneshot::Sender<Result<Vec<Interval>, String>>,
    },
}

/// Why nothing was changed: every problem.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    status: u16,
    code: &'static str,
    detail: String,
    problems: Vec<String>,
}

impl Refused {
    /// Configuration or inventory is wrong: with these problems.
    pub fn new(problems: Vec<String>) -> Self {
        Self::of(
            422,
            "configuration_refused",
            "the configuration or the inventory is refused: nothing has changed",
            problems,
        )
    }

    /// More cameras would go than was said.
    pub fn removals(problem: String) -> Self {
        let detail = "the inventory is refused: nothing has changed";
        Self::of(422, "removals_refused", detail, vec![problem])
    }

    /// A file that cannot be used: with these problems.
    pub fn file(problems: Vec<String>) -> Self {
        let detail = "the file cannot be used: nothing has changed";
        Self::of(422, "file_refused", detail, problems)
    }

    /// Fields that are wrong: with these problems.
    pub fn fields(problems: Vec<String>) -> Self {
        let detail = "fields are wrong: nothing has changed";
        Self::of(422, "invalid", detail, problems)
    }

    /// It is not what whoever asks has seen.
    pub fn precondition(detail: &str) -> Self {
        Self::of(412, "precondition_failed", detail, Vec::new())
    }

    /// It is not there.
    pub fn not_found(what: &str) -> Self {
        Self::of(404, "not_found", &format!("there is no {what}"), Vec::new())
    }

    /// It cannot be done as things are now: a stable code, and what to do.
    pub fn conflict(code: &'static str, detail: &str, problems: Vec<String>) -> Self {
        Self::of(409, code, detail, problems)
    }

    /// Too much is being done already.
    pub fn busy(detail: &str) -> Self {
        Self::of(503, "busy", detail, Vec::new())
    }

    /// The store does not do it.
    pub fn store(error: &dyn std::fmt::Display) -> Self {
        Self::of(500, "internal", &error.to_string(), Vec::new())
    }

    fn of(status: u16, code: &'static str, detail: &str, problems: Vec<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.to_owned(),
            problems,
        }
    }

    /// Each problem.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let Refused {
            status,
            code,
            detail,
            problems,
        } = refused;
        Self::refused(status, code, detail, problems)
    }
}

/// What a reload changes, or would. Cameras are named by id and name, platforms by id.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
pub struct ReloadReport {
    /// New.
    pub cameras_added: Vec<String>,
    /// Gone: their sessions end.
    pub cameras_removed: Vec<String>,
    /// Their records read otherwise; their streams go on.
    pub cameras_changed: Vec<String>,
    /// Their source is another: they are pulled anew.
    pub cameras_restarted: Vec<String>,
    /// New.
    pub platforms_added: Vec<String>,
    /// Gone: their sessions end.
    pub platforms_removed: Vec<String>,
    /// Their settings read otherwise; their sessions go on.
    pub platforms_changed: Vec<String>,
    /// Who or where they are has changed: they are registered at anew.
    pub platforms_restarted: Vec<String>,
    /// Whether settings of the gateway or of departments have changed.
    pub settings_changed: bool,
    /// Inventory rows that are refused.
    pub rows_refused: usize,
    /// What is wrong with them.
    pub refused: Vec<String>,
    /// What is taken from the inventory and should not be there.
    pub warnings: Vec<String>,
}

impl ReloadReport {
    /// How many things change.
    pub fn changes(&self) -> usize {
        let lists = [
            &self.cameras_added,
            &self.cameras_removed,
            &self.cameras_changed,
            &self.cameras_restarted,
            &self.platforms_added,
            &self.platforms_removed,
            &self.platforms_changed,
            &self.platforms_restarted,
        ];
        lists.iter().map(|list| list.len()).sum::<usize>() + usize::from(self.settings_changed)
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only say what would change.
    #[serde(default)]
    plan: bool,
    /// So many cameras may go.
    #[serde(default)]
    allow_removals: usize,
}

/// Reads configuration and inventory again
#[utoipa::path(
    post, path = "/api/v1/reload", operation_id = "reload", tag = "operations", params(Wanted),
    responses(
        (status = 200, description = "What has changed, or would", body = ReloadReport),
        (status = 422, description = "It is refused whole: each problem is told"),
        (status = 503, description = "The gateway is stopping"),
    )
)]
pub(super) async fn reload(
    State(api): State<Api>,
    caller: Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<ReloadReport>, Problem> {
    let Query(Wanted {
        plan,
        allow_removals,
    }) = wanted?;
    let report = api.ask(|answer| {
        if plan {
            Operation::Plan {
                allow_removals,
                answer,
            }
        } else {
            Operation::Reload {
                allow_removals,
                by: caller.to_string(),
                answer,
            }
        }
    });
    report.await?.map(Json).map_err(Problem::from)
}

impl Api {
    /// Gives an order to the root and waits for its answer.
    pub(super) async fn ask<T>(
        &self,
        operation: impl FnOnce(oneshot::Sender<T>) -> Operation,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let stopping = || Problem::not_ready();
        self.0
            .operations
            .send(operation(answer))
            .await
            .map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }
}
