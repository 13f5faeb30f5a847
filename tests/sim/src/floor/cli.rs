//! `huiju-sim floor`: reads cameras, and sends their bytes on.

#![expect(clippy::print_stdout, reason = "what a command finds goes to stdout")]

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

use super::outlet::{Outlet, Over};
use super::relay::Relay;
use super::source::Source;
use crate::arguments;

const HELP: &str =
    "usage: huiju-sim floor --to ADDRESS:PORT [--over udp|tcp] [--copies N] [--gather BYTES] URL...

Pulls the cameras at these URLs by RTSP over TCP and sends on every byte of their media,
each camera's to a port of its own: PORT, PORT + 2, PORT + 4 and so on. Prints
`floor ready: N cameras` and serves until SIGINT or SIGTERM.

  --over udp|tcp  datagrams by segmentation offload (default), or connections
  --copies N      each camera goes to N ports (1); with 0 its bytes are read and go nowhere
  --gather BYTES  fewer bytes wait for those that follow (1): about half a frame";

/// Runs the command; it blocks, on this thread alone.
///
/// # Errors
/// On a wrong argument, when a camera does not play or hangs up, or nobody listens where bytes are sent.
pub fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if arguments::ask_for_help(arguments) {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse(arguments)?;
    // Asked for before the ready line, so that a signal right after it is not lost.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    let stop = SignalFd::new(&signals)?;

    let mut relay = options.relay()?;
    relay.play()?;
    println!("floor ready: {} cameras", options.urls.len());
    let totals = relay.run(&stop)?;
    println!(
        "floor ended: {} bytes read, {} bytes sent, {} reads, {} sends",
        totals.bytes_read, totals.bytes_sent, totals.reads, totals.sends
    );
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug)]
struct Options {
    to: Option<SocketAddr>,
    over: Over,
    copies: u16,
    gather: usize,
    urls: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut options = Self {
            to: None,
            over: Over::Udp,
            copies: 1,
            gather: 1,
            urls: Vec::new(),
        };
        arguments::read(arguments, |option, value| options.take(option, value))?;
        ensure!(!options.urls.is_empty(), "no camera is named\n{HELP}");
        Ok(options)
    }

    fn take<'a>(
        &mut self,
        option: &str,
        value: impl FnOnce() -> anyhow::Result<&'a String>,
    ) -> anyhow::Result<()> {
        match option {
            "--to" => self.to = Some(value()?.parse()?),
            "--over" => {
                self.over = match value()?.as_str() {
                    "udp" => Over::Udp,
                    "tcp" => Over::Tcp,
                    other => bail!("there are udp and tcp, not {other}"),
                }
            }
            "--copies" => self.copies = value()?.parse()?,
            "--gather" => self.gather = value()?.parse()?,
            url if url.starts_with("rtsp://") => self.urls.push(url.to_owned()),
            _ => bail!("unknown\n{HELP}"),
        }
        Ok(())
    }

    /// Sets up all cameras; none plays yet.
    fn relay(&self) -> anyhow::Result<Relay> {
        let mut relay = Relay::new(self.gather);
        let mut ports = self.ports()?;
        for url in &self.urls {
            let source = Source::set_up(url).with_context(|| url.clone())?;
            let outlets = ports
                .by_ref()
                .take(self.copies.into())
                .map(|to| Outlet::open(self.over, to));
            relay.add(source, outlets.collect::<anyhow::Result<_>>()?);
        }
        Ok(relay)
    }

    fn ports(&self) -> anyhow::Result<impl Iterator<Item = SocketAddr>> {
        let wanted = self.urls.len() * usize::from(self.copies);
        let first = match self.to {
            Some(to) => to,
            None if wanted == 0 => SocketAddr::from(([0, 0, 0, 0], 0)),
            None => bail!("--to is missing\n{HELP}"),
        };
        let last = usize::from(first.port()) + 2 * wanted;
        ensure!(last <= 65_536, "there are not enough ports behind {first}");
        let ports = (first.port()..=u16::MAX).step_by(2);
        Ok(ports.map(move |port| SocketAddr::new(first.ip(), port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> anyhow::Result<Options> {
        let arguments: Vec<String> = text.split(' ').map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn copies_go_to_ports_two_apart() {
        let options = options("--to 127.0.0.1:4000 --copies 2 rtsp://a rtsp://b").unwrap();
        let ports: Vec<u16> = options
            .ports()
            .unwrap()
            .take(4)
            .map(|to| to.port())
            .collect();
        assert_eq!(ports, [4000, 4002, 4004, 4006]);
    }

    #[test]
    fn more_copies_than_ports_are_refused() {
        let crowded = options("--to 127.0.0.1:65000 --copies 300 rtsp://a").unwrap();
        assert!(crowded.ports().is_err());
        let fits = options("--to 127.0.0.1:65000 --copies 268 rtsp://a").unwrap();
        assert!(fits.ports().is_ok());
    }

    #[test]
    fn bytes_that_go_nowhere_need_no_port() {
        assert!(options("--copies 0 rtsp://a").unwrap().ports().is_ok());
        assert!(options("rtsp://a").unwrap().ports().is_err());
        assert!(options("--copies 0").is_err());
    }
}
