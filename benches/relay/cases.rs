//! The cases that are measured, by name.

use anyhow::Context as _;
use huiju_sim::clips::ClipKind;
use huiju_sim::platform::Media;

/// What is relayed: how many cameras of what, to how many viewers each, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) cameras: usize,
    pub(crate) video: ClipKind,
    pub(crate) audio: Option<ClipKind>,
    /// Sessions of each camera; with none, cameras are pulled and nobody looks.
    pub(crate) copies: usize,
    pub(crate) transport: Media,
    /// The gateway's `media.burst`.
    pub(crate) burst: &'static str,
    /// How many cameras FFmpeg and GStreamer relay to be compared with; none where they cannot do the same.
    pub(crate) peers: usize,
}

impl Case {
    /// Finds a case.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let found = CASES.iter().find(|case| case.name == name);
        found.copied().with_context(|| {
            let names = CASES.each_ref().map(|case| case.name);
            format!(
                "no case is named {name}; there are {}, and growth, sessions and catalogue",
                names.join(", ")
            )
        })
    }

    /// What goes out: one a session, or what is pulled if nobody looks.
    pub(crate) fn streams(&self, cameras: usize) -> usize {
        cameras * self.copies.max(1)
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let Self {
            name,
            cameras,
            video,
            copies,
            ..
        } = self;
        let audio = self.audio.map(|audio| format!(" and {audio}"));
        let audio = audio.unwrap_or_default();
        let transport = self.transport.name();
        let cameras = match cameras {
            1 => "1 camera".to_owned(),
            _ => format!("{cameras} cameras"),
        };
        match copies {
            0 => format!("{name}: {cameras} of {video}{audio}, pulled and not looked at"),
            1 => format!("{name}: {cameras} of {video}{audio}, a session each over {transport}"),
            _ => format!(
                "{name}: {cameras} of {video}{audio}, {copies} sessions each over {transport}"
            ),
        }
    }
}

/// The case that is measured when none is named.
pub(crate) const USUAL: &str = "20x4m";

/// What most cases are.
pub(crate) const ONE_SESSION: Case = Case {
    name: USUAL,
    cameras: 20,
    video: ClipKind::H264Load4m,
    audio: None,
    copies: 1,
    transport: Media::Udp,
    burst: "32KiB",
    peers: PEERS,
};

const CASES: [Case; 11] = [
    ONE_SESSION,
    Case {
        name: "200x4m",
        cameras: 200,
        ..ONE_SESSION
    },
    Case {
        name: "400x2m",
        cameras: 400,
        video: ClipKind::H264Load2m,
        ..ONE_SESSION
    },
    Case {
        name: "1000x128k",
        cameras: 1000,
        video: ClipKind::H264Small,
        ..ONE_SESSION
    },
    Case {
        name: "fanout",
        cameras: 1,
        copies: 200,
        peers: 0,
        ..ONE_SESSION
    },
    Case {
        name: "pull",
        cameras: 200,
        copies: 0,
        peers: 0,
        ..ONE_SESSION
    },
    Case {
        name: "tcp",
        cameras: 200,
        transport: Media::TcpPassive,
        peers: 0,
        ..ONE_SESSION
    },
    Case {
        name: "h265",
        cameras: 200,
        video: ClipKind::H2651080p,
        ..ONE_SESSION
    },
    // With the cameras and the receivers this is about 60 % of two cores.
    Case {
        name: "load",
        cameras: 700,
        peers: 0,
        ..ONE_SESSION
    },
    Case {
        name: "load-unpaced",
        cameras: 700,
        burst: "none",
        peers: 0,
        ..ONE_SESSION
    },
    // GStreamer's muxer takes no G.711.
    Case {
        name: "audio",
        cameras: 200,
        video: ClipKind::H264Load2m,
        audio: Some(ClipKind::G711A),
        peers: 0,
        ..ONE_SESSION
    },
];

/// As many FFmpegs as two cores carry.
const PEERS: usize = 20;
