//! Answers that whoever asks has already are not sent again: ETag and If-None-Match (RFC 9110 §8.8.3, §13.1.2).

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// Gives JSON that was read its tag, and instead of it says 304 to whoever names that. An answer that has a tag already, a
/// camera with its version, is sent as it is: its state is not in the version.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let known = request.headers().clone();
    let response = next.run(request).await;
    let has_tag = response.headers().contains_key(header::ETAG);
    if !is_get || response.status() != StatusCode::OK || has_tag || !is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It was made by a handler, and is in memory.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Problem::internal("the answer cannot be read").into_response();
    };
    let hash = hex::encode(Sha256::digest(&body));
    let tag = format!("\"{}\"", hash.get(..TAG_DIGITS).unwrap_or_default());
    let is_known = names(&known, &tag);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, body.into())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "application/json")
}

/// Whether `If-None-Match` names a tag; a weak one is as good.
fn names(headers: &HeaderMap, tag: &str) -> bool {
    let mut given = listed(headers, &header::IF_NONE_MATCH);
    given.any(|part| part == "*" || part.strip_prefix("W/").unwrap_or(part) == tag)
}

/// The parts of a header that is a list, over all its lines (RFC 9110 §5.6.1).
pub(super) fn listed<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter();
    let texts = lines.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// 128 bits of the hash.
const TAG_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_named_alone_among_others_weakly_or_by_a_star() {
        for (given, is_named) in [
            (&["\"a\""][..], true),
            (&["\"b\" , \"a\""], true),
            (&["\"b\"", "W/\"a\""], true),
            (&["*"], true),
            (&["a"], false),
            (&["\"b\""], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for text in given {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(text));
            }
            assert_eq!(names(&headers, "\"a\""), is_named, "{given:?}");
        }
    }
}
