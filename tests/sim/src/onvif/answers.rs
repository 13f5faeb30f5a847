//! What an honest device says, as ONVIF's schemas have it.

use super::{Asked, Login, Shared};

const DEVICE: &str = "/onvif/device_service";
const MEDIA: &str = "/onvif/Media";
const MEDIA2: &str = "/onvif/Media2";

/// Status and message.
pub(super) fn answer(shared: &Shared, asked: &Asked, body: &str) -> (u16, String) {
    let settings = &shared.settings;
    let is_open =
        ["GetServices", "GetCapabilities", "GetScopes"].contains(&asked.operation.as_str());
    match settings.login {
        Login::Http => return (401, String::new()),
        Login::Fault if !is_open => {
            return (400, fault("ter:NotAuthorized", "Sender not authorized"));
        }
        Login::Fault | Login::Never => {}
    }
    let own = shared.address.to_string();
    let at = |named: &Option<String>| named.clone().unwrap_or_else(|| own.clone());
    let services = at(&settings.services_at);
    let answer = match (asked.path.as_str(), asked.operation.as_str()) {
        (DEVICE, "GetServices") if settings.knows_services => services_of(shared, &services),
        (DEVICE, "GetCapabilities") => capabilities(shared, &services),
        (DEVICE, "GetScopes") => scopes(),
        (DEVICE, "GetDeviceInformation") => information(),
        (MEDIA, "GetProfiles") => profiles(shared),
        (MEDIA2, "GetProfiles") => profiles2(shared),
        (MEDIA | MEDIA2, "GetStreamUri") => {
            let host = shared.address.ip();
            let place = settings
                .streams_at
                .clone()
                .unwrap_or_else(|| format!("{host}:554"));
            let is_over_tcp = body.contains("<Protocol>RTSP</Protocol>");
            match profile(body) {
                Some(profile) if is_over_tcp => {
                    let uri = format!("rtsp://{place}/live/{profile}?transport=tcp&amp;x=1");
                    uri_of(&asked.path, "GetStreamUri", &uri)
                }
                _ => return (400, fault("ter:NoProfile", "no such profile")),
            }
        }
        (MEDIA | MEDIA2, "GetSnapshotUri") => {
            let place = at(&settings.snapshots_at);
            match profile(body) {
                Some(profile) => {
                    let uri = format!("http://{place}/snapshot/{profile}");
                    uri_of(&asked.path, "GetSnapshotUri", &uri)
                }
                None => return (400, fault("ter:NoProfile", "no such profile")),
            }
        }
        _ => {
            return (
                500,
                fault("ter:ActionNotSupported", "no such operation here"),
            );
        }
    };
    (200, envelope(&answer))
}

/// Whose profile is asked for: `channel-main`, `channel-sub`.
fn profile(body: &str) -> Option<&str> {
    let rest = body.split("<ProfileToken>").nth(1)?;
    rest.split('<').next()
}

fn services_of(shared: &Shared, place: &str) -> String {
    let settings = &shared.settings;
    let all = [
        (true, "ver10/device", DEVICE),
        (true, "ver10/media", MEDIA),
        (settings.media2, "ver20/media", MEDIA2),
        (settings.ptz, "ver20/ptz", "/onvif/PTZ"),
        (settings.replay, "ver10/recording", "/onvif/Recording"),
        (settings.replay, "ver10/replay", "/onvif/Replay"),
    ];
    let services = all.into_iter().filter(|(is_there, ..)| *is_there);
    let services = services.map(|(_, name, path)| {
        format!(
            "<tds:Service><tds:Namespace>http://www.onvif.org/{name}/wsdl</tds:Namespace>\
            <tds:XAddr>http://{place}{path}</tds:XAddr><tds:Version><tt:Major>19</tt:Major><tt:Minor>6</tt:Minor></tds:Version></tds:Service>"
        )
    });
    let services: String = services.collect();
    format!("<tds:GetServicesResponse>{services}</tds:GetServicesResponse>")
}

fn capabilities(shared: &Shared, place: &str) -> String {
    let settings = &shared.settings;
    let one = |is_there: bool, name: &str, path: &str| {
        let text = format!("<tt:{name}><tt:XAddr>http://{place}{path}</tt:XAddr></tt:{name}>");
        if is_there { text } else { String::new() }
    };
    let (device, media) = (one(true, "Device", DEVICE), one(true, "Media", MEDIA));
    let ptz = one(settings.ptz, "PTZ", "/onvif/PTZ");
    let replay = one(settings.replay, "Replay", "/onvif/Replay");
    format!(
        "<tds:GetCapabilitiesResponse><tds:Capabilities>{device}{media}{ptz}<tt:Extension>{replay}</tt:Extension>\
        </tds:Capabilities></tds:GetCapabilitiesResponse>"
    )
}

fn scopes() -> String {
    let scopes = ["type/video_encoder", "name/%E6%A0%A1%E9%97%A8", "hardware/SIM-1"].map(|scope| {
        format!(
            "<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>onvif://www.onvif.org/{scope}</tt:ScopeItem></tds:Scopes>"
        )
    });
    format!(
        "<tds:GetScopesResponse>{}</tds:GetScopesResponse>",
        scopes.concat()
    )
}

fn information() -> String {
    "<tds:GetDeviceInformationResponse><tds:Manufacturer>模拟 &amp; Söhne</tds:Manufacturer><tds:Model>SIM-1</tds:Model>\
    <tds:FirmwareVersion>V5.7</tds:FirmwareVersion><tds:SerialNumber>SN-0042</tds:SerialNumber>\
    <tds:HardwareId>88</tds:HardwareId></tds:GetDeviceInformationResponse>"
        .to_owned()
}

/// Of each channel the sub stream first, as some devices have it.
fn each_profile(shared: &Shared, one: impl Fn(u16, &str, u16, u16) -> String) -> String {
    let channels = 1..=shared.settings.channels;
    let both =
        channels.map(|channel| one(channel, "sub", 640, 360) + &one(channel, "main", 1920, 1080));
    both.collect()
}

fn profiles(shared: &Shared) -> String {
    let ptz = if shared.settings.ptz {
        "<tt:PTZConfiguration token=\"ptz\"/>"
    } else {
        ""
    };
    let profiles = each_profile(shared, |channel, name, width, height| {
        format!(
            "<trt:Profiles fixed=\"true\" token=\"{channel}-{name}\"><tt:Name>{name}</tt:Name>\
            <tt:VideoSourceConfiguration token=\"vsc{channel}\"><tt:SourceToken>v{channel}</tt:SourceToken></tt:VideoSourceConfiguration>\
            <tt:VideoEncoderConfiguration token=\"vec{channel}\"><tt:Encoding>H264</tt:Encoding>\
            <tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>\
            </tt:VideoEncoderConfiguration>{ptz}</trt:Profiles>"
        )
    });
    format!("<trt:GetProfilesResponse>{profiles}</trt:GetProfilesResponse>")
}

fn profiles2(shared: &Shared) -> String {
    let ptz = if shared.settings.ptz {
        "<tr2:PTZ token=\"ptz\"/>"
    } else {
        ""
    };
    let profiles = each_profile(shared, |channel, name, width, height| {
        format!(
            "<tr2:Profiles token=\"{channel}-{name}\"><tr2:Name>{name}</tr2:Name><tr2:Configurations>\
            <tr2:VideoSource token=\"vsc{channel}\"><tt:SourceToken>v{channel}</tt:SourceToken></tr2:VideoSource>\
            <tr2:VideoEncoder token=\"vec{channel}\"><tt:Encoding>H265</tt:Encoding>\
            <tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>\
            </tr2:VideoEncoder>{ptz}</tr2:Configurations></tr2:Profiles>"
        )
    });
    format!("<tr2:GetProfilesResponse>{profiles}</tr2:GetProfilesResponse>")
}

fn uri_of(path: &str, operation: &str, uri: &str) -> String {
    if path == MEDIA2 {
        format!("<tr2:{operation}Response><tr2:Uri>{uri}</tr2:Uri></tr2:{operation}Response>")
    } else {
        format!(
            "<trt:{operation}Response><trt:MediaUri><tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>\
            </trt:MediaUri></trt:{operation}Response>"
        )
    }
}

/// A refusal.
pub(super) fn fault(code: &str, reason: &str) -> String {
    let inner = format!(
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{code}</s:Value></s:Subcode></s:Code>\
        <s:Reason><s:Text xml:lang=\"en\">{reason}</s:Text></s:Reason></s:Fault>"
    );
    envelope(&inner)
}

fn envelope(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
        xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\" xmlns:trt=\"http://www.onvif.org/ver10/media/wsdl\" \
        xmlns:tr2=\"http://www.onvif.org/ver20/media/wsdl\" xmlns:tt=\"http://www.onvif.org/ver10/schema\" \
        xmlns:ter=\"http://www.onvif.org/ver10/error\"><s:Header/><s:Body>{inner}</s:Body></s:Envelope>"
    )
}

/// A billion of them, were they read.
pub(super) fn laughs() -> String {
    let entities = (1..10).map(|level| {
        let inner = format!("&l{};", level - 1).repeat(10);
        format!("<!ENTITY l{level} \"{inner}\">")
    });
    let entities: String = entities.collect();
    format!("<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY l0 \"ha\">{entities}]><l>&l9;</l>")
}
