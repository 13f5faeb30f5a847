//! What a process uses: CPU time and resident memory.

use std::time::Duration;

use anyhow::Context as _;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// User and system time of all its threads, ended ones too: utime + stime of /proc/PID/stat, but read from the
    /// process's own clock, whose ticks are not a hundredth of a second.
    pub(crate) cpu: Duration,
    /// VmRSS, in bytes.
    pub(crate) rss: u64,
}

impl Usage {
    /// Reads what a process uses now.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?;
        let path = format!("/proc/{pid}/status");
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let kibibytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
            .context("no VmRSS")?
            .trim()
            .parse()?;
        Ok(Self {
            cpu: Duration::from(clock.now()?),
            rss: kibibytes * 1024,
        })
    }
}
