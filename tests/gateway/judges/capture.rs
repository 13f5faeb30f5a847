//! Captures what goes over the cable, and asks tshark what it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tokio::process::Command;

use super::networks::{Networks, PLATFORM_END};
use super::tools::{Tool, program, run};

/// A capture that runs.
pub(super) struct Capture {
    tshark: Tool,
    file: PathBuf,
}

/// What was captured, and how tshark is to read it.
pub(super) struct Trace {
    file: PathBuf,
    decode_as: Vec<String>,
    told: Vec<u16>,
}

/// One packet of RTP as tshark sees it.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) is_marked: bool,
    pub(super) payload: Vec<u8>,
}

impl Capture {
    pub(super) async fn start(networks: &Networks, folder: &Path) -> Self {
        let file = folder.join("trace.pcapng");
        let mut tshark = program("tshark");
        // The lines tell when an answer has passed; the buffer holds what tshark is too slow for.
        tshark.args(["-l", "-P", "-B", "64", "-i", PLATFORM_END, "-w"]);
        let tshark = Tool::start("tshark", &mut networks.at_platform(tshark.arg(&file)));
        tshark.prints("Capture started").await;
        Self { tshark, file }
    }

    /// Waits until the gateway has logged out, and ends the capture.
    pub(super) async fn finish(self) -> Trace {
        self.tshark.prints("(remove 1 binding)").await;
        self.tshark.ask(Signal::SIGINT);
        let lines = self.tshark.succeeds().await;
        let dropped = lines.iter().find(|line| line.contains("dropped"));
        assert!(dropped.is_none(), "the capture has holes: {dropped:?}");
        Trace {
            file: self.file,
            decode_as: Vec::new(),
            told: Vec::new(),
        }
    }
}

impl Trace {
    /// Tells tshark that a UDP port carries RTP, and the next one RTCP.
    pub(super) fn tell_udp(&mut self, port: u16) {
        self.told.push(port);
        self.decode_as.push(format!("udp.port=={port},rtp"));
        self.decode_as.push(format!("udp.port=={},rtcp", port + 1));
    }

    /// Tells tshark that a TCP port carries RTP in the frames of RFC 4571.
    pub(super) fn tell_tcp(&mut self, port: u16) {
        self.told.push(port);
        self.decode_as.push(format!("tcp.port=={port},rtp"));
    }

    /// Nothing in the trace is malformed, an error, or, outside TCP, worth a warning of tshark's experts;
    /// TCP's warnings are of what it does about its own segments.
    pub(super) async fn is_clean(&self) {
        const ERROR: &str = "_ws.expert.severity >= 0x800000";
        const WARNING: &str = "_ws.expert.severity >= 0x600000";
        let filter = format!("_ws.malformed || {ERROR} || ({WARNING} && !tcp)");
        let trouble = self.ask(&["-Y", &filter, "-V"]).await;
        assert!(trouble.is_empty(), "tshark:\n{trouble}");
    }

    /// How many packets a display filter takes.
    pub(super) async fn count(&self, filter: &str) -> usize {
        let lines = self
            .ask(&["-Y", filter, "-T", "fields", "-e", "frame.number"])
            .await;
        lines.lines().count()
    }

    /// Each request, and each answer with the method it answers: `INVITE`, `401 REGISTER`.
    pub(super) async fn signalling(&self) -> Vec<String> {
        let lines = self
            .ask(&[
                "-Y",
                "sip",
                "-T",
                "fields",
                "-e",
                "sip.Status-Code",
                "-e",
                "sip.CSeq.method",
            ])
            .await;
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.lines().map(words).collect()
    }

    /// The packets of RTP, by the port that was told.
    pub(super) async fn rtp(&self) -> BTreeMap<u16, Vec<Packet>> {
        const FIELDS: [&str; 8] = [
            "udp.port",
            "tcp.port",
            "rtp.p_type",
            "rtp.ssrc",
            "rtp.seq",
            "rtp.timestamp",
            "rtp.marker",
            "rtp.payload",
        ];
        let mut arguments = vec!["-Y", "rtp", "-T", "fields"];
        arguments.extend(FIELDS.iter().flat_map(|field| ["-e", *field]));
        let mut flows: BTreeMap<u16, Vec<Packet>> = BTreeMap::new();
        for line in self.ask(&arguments).await.lines() {
            let fields: Vec<Vec<&str>> = line
                .split('\t')
                .map(|field| field.split(',').collect())
                .collect();
            let [udp, tcp, types, rest @ ..] = &fields[..] else {
                panic!("tshark: {line}");
            };
            let ports = if udp[0].is_empty() { tcp } else { udp };
            let mut ports = ports
                .iter()
                .map(|port| u16::try_from(number(port)).unwrap());
            let port = ports.find(|port| self.told.contains(port));
            let flow = flows
                .entry(port.expect("a port that carries RTP"))
                .or_default();
            // A segment of TCP may hold several packets.
            for (at, kind) in types.iter().enumerate() {
                assert_eq!(*kind, "96", "the payload type of {line}");
                flow.push(packet(rest, at));
            }
        }
        flows
    }

    async fn ask(&self, arguments: &[&str]) -> String {
        let mut tshark: Command = program("tshark");
        tshark.arg("-r").arg(&self.file);
        tshark.args(["-o", "tcp.reassemble_out_of_order:TRUE"]);
        for decode in &self.decode_as {
            tshark.args(["-d", decode]);
        }
        let output = run(tshark.args(arguments)).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn packet(fields: &[Vec<&str>], at: usize) -> Packet {
    Packet {
        ssrc: number(fields[0][at]),
        sequence: u16::try_from(number(fields[1][at])).unwrap(),
        timestamp: number(fields[2][at]),
        is_marked: fields[3][at] == "1",
        payload: hex::decode(fields[4][at]).unwrap(),
    }
}

/// tshark writes some numbers in hexadecimal.
fn number(text: &str) -> u32 {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.unwrap_or_else(|_| panic!("tshark: {text} is no number"))
}

/// One SSRC, no gap in the sequence, and one marker a frame, which is its last packet.
pub(super) fn is_sound(packets: &[Packet], ssrc: u32) {
    for (index, packet) in packets.iter().enumerate() {
        assert_eq!(packet.ssrc, ssrc, "packet {index}");
        let next = packets.get(index + 1);
        if let Some(next) = next {
            let expected = packet.sequence.wrapping_add(1);
            assert_eq!(next.sequence, expected, "after packet {index}");
        }
        let is_last = next.is_none_or(|next| next.timestamp != packet.timestamp);
        assert_eq!(packet.is_marked, is_last, "the marker of packet {index}");
        assert!(packet.payload.len() <= 1400, "packet {index} is long");
    }
}
