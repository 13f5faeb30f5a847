//! Asks the running gateway through its admin socket.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::complain;
use crate::config::Config;

/// Asks for `path` and returns the answer; prints why not.
pub(super) async fn get(config: &Config, path: &str) -> Result<Value, ExitCode> {
    let socket = &config.listen.admin;
    let asked = timeout(ANSWER_TIME, ask(socket, path)).await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer in {ANSWER_TIME:?}")),
    };
    answer.map_err(|error| {
        complain(&format!(
            "huiju: {}: {error}: is the gateway running?",
            socket.display()
        ));
        ExitCode::FAILURE
    })
}

async fn ask(socket: &Path, path: &str) -> Result<Value, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| text(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
    let request = Request::get(path)
        .header("host", "huiju")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| text(&error))?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| text(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| text(&error))?.to_bytes();
        let value: Value = serde_json::from_slice(&body).map_err(|error| text(&error))?;
        if status.is_success() {
            return Ok(value);
        }
        Err(value
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or(status.as_str())
            .to_owned())
    };
    tokio::select! {
        answer = exchange => answer,
        ended = connection => Err(ended.err().map_or_else(|| "closed".to_owned(), |error| text(&error))),
    }
}

const ANSWER_TIME: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: usize = 16 << 20;
