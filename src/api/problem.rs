//! Errors as problem details (RFC 9457) with a stable code.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error of the API.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    title: &'static str,
    detail: String,
    /// Each thing that is wrong, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

impl Problem {
    fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
            problems: Vec::new(),
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad_request", "Bad request", detail)
    }

    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal", "Internal error", detail)
    }

    pub(super) fn not_ready() -> Self {
        Self::new(
            503,
            "not_ready",
            "Not ready",
            "the gateway is starting or stopping",
        )
    }

    pub(super) fn no_such(what: &str, id: &str) -> Self {
        let id: String = id.chars().take(64).collect();
        Self::new(
            404,
            "not_found",
            "Not found",
            format!("there is no {what} `{id}`"),
        )
    }

    pub(super) fn precondition_required() -> Self {
        let detail =
            "name the version that is to be changed: If-Match with the ETag that it was read with";
        Self::new(
            428,
            "precondition_required",
            "Precondition required",
            detail,
        )
    }

    /// Fields that are wrong.
    pub(super) fn wrong_fields(problems: Vec<String>) -> Self {
        let detail = "fields are wrong: nothing has changed";
        Self::refused(422, "invalid", detail.to_owned(), problems)
    }

    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self::new(503, "busy", "Busy", detail)
    }

    pub(super) fn too_slow() -> Self {
        let detail = "the body did not come in time: send it anew";
        Self::new(408, "too_slow", "Request timeout", detail)
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, "too_large", "Too large", detail)
    }

    /// What the root refuses.
    pub(super) fn refused(
        status: u16,
        code: &'static str,
        detail: String,
        problems: Vec<String>,
    ) -> Self {
        let title = match status {
            404 => "Not found",
            409 => "Conflict",
            412 => "Precondition failed",
            503 => "Busy",
            500 => "Internal error",
            _ => "Refused",
        };
        Self {
            problems,
            ..Self::new(status, code, title, detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, content_type, Json(self)).into_response()
    }
}

/// The answer to a path that is not served.
pub(super) async fn not_found() -> Problem {
    Problem::new(
        404,
        "not_found",
        "Not found",
        "nothing is served at this path",
    )
}
