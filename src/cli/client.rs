//! Asks the running gateway through its admin socket.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
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

    /// Asks for `path` and returns the answer, a plain text as a string; prints why not.
    pub(super) async fn get(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Method::GET, path, None, ANSWER_TIME).await
    }

    /// Has something done that may take a while.
    pub(super) async fn post(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Method::POST, path, None, WORK_TIME).await
    }

    /// Hands a file over.
    pub(super) async fn upload(&self, path: &str, upload: Upload) -> Result<Value, ExitCode> {
        let body = Body::File(upload);
        self.ask(Method::POST, path, Some(body), WORK_TIME).await
    }

    /// Has something done that needs more words than a path has.
    pub(super) async fn tell(&self, path: &str, what: Value) -> Result<Value, ExitCode> {
        let body = Body::Json(what);
        self.ask(Method::POST, path, Some(body), WORK_TIME).await
    }

    /// Ends what `path` names.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, ExitCode> {
        self.ask(Method::DELETE, path, None, ANSWER_TIME).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Body>,
        limit: Duration,
    ) -> Result<Value, ExitCode> {
        let socket = Config::admin_socket(&self.config).map_err(|problems| {
            let code = wrong_config(&problems);
            complain("huiju: the configuration does not say where the gateway's admin socket is");
            code
        })?;
        let asked = timeout(limit, ask(&socket, method, path, body)).await;
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

/// What goes with a question.
#[derive(Debug)]
enum Body {
    File(Upload),
    Json(Value),
}

impl Body {
    /// Its kind, and its bytes.
    fn to_typed(&self) -> (String, Bytes) {
        match self {
            Self::File(upload) => {
                let (boundary, body) = upload.to_form();
                (format!("multipart/form-data; boundary={boundary}"), body)
            }
            Self::Json(value) => ("application/json".to_owned(), value.to_string().into()),
        }
    }
}

/// A file that is handed over.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Upload {
    /// As `multipart/form-data` (RFC 7578) with one part `file`: its boundary and the body.
    fn to_form(&self) -> (String, Bytes) {
        let boundary = format!("huiju-{:032x}", rand::random::<u128>());
        let name: String = self
            .name
            .chars()
            .filter(|c| !c.is_control() && *c != '"')
            .collect();
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        let end = format!("\r\n--{boundary}--\r\n");
        let body = [head.as_bytes(), &self.bytes, end.as_bytes()].concat();
        (boundary, body.into())
    }
}

async fn ask(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<Body>,
) -> Result<Value, Failed> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| text(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "huiju");
    let body = body.map_or_else(Bytes::new, |body| {
        let (kind, body) = body.to_typed();
        if let Some(headers) = request.headers_mut()
            && let Ok(kind) = kind.parse()
        {
            headers.insert(CONTENT_TYPE, kind);
        }
        body
    });
    let request = request
        .body(Full::new(body))
        .map_err(|error| text(&error))?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| text(&error))?;
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE);
        let is_text = kind.is_some_and(|kind| {
            let kind = kind.as_bytes();
            kind.starts_with(b"text/plain") || kind.starts_with(b"text/csv")
        });
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| text(&error))?.to_bytes();
        if status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        if status.is_success() && is_text {
            return Ok(Value::String(String::from_utf8_lossy(&body).into_owned()));
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
