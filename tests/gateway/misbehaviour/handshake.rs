//! What cameras do wrong from the connection to DESCRIBE.

use std::net::SocketAddr;
use std::time::Duration;

use huiju_sim::farm::{Fault, Misdeed, Step, Target};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::media::Clips;
use super::{
    AUTH_FAILED, NOT_FOUND, ONLINE, REDIRECT_REFUSED, RTSP_ERROR, Row, SECOND, SOURCE_LIMIT,
    TIMEOUT, nobody, row,
};

/// Rows of cameras that misbehave at a step of the handshake.
pub(super) fn rows(clips: &Clips) -> Vec<Row> {
    [
        accepting(clips),
        describing(clips),
        describing_in_part(clips),
        describing_oddly(clips),
        statuses(clips),
        redirecting(clips),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Rows of places where there is no camera; `{net}` is the world's network.
pub(super) fn places() -> Vec<Row> {
    vec![
        nobody(
            "nobody_listens",
            ("nothing listens at its port", "端口上无人监听"),
            "rtsp://{net}.251:8554/a",
            &["offline/refused"],
            3,
        ),
        nobody(
            "never_connects",
            ("drops every packet of a connection", "不回应任何连接请求"),
            "rtsp://{net}.252:8554/a",
            &["offline/timeout"],
            10,
        ),
        nobody(
            "unknown_name",
            ("has a name that does not resolve", "主机名无法解析"),
            "rtsp://camera.invalid:8554/a",
            &["offline/dns"],
            10,
        ),
        nobody(
            "foreign_name",
            (
                "has a name that leads outside its department's networks",
                "主机名解析到本部门网段以外的地址",
            ),
            "rtsp://localhost:8554/a",
            &["offline/not_allowed"],
            10,
        ),
    ]
}

/// A listener whose queue is full: it answers no more requests for a connection.
pub(super) async fn unanswering(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(FULL_AFTER, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (listener, waiting)
}

fn accepting(clips: &Clips) -> Vec<Row> {
    let at = |misdeed| clips.camera().fault(Fault::At(Step::Accept, misdeed));
    vec![
        row(
            "accept_silence",
            (
                "accepts the connection and never says a word",
                "接受连接后始终不应答",
            ),
            at(Misdeed::Silence),
            TIMEOUT,
            10,
        ),
        row(
            "accept_late",
            (
                "reads nothing for three seconds",
                "接受连接三秒后才开始应答",
            ),
            at(Misdeed::Delay(3 * SECOND)),
            ONLINE,
            6,
        ),
        row(
            "accept_close",
            ("accepts the connection and closes it", "接受连接后立即关闭"),
            at(Misdeed::Close),
            RTSP_ERROR,
            2,
        ),
        row(
            "accept_reset",
            ("accepts the connection and resets it", "接受连接后立即复位"),
            at(Misdeed::Reset),
            RTSP_ERROR,
            2,
        ),
        row(
            "accept_garbage",
            (
                "greets with bytes that are no RTSP",
                "连接后先发送非 RTSP 字节",
            ),
            at(Misdeed::Garbage),
            RTSP_ERROR,
            2,
        ),
        row(
            "accept_http",
            ("greets as a web server", "连接后以 HTTP 服务器方式应答"),
            at(Misdeed::Http),
            RTSP_ERROR,
            2,
        ),
    ]
}

fn describing(clips: &Clips) -> Vec<Row> {
    let at = |misdeed| clips.camera().fault(Fault::At(Step::Describe, misdeed));
    vec![
        row(
            "describe_silence",
            ("does not answer DESCRIBE", "不应答 DESCRIBE"),
            at(Misdeed::Silence),
            TIMEOUT,
            10,
        ),
        row(
            "describe_slow",
            (
                "answers DESCRIBE after eight seconds",
                "八秒后才应答 DESCRIBE",
            ),
            at(Misdeed::Delay(8 * SECOND)),
            ONLINE,
            11,
        ),
        row(
            "describe_too_slow",
            (
                "answers DESCRIBE after twelve seconds",
                "十二秒后才应答 DESCRIBE",
            ),
            at(Misdeed::Delay(12 * SECOND)),
            TIMEOUT,
            10,
        ),
        row(
            "describe_trickle",
            (
                "sends its answer byte by byte, for a minute",
                "逐字节发送应答，历时一分钟",
            ),
            at(Misdeed::Trickle(Duration::from_millis(100))),
            TIMEOUT,
            10,
        ),
        row(
            "describe_close",
            (
                "closes the connection on DESCRIBE",
                "收到 DESCRIBE 后关闭连接",
            ),
            at(Misdeed::Close),
            RTSP_ERROR,
            2,
        ),
        row(
            "describe_reset",
            (
                "resets the connection on DESCRIBE",
                "收到 DESCRIBE 后复位连接",
            ),
            at(Misdeed::Reset),
            RTSP_ERROR,
            2,
        ),
    ]
}

fn describing_in_part(clips: &Clips) -> Vec<Row> {
    let at = |misdeed| clips.camera().fault(Fault::At(Step::Describe, misdeed));
    vec![
        row(
            "describe_half",
            (
                "sends half of its answer, then nothing",
                "应答只发一半，此后沉默",
            ),
            at(Misdeed::HalfThenSilence),
            TIMEOUT,
            10,
        ),
        row(
            "describe_half_close",
            (
                "sends half of its answer, then closes",
                "应答只发一半即关闭连接",
            ),
            at(Misdeed::HalfThenClose),
            RTSP_ERROR,
            2,
        ),
        row(
            "describe_endless_body",
            (
                "announces a description of 1 GB and sends it",
                "声称并发送 1 GB 的会话描述",
            ),
            at(Misdeed::EndlessBody),
            RTSP_ERROR,
            10,
        ),
        row(
            "describe_endless_head",
            (
                "sends a header line that does not end",
                "发送没有结尾的报文头",
            ),
            at(Misdeed::EndlessHead),
            RTSP_ERROR,
            3,
        ),
        row(
            "describe_garbage",
            (
                "answers DESCRIBE with bytes that are no RTSP",
                "以非 RTSP 字节应答 DESCRIBE",
            ),
            at(Misdeed::Garbage),
            RTSP_ERROR,
            2,
        ),
        row(
            "describe_http",
            ("answers DESCRIBE as a web server", "以 HTTP 应答 DESCRIBE"),
            at(Misdeed::Http),
            RTSP_ERROR,
            2,
        ),
    ]
}

fn describing_oddly(clips: &Clips) -> Vec<Row> {
    let at = |misdeed| clips.camera().fault(Fault::At(Step::Describe, misdeed));
    vec![
        row(
            "describe_wrong_cseq",
            ("answers with another CSeq", "应答的 CSeq 不符"),
            at(Misdeed::WrongSequence),
            RTSP_ERROR,
            10,
        ),
        row(
            "describe_many_headers",
            (
                "puts 20,000 headers before those of its answer",
                "应答前插入两万个报文头",
            ),
            at(Misdeed::Headers(20_000)),
            RTSP_ERROR,
            5,
        ),
        row(
            "describe_long_line",
            (
                "has a line of 1 MB in its description",
                "会话描述中有一行长达 1 MB",
            ),
            at(Misdeed::LongLine(1 << 20)),
            RTSP_ERROR,
            5,
        ),
    ]
}

fn statuses(clips: &Clips) -> Vec<Row> {
    let at = |code| {
        let misdeed = Misdeed::Status(code);
        clips.camera().fault(Fault::At(Step::Describe, misdeed))
    };
    let row = |(name, en, zh, code, path)| row(name, (en, zh), at(code), path, 2);
    STATUSES.into_iter().map(row).collect()
}

type Status = (
    &'static str,
    &'static str,
    &'static str,
    u16,
    &'static [&'static str],
);

const STATUSES: [Status; 9] = [
    (
        "describe_400",
        "answers DESCRIBE with 400",
        "以 400 应答 DESCRIBE",
        400,
        RTSP_ERROR,
    ),
    (
        "describe_403",
        "answers DESCRIBE with 403",
        "以 403 应答 DESCRIBE",
        403,
        AUTH_FAILED,
    ),
    (
        "describe_404",
        "does not know the path",
        "路径不存在（404）",
        404,
        NOT_FOUND,
    ),
    (
        "describe_410",
        "had the path once",
        "路径已被移除（410）",
        410,
        NOT_FOUND,
    ),
    (
        "describe_453",
        "has not enough bandwidth",
        "带宽不足（453）",
        453,
        SOURCE_LIMIT,
    ),
    (
        "describe_454",
        "answers DESCRIBE with 454",
        "以 454 应答 DESCRIBE",
        454,
        RTSP_ERROR,
    ),
    (
        "describe_500",
        "has an error of its own",
        "内部错误（500）",
        500,
        RTSP_ERROR,
    ),
    (
        "describe_501",
        "does not know DESCRIBE",
        "不支持 DESCRIBE（501）",
        501,
        RTSP_ERROR,
    ),
    (
        "describe_503",
        "serves as many as it can",
        "连接数已满（503）",
        503,
        SOURCE_LIMIT,
    ),
];

fn redirecting(clips: &Clips) -> Vec<Row> {
    let to = |code, target| {
        let misdeed = Misdeed::Redirect(code, target);
        clips.camera().fault(Fault::At(Step::Describe, misdeed))
    };
    let url = |url: &str| Target::Url(url.to_owned());
    vec![
        row(
            "redirect_elsewhere",
            ("redirects to another host", "重定向到其他主机"),
            to(302, url("rtsp://127.0.0.1:8554/stream/main")),
            REDIRECT_REFUSED,
            2,
        ),
        row(
            "redirect_http",
            ("redirects to a web page", "重定向到网页"),
            to(301, url("http://127.0.0.1/")),
            REDIRECT_REFUSED,
            2,
        ),
        row(
            "redirect_loop",
            (
                "redirects to where the client was",
                "重定向回原地址，形成循环",
            ),
            to(302, Target::Loop),
            REDIRECT_REFUSED,
            2,
        ),
        row(
            "redirect_at_home",
            (
                "redirects to another path of its own",
                "重定向到本机其他路径",
            ),
            to(302, Target::SameHost),
            REDIRECT_REFUSED,
            2,
        ),
    ]
}

/// A connection on loopback is made at once or not at all.
const FULL_AFTER: Duration = Duration::from_millis(300);
