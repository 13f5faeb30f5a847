//! Format parameters, with the parameter sets in them.
//!
//! The sets are in the band too, so all of it plays; it is for the client not to stumble.

use super::super::description::{Description, Media};
use super::{OddSdp, h265, plays};

pub(super) const ROWS: &[OddSdp] = &[
    plays("no_fmtp", "no report: common", |sdp| {
        sdp.video().remove("a=fmtp");
    }),
    plays(
        "fmtp_without_parameters",
        "Ubiquiti, retina's tests",
        |sdp| {
            sdp.video().set("a=fmtp", "a=fmtp:96");
        },
    ),
    plays(
        "fmtp_before_rtpmap",
        "no report: order is free, RFC 4566 §6",
        |sdp| {
            let lines = &mut sdp.video().lines;
            let (fmtp, mut rest): (Vec<_>, Vec<_>) =
                lines.drain(..).partition(|line| line.starts_with("a=fmtp"));
            rest.splice(1..1, fmtp);
            *lines = rest;
        },
    ),
    plays(
        "fmtp_of_another_payload_type",
        "Hikvision, gortsplib#658",
        |sdp| {
            sdp.video().edit("fmtp:96", "fmtp:97");
        },
    ),
    plays("fmtp_with_spaces", "GeoVision, retina#33", |sdp| {
        sdp.video().edit(";", " ; ");
    }),
    plays("fmtp_ends_in_a_semicolon", "no report: common", |sdp| {
        for line in &mut sdp.video().lines {
            if line.starts_with("a=fmtp") {
                line.push(';');
            }
        }
    }),
    plays(
        "no_sprop",
        "no report: cameras that send the sets in the band alone",
        |sdp| {
            sprop(sdp, |_| None);
        },
    ),
    plays(
        "sprop_empty",
        "no report: cameras asked before their encoder ran",
        |sdp| sprop_text(sdp, ""),
    ),
    plays("sprop_sps_alone", "Hikvision, FFmpeg#181", |sdp| {
        sprop(sdp, |sets| Some(format!("{},", first(sets))));
    }),
    plays("sprop_pps_alone", "vdk#67", |sdp| {
        sprop(sdp, |sets| {
            Some(format!(
                ",{}",
                sets.split(',').next_back().unwrap_or_default()
            ))
        });
    }),
    plays(
        "sprop_broken_base64",
        "no report: firmware that cuts the line",
        |sdp| sprop_text(sdp, "Z2QA*w!!,aO=4g"),
    ),
    plays("sprop_bad_nal_header", "VStarcam, retina#42", |sdp| {
        sprop_text(sdp, "6QAgAA==,6QAhAA==");
    }),
    plays("sprop_with_start_codes", "YGTek, gortsplib#402", |sdp| {
        // Base64 of three bytes is four letters, so the sets behind may stay as they are.
        sprop(sdp, |sets| {
            Some(
                sets.split(',')
                    .map(|set| format!("AAAB{set}"))
                    .collect::<Vec<_>>()
                    .join(","),
            )
        });
    }),
    plays(
        "sprop_without_padding",
        "no report: firmware that leaves = out",
        |sdp| {
            sprop(sdp, |sets| Some(sets.replace('=', "")));
        },
    ),
    plays(
        "sprop_with_a_third_entry",
        "no report: cameras that list their SEI too",
        |sdp| {
            sprop(sdp, |sets| Some(format!("{sets},BgEEAAEEAIA=")));
        },
    ),
    plays(
        "no_packetization_mode",
        "no report: cameras that send FU-A nevertheless",
        |sdp| {
            sdp.video().edit("packetization-mode=1;", "");
        },
    ),
    plays(
        "packetization_mode_0",
        "Hikvision that sends FU-A nevertheless, gortsplib#658",
        |sdp| {
            sdp.video()
                .edit("packetization-mode=1", "packetization-mode=0");
        },
    ),
    plays(
        "profile_level_id_is_garbage",
        "macro-video, retina#52",
        |sdp| {
            sdp.video()
                .edit("profile-level-id=", "profile-level-id=TeAo");
        },
    ),
    h265(plays(
        "h265_no_sprop",
        "no report: cameras that send the sets in the band alone",
        |sdp| {
            sdp.video().remove("a=fmtp");
        },
    )),
    h265(plays(
        "h265_vps_alone",
        "no report: cameras asked before their encoder ran",
        |sdp| {
            cut_h265(sdp.video(), ";sprop-sps=");
        },
    )),
    h265(plays(
        "h265_sprop_empty",
        "no report: cameras asked before their encoder ran",
        |sdp| {
            sdp.video()
                .set("a=fmtp", "a=fmtp:96 sprop-vps=;sprop-sps=;sprop-pps=");
        },
    )),
    h265(plays(
        "h265_sprop_broken_base64",
        "no report: firmware that cuts the line",
        |sdp| {
            sdp.video().set(
                "a=fmtp",
                "a=fmtp:96 sprop-vps=QAE*;sprop-sps=Q;sprop-pps=RAH",
            );
        },
    )),
    h265(plays(
        "h265_parameters_of_a_profile",
        "TP-LINK, go-sdp#5",
        |sdp| {
            let more = "profile-space=0;profile-id=1;tier-flag=0;level-id=153;interop-constraints=000000000000;";
            sdp.video().edit("sprop-vps=", &format!("{more}sprop-vps="));
        },
    )),
];

const SPROP: &str = "sprop-parameter-sets=";

/// Changes the parameter sets, or takes them out.
fn sprop(sdp: &mut Description, change: impl Fn(&str) -> Option<String>) {
    for line in &mut sdp.video().lines {
        let Some((before, sets)) = line.split_once(SPROP) else {
            continue;
        };
        *line = match change(sets) {
            Some(sets) => format!("{before}{SPROP}{sets}"),
            None => before.trim_end_matches(';').to_owned(),
        };
    }
}

fn sprop_text(sdp: &mut Description, sets: &str) {
    sprop(sdp, |_| Some(sets.to_owned()));
}

fn first(sets: &str) -> &str {
    sets.split(',').next().unwrap_or_default()
}

/// Takes out what follows in the format parameters.
fn cut_h265(video: &mut Media, from: &str) {
    for line in &mut video.lines {
        if let Some((before, _)) = line.split_once(from) {
            *line = before.to_owned();
        }
    }
}
