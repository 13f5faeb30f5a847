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
}

impl Problem {
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: "bad_request",
            title: "Bad request",
            detail: detail.into(),
        }
    }

    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self {
            status: 500,
            code: "internal",
            title: "Internal error",
            detail: detail.into(),
        }
    }

    pub(super) fn not_ready() -> Self {
        let detail = "the gateway is starting or stopping".to_owned();
        Self {
            status: 503,
            code: "not_ready",
            title: "Not ready",
            detail,
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
    let detail = "nothing is served at this path".to_owned();
    Problem {
        status: 404,
        code: "not_found",
        title: "Not found",
        detail,
    }
}
