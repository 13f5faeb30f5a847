//! Asks the running gateway: through its admin socket, or with `--url` through `listen.http` and its token.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::remote::Remote;
use super::{complain, wrong_config};
use crate::config::Config;

/// The running gateway.
#[derive(Debug)]
pub(super) struct Client {
    config: PathBuf,
    url: Option<String>,
}

/// Where it is asked.
enum Place {
    Socket(PathBuf),
    Http(Remote),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Http(remote) => remote.fmt(f),
        }
    }
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
    /// The gateway at that URL, or the one that runs with that configuration.
    pub(super) fn new(config: PathBuf, url: Option<String>) -> Self {
        Self { config, url }
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
        let place = self.place()?;
        let asked = timeout(limit, ask(&place, method, path, body)).await;
        let answer = asked.unwrap_or_else(|_| Err(format!("no answer in {limit:?}").into()));
        answer.map_err(|failed| failed.complain(&place))
    }

    fn place(&self) -> Result<Place, ExitCode> {
        if let Some(url) = &self.url {
            let remote = Remote::new(url, std::env::var("HUIJU_TOKEN").ok());
            return remote.map(Place::Http).map_err(|message| {
                complain(&format!("huiju: {message}"));
                ExitCode::from(2)
            });
        }
        let socket = Config::admin_socket(&self.config).map_err(|problems| {
            let code = wrong_config(&problems);
            complain("huiju: the configuration does not say where the gateway's admin socket is");
            code
        })?;
        Ok(Place::Socket(socket))
    }
}

impl Failed {
    fn complain(&self, place: &Place) -> ExitCode {
        let message = &self.message;
        if self.code.is_empty() {
            complain(&format!(
                "huiju: {place}: {message}: is the gateway running?"
            ));
            return ExitCode::FAILURE;
        }
        if message == NO_ROUTE && matches!(place, Place::Http(_)) {
            complain(&format!(
                "huiju: {place}: {message}: either listen.http has no token, or this is done at the admin socket only"
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
    place: &Place,
    method: Method,
    path: &str,
    body: Option<Body>,
) -> Result<Value, Failed> {
    let request = request(place, method, path, body)?;
    match place {
        Place::Socket(path) => exchange(UnixStream::connect(path).await, request).await,
        Place::Http(remote) => exchange(TcpStream::connect(remote.address()).await, request).await,
    }
}

fn request(
    place: &Place,
    method: Method,
    path: &str,
    body: Option<Body>,
) -> Result<Request<Full<Bytes>>, Failed> {
    let request = Request::builder().method(method).uri(path);
    let mut request = match place {
        Place::Socket(_) => request.header(HOST, "huiju"),
        Place::Http(remote) => request
            .header(HOST, remote.host())
            .header(AUTHORIZATION, remote.bearer()),
    };
    let body = body.map_or_else(Bytes::new, |body| {
        let (kind, body) = body.to_typed();
        if let Some(headers) = request.headers_mut()
            && let Ok(kind) = kind.parse()
        {
            headers.insert(CONTENT_TYPE, kind);
        }
        body
    });
    let request = request.body(Full::new(body));
    request.map_err(|error| error.to_string().into())
}

/// One question and its answer over a connection.
async fn exchange<S>(
    connected: io::Result<S>,
    request: Request<Full<Bytes>>,
) -> Result<Value, Failed>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let text = |error: &dyn fmt::Display| error.to_string();
    let stream = connected.map_err(|error| text(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
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

/// What the API says of a path that it does not serve.
const NO_ROUTE: &str = "nothing is served at this path";
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// A probe waits its turn; a reload says goodbye to platforms.
const WORK_TIME: Duration = Duration::from_secs(130);
const BODY_BYTES_MAX: usize = 16 << 20;
