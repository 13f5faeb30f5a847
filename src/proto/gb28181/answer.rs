//! The bodies we write, but the catalogue: keepalive, and the answers to queries.

use super::charset::Charset;
use super::manscdp::Ask;
use super::xml::put;

/// What DeviceInfo tells (GB/T 28181-2016 §A.2.6 c).
#[derive(Clone, Debug)]
pub struct DeviceInfo<'a> {
    /// The name.
    pub name: &'a str,
    /// Who made it.
    pub manufacturer: &'a str,
    /// Which one it is.
    pub model: &'a str,
    /// The version of what runs on it.
    pub firmware: &'a str,
    /// How many channels it has.
    pub channels: usize,
}

/// What DeviceStatus tells (§A.2.6 e).
#[derive(Clone, Debug)]
pub struct DeviceStatus<'a> {
    /// Whether it is on line.
    pub is_online: bool,
    /// Whether video is running.
    pub is_encoding: bool,
    /// Local time, `YYYY-MM-DDThh:mm:ss`.
    pub time: &'a str,
    /// What is wrong, where something is.
    pub reason: Option<&'a str>,
}

/// What ConfigDownload tells of BasicParam (§A.2.6 g): the true keepalive settings, from which a
/// platform computes when we are off line.
#[derive(Clone, Debug)]
pub struct BasicParam<'a> {
    /// The name.
    pub name: &'a str,
    /// Lifetime of a registration, in seconds.
    pub expires: u64,
    /// Interval of keepalives, in seconds.
    pub interval: u64,
    /// How many may be missed.
    pub missed_max: u32,
}

/// Writes a keepalive; `number` is its SN.
pub fn keepalive(device: &str, number: u32, charset: Charset) -> Vec<u8> {
    let mut body = begin("Notify", charset);
    put_head(&mut body, "Keepalive", &number.to_string(), device);
    put(&mut body, "Status", "OK");
    end(body, "Notify", charset)
}

/// Answers DeviceInfo.
pub fn device_info(ask: &Ask, info: &DeviceInfo<'_>, charset: Charset) -> Vec<u8> {
    respond(ask, charset, |body| {
        put(body, "DeviceName", info.name);
        put(body, "Result", "OK");
        put(body, "Manufacturer", info.manufacturer);
        put(body, "Model", info.model);
        put(body, "Firmware", info.firmware);
        put(body, "Channel", &info.channels.to_string());
    })
}

/// Answers DeviceStatus.
pub fn device_status(ask: &Ask, status: &DeviceStatus<'_>, charset: Charset) -> Vec<u8> {
    let on_off = |on| if on { "ON" } else { "OFF" };
    respond(ask, charset, |body| {
        put(body, "Result", "OK");
        put(
            body,
            "Online",
            if status.is_online {
                "ONLINE"
            } else {
                "OFFLINE"
            },
        );
        put(
            body,
            "Status",
            if status.reason.is_none() {
                "OK"
            } else {
                "ERROR"
            },
        );
        if let Some(reason) = status.reason {
            put(body, "Reason", reason);
        }
        put(body, "Encode", on_off(status.is_encoding));
        put(body, "Record", "OFF");
        put(body, "DeviceTime", status.time);
    })
}

/// Answers ConfigDownload of BasicParam.
pub fn basic_param(ask: &Ask, param: &BasicParam<'_>, charset: Charset) -> Vec<u8> {
    respond(ask, charset, |body| {
        put(body, "Result", "OK");
        body.push_str("<BasicParam>\r\n");
        put(body, "Name", param.name);
        put(body, "Expiration", &param.expires.to_string());
        put(body, "HeartBeatInterval", &param.interval.to_string());
        put(body, "HeartBeatCount", &param.missed_max.to_string());
        body.push_str("</BasicParam>\r\n");
    })
}

/// Answers what we do not do or do not have.
pub fn error(ask: &Ask, charset: Charset) -> Vec<u8> {
    respond(ask, charset, |body| put(body, "Result", "ERROR"))
}

/// Answers RecordInfo: we store nothing.
pub fn no_records(ask: &Ask, charset: Charset) -> Vec<u8> {
    respond(ask, charset, |body| {
        put(body, "SumNum", "0");
        body.push_str("<RecordList Num=\"0\">\r\n</RecordList>\r\n");
    })
}

fn respond(ask: &Ask, charset: Charset, fill: impl FnOnce(&mut String)) -> Vec<u8> {
    let mut body = begin("Response", charset);
    put_head(&mut body, &ask.command, &ask.number, &ask.device);
    fill(&mut body);
    end(body, "Response", charset)
}

pub(super) fn begin(root: &str, charset: Charset) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"{}\"?>\r\n<{root}>\r\n",
        charset.label()
    )
}

pub(super) fn put_head(body: &mut String, command: &str, number: &str, device: &str) {
    put(body, "CmdType", command);
    put(body, "SN", number);
    put(body, "DeviceID", device);
}

pub(super) fn end(mut body: String, root: &str, charset: Charset) -> Vec<u8> {
    body.push_str("</");
    body.push_str(root);
    body.push_str(">\r\n");
    charset.encode(&body).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::gb28181::AskKind;

    #[test]
    fn an_answer_repeats_number_and_device() {
        let ask = Ask::parse(
            b"<Query><CmdType>ConfigDownload</CmdType><SN>17</SN><DeviceID>43</DeviceID></Query>",
        )
        .unwrap();
        let param = BasicParam {
            name: "网关",
            expires: 3600,
            interval: 60,
            missed_max: 3,
        };
        let answer = Ask::parse(&basic_param(&ask, &param, Charset::Gb2312)).unwrap();
        assert_eq!(answer.kind, AskKind::Response);
        assert_eq!(
            (answer.number.as_str(), answer.device.as_str()),
            ("17", "43")
        );
        let basic = answer.element.child("BasicParam").unwrap();
        assert_eq!(basic.child_text("Name"), Some("网关"));
        assert_eq!(basic.child_text("HeartBeatInterval"), Some("60"));
    }
}
