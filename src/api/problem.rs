//! Errors as problem details (RFC 9457) with a stable code.

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// An error of the API.
#[derive(Debug, Serialize, ToSchema)]
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

    pub(super) fn unauthorized() -> Self {
        let detail = "the API needs its token: send `Authorization: Bearer <token>`, as the secret of listen.http.token says it";
        Self::new(401, "unauthorized", "Unauthorized", detail)
    }

    pub(super) fn too_many_failures() -> Self {
        let detail = "too many tries without the right token: try again later, with the token of listen.http.token";
        Self::new(429, "too_many_failures", "Too many failures", detail)
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

    fn unsupported_media_type() -> Self {
        let detail = "the body must be JSON: send Content-Type: application/json";
        Self::new(
            415,
            "unsupported_media_type",
            "Unsupported media type",
            detail,
        )
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

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status().as_u16() {
            413 => Self::too_large("the body is too large"),
            415 => Self::unsupported_media_type(),
            _ => Self::bad_request(rejection.body_text()),
        }
    }
}

impl From<MultipartRejection> for Problem {
    fn from(rejection: MultipartRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = [(header::CONTENT_TYPE, PROBLEM_JSON)];
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

/// What the framework refuses itself (a method, a path, a body) is a problem too: with its words and a stable code.
pub(super) async fn of_rejection(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !is_error || kind.is_some_and(|kind| kind == PROBLEM_JSON) {
        return response;
    }
    let (parts, body) = response.into_parts();
    // What is longer is none of the framework's sentences.
    let said = axum::body::to_bytes(body, WORDS_BYTES_MAX).await;
    let said = String::from_utf8(said.unwrap_or_default().to_vec()).unwrap_or_default();
    let allowed = parts.headers.get(header::ALLOW).cloned();
    let (code, title, usual) = match status.as_u16() {
        400 => ("bad_request", "Bad request", "the request is wrong"),
        405 => (
            "method_not_allowed",
            "Method not allowed",
            "another method is served at this path: see the header Allow",
        ),
        413 => ("too_large", "Too large", "the body is too large"),
        415 => (
            "unsupported_media_type",
            "Unsupported media type",
            "the body is of another type than is taken here",
        ),
        422 => ("invalid", "Invalid", "the request is wrong"),
        500.. => ("internal", "Internal error", "the gateway failed"),
        _ => ("refused", "Refused", "the request is refused"),
    };
    let detail = if said.is_empty() {
        usual.to_owned()
    } else {
        said
    };
    let mut problem = Problem::new(status.as_u16(), code, title, detail).into_response();
    if let Some(allowed) = allowed {
        problem.headers_mut().insert(header::ALLOW, allowed);
    }
    problem
}

pub(super) const PROBLEM_JSON: &str = "application/problem+json";
const WORDS_BYTES_MAX: usize = 4096;
