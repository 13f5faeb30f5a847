//! Bodies of requests are read whole before they are answered: an answer that comes while a client still writes is lost
//! with the connection that closes behind it.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::problem::Problem;

/// Reads a body that says that it is small; of others the handler says how much it takes.
pub(super) async fn read_whole(request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_none_or(|length| length > SMALL) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    match timeout(SMALL_TIME, to_bytes(body, SMALL)).await {
        Ok(Ok(bytes)) => {
            let request = Request::from_parts(head, Body::from(bytes));
            next.run(request).await
        }
        Ok(Err(_)) => Problem::bad_request("the body broke off").into_response(),
        Err(_) => Problem::too_slow().into_response(),
    }
}

const SMALL: usize = 64 << 10;
const SMALL_TIME: Duration = Duration::from_secs(10);
