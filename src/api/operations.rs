//! What operators ask of the running gateway: orders go to its root, answers come back by a channel.

use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::Api;
use super::problem::Problem;
use crate::catalog::CameraId;
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
        /// The answer.
        answer: oneshot::Sender<Result<ReloadReport, Refused>>,
    },
    /// Take a camera out of service, or back into it.
    Maintain {
        /// Which.
        camera: CameraId,
        /// Out of it.
        is_maintained: bool,
        /// The answer.
        answer: oneshot::Sender<Result<(), String>>,
    },
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
    code: &'static str,
    problems: Vec<String>,
}

impl Refused {
    /// Configuration or inventory is wrong: with these problems.
    pub fn new(problems: Vec<String>) -> Self {
        Self {
            code: "configuration_refused",
            problems,
        }
    }

    /// More cameras would go than was said.
    pub fn removals(problem: String) -> Self {
        Self {
            code: "removals_refused",
            problems: vec![problem],
        }
    }

    /// Each problem.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// What a reload changes, or would. Cameras are named by id and name, platforms by id.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only say what would change.
    #[serde(default)]
    plan: bool,
    /// So many cameras may go.
    #[serde(default)]
    allow_removals: usize,
}

/// `POST /api/v1/reload?plan=&allow_removals=`
pub(super) async fn reload(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<ReloadReport>, Problem> {
    let Query(Wanted {
        plan,
        allow_removals,
    }) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let report = api.ask(|answer| {
        if plan {
            Operation::Plan {
                allow_removals,
                answer,
            }
        } else {
            Operation::Reload {
                allow_removals,
                answer,
            }
        }
    });
    report
        .await?
        .map(Json)
        .map_err(|refused| Problem::refused(refused.code, refused.problems))
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
