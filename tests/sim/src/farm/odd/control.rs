//! Controls, and what they are relative to.

use super::super::description::Description;
use super::{OddSdp, plays, with_audio};
use crate::clips::Codec;

pub(super) const ROWS: &[OddSdp] = &[
    plays("no_session_control", "VStarcam, retina#9", |sdp| {
        sdp.remove("a=control");
    }),
    plays("no_control", "go2rtc before 1.6, go2rtc#560", |sdp| {
        sdp.remove("a=control");
        sdp.video().remove("a=control");
    }),
    plays(
        "media_control_star",
        "no report: single-stream servers, RFC 2326 C.1.1",
        |sdp| {
            sdp.video().set("a=control", "a=control:*");
        },
    ),
    plays(
        "media_control_empty",
        "no report: firmware that leaves the value out",
        |sdp| {
            sdp.video().set("a=control", "a=control:");
        },
    ),
    plays("absolute_controls", "Bosch, gortsplib#632", |sdp| {
        let url = own_url(sdp);
        sdp.set("a=control", &format!("a=control:{url}"));
        sdp.video()
            .set("a=control", &format!("a=control:{url}/stream=video"));
    }),
    plays(
        "absolute_control_and_no_base",
        "GeoVision GV-EBD4701, retina#33",
        |sdp| {
            let url = own_url(sdp);
            sdp.base = None;
            sdp.remove("a=control");
            sdp.video()
                .set("a=control", &format!("a=control:{url}/video"));
        },
    ),
    plays(
        "absolute_control_of_another_host",
        "no report: cameras behind NAT name their inner address",
        |sdp| {
            sdp.video().set(
                "a=control",
                "a=control:rtsp://192.168.1.64:554/stream/main/trackID=0",
            );
        },
    ),
    plays(
        "control_with_a_space",
        "no report: firmware that writes a space after each colon",
        |sdp| {
            sdp.video().set("a=control", "a=control: trackID=0");
        },
    ),
    plays(
        "control_is_a_word",
        "Dahua cards, html5_rtsp_player#119",
        |sdp| {
            sdp.video().set("a=control", "a=control:ctype=video");
        },
    ),
    plays(
        "control_is_a_query",
        "no report: encoders that number tracks by a query",
        |sdp| {
            sdp.video()
                .set("a=control", "a=control:track?id=1&kind=video");
        },
    ),
    plays(
        "controls_begin_with_one",
        "live555, Reolink, retina#17",
        |sdp| {
            sdp.video().set("a=control", "a=control:trackID=1");
        },
    ),
    with_audio(
        plays(
            "controls_in_descending_order",
            "no report: recorders that number audio first",
            |sdp| {
                sdp.video().set("a=control", "a=control:trackID=1");
                sdp.audio().set("a=control", "a=control:trackID=0");
            },
        ),
        Codec::G711A,
    ),
    plays("no_content_base", "no report: common", |sdp| {
        sdp.base = None;
    }),
    plays("content_location", "RFC 2326 C.1.1 allows it", |sdp| {
        if let Some((header, _)) = &mut sdp.base {
            *header = "Content-Location";
        }
    }),
    plays(
        "content_base_without_slash",
        "Beward, OvenMediaEngine#1245",
        |sdp| {
            change_base(sdp, |base| base.trim_end_matches('/').to_owned());
        },
    ),
    plays(
        "content_base_without_scheme",
        "SV3C, moonfire-nvr#356",
        |sdp| {
            change_base(sdp, |base| base.replace("rtsp://", ""));
        },
    ),
    plays(
        "content_base_with_two_schemes",
        "Vikylin, go2rtc#830",
        |sdp| {
            change_base(sdp, |base| format!("rtsp://{base}"));
        },
    ),
    plays(
        "content_base_of_another_host",
        "no report: cameras behind NAT name their inner address",
        |sdp| {
            change_base(sdp, |_| "rtsp://127.99.0.11:8554/stream/main/".to_owned());
        },
    ),
    plays(
        "content_base_of_another_path",
        "GW Security, retina's tests",
        |sdp| {
            change_base(sdp, |base| base.replace("/main", "/other"));
        },
    ),
    plays(
        "content_base_empty",
        "no report: firmware that fills it in never",
        |sdp| {
            change_base(sdp, |_| String::new());
        },
    ),
    plays(
        "content_base_has_a_query",
        "Dahua DSS, gortsplib#121",
        |sdp| {
            change_base(sdp, |base| {
                format!("{}?token=69154/", base.trim_end_matches('/'))
            });
        },
    ),
];

/// Returns the camera's URL, without the slash that ends its base.
fn own_url(sdp: &Description) -> String {
    let base = sdp.base.as_ref().map_or("", |(_, base)| base);
    base.trim_end_matches('/').to_owned()
}

fn change_base(sdp: &mut Description, change: impl FnOnce(&str) -> String) {
    if let Some((_, base)) = &mut sdp.base {
        *base = change(base);
    }
}
