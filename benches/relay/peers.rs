//! A run of what Debian has for the same: RTSP over TCP in, a transport stream over RTP out, nothing decoded.

use anyhow::{Context as _, bail};
use huiju_sim::clips::Codec;
use tokio::process::Command;

use crate::measured::{self, Faults, Program, Received, Run, Steady};
use crate::processes::{LIMIT, Process};
use crate::receivers::{Kind, Receivers};
use crate::usage::Usage;
use crate::world::World;

/// Starts the processes of a peer, lets them relay, and stops them.
pub(crate) async fn run(world: &World, program: Program, cameras: usize) -> anyhow::Result<Run> {
    let receivers = Receivers::bind(Kind::Rtp, cameras).await?;
    let codec = world.case.video.codec();
    let ports = (Receivers::FIRST..).step_by(2);
    let urls = world.farm.urls(cameras).iter();
    let streams: Vec<(&str, u16)> = urls.map(String::as_str).zip(ports).collect();
    let commands = match program {
        Program::Ffmpeg => streams.into_iter().map(ffmpeg).collect(),
        Program::Gstreamer => vec![gstreamer(&streams, codec)?],
        Program::Gateway | Program::Floor => bail!("{} is no peer", program.name()),
    };
    let mut processes = Vec::new();
    for mut command in commands {
        processes.push(Process::start(program.name(), &mut command)?);
    }
    let heard = receivers.heard(LIMIT).await;
    heard.with_context(|| format!("{}, see its log", program.name()))?;
    let look = async || {
        let mut usage = Usage::default();
        for process in &processes {
            usage = usage.and(process.usage()?);
        }
        let arrived = receivers.arrived();
        let received = Received {
            packets: arrived.packets,
            bytes: arrived.bytes - RTP_HEADER_BYTES * arrived.packets,
            frames: 0,
            lost: arrived.lost,
        };
        Ok((usage, received))
    };
    measured::settle().await;
    let steady = Steady::measure(world, look).await?;

    for process in &mut processes {
        // Their statuses after a signal say nothing.
        process.stop().await?;
    }
    let arrived = receivers.finish().await?;
    let mut faults = Faults::default();
    faults.none_of(arrived.lost, "packets lost on the way");
    let bits = (steady.received.bytes * 8) as f64 / cameras as f64;
    let clips = world.farm.expected().frame_bits(steady.time);
    faults.within("bits a stream", bits, clips, OVERHEAD);
    Ok(Run {
        program,
        streams: cameras,
        steady,
        idle_rss: None,
        latency: None,
        faults: faults.0,
    })
}

/// One process a camera.
fn ffmpeg((url, port): (&str, u16)) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-loglevel", "error"])
        .args(["-rtsp_transport", "tcp", "-i", url])
        .args(["-c", "copy", "-f", "rtp_mpegts"])
        .arg(format!("rtp://{}:{port}", Receivers::IP));
    command
}

/// One process with a pipeline a camera, which is kinder than a process each. Nothing waits for a clock: packets leave
/// as they come, as the gateway's do.
fn gstreamer(streams: &[(&str, u16)], codec: Codec) -> anyhow::Result<Command> {
    let elements = match codec {
        Codec::H264 => ["rtph264depay", "h264parse"],
        Codec::H265 => ["rtph265depay", "h265parse"],
        Codec::Aac | Codec::G711A | Codec::G711U => bail!("{} is no video", codec.name()),
    };
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q");
    for (url, port) in streams {
        command
            .args(["rtspsrc", "protocols=tcp", "latency=0"])
            .arg(format!("location={url}"));
        for element in elements {
            command.args(["!", element]);
        }
        command
            .args(["!", "mpegtsmux", "!", "rtpmp2tpay", "!"])
            .args(["udpsink", "sync=false", "async=false"])
            .arg(format!("host={}", Receivers::IP))
            .arg(format!("port={port}"));
    }
    Ok(command)
}

const RTP_HEADER_BYTES: u64 = 12;
/// Packets of a transport stream are 188 bytes, filled up behind a small frame.
const OVERHEAD: f64 = 1.0;
