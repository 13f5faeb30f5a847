//! What cameras do wrong with logins, SETUP and PLAY.

use huiju_sim::farm::{Auth, Challenge, Fault, Misdeed, Step, Target};

use super::media::Clips;
use super::{
    AUTH_FAILED, AUTH_LOCKED, ONLINE, REDIRECT_REFUSED, RTSP_ERROR, Row, SECOND, SOURCE_LIMIT,
    TIMEOUT, row,
};

/// Rows of cameras that misbehave on the way to a session.
pub(super) fn rows(clips: &Clips) -> Vec<Row> {
    [
        logging_in(clips),
        refusing(clips),
        challenging_oddly(clips),
        setting_up(clips),
        playing(clips),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn logging_in(clips: &Clips) -> Vec<Row> {
    let basic = Auth::Basic {
        username: "viewer".into(),
        password: "a-password".into(),
    };
    vec![
        row(
            "wants_a_login",
            ("wants a login, and none is known", "要求认证，但未配置账号"),
            clips.camera().digest("viewer", "a-password"),
            AUTH_FAILED,
            2,
        ),
        row(
            "login_by_digest",
            ("wants a login by Digest", "以 Digest 方式认证"),
            clips.camera().digest("viewer", "a-password"),
            ONLINE,
            5,
        )
        .with_login(),
        row(
            "login_by_basic",
            ("wants a login by Basic", "以 Basic 方式认证"),
            clips.camera().auth(basic),
            ONLINE,
            5,
        )
        .with_login(),
        row(
            "login_at_setup",
            ("wants a login from SETUP on only", "仅在 SETUP 时要求认证"),
            clips
                .camera()
                .digest("viewer", "a-password")
                .fault(Fault::AuthOnlyAt(Step::Setup)),
            ONLINE,
            5,
        )
        .with_login(),
    ]
}

fn refusing(clips: &Clips) -> Vec<Row> {
    let refuses = |challenge| {
        let misdeed = Misdeed::Unauthorized(challenge);
        clips.camera().fault(Fault::At(Step::Every, misdeed))
    };
    vec![
        row(
            "wrong_password",
            ("knows another password", "口令不符"),
            clips.camera().digest("viewer", "another-password"),
            AUTH_LOCKED,
            10,
        )
        .with_login(),
        row(
            "refuses_for_ever",
            (
                "refuses every login with a fresh nonce",
                "以新随机数拒绝一切认证",
            ),
            refuses(Challenge::Digest),
            AUTH_LOCKED,
            10,
        )
        .with_login(),
        row(
            "nonce_always_stale",
            ("calls every nonce stale", "始终声称随机数已过期"),
            refuses(Challenge::Stale),
            AUTH_LOCKED,
            10,
        )
        .with_login(),
        row(
            "refuses_basic",
            ("refuses every login by Basic", "拒绝一切 Basic 认证"),
            refuses(Challenge::Basic),
            AUTH_LOCKED,
            10,
        )
        .with_login(),
    ]
}

fn challenging_oddly(clips: &Clips) -> Vec<Row> {
    let refuses = |challenge| {
        let misdeed = Misdeed::Unauthorized(challenge);
        clips.camera().fault(Fault::At(Step::Every, misdeed))
    };
    vec![
        row(
            "challenge_missing",
            ("answers 401 without a challenge", "返回 401 但不带认证要求"),
            refuses(Challenge::Missing),
            AUTH_FAILED,
            10,
        )
        .with_login(),
        row(
            "scheme_unknown",
            (
                "wants a login by a scheme nobody knows",
                "要求未知的认证方式",
            ),
            refuses(Challenge::UnknownScheme),
            AUTH_FAILED,
            10,
        )
        .with_login(),
        row(
            "algorithm_unknown",
            (
                "wants Digest by an algorithm nobody knows",
                "要求未知的 Digest 算法",
            ),
            refuses(Challenge::UnknownAlgorithm),
            AUTH_FAILED,
            10,
        )
        .with_login(),
    ]
}

fn setting_up(clips: &Clips) -> Vec<Row> {
    let at = |step, misdeed| clips.camera().fault(Fault::At(step, misdeed));
    vec![
        row(
            "setup_silence",
            ("does not answer SETUP", "不应答 SETUP"),
            at(Step::Setup, Misdeed::Silence),
            TIMEOUT,
            10,
        ),
        row(
            "setup_close",
            ("closes the connection on SETUP", "收到 SETUP 后关闭连接"),
            at(Step::Setup, Misdeed::Close),
            RTSP_ERROR,
            2,
        ),
        row(
            "setup_461",
            ("does not send over TCP", "不支持 TCP 传输（461）"),
            at(Step::Setup, Misdeed::Status(461)),
            RTSP_ERROR,
            2,
        ),
        row(
            "setup_full",
            ("has no room for a session", "会话数已满"),
            clips.camera().session_max(0),
            SOURCE_LIMIT,
            2,
        ),
        row(
            "setup_full_503",
            (
                "has no room for a session and says 503",
                "会话数已满（503）",
            ),
            clips.camera().session_max(0).session_max_status(503),
            SOURCE_LIMIT,
            2,
        ),
    ]
}

fn playing(clips: &Clips) -> Vec<Row> {
    let at = |step, misdeed| clips.camera().fault(Fault::At(step, misdeed));
    vec![
        row(
            "play_silence",
            ("does not answer PLAY", "不应答 PLAY"),
            at(Step::Play, Misdeed::Silence),
            TIMEOUT,
            10,
        ),
        row(
            "play_455",
            ("refuses PLAY", "拒绝 PLAY（455）"),
            at(Step::Play, Misdeed::Status(455)),
            RTSP_ERROR,
            2,
        ),
        row(
            "play_half",
            ("sends half of its answer to PLAY", "PLAY 的应答只发一半"),
            at(Step::Play, Misdeed::HalfThenSilence),
            TIMEOUT,
            10,
        ),
        row(
            "play_redirect",
            ("redirects on PLAY", "收到 PLAY 后重定向"),
            at(
                Step::Play,
                Misdeed::Redirect(302, Target::Url("rtsp://127.0.0.1/".into())),
            ),
            REDIRECT_REFUSED,
            2,
        ),
        row(
            "every_step_slow",
            (
                "takes nine seconds for each of four answers",
                "四个应答各需九秒",
            ),
            clips
                .with_audio()
                .fault(Fault::At(Step::Every, Misdeed::Delay(9 * SECOND))),
            TIMEOUT,
            30,
        ),
    ]
}
