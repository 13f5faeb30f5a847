//! Asks the running gateway through its admin socket.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{complain, wrong_config};
use crate::config::Config;

/// The gateway that runs with a configuration, by its admin socket.
#[derive(Debug)]
pub(super) struct Client {
    config: PathBuf,
}

/// An answer that is no success.
struct Failed {
    message: String,
    code: String,
    problems: Vec<String>,
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self {
            message,
            code: String::new(),
            problems: Vec::new(),
        }
    }
}

impl Client {
    /// The gateway that runs with that configuration.
    pub(super) fn new(config: PathBuf) -> Self {
        Self { config }
    }

    /// Asks for `path` and returns the answer; prints why not.
    pub(super) async fn get(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Method::GET, path, ANSWER_TIME).await
    }

    /// Has something done that may take a while.
    pub(super) async fn post(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Method::POST, path, WORK_TIME).await
    }

    /// Ends what `path` names.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Method::DELETE, path, ANSWER_TIME).await
    }

    async fn ask(&self, method: Method, path: &str, limit: Duration) -> Result<Value, ExitCode> {
        let socket = Config::admin_socket(&self.config).map_err(|problems| {
            let code = wrong_config(&problems);
            complain("huiju: the configuration does not say where the gateway's admin socket is");
            code
        })?;
        let asked = timeout(limit, ask(&socket, method, path)).await;
        let answer = asked.unwrap_or_else(|_| Err(format!("no answer in {limit:?}").into()));
        answer.map_err(|failed| failed.complain(&socket))
    }
}

impl Failed {
    fn complain(&self, socket: &Path) -> ExitCode {
        if self.code.is_empty() {
            let (socket, message) = (socket.display(), &self.message);
            complain(&format!(
                "huiju: {socket}: {message}: is the gateway running?"
            ));
            return ExitCode::FAILURE;
        }
        for problem in &self.problems {
            complain(problem);
        }
        complain(&format!("huiju: {}", self.message));
        match self.code.as_str() {
            "configuration_refused" => ExitCode::from(78),
            "bad_request" => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn ask(socket: &Path, method: Method, path: &str) -> Result<Value, Failed> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| text(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
    let request = Request::builder()
        .method(method)
        .uri(path)
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
        if status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        let value: Value = serde_json::from_slice(&body).map_err(|error| text(&error))?;
        if status.is_success() {
            Ok(value)
        } else {
            Err(failed(status.as_str(), &value))
        }
    };
    tokio::select! {
        answer = exchange => answer,
        ended = connection => Err(ended.err().map_or_else(|| "closed".to_owned(), |error| text(&error)).into()),
    }
}

fn failed(status: &str, value: &Value) -> Failed {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let problems = value
        .get("problems")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    Failed {
        message: text("detail").unwrap_or(status).to_owned(),
        code: text("code").unwrap_or(status).to_owned(),
        problems: problems
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    }
}

const ANSWER_TIME: Duration = Duration::from_secs(10);
/// A probe waits its turn; a reload says goodbye to platforms.
const WORK_TIME: Duration = Duration::from_secs(130);
const BODY_BYTES_MAX: usize = 16 << 20;
