//! The loop: what can be read is read, and sent on as soon as it is about a frame.

use std::io::{ErrorKind, Read as _};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::outlet::{Outlet, SEND_BYTES_MAX};
use super::source::Source;

/// A camera, and where its bytes go.
#[derive(Debug)]
struct Line {
    source: Source,
    outlets: Vec<Outlet>,
    /// Bytes that were read and are no frame yet; empty most of the time.
    kept: Vec<u8>,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Totals {
    pub(super) bytes_read: u64,
    pub(super) bytes_sent: u64,
    pub(super) reads: u64,
    pub(super) sends: u64,
}

/// All cameras.
#[derive(Debug)]
pub(super) struct Relay {
    lines: Vec<Line>,
    /// Fewer bytes than this wait for those that follow them.
    gather: usize,
    buffer: Vec<u8>,
    totals: Totals,
}

impl Relay {
    pub(super) fn new(gather: usize) -> Self {
        Self {
            lines: Vec::new(),
            gather: gather.clamp(1, SEND_BYTES_MAX),
            buffer: vec![0; SEND_BYTES_MAX],
            totals: Totals::default(),
        }
    }

    /// Adds a camera that was set up.
    pub(super) fn add(&mut self, source: Source, outlets: Vec<Outlet>) {
        self.lines.push(Line {
            source,
            outlets,
            kept: Vec::new(),
        });
    }

    /// Lets all cameras play.
    pub(super) fn play(&mut self) -> anyhow::Result<()> {
        for line in &mut self.lines {
            line.kept = line.source.play()?;
            self.totals.bytes_read += line.kept.len() as u64;
        }
        Ok(())
    }

    /// Relays until `stop` can be read; what is kept then goes out too.
    pub(super) fn run(&mut self, stop: &impl AsFd) -> anyhow::Result<Totals> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        let keep_alive = every(KEEP_ALIVE_INTERVAL)?;
        let wanted = |token| EpollEvent::new(EpollFlags::EPOLLIN, token);
        epoll.add(stop, wanted(STOP))?;
        epoll.add(&keep_alive, wanted(KEEP_ALIVE))?;
        for (n, line) in (0..).zip(&self.lines) {
            epoll.add(&line.source.stream, wanted(n))?;
        }
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        loop {
            let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
                Err(Errno::EINTR) => 0,
                count => count?,
            };
            for event in &events[..count] {
                match event.data() {
                    STOP => return self.finish(),
                    KEEP_ALIVE => {
                        keep_alive.wait()?;
                        for line in &mut self.lines {
                            line.source.keep_alive()?;
                        }
                    }
                    n => self.handle_readable(usize::try_from(n)?)?,
                }
            }
        }
    }

    fn handle_readable(&mut self, n: usize) -> anyhow::Result<()> {
        let line = &mut self.lines[n];
        let kept = line.kept.len();
        self.buffer[..kept].copy_from_slice(&line.kept);
        let length = match line.source.stream.read(&mut self.buffer[kept..]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            length => length.with_context(|| format!("camera {n}"))?,
        };
        ensure!(length > 0, "camera {n} hung up");
        self.totals.reads += 1;
        self.totals.bytes_read += length as u64;
        line.kept.clear();
        let bytes = &self.buffer[..kept + length];
        if bytes.len() < self.gather {
            line.kept.extend_from_slice(bytes);
            return Ok(());
        }
        send(&mut line.outlets, bytes, &mut self.totals)
    }

    fn finish(&mut self) -> anyhow::Result<Totals> {
        for line in &mut self.lines {
            if !line.kept.is_empty() {
                send(&mut line.outlets, &line.kept, &mut self.totals)?;
                line.kept.clear();
            }
        }
        Ok(self.totals)
    }
}

fn send(outlets: &mut [Outlet], bytes: &[u8], totals: &mut Totals) -> anyhow::Result<()> {
    for outlet in outlets {
        outlet
            .send(bytes)
            .with_context(|| format!("cannot send {} bytes: {outlet:?}", bytes.len()))?;
        totals.sends += 1;
        totals.bytes_sent += bytes.len() as u64;
    }
    Ok(())
}

fn every(interval: Duration) -> anyhow::Result<TimerFd> {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty())?;
    let interval = Expiration::Interval(TimeSpec::from_duration(interval));
    timer.set(interval, TimerSetTimeFlags::empty())?;
    Ok(timer)
}

/// Cameras end sessions that nothing was asked in for a minute.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(25);
const EVENTS_MAX: usize = 256;
/// No camera has these numbers.
const STOP: u64 = u64::MAX;
const KEEP_ALIVE: u64 = u64::MAX - 1;
