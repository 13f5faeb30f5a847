//! An ONVIF device over HTTP: cameras and recorders that say what they are, want a login, or lie.
//!
//! It is strict about questions: one that is not as the standard writes it gets HTTP 400, and is remembered.

mod answers;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a device is.
#[derive(Clone, Debug)]
pub struct OnvifSettings {
    /// Video sources.
    pub channels: u16,
    /// Whether it has the media service of the second edition too, and says H.265 there.
    pub media2: bool,
    /// Whether it knows GetServices; older ones know GetCapabilities only.
    pub knows_services: bool,
    /// Whether it can be steered.
    pub ptz: bool,
    /// Whether its recordings can be played.
    pub replay: bool,
    /// Whether what it tells is in GBK, as its name is in Chinese.
    pub is_gbk: bool,
    /// What it wants a login for.
    pub login: Login,
    /// The host and port of its services, as it says; else its own.
    pub services_at: Option<String>,
    /// The host and port of its streams, as it says; else its own host at 554.
    pub streams_at: Option<String>,
    /// The host and port of its snapshots, as it says; else its own.
    pub snapshots_at: Option<String>,
    /// What it does wrong, and with which questions; `""` is all of them.
    pub misdeed: Option<(&'static str, Misdeed)>,
}

impl Default for OnvifSettings {
    fn default() -> Self {
        Self {
            channels: 1,
            media2: false,
            knows_services: true,
            ptz: false,
            replay: false,
            is_gbk: false,
            login: Login::Never,
            services_at: None,
            streams_at: None,
            snapshots_at: None,
            misdeed: None,
        }
    }
}

/// What a device wants a login for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Login {
    /// For nothing.
    Never,
    /// For all that the standard does not have it tell everybody, by a fault.
    Fault,
    /// For all, by HTTP.
    Http,
}

/// What a device does wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Misdeed {
    /// It says nothing.
    Silent,
    /// A body of two mebibytes.
    HugeBody,
    /// A body without an end, as fast as it goes.
    EndlessBody,
    /// A byte of its body now and then.
    Drip,
    /// Headers without an end.
    EndlessHead,
    /// Ends in the middle.
    BrokenXml,
    /// Entities of entities.
    LaughingXml,
    /// Elements inside elements, a mebibyte of them.
    DeepXml,
    /// Asks to ask there.
    Redirect(String),
    /// A page for people.
    Page,
    /// It speaks RTSP.
    Rtsp,
    /// It closes the connection.
    Close,
}

/// A question that it got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The operation.
    pub operation: String,
    /// At which path.
    pub path: String,
    /// Whether a login came with it.
    pub has_login: bool,
    /// What is wrong with it.
    pub wrong: Option<&'static str>,
}

/// A running device; dropping it ends it.
#[derive(Debug)]
pub struct OnvifDevice {
    shared: Arc<Shared>,
    ended: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    settings: OnvifSettings,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    asked: Vec<Asked>,
}

impl OnvifDevice {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// It cannot listen there.
    pub async fn start(address: SocketAddr, settings: OnvifSettings) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen at {address}"))?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            settings,
            seen: Mutex::default(),
        });
        let ended = CancellationToken::new();
        let serve = serve(listener, shared.clone(), ended.clone());
        TaskTracker::new().spawn(ended.clone().run_until_cancelled_owned(serve));
        Ok(Self { shared, ended })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// How many connections it had.
    pub fn connections(&self) -> usize {
        self.shared.seen().connections
    }

    /// All that it was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.seen().asked.clone()
    }
}

impl Drop for OnvifDevice {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, ended: CancellationToken) {
    let connections = TaskTracker::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.seen().connections += 1;
        let shared = shared.clone();
        let answer = async move {
            // Whoever asks may go at any time.
            let _answered = answer(stream, &shared).await;
        };
        connections.spawn(ended.clone().run_until_cancelled_owned(answer));
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let (head, body) = read(&mut stream).await?;
    let asked = judge(&head, &body, shared.address);
    shared.seen().asked.push(asked.clone());
    let settings = &shared.settings;
    if let Some((operation, misdeed)) = &settings.misdeed
        && (operation.is_empty() || *operation == asked.operation)
    {
        return misbehave(&mut stream, misdeed).await;
    }
    let (status, message) = match asked.wrong {
        Some(wrong) => (400, answers::fault("ter:InvalidArgVal", wrong)),
        None => answers::answer(shared, &asked, &body),
    };
    let mut message = message.into_bytes();
    if settings.is_gbk {
        let text = String::from_utf8(message)?;
        message = encoding_rs::GBK.encode(&text).0.into_owned();
    }
    let head = head_of(status, "application/soap+xml", message.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&message).await?;
    Ok(())
}

fn head_of(status: u16, kind: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

/// Head and body of a request.
async fn read(stream: &mut TcpStream) -> anyhow::Result<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "closed");
        anyhow::ensure!(bytes.len() < REQUEST_BYTES_MAX, "too long");
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = field(head, "content-length").and_then(|length| length.parse().ok());
        if body.len() >= length.unwrap_or(0_usize) {
            return Ok((head.to_owned(), body.to_owned()));
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

/// What is asked, and whether it is asked as the standard says: SOAP 1.2 over HTTP, ONVIF Core §5.
fn judge(head: &str, body: &str, address: SocketAddr) -> Asked {
    let kind = field(head, "content-type").unwrap_or_default();
    let action = kind
        .split("action=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let (namespace, operation) = action
        .and_then(|action| action.rsplit_once('/'))
        .unwrap_or_default();
    let element = format!("<{operation} xmlns=\"{namespace}\">");
    let host = address.to_string();
    let checks = [
        (head.starts_with("POST /"), "no POST"),
        (kind.starts_with("application/soap+xml;"), "no SOAP 1.2"),
        (
            namespace.starts_with("http://www.onvif.org/ver"),
            "no action",
        ),
        (field(head, "host") == Some(host.as_str()), "another host"),
        (
            body.contains("=\"http://www.w3.org/2003/05/soap-envelope\""),
            "no envelope",
        ),
        (body.contains(&element), "another operation than its action"),
    ];
    let wrong = checks.into_iter().find(|(is_right, _)| !is_right);
    let has_login = field(head, "authorization").is_some() || body.contains("Security");
    Asked {
        operation: operation.to_owned(),
        path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        has_login,
        wrong: wrong.map(|(_, wrong)| wrong),
    }
}

async fn misbehave(stream: &mut TcpStream, misdeed: &Misdeed) -> anyhow::Result<()> {
    let soap = |body: &str| head_of(200, "application/soap+xml", body.len()) + body;
    let endless = "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n";
    match misdeed {
        Misdeed::Silent => std::future::pending().await,
        Misdeed::HugeBody => {
            let body = format!("<a>{}</a>", "<b/>".repeat(512 << 10));
            stream.write_all(soap(&body).as_bytes()).await?;
        }
        Misdeed::EndlessBody => {
            stream
                .write_all(format!("{endless}\r\n<a>").as_bytes())
                .await?;
            loop {
                stream.write_all(&[b' '; 65_536]).await?;
            }
        }
        Misdeed::Drip => {
            stream
                .write_all(format!("{endless}\r\n<a>").as_bytes())
                .await?;
            loop {
                sleep(Duration::from_millis(100)).await;
                stream.write_all(b" ").await?;
            }
        }
        Misdeed::EndlessHead => {
            stream.write_all(endless.as_bytes()).await?;
            loop {
                stream.write_all(b"x-more: and more\r\n").await?;
            }
        }
        Misdeed::BrokenXml => stream.write_all(soap("<a><b></a>").as_bytes()).await?,
        Misdeed::LaughingXml => {
            stream
                .write_all(soap(&answers::laughs()).as_bytes())
                .await?;
        }
        Misdeed::DeepXml => {
            let body = "<a>".repeat(140_000) + &"</a>".repeat(140_000);
            stream.write_all(soap(&body).as_bytes()).await?;
        }
        Misdeed::Redirect(to) => {
            let head = format!("HTTP/1.1 307 x\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
        }
        Misdeed::Page => {
            let page = "<!DOCTYPE html><html><body>login</body></html>";
            let text = head_of(200, "text/html", page.len()) + page;
            stream.write_all(text.as_bytes()).await?;
        }
        Misdeed::Rtsp => {
            stream
                .write_all(b"RTSP/1.0 400 Bad Request\r\n\r\n")
                .await?;
        }
        Misdeed::Close => {}
    }
    Ok(())
}

const REQUEST_BYTES_MAX: usize = 64 * 1024;
