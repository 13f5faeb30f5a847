//! What a cause means and what to do about it, in Chinese and English: for `why`, and for the docs.

use super::{Cause, State, StateCause};

/// What a state and its cause mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// What it means, in Chinese.
    pub zh: &'static str,
    /// What to do, in Chinese; empty where there is nothing to do.
    pub zh_action: &'static str,
    /// What it means, in English.
    pub en: &'static str,
    /// What to do, in English; empty where there is nothing to do.
    pub en_action: &'static str,
}

impl StateCause {
    /// What it means and what to do.
    pub fn explain(self) -> Explanation {
        let [zh, zh_action, en, en_action] = match (self.state(), self.cause()) {
            (State::Disabled, cause) => disabled(cause),
            (_, cause) => of_cause(self.state(), cause),
        };
        Explanation {
            zh,
            zh_action,
            en,
            en_action,
        }
    }
}

fn disabled(cause: Cause) -> [&'static str; 4] {
    match cause {
        Cause::NotAllowed => [
            "位置类型属于法律禁止安装摄像头的场所，不拉流、不上报",
            "核对 place_type；如登记有误请更正",
            "its place type is one where the law allows no camera: neither pulled nor shown",
            "check place_type; correct it if it is wrong",
        ],
        Cause::Maintenance => [
            "值班人员已将其停用检修",
            "检修结束后执行 huiju camera enable",
            "an operator took it out of service",
            "when the work is done: huiju camera enable",
        ],
        _ => [
            "清单中标记为停用",
            "如需启用，请修改清单的 disabled 列",
            "the inventory says that it is disabled",
            "to use it, change the column disabled",
        ],
    }
}

#[expect(clippy::too_many_lines, reason = "a table, a row a cause")]
fn of_cause(state: State, cause: Cause) -> [&'static str; 4] {
    match cause {
        Cause::None if state == State::Connecting => {
            ["正在连接", "", "it is being connected to", ""]
        }
        Cause::None => [
            "正常：在规定时间内收到可解码的关键帧",
            "",
            "well: a decodable key frame came in time",
            "",
        ],
        Cause::NeverTried => [
            "本次启动以来尚未连接过",
            "等待探测，或执行 huiju camera probe",
            "not tried since the start",
            "wait for its probe, or: huiju camera probe",
        ],
        Cause::Dns => [
            "主机名无法解析",
            "检查 url 中的主机名和本机 DNS",
            "its host name does not resolve",
            "check the host in url and this machine's DNS",
        ],
        Cause::Refused => [
            "设备拒绝 TCP 连接",
            "检查设备是否在运行、端口是否正确",
            "it refuses the TCP connection",
            "check that the device runs and that the port is right",
        ],
        Cause::Timeout => [
            "设备在规定时间内没有应答",
            "检查网络、防火墙和设备负载",
            "it does not answer in time",
            "check network, firewall and the load of the device",
        ],
        Cause::AuthFailed => [
            "设备拒绝用户名或密码",
            "核对用户名和密码，更正后执行 huiju reload",
            "it refuses user and password",
            "correct user or password, then: huiju reload",
        ],
        Cause::AuthLocked => [
            "用户名或密码多次被拒绝，为避免账号被锁，15 分钟内不再尝试",
            "更正密码并执行 huiju reload 后立即重试",
            "user and password were refused too often: left alone for 15 minutes so that the device does not lock the account",
            "correct the password and huiju reload: it is tried at once",
        ],
        Cause::NotFound => [
            "设备上没有该路径的码流",
            "核对 url 的路径和通道号",
            "the device knows no stream at this path",
            "check path and channel in url",
        ],
        Cause::RtspError => [
            "设备返回 RTSP 错误或断开连接",
            "查看证据中的状态码，检查设备固件",
            "it answers RTSP with an error, or ends the connection",
            "see the status in the evidence; check the firmware",
        ],
        Cause::NoMedia => [
            "设备接受播放请求但不发送媒体",
            "检查设备编码设置，必要时重启设备",
            "it accepts PLAY and sends nothing",
            "check its encoder; restart the device if need be",
        ],
        Cause::Stalled => [
            "媒体中断",
            "检查网络带宽和设备",
            "its media stopped",
            "check bandwidth and device",
        ],
        Cause::NoKeyFrame => [
            "有媒体但没有关键帧",
            "缩短设备的关键帧间隔",
            "media comes without a key frame",
            "shorten its key frame interval",
        ],
        Cause::BadBitstream => [
            "媒体损坏，无法组成完整的帧",
            "检查丢包和设备固件",
            "media cannot be put together to frames",
            "check packet loss and firmware",
        ],
        Cause::CodecUnsupported => [
            "编码不受支持（仅支持 H.264、H.265）",
            "在设备上改为 H.264 或 H.265",
            "its video is neither H.264 nor H.265",
            "set the device to H.264 or H.265",
        ],
        Cause::SourceLimit => [
            "设备的会话数已满",
            "减少其他客户端，或提高设备的连接上限",
            "it serves as many clients as it can",
            "take other clients off, or raise its limit",
        ],
        Cause::BandwidthLimit => [
            "所属部门的带宽已用完",
            "提高 limits.bandwidth，或结束部分会话",
            "its department's bandwidth is used up",
            "raise limits.bandwidth, or end sessions",
        ],
        Cause::SessionLimit => [
            "所属部门的并发拉流数已满",
            "提高 limits.streams，或结束部分会话",
            "its department's streams are used up",
            "raise limits.streams, or end sessions",
        ],
        Cause::Tls => [
            "TLS 握手失败",
            "检查设备证书和时间",
            "the TLS handshake fails",
            "check its certificate and clock",
        ],
        Cause::RedirectRefused => [
            "设备要求转到其他地址，已拒绝",
            "将 url 改为实际地址",
            "it sends us to another address, which is refused",
            "put the true address into url",
        ],
        Cause::NotAllowed => [
            "地址或端口不在所属部门的 networks、ports 之内",
            "更正 url，或修改部门的 networks、ports",
            "its address or port is outside the department's networks and ports",
            "correct url, or the department's networks and ports",
        ],
        Cause::Gateway => [
            "网关自身资源不足",
            "查看日志，检查文件描述符和内存上限",
            "the gateway itself lacks something",
            "see the log; check descriptors and memory",
        ],
        Cause::Maintenance => disabled(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_legal_pair_is_explained_and_what_is_wrong_says_what_to_do() {
        for pair in StateCause::legal() {
            let explanation = pair.explain();
            assert!(
                !explanation.zh.is_empty() && !explanation.en.is_empty(),
                "{pair}"
            );
            let is_wrong = matches!(pair.state(), State::Degraded | State::Offline);
            if is_wrong {
                assert!(!explanation.zh_action.is_empty(), "{pair}");
                assert!(!explanation.en_action.is_empty(), "{pair}");
            }
        }
    }
}
