//! One question to a device over HTTP: to a checked address, within limits of bytes and time, without a login, and
//! whatever it answers leads nowhere else.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::named::{Namer, Place};
use super::soap::{Ask, Refusal};
use super::xml::{Element, XmlError};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// To connect.
    pub(super) connect: Duration,
    /// To ask and to be answered, from the connection on.
    pub(super) answer: Duration,
    /// All questions to a device.
    pub(super) device: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(5),
            device: Duration::from_secs(60),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum NoAnswer {
    /// Nothing came in time.
    Timeout,
    /// Nothing listens there, or no way leads there.
    Unreachable,
    /// By HTTP, it wants a login.
    HttpLogin,
    /// It says to ask elsewhere: where, without secrets.
    Redirect(Option<String>),
    /// It says so in SOAP.
    Refused(Refusal),
    /// No HTTP, or no page for this.
    NoHttp(String),
    /// More than the limits, or nothing that can be read.
    Bad(String),
}

/// Asks one question on a connection of its own.
pub(super) async fn post(
    place: &Place,
    ask: Ask<'_>,
    limits: &Limits,
) -> Result<Element, NoAnswer> {
    let connected = timeout(limits.connect, TcpStream::connect(place.socket)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => return Err(NoAnswer::Timeout),
        Ok(Err(_)) => return Err(NoAnswer::Unreachable),
        Err(_) => return Err(NoAnswer::Timeout),
    };
    let exchanged = timeout(limits.answer, exchange(stream, place, ask)).await;
    let (status, body) = exchanged.unwrap_or(Err(NoAnswer::Timeout))?;
    let message = Element::parse(&body);
    match message {
        Ok(message) => match ask.answer(&message) {
            Ok(answer) => Ok(answer.clone()),
            Err(Refusal::NoSoap) => Err(no_soap(status)),
            Err(refusal) => Err(NoAnswer::Refused(refusal)),
        },
        Err(_) if status != StatusCode::OK => Err(no_soap(status)),
        Err(XmlError::Empty) => Err(no_soap(status)),
        Err(error) => Err(NoAnswer::Bad(error.to_string())),
    }
}

fn no_soap(status: StatusCode) -> NoAnswer {
    match status {
        StatusCode::OK => NoAnswer::NoHttp("an answer that is no SOAP".to_owned()),
        status => NoAnswer::NoHttp(format!("HTTP {}", status.as_u16())),
    }
}

async fn exchange(
    stream: TcpStream,
    place: &Place,
    ask: Ask<'_>,
) -> Result<(StatusCode, Vec<u8>), NoAnswer> {
    let no_http = |_| NoAnswer::NoHttp("no HTTP".to_owned());
    let request =
        request(place, ask).map_err(|_| NoAnswer::Bad("a path that is none".to_owned()))?;
    let handshake = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await;
    let (mut sender, connection) = handshake.map_err(no_http)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(no_http)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(NoAnswer::Redirect(location(&response)));
        }
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            return Err(NoAnswer::HttpLogin);
        }
        let is_page = header(&response, CONTENT_TYPE.as_str()).contains("html");
        if is_page || !READ.contains(&status) {
            return Err(no_soap(status));
        }
        Ok((status, read(response.into_body()).await?))
    };
    let driven = async {
        // What went wrong with it is heard by the exchange.
        let _ended = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = answered => answer,
        never = driven => never,
    }
}

fn request(place: &Place, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let kind = format!(
        "application/soap+xml; charset=utf-8; action=\"{}\"",
        ask.action()
    );
    Request::builder()
        .method(Method::POST)
        .uri(place.path())
        .header(HOST, place.socket.to_string())
        .header(CONTENT_TYPE, kind)
        .header(USER_AGENT, "huiju")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(ask.message())))
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, NoAnswer> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| NoAnswer::Bad("an answer that breaks off".to_owned()))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(NoAnswer::Bad("more than 1 MiB".to_owned()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn location(response: &Response<Incoming>) -> Option<String> {
    Namer::shown(header(response, LOCATION.as_str()))
}

fn header<'a>(response: &'a Response<Incoming>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Faults come with 400 and 500 too.
const READ: [StatusCode; 3] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::INTERNAL_SERVER_ERROR,
];
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 1 << 20;
