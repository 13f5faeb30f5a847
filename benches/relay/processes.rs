//! Processes of a run: how they start, what they say, what they use, and how they end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::usage::Usage;

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    output: Option<Lines<BufReader<ChildStdout>>>,
}

impl Process {
    /// Starts it; what it writes to stderr goes to a log in the folder of runs.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let log = folder()?.join(format!("{name}.log"));
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .kill_on_drop(true)
            .spawn();
        let mut child = child.with_context(|| format!("{name} does not start"))?;
        let output = child.stdout.take();
        Ok(Self {
            name,
            child,
            log,
            output: output.map(|output| BufReader::new(output).lines()),
        })
    }

    /// Waits for its next line on stdout, and returns what follows `start`.
    pub(crate) async fn says(&mut self, start: &str) -> anyhow::Result<String> {
        let name = self.name;
        let output = self.output.as_mut().context("it has no output")?;
        let line = timeout(LIMIT, output.next_line())
            .await
            .with_context(|| format!("{name} says nothing"))??;
        let line = line.with_context(|| format!("{name} ended; see {}", self.log.display()))?;
        let rest = line.strip_prefix(start).map(str::to_owned);
        rest.with_context(|| format!("{name} says {line:?} where {start:?} was awaited"))
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let pid = self.child.id();
        Usage::of(pid.with_context(|| format!("{} has ended", self.name))?)
    }

    /// Resolves when it ended by itself, which it must not.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        let status = self.child.wait().await;
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.lines().count().saturating_sub(LINES_TOLD);
        let last: Vec<_> = log.lines().skip(from).collect();
        let (name, path) = (&self.name, self.log.display());
        anyhow::anyhow!(
            "{name} ended: {status:?}; see {path}, which ends\n{}",
            last.join("\n")
        )
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id();
        let pid = pid.with_context(|| format!("{} ended by itself", self.name))?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Ends it by SIGTERM.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        match timeout(LIMIT, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{} does not stop", self.name),
        }
    }

    /// Ends it by SIGTERM, which it must obey in good order.
    pub(crate) async fn stop_well(&mut self) -> anyhow::Result<()> {
        let status = self.stop().await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

/// The program that is the cameras, and the floor.
pub(crate) fn sim() -> anyhow::Result<Command> {
    let program = Path::new(env!("CARGO_BIN_EXE_huiju")).with_file_name("huiju-sim");
    ensure!(
        program.exists(),
        "{} is missing; build it first: cargo build --release -p huiju-sim",
        program.display()
    );
    Ok(Command::new(program))
}

/// The folder of runs, which is made if it is not there.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("relay");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// How long any step may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Of the log of a process that ended by itself.
const LINES_TOLD: usize = 20;
