//! The bearer token of `listen.http` (RFC 6750): without it the API is not there, without the right one nothing of it
//! is said.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use super::Api;
use super::caller::Caller;
use super::problem::{Problem, not_found};
use crate::metrics::Metrics;

/// What a bearer must show, as its hash: it cannot be shown, and comparing takes no longer for a better guess.
#[derive(Clone, Eq, PartialEq)]
pub struct Token([u8; 32]);

impl Token {
    /// The token of that text.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(****)")
    }
}

/// What stands before the API.
#[derive(Clone, Debug)]
pub(super) struct Door {
    token: watch::Receiver<Option<Token>>,
    metrics: Metrics,
    /// Turns of failed tries.
    failed: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(api: &Api) -> Self {
        Self {
            token: api.0.token.clone(),
            metrics: api.0.metrics.clone(),
            failed: Arc::new(Semaphore::new(FAILURES_MAX)),
        }
    }
}

/// Lets through who shows the token; `/livez` and `/readyz` are for everybody.
pub(super) async fn authorize(
    State(door): State<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    if matches!(request.uri().path(), "/livez" | "/readyz") {
        return next.run(request).await;
    }
    let Some(wanted) = door.token.borrow().clone() else {
        return not_found().await.into_response();
    };
    if shown(request.headers()).as_ref() == Some(&wanted) {
        request.extensions_mut().insert(Caller::Token);
        return next.run(request).await;
    }
    door.metrics.refuse("api_unauthorized");
    refuse(&door.failed).await
}

/// A failed try is answered late; one that comes while too many wait is sent away at once.
async fn refuse(failed: &Semaphore) -> Response {
    let Ok(_turn) = failed.try_acquire() else {
        return with(
            header::RETRY_AFTER,
            RETRY_AFTER,
            Problem::too_many_failures(),
        );
    };
    sleep(FAILURE_TIME).await;
    with(header::WWW_AUTHENTICATE, CHALLENGE, Problem::unauthorized())
}

fn with(name: HeaderName, value: &'static str, problem: Problem) -> Response {
    ([(name, HeaderValue::from_static(value))], problem).into_response()
}

/// The token of a request; its scheme is written in any case (RFC 9110 §11.1).
fn shown(headers: &HeaderMap) -> Option<Token> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (only, None) = (given.next()?.to_str().ok()?, given.next()) else {
        return None;
    };
    let (scheme, token) = only.split_once(' ')?;
    let token = token.trim_matches(' ');
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Token::new(token))
}

/// So many failed tries wait for their answers; they hold connections of the listener.
const FAILURES_MAX: usize = 8;
const FAILURE_TIME: Duration = Duration::from_millis(100);
const RETRY_AFTER: &str = "1";
const CHALLENGE: &str = "Bearer realm=\"huiju\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_stands_behind_bearer_and_only_once() {
        let token = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            shown(&headers)
        };
        let right = Some(Token::new("a+b/c="));
        assert_eq!(token(&["Bearer a+b/c="]), right);
        assert_eq!(token(&["bearer  a+b/c= "]), right);
        for wrong in [
            &[][..],
            &["a+b/c="],
            &["Basic a+b/c="],
            &["Bearer"],
            &["Bearer a+b/c=", "Bearer a+b/c="],
        ] {
            assert_eq!(token(wrong), None, "{wrong:?}");
        }
        assert_ne!(token(&["Bearer a+b/c"]), right);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_tries_are_slowed_and_those_beyond_the_limit_are_sent_away() {
        let failed = Semaphore::new(1);
        let began = tokio::time::Instant::now();
        let (slow, quick) = tokio::join!(refuse(&failed), refuse(&failed));
        assert_eq!(
            (slow.status().as_u16(), quick.status().as_u16()),
            (401, 429)
        );
        assert_eq!(began.elapsed(), FAILURE_TIME);
        assert_eq!(quick.headers()["retry-after"], "1");
        assert_eq!(refuse(&failed).await.status().as_u16(), 401);
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", Token::new("a-token"));
        assert_eq!(shown, "Token(****)");
    }
}
