//! Programs nobody here wrote, as child processes whose lines a test can wait for.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::world::{SOON, signal, spawn};

/// A program that runs beside the test; it is killed with the test.
pub(super) struct Tool {
    name: String,
    process: Child,
    lines: watch::Receiver<Vec<String>>,
}

impl Tool {
    /// Starts a program; `name` is for people.
    pub(super) fn start(name: &str, command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (sender, lines) = watch::channel(Vec::new());
        read(process.stdout.take().unwrap(), sender.clone());
        read(process.stderr.take().unwrap(), sender);
        Self {
            name: name.to_owned(),
            process,
            lines,
        }
    }

    /// Waits until what the program printed so far is as wanted.
    pub(super) async fn wait_for(&self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        let mut lines = self.lines.clone();
        let came = timeout(SOON, lines.wait_for(|lines| wanted(lines))).await;
        let came = matches!(came, Ok(Ok(_)));
        assert!(came, "{}: no {what} in:\n{}", self.name, self.text());
    }

    /// Waits for a line that holds `text`.
    pub(super) async fn prints(&self, text: &str) -> String {
        let holds = |line: &&String| line.contains(text);
        self.wait_for(text, |lines| lines.iter().any(|line| holds(&line)))
            .await;
        let lines = self.lines.borrow();
        lines.iter().find(holds).cloned().unwrap_or_default()
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Asks the program to end.
    pub(super) fn ask(&self, to: Signal) {
        signal(self.process.id().expect("the program runs"), to);
    }

    /// Waits until the program ended with 0, and returns its lines.
    pub(super) async fn succeeds(mut self) -> Vec<String> {
        let status = timeout(SOON, self.process.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("{} goes on:\n{}", self.name, self.text()));
        // The pipes close with the process: what it printed last is there once both readers are gone.
        let mut lines = self.lines.clone();
        let drained = timeout(SOON, async { while lines.changed().await.is_ok() {} }).await;
        assert!(drained.is_ok(), "{} left its output open", self.name);
        let status = status.unwrap();
        assert!(status.success(), "{}: {status}\n{}", self.name, self.text());
        self.lines()
    }

    fn text(&self) -> String {
        self.lines.borrow().join("\n")
    }
}

fn read(from: impl AsyncRead + Send + Unpin + 'static, to: watch::Sender<Vec<String>>) {
    spawn(async move {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        // Not every program writes UTF-8: names in the answers are GB 18030.
        while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            to.send_modify(|lines| lines.push(text));
            line.clear();
        }
    });
}

/// Runs a program to its end, which must be a success.
pub(super) async fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(SOON, output).await.expect("the program ends");
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A program by name.
///
/// # Panics
///
/// When it is not there: a missing judge fails the test and never skips it.
pub(super) fn program(name: &str) -> Command {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&places).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places
        .map(|place: PathBuf| place.join(name))
        .find(|path| path.is_file());
    let package = PACKAGES
        .iter()
        .find(|(program, _)| *program == name)
        .map_or(name, |(_, package)| package);
    let found = found.unwrap_or_else(|| {
        panic!("no program {name}: install the Debian package {package} (tests/run does)")
    });
    Command::new(found)
}

/// A script of `tests/judges`, run by Debian's own Python, which is the one that has GStreamer's bindings.
pub(super) fn script(name: &str) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(judges().join(name));
    command
}

/// Checks that Python can load what the scripts load.
pub(super) async fn require_gstreamer() {
    for (what, package) in BINDINGS {
        let code = format!("import gi; gi.require_version('{what}', '1.0')");
        let mut python = Command::new("/usr/bin/python3");
        let output = python.args(["-c", &code]).output().await;
        let is_there = output.is_ok_and(|output| output.status.success());
        assert!(
            is_there,
            "no GStreamer bindings {what}: install the Debian packages python3-gi {package} (tests/run does)"
        );
    }
    for (element, package) in ELEMENTS {
        let mut inspect = program("gst-inspect-1.0");
        let output = inspect.args(["--exists", element]).output().await;
        let is_there = output.is_ok_and(|output| output.status.success());
        assert!(
            is_there,
            "no GStreamer element {element}: install the Debian package {package} (tests/run does)"
        );
    }
}

/// The folder of scripts and scenarios.
pub(super) fn judges() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/judges")
}

const PACKAGES: [(&str, &str); 6] = [
    ("ip", "iproute2"),
    ("sipp", "sip-tester"),
    ("gst-inspect-1.0", "gstreamer1.0-tools"),
    ("tshark", "tshark"),
    ("ethtool", "ethtool"),
    ("ffmpeg", "ffmpeg"),
];

const BINDINGS: [(&str, &str); 2] = [
    ("Gst", "gir1.2-gstreamer-1.0"),
    ("GstRtspServer", "gir1.2-gst-rtsp-server-1.0"),
];

const ELEMENTS: [(&str, &str); 4] = [
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("mpegpsdemux", "gstreamer1.0-plugins-bad"),
    ("avdec_h264", "gstreamer1.0-libav"),
];
