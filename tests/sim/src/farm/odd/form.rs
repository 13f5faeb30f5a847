//! Lines of the session, and the form of the whole.

use super::super::description::{Description, NO_CONTENT_TYPE, NO_LAST_END};
use super::{Failure, OddSdp, fails, plays};

pub(super) const ROWS: &[OddSdp] = &[
    plays(
        "three_lines",
        "a camera in gortsplib#441, gortsplib#448, go2rtc#679",
        |sdp| {
            sdp.session.clear();
            let video = sdp.video();
            video.remove("a=fmtp");
            video.remove("a=sendonly");
        },
    ),
    plays("no_version", "gortsplib#448", |sdp| sdp.remove("v=")),
    plays("no_origin", "macro-video, retina#52", |sdp| {
        sdp.remove("o=");
    }),
    plays("origin_without_address", "Uniview, go2rtc#1663", |sdp| {
        sdp.set("o=", "o=- 1001 1 IN");
    }),
    plays("origin_negative", "mediamtx#231, mediamtx#2708", |sdp| {
        sdp.set("o=", "o=- -2208991488 2208991488 IN IP4 10.255.1.119");
    }),
    plays("origin_beyond_64_bits", "mediamtx#5949", |sdp| {
        sdp.set(
            "o=",
            "o=RTSP 19599440071187478912 13656283801756621937 IN IP4 0.0.0.0",
        );
    }),
    plays("origin_with_a_fraction", "mediamtx#2555", |sdp| {
        sdp.set("o=", "o=- 1698143674.978737 1 IN IP4 0.0.0.0");
    }),
    plays(
        "no_session_name",
        "no report: firmware that writes v, o, t alone",
        |sdp| sdp.remove("s="),
    ),
    plays(
        "session_name_empty",
        "no report: common, against RFC 4566 §5.3",
        |sdp| {
            sdp.set("s=", "s=");
        },
    ),
    plays(
        "session_name_in_gbk",
        "no report: Chinese cameras and platforms",
        |sdp| {
            sdp.set("s=", "s=东门摄像机");
            sdp.form.is_gbk = true;
        },
    ),
    plays("no_time", "GeoVision GV-EBD4701, retina#33", |sdp| {
        sdp.remove("t=");
    }),
    plays(
        "time_is_one_number",
        "no report: firmware that lacks the stop time",
        |sdp| sdp.set("t=", "t=0"),
    ),
    plays(
        "no_connection",
        "TP-LINK has it in media alone, go-sdp#5",
        |sdp| sdp.remove("c="),
    ),
    plays(
        "connection_without_address",
        "Uniview, mediamtx#5033",
        |sdp| sdp.set("c=", "c=IN "),
    ),
    plays(
        "connection_is_a_name",
        "no report: cameras set up by name",
        |sdp| {
            sdp.set("c=", "c=IN IP4 camera-17.example.invalid");
        },
    ),
    plays(
        "connection_is_multicast",
        "no report: cameras with multicast switched on",
        |sdp| {
            sdp.set("c=", "c=IN IP4 239.1.2.3/127");
        },
    ),
    plays(
        "attributes_before_the_name",
        "WUHAN Ants, html5_rtsp_player#119; Anpviz, retina#26",
        |sdp| {
            sdp.session.sort_by_key(|line| match line.get(..1) {
                Some("v") => 0,
                Some("a") => 1,
                _ => 2,
            });
        },
    ),
    plays("range_is_many_clocks", "an archive, mediamtx#95", |sdp| {
        sdp.set(
            "a=range",
            "a=range:clock=20200908T132728Z-20200909T030844Z;clock=20200909T031019Z-",
        );
    }),
    plays(
        "range_is_garbage",
        "no report: firmware that prints uninitialized numbers",
        |sdp| {
            sdp.set("a=range", "a=range:npt=-1.#IND00-nan");
        },
    ),
    plays("attributes_glued", "an archive, mediamtx#95", |sdp| {
        sdp.set("a=range", "a=range:npt=0-a=recvonly");
    }),
    plays("bandwidth_zero", "mediamtx#5949", |sdp| sdp.add("b=AS:0")),
    plays(
        "bandwidth_is_garbage",
        "no report: firmware that prints no number",
        |sdp| {
            sdp.add("b=AS:");
            sdp.add("b=X-YZ");
        },
    ),
    plays("email_is_none", "Hikvision, gortsplib#658", |sdp| {
        sdp.add("e=NONE");
        sdp.add("i=HIK Media Server Session Description : standard");
    }),
    plays(
        "lines_of_gb28181",
        "no report: Chinese cameras that share the writer with GB/T 28181",
        |sdp| {
            sdp.add("y=0100000001");
            sdp.add("f=v/2/6/25/1/4096a/1/8/1");
        },
    ),
    plays(
        "unknown_lines",
        "Hikvision MEDIAINFO, gortsplib#658",
        |sdp| {
            sdp.add("x=vendor");
            sdp.add("a=Media_header:MEDIAINFO=494D4B48020100000400000101200210;");
        },
    ),
    plays(
        "line_without_equals",
        "no report: a line broken in two by its writer",
        |sdp| {
            sdp.add("a=x-tool:Vendor");
            sdp.add("Streaming Media v1.0");
            sdp.add("a=x-more:1");
        },
    ),
    plays(
        "line_with_a_long_key",
        "no report: keys of other formats",
        |sdp| {
            sdp.add("abc=1");
            sdp.add("=");
        },
    ),
    plays(
        "a_line_of_8_kib",
        "no report: embedded pictures and keys",
        |sdp| {
            sdp.add(&format!("a=x-blob:{}", "A".repeat(8 * 1024)));
        },
    ),
    plays(
        "line_feeds_alone",
        "gortsplib's tests, \"unix newlines\"",
        |sdp| sdp.form.line_end = "\n",
    ),
    plays(
        "carriage_returns_twice",
        "no report: text mode on top of CRLF",
        |sdp| sdp.form.line_end = "\r\r\n",
    ),
    plays(
        "blank_line_first",
        "no report: firmware that counts the head's end twice",
        |sdp| sdp.form.head = "\r\n",
    ),
    plays("blank_lines_last", "no report: common", |sdp| {
        sdp.form.tail = "\r\n\r\n";
    }),
    plays(
        "zeros_last",
        "no report: C strings sent with their end",
        |sdp| {
            sdp.form.tail = "\0\0\0";
        },
    ),
    plays("last_line_without_end", "no report: common", |sdp| {
        sdp.form.tail = NO_LAST_END;
    }),
    plays("no_content_type", "retina's tests", |sdp| {
        sdp.content_type = NO_CONTENT_TYPE;
    }),
    plays(
        "content_type_with_parameters",
        "no report: servers built on HTTP ones",
        |sdp| {
            sdp.content_type = "application/sdp; charset=utf-8";
        },
    ),
    plays(
        "content_type_in_capitals",
        "no report: media types have no case",
        |sdp| {
            sdp.content_type = "Application/SDP";
        },
    ),
    fails(
        "empty",
        "no report: recorders whose channel is off",
        Failure::Unreadable,
        |sdp| {
            sdp.form.replacement = Some("");
        },
    ),
    fails(
        "a_web_page",
        "no report: cameras whose web server answers at port 554",
        Failure::Unreadable,
        |sdp| {
            sdp.form.replacement = Some("<html><body>404</body></html>");
        },
    ),
    fails(
        "no_media",
        "no report: recorders whose channel is off",
        Failure::NoVideo,
        |sdp: &mut Description| {
            sdp.media.clear();
        },
    ),
];
