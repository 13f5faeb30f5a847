//! The language of reloads and commands: a world's files are edited, and its gateway is asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use huiju_sim::platform::{Keep, Media, Options, Session};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::world::{SOON, World, merge, restrict};

/// A row of the inventory: text by column.
pub(crate) type Row = BTreeMap<String, String>;

/// A row of the inventory with what every row has.
pub(crate) fn row(department: &str, name: &str, url: &str, source_id: &str) -> Row {
    let fields = [
        ("department", department),
        ("name", name),
        ("url", url),
        ("source_id", source_id),
    ];
    let owned = fields.map(|(column, text)| (column.to_owned(), text.to_owned()));
    owned.into_iter().collect()
}

impl World {
    /// Changes the configuration's file; the gateway is not told.
    pub(crate) fn edit_config(&self, edit: impl FnOnce(&mut Value)) {
        let text = std::fs::read_to_string(&self.config_path).unwrap();
        let mut config = serde_json::from_str(&text).unwrap();
        edit(&mut config);
        let text = serde_json::to_string_pretty(&config).unwrap();
        std::fs::write(&self.config_path, text).unwrap();
    }

    /// Changes what the configuration says of one platform; objects are merged.
    pub(crate) fn edit_platform(&self, id: &str, change: Value) {
        self.edit_config(|config| merge(member(config, "platforms", id), change));
    }

    /// Changes what the configuration says of one department; objects are merged.
    pub(crate) fn edit_department(&self, id: &str, change: Value) {
        self.edit_config(|config| merge(member(config, "departments", id), change));
    }

    /// Changes the rows of the inventory; the gateway is not told.
    pub(crate) fn edit_inventory(&self, edit: impl FnOnce(&mut Vec<Row>)) {
        let mut rows = self.rows();
        edit(&mut rows);
        self.write_rows(&rows);
    }

    /// Sets one field of the row of a name.
    pub(crate) fn set_field(&self, name: &str, column: &str, text: &str) {
        self.edit_inventory(|rows| {
            let row = rows.iter_mut().find(|row| row["name"] == name);
            let row = row.expect("a row of this world");
            row.insert(column.to_owned(), text.to_owned());
        });
    }

    /// The rows of the inventory.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut reader = csv::Reader::from_path(self.inventory_path()).unwrap();
        let header = reader.headers().unwrap().clone();
        let named = |record: csv::StringRecord| {
            let pairs = header
                .iter()
                .zip(record.iter())
                .filter(|(_, text)| !text.is_empty());
            pairs
                .map(|(column, text)| (column.to_owned(), text.to_owned()))
                .collect()
        };
        reader
            .records()
            .map(|record| named(record.unwrap()))
            .collect()
    }

    /// Writes the inventory anew.
    pub(crate) fn write_rows(&self, rows: &[Row]) {
        let mut columns: Vec<&str> = rows
            .iter()
            .flat_map(|row| row.keys().map(String::as_str))
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let mut writer = csv::Writer::from_path(self.inventory_path()).unwrap();
        writer.write_record(&columns).unwrap();
        for row in rows {
            let text = |column: &&str| row.get(*column).map_or("", String::as_str);
            writer.write_record(columns.iter().map(text)).unwrap();
        }
        writer.flush().unwrap();
    }

    /// The file of the inventory.
    pub(crate) fn inventory_path(&self) -> std::path::PathBuf {
        self.folder.join("cameras.csv")
    }

    /// Writes a secret that nobody else can read.
    pub(crate) fn write_secret(&self, file: &str, secret: &str) {
        let path = self.folder.join(file);
        std::fs::write(&path, secret).unwrap();
        restrict(&path);
    }

    /// `huiju reload --json`, which must succeed: its report.
    pub(crate) async fn reload(&self) -> Value {
        self.json(&["reload", "--json"]).await
    }

    /// `huiju reload`, which must be refused: its exit code and what it says.
    pub(crate) async fn refused_reload(&self) -> (i32, String) {
        let output = self.command(&["reload"]).await;
        let code = output.status.code().expect("an exit code");
        assert_ne!(code, 0, "{}", String::from_utf8_lossy(&output.stdout));
        (code, self.said(&output.stderr))
    }

    /// What a command that must succeed prints, as JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        let outcome = (output.status.code(), &*said);
        assert_eq!(outcome, (Some(0), ""), "{arguments:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What a command that must succeed prints.
    pub(crate) async fn plain(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).await;
        let (stdout, stderr) = (self.said(&stdout), self.said(&stderr));
        assert_eq!(
            (status.code(), stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}: {stdout}"
        );
        stdout
    }

    /// Text of the binary, with files as seen from the configuration's folder.
    pub(crate) fn said(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        text.replace(&format!("{}/", self.folder.display()), "")
    }

    /// Status and body of a GET at the admin socket.
    pub(crate) async fn api(&self, path: &str) -> (u16, String) {
        self.ask("GET", path).await
    }

    /// Status and body of a request at the admin socket.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        self.ask_with(method, path, "").await
    }

    /// As [`Self::ask`], with a body of JSON.
    pub(crate) async fn ask_with(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let json = [("content-type", "application/json")];
        let answer = self.request(method, path, &json, body.as_bytes()).await;
        (answer.status, answer.text())
    }

    /// The whole answer to a request at the admin socket.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let socket = self.folder.join("admin.sock");
        let answer = timeout(LONG, request(&socket, method, path, headers, body)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method} {path} is not answered"));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:#}\n{}", self.log()))
    }

    /// The whole answer to a request at `listen.http`.
    pub(crate) async fn request_http(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let answer = timeout(LONG, async {
            let stream = TcpStream::connect(self.http()).await?;
            exchange(stream, method, path, headers, b"").await
        });
        let answer = answer
            .await
            .unwrap_or_else(|_| panic!("{method} {path} is not answered"));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:#}\n{}", self.log()))
    }

    /// The id of a camera, by its name.
    pub(crate) async fn id_of(&self, camera: &str) -> String {
        text(&self.camera_item(camera).await, "id")
    }

    /// The camera of a name, as the API shows it.
    pub(crate) async fn camera_item(&self, name: &str) -> Value {
        let page = self.json(&["camera", "list", "--json"]).await;
        let items = page["items"].as_array().expect("items");
        let found = items.iter().find(|item| item["name"] == name);
        found
            .unwrap_or_else(|| panic!("{name} is not listed: {page}"))
            .clone()
    }

    /// Has a platform look at a camera, with a hash of every access unit, and waits for media.
    pub(crate) async fn look(&self, platform: &str, camera: &str) -> Session {
        let channel = self.channel(platform, camera).await;
        self.look_at(platform, &channel).await
    }

    /// As [`Self::look`], by the channel's code.
    pub(crate) async fn look_at(&self, platform: &str, channel: &str) -> Session {
        let options = Options {
            keep: Keep::Hash,
            ..Options::default()
        };
        let invited = self.platform(platform).invite(channel, Media::Udp, options);
        let session = invited
            .await
            .unwrap_or_else(|error| panic!("{channel}: {error}\n{}", self.log()));
        session
            .wait_for(|stats| stats.frames >= 25, SOON)
            .await
            .unwrap();
        session
    }
}

/// A text of an answer.
pub(crate) fn text(value: &Value, key: &str) -> String {
    let text = value[key].as_str();
    text.unwrap_or_else(|| panic!("no text {key} in {value}"))
        .to_owned()
}

/// State and cause of a camera in an answer.
pub(crate) fn state(value: &Value) -> [String; 2] {
    [text(value, "state"), text(value, "cause")]
}

/// The member of a list of the configuration.
pub(crate) fn member<'a>(config: &'a mut Value, list: &str, id: &str) -> &'a mut Value {
    let members = config[list].as_array_mut().expect("a list");
    members
        .iter_mut()
        .find(|member| member["id"] == id)
        .expect("a member of that id")
}

pub(crate) async fn ask(socket: &Path, method: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let answer = request(socket, method, path, &[], b"").await?;
    Ok((answer.status, answer.text()))
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, which is text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    /// The body, which is JSON.
    pub(crate) fn json(&self) -> Value {
        let value = serde_json::from_slice(&self.body);
        value.unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(crate) async fn request(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> anyhow::Result<Answer> {
    let stream = UnixStream::connect(socket).await?;
    exchange(stream, method, path, headers, body).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> anyhow::Result<Answer> {
    let length = body.len();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: huiju\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| anyhow::anyhow!("no head"))?;
    let head = String::from_utf8(answer[..end].to_vec())?;
    let status = head.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(Answer {
        status,
        head,
        body: answer[end + 4..].to_vec(),
    })
}

/// A probe waits its turn, and a reload for the goodbyes of platforms.
const LONG: std::time::Duration = std::time::Duration::from_secs(130);
