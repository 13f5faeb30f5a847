//! What a process uses: CPU time and resident memory; and what all of them use.

use std::time::Duration;

use anyhow::Context as _;
use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, SysconfVar, sysconf};

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
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

    /// What two processes use together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            rss: self.rss + other.rss,
        }
    }
}

/// The time that all cores of the machine have worked so far, and been withheld by its host (proc_stat(5)).
pub(crate) fn machine() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let cores = stat
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("cpu "));
    // user, nice, system, idle, iowait, irq, softirq, steal
    let ticks = cores.context("no cpu in /proc/stat")?;
    let ticks: Vec<u64> = ticks
        .split_ascii_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let busy: u64 = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|field| ticks.get(*field))
        .sum();
    let per_second = sysconf(SysconfVar::CLK_TCK)?.context("no clock tick")?;
    Ok(Duration::from_secs_f64(busy as f64 / per_second as f64))
}
