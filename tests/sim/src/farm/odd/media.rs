//! Media lines: codecs, payload types, order, and what stands beside the video.

use super::super::description::Description;
use super::{Failure, OddSdp, fails, h265, plays, with_audio};
use crate::clips::Codec;

pub(super) const ROWS: &[OddSdp] = &[
    plays(
        "codec_in_lower_case",
        "no report: names have no case, RFC 4855 §3",
        |sdp| {
            sdp.video().edit("H264/", "h264/");
        },
    ),
    plays("payload_type_35", "Bosch, gortsplib#630", |sdp| {
        sdp.video().number(35);
    }),
    plays("payload_type_105", "GeoVision, Uniview, retina#33", |sdp| {
        sdp.video().number(105);
    }),
    plays(
        "payload_type_107",
        "no report: cameras whose metadata is 107 too",
        |sdp| sdp.video().number(107),
    ),
    plays("payload_type_127", "no report: the last there is", |sdp| {
        sdp.video().number(127);
    }),
    plays(
        "rtpmap_with_a_space_last",
        "a camera in retina's tests",
        |sdp| {
            sdp.video().edit("H264/90000", "H264/90000 ");
        },
    ),
    plays(
        "rtpmap_with_a_space_first",
        "no report: firmware that writes a space after each colon",
        |sdp| {
            sdp.video().edit("rtpmap:96", "rtpmap: 96");
        },
    ),
    plays(
        "rtpmap_twice",
        "no report: recorders that merge two writers",
        |sdp| {
            sdp.video().add("a=rtpmap:96 H264/90000");
        },
    ),
    plays(
        "rtpmap_of_a_type_not_offered",
        "Bosch, mistserver#295",
        |sdp| {
            sdp.video().add("a=rtpmap:102 H265/90000");
        },
    ),
    plays(
        "two_payload_types",
        "Bosch with H.264 and H.265, gortsplib#632",
        |sdp| {
            sdp.video().edit("RTP/AVP 96", "RTP/AVP 96 102");
            sdp.video().add("a=rtpmap:102 H265/90000");
        },
    ),
    fails(
        "no_rtpmap",
        "mediamtx#884",
        Failure::CodecUnsupported,
        |sdp| {
            sdp.video().remove("a=rtpmap");
            sdp.video().remove("a=fmtp");
        },
    ),
    plays("port_not_zero", "Samsung, mediamtx#832", |sdp| {
        sdp.video().edit("m=video 0 ", "m=video 42508 ");
    }),
    plays("port_with_a_count", "RFC 4566 §5.14", |sdp| {
        sdp.video().edit("m=video 0 ", "m=video 0/2 ");
    }),
    plays("receive_only", "Dahua, Hikvision, gortsplib#479", |sdp| {
        sdp.video().set("a=sendonly", "a=recvonly");
    }),
    plays(
        "framerate_is_garbage",
        "no report: firmware that prints uninitialized numbers",
        |sdp| {
            sdp.video().add("a=framerate:nan");
            sdp.video().add("a=framerate:");
            sdp.video().add("a=x-dimensions:0,0");
        },
    ),
    plays(
        "connection_in_media_without_address",
        "Uniview, mediamtx#5033",
        |sdp| {
            sdp.video().lines.insert(1, "c=IN".to_owned());
        },
    ),
    plays("metadata_track", "ONVIF, Dahua in gortsplib#479", |sdp| {
        sdp.insert(1, &METADATA);
    }),
    plays(
        "metadata_track_first",
        "no report: ONVIF cameras that list metadata first",
        |sdp| {
            sdp.insert(0, &METADATA);
        },
    ),
    plays(
        "metadata_track_without_rtpmap",
        "Samsung, mediamtx#832",
        |sdp| {
            sdp.insert(
                1,
                &[
                    "m=application 42508 RTP/AVP 107",
                    "b=AS:8",
                    "a=control:trackID=4",
                ],
            );
        },
    ),
    plays("media_line_of_a_vendor", "TP-LINK, go-sdp#5", |sdp| {
        let vendor = "m=application/tp-link 0 RTP/AVP smart/0/25000";
        sdp.insert(
            1,
            &[vendor, "a=rtpmap:95 tp-link/25000", "a=control:track3"],
        );
    }),
    with_audio(
        plays(
            "audio_first",
            "no report: recorders that list audio first",
            |sdp| {
                sdp.media.swap(0, 1);
            },
        ),
        Codec::G711A,
    ),
    with_audio(
        plays(
            "audio_without_rtpmap",
            "no report: static types need none, RFC 3551 §6",
            |sdp| {
                sdp.audio().remove("a=rtpmap");
            },
        ),
        Codec::G711A,
    ),
    with_audio(
        plays("audio_without_config", "Hikvision, gortsplib#658", |sdp| {
            sdp.audio().number(104);
            sdp.audio().edit("fmtp:104", "fmtp:97");
        }),
        Codec::Aac,
    ),
    with_audio(
        plays(
            "audio_of_an_unknown_codec",
            "no report: G.722.1 and other codecs of recorders",
            |sdp| {
                sdp.audio().number(98);
                sdp.audio().set("a=rtpmap", "a=rtpmap:98 G7221/16000");
            },
        ),
        Codec::G711A,
    ),
    with_audio(
        plays("backchannel", "Dahua with ONVIF, gortsplib#479", |sdp| {
            let types = "m=audio 0 RTP/AVP 116 115 0 8";
            let maps = [
                "a=rtpmap:116 MPEG4-GENERIC/64000",
                "a=rtpmap:115 MPEG4-GENERIC/48000",
            ];
            sdp.insert(
                2,
                &[types, "a=control:trackID=5", maps[0], maps[1], "a=sendonly"],
            );
        }),
        Codec::G711A,
    ),
    with_audio(
        fails(
            "audio_only",
            "no report: intercoms, microphones",
            Failure::NoVideo,
            |sdp| {
                sdp.media.remove(0);
            },
        ),
        Codec::G711A,
    ),
    fails(
        "motion_jpeg_only",
        "no report: old Axis cameras",
        Failure::CodecUnsupported,
        |sdp| {
            become_codec(sdp, 26, None);
        },
    ),
    fails(
        "mpeg4_only",
        "no report: old cameras",
        Failure::CodecUnsupported,
        |sdp| {
            become_codec(sdp, 96, Some("MP4V-ES/90000"));
        },
    ),
    fails(
        "svac_only",
        "no report: GB/T 25724 cameras",
        Failure::CodecUnsupported,
        |sdp| {
            become_codec(sdp, 99, Some("SVAC/90000"));
        },
    ),
    fails(
        "program_stream_only",
        "no report: Hikvision platforms",
        Failure::CodecUnsupported,
        |sdp| {
            become_codec(sdp, 96, Some("MP2P/90000"));
        },
    ),
    plays(
        "motion_jpeg_first",
        "no report: Axis with two profiles",
        |sdp| {
            sdp.insert(0, &["m=video 0 RTP/AVP 26", "a=control:trackID=7"]);
        },
    ),
    plays("disabled_video_first", "Cisco, rtpengine#2122", |sdp| {
        sdp.insert(
            0,
            &["m=video 0 RTP/AVP 255", "a=control:trackID=7", "a=inactive"],
        );
    }),
    plays(
        "two_video_tracks",
        "no report: cameras with main and sub stream in one",
        |sdp| {
            let mut second = sdp.video().clone();
            second.set("a=control", "a=control:trackID=7");
            sdp.media.push(second);
        },
    ),
    h265(plays(
        "h265_in_lower_case",
        "no report: names have no case, RFC 4855 §3",
        |sdp| {
            sdp.video().edit("H265/", "h265/");
        },
    )),
];

const METADATA: [&str; 5] = [
    "m=application 0 RTP/AVP 107",
    "a=control:trackID=4",
    "a=rtpmap:107 vnd.onvif.metadata/90000",
    "a=fmtp:107 DecoderTag=h3c-v3 RTCP=0",
    "a=recvonly",
];

/// Makes the video one of a codec that the clip is not of; nothing of it is sent.
fn become_codec(sdp: &mut Description, payload_type: u8, rtpmap: Option<&str>) {
    let video = sdp.video();
    video.number(payload_type);
    video.track = None;
    video.remove("a=fmtp");
    video.remove("a=rtpmap");
    if let Some(codec) = rtpmap {
        video.add(&format!("a=rtpmap:{payload_type} {codec}"));
    }
}
