//! What is asked of a device, and what its answers say (ONVIF Core, Media and Media2, over SOAP 1.2). Pure.
//!
//! Nothing is asked that changes a device, and nothing with a login.

use super::text::{clean, some};
use super::xml::Element;

/// The two editions of the media service: only the second knows H.265.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Media {
    /// `ver10`.
    One,
    /// `ver20`.
    Two,
}

/// A question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask<'a> {
    /// Which services there are, and where.
    Services,
    /// The same, of older devices.
    Capabilities,
    /// What it calls itself; devices tell that without a login.
    Scopes,
    /// Who made it.
    Information,
    /// Its profiles.
    Profiles(Media),
    /// Where the stream of a profile is.
    StreamUri(Media, &'a str),
    /// Where the snapshot of a profile is.
    SnapshotUri(Media, &'a str),
}

impl Ask<'_> {
    /// What it asks for, for people.
    pub fn what(self) -> &'static str {
        match self {
            Self::Services | Self::Capabilities => "services",
            Self::Scopes => "scopes",
            Self::Information => "device information",
            Self::Profiles(_) => "media profiles",
            Self::StreamUri(..) => "stream",
            Self::SnapshotUri(..) => "snapshot",
        }
    }

    fn parts(self) -> (&'static str, &'static str, String) {
        let none = String::new();
        let token = |name: &str, token: &str| format!("<{name}>{}</{name}>", escape(token));
        match self {
            Self::Services => {
                let body = "<IncludeCapability>false</IncludeCapability>";
                (DEVICE, "GetServices", body.to_owned())
            }
            Self::Capabilities => {
                let body = "<Category>All</Category>";
                (DEVICE, "GetCapabilities", body.to_owned())
            }
            Self::Scopes => (DEVICE, "GetScopes", none),
            Self::Information => (DEVICE, "GetDeviceInformation", none),
            Self::Profiles(Media::One) => (MEDIA, "GetProfiles", none),
            Self::Profiles(Media::Two) => {
                let types = ["VideoSource", "VideoEncoder", "PTZ"];
                let body = types.map(|name| format!("<Type>{name}</Type>"));
                (MEDIA2, "GetProfiles", body.concat())
            }
            Self::StreamUri(Media::One, profile) => {
                let setup = format!(
                    "<StreamSetup><Stream xmlns=\"{SCHEMA}\">RTP-Unicast</Stream>\
                    <Transport xmlns=\"{SCHEMA}\"><Protocol>RTSP</Protocol></Transport></StreamSetup>"
                );
                (
                    MEDIA,
                    "GetStreamUri",
                    setup + &token("ProfileToken", profile),
                )
            }
            // RTP inside RTSP, as in the first edition.
            Self::StreamUri(Media::Two, profile) => {
                let protocol = "<Protocol>RTSP</Protocol>".to_owned();
                (
                    MEDIA2,
                    "GetStreamUri",
                    protocol + &token("ProfileToken", profile),
                )
            }
            Self::SnapshotUri(Media::One, profile) => {
                (MEDIA, "GetSnapshotUri", token("ProfileToken", profile))
            }
            Self::SnapshotUri(Media::Two, profile) => {
                (MEDIA2, "GetSnapshotUri", token("ProfileToken", profile))
            }
        }
    }

    /// Its SOAP action.
    pub fn action(self) -> String {
        let (namespace, name, _) = self.parts();
        format!("{namespace}/{name}")
    }

    /// The message.
    pub fn message(self) -> String {
        let (namespace, name, body) = self.parts();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body>\
            <{name} xmlns=\"{namespace}\">{body}</{name}></s:Body></s:Envelope>"
        )
    }

    /// What a message answers to it.
    ///
    /// # Errors
    ///
    /// It refuses, or is no answer to this.
    pub fn answer(self, message: &Element) -> Result<&Element, Refusal> {
        let body = message.child("Body").filter(|_| message.name == "Envelope");
        let body = body.ok_or(Refusal::NoSoap)?;
        if let Some(fault) = body.child("Fault") {
            return Err(refusal(fault));
        }
        let (_, name, _) = self.parts();
        let answer = body.child(&format!("{name}Response"));
        answer.ok_or(Refusal::NoSoap)
    }
}

/// Why a message is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It wants a login.
    Login,
    /// A fault, in its words.
    Fault(String),
    /// No SOAP, or the answer to something else.
    NoSoap,
}

/// Of SOAP 1.2, or of 1.1, which some devices answer.
fn refusal(fault: &Element) -> Refusal {
    let mut codes = Vec::new();
    let mut code = fault.child("Code");
    while let Some(one) = code {
        codes.extend(one.text_at(&["Value"]));
        code = one.child("Subcode");
    }
    codes.extend(fault.text_at(&["faultcode"]));
    let reason = fault.text_at(&["Reason", "Text"]);
    let reason = reason.or_else(|| fault.text_at(&["faultstring"]));
    let is_login = |code: &&str| {
        let code = code.rsplit(':').next().unwrap_or_default();
        LOGIN_CODES
            .iter()
            .any(|name| code.eq_ignore_ascii_case(name))
    };
    if codes.iter().any(is_login) {
        return Refusal::Login;
    }
    let words = reason
        .or_else(|| codes.last().copied())
        .unwrap_or("no reason");
    Refusal::Fault(clean(words))
}

/// Which services there are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Services {
    /// Where the media service is, as named.
    pub media: Option<String>,
    /// Where that of the second edition is.
    pub media2: Option<String>,
    /// Whether it can be steered.
    pub ptz: bool,
    /// Whether recordings can be played.
    pub replay: bool,
}

impl Services {
    /// Of the answer to [`Ask::Services`].
    pub fn of_services(answer: &Element) -> Self {
        let of = |namespace: &str| {
            let mut services = answer.all("Service");
            services.find(|one| one.text_at(&["Namespace"]) == Some(namespace))
        };
        let place = |namespace: &str| Some(of(namespace)?.text_at(&["XAddr"])?.to_owned());
        Self {
            media: place(MEDIA),
            media2: place(MEDIA2),
            ptz: of(PTZ).is_some(),
            replay: of(REPLAY).is_some(),
        }
    }

    /// Of the answer to [`Ask::Capabilities`].
    pub fn of_capabilities(answer: &Element) -> Self {
        let at = |names: &[&str]| answer.at(&["Capabilities"])?.text_at(names);
        Self {
            media: at(&["Media", "XAddr"]).map(str::to_owned),
            media2: None,
            ptz: at(&["PTZ", "XAddr"]).is_some(),
            replay: at(&["Extension", "Replay", "XAddr"]).is_some(),
        }
    }
}

/// Who made a device.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Information {
    /// Who.
    pub manufacturer: Option<String>,
    /// Which.
    pub model: Option<String>,
    /// What runs on it.
    pub firmware: Option<String>,
    /// The one.
    pub serial: Option<String>,
}

impl Information {
    /// Of the answer to [`Ask::Information`].
    pub fn of(answer: &Element) -> Self {
        let text = |name: &str| answer.text_at(&[name]).and_then(some);
        Self {
            manufacturer: text("Manufacturer"),
            model: text("Model"),
            firmware: text("FirmwareVersion"),
            serial: text("SerialNumber"),
        }
    }
}

/// The name and the hardware of the answer to [`Ask::Scopes`].
pub fn name_and_hardware(answer: &Element) -> (Option<String>, Option<String>) {
    let of = |kind: &str| {
        let mut items = answer
            .all("Scopes")
            .filter_map(|scope| scope.text_at(&["ScopeItem"]));
        let found = items.find_map(|item| item.strip_prefix(SCOPE)?.strip_prefix(kind));
        let bytes = percent_encoding::percent_decode_str(found?);
        some(&bytes.decode_utf8_lossy())
    };
    (of("name/"), of("hardware/"))
}

/// One profile: a picture of a video source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// How it is asked for.
    pub token: String,
    /// What it shows.
    pub source: String,
    /// Its picture.
    pub picture: Picture,
    /// Whether it says how it is steered.
    pub has_ptz: bool,
}

/// How a picture is coded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Picture {
    /// `H264`, `H265`, `JPEG` …
    pub encoding: String,
    /// Width and height in pixels, where it says.
    pub size: Option<(u32, u32)>,
}

/// The profiles with a picture of the answer to [`Ask::Profiles`], at most so many.
pub fn profiles(answer: &Element) -> Vec<Profile> {
    let profiles = answer.all("Profiles").filter_map(profile);
    profiles.take(PROFILES_MAX).collect()
}

fn profile(profile: &Element) -> Option<Profile> {
    let either = |one: &str, two: &str| {
        let second = || profile.at(&["Configurations", two]);
        profile.child(one).or_else(second)
    };
    let source = either("VideoSourceConfiguration", "VideoSource")?;
    let encoder = either("VideoEncoderConfiguration", "VideoEncoder")?;
    let token = profile.token.as_ref().filter(|token| is_token(token))?;
    let length = |name: &str| encoder.text_at(&["Resolution", name])?.parse().ok();
    let size = length("Width").zip(length("Height"));
    Some(Profile {
        token: token.clone(),
        source: source.text_at(&["SourceToken"])?.to_owned(),
        picture: Picture {
            encoding: some(encoder.text_at(&["Encoding"])?)?,
            size,
        },
        has_ptz: either("PTZConfiguration", "PTZ").is_some(),
    })
}

/// Of the answer to [`Ask::StreamUri`] and [`Ask::SnapshotUri`].
pub fn uri(answer: &Element) -> Option<&str> {
    let uri = answer.text_at(&["MediaUri", "Uri"]);
    uri.or_else(|| answer.text_at(&["Uri"]))
}

/// It is sent back as it is.
fn is_token(token: &str) -> bool {
    (1..=TOKEN_BYTES_MAX).contains(&token.len()) && !token.chars().any(char::is_control)
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

const ENVELOPE: &str = "http://www.w3.org/2003/05/soap-envelope";
const SCHEMA: &str = "http://www.onvif.org/ver10/schema";
const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";
const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";
const MEDIA2: &str = "http://www.onvif.org/ver20/media/wsdl";
const PTZ: &str = "http://www.onvif.org/ver20/ptz/wsdl";
const REPLAY: &str = "http://www.onvif.org/ver10/replay/wsdl";
const SCOPE: &str = "onvif://www.onvif.org/";
/// ONVIF Core §5.11, and WS-Security §12, which older devices use.
const LOGIN_CODES: [&str; 4] = [
    "NotAuthorized",
    "FailedAuthentication",
    "InvalidSecurity",
    "SecurityTokenUnavailable",
];
const TOKEN_BYTES_MAX: usize = 64;
const PROFILES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_as_the_standard_writes_them() {
        let stream = Ask::StreamUri(Media::One, "a<&\"b");
        let namespace = "http://www.onvif.org/ver10/media/wsdl";
        assert_eq!(stream.action(), format!("{namespace}/GetStreamUri"));
        let message = Element::parse(stream.message().as_bytes()).unwrap();
        let asked = message.at(&["Body", "GetStreamUri"]).unwrap();
        assert_eq!(asked.text_at(&["ProfileToken"]), Some("a<&\"b"));
        assert_eq!(
            asked.text_at(&["StreamSetup", "Stream"]),
            Some("RTP-Unicast")
        );
        let protocol = ["StreamSetup", "Transport", "Protocol"];
        assert_eq!(asked.text_at(&protocol), Some("RTSP"));
        for ask in [
            Ask::Services,
            Ask::Capabilities,
            Ask::Scopes,
            Ask::Information,
            Ask::Profiles(Media::One),
            Ask::Profiles(Media::Two),
            Ask::StreamUri(Media::Two, "t"),
            Ask::SnapshotUri(Media::One, "t"),
            Ask::SnapshotUri(Media::Two, "t"),
        ] {
            let message = ask.message();
            assert!(Element::parse(message.as_bytes()).is_ok(), "{message}");
            assert!(!message.contains("Security"), "{message}");
        }
    }

    #[test]
    fn refusals_of_both_editions_of_soap_are_told_apart() {
        let fault = |inner: &str| {
            let text =
                format!("<e:Envelope><e:Body><e:Fault>{inner}</e:Fault></e:Body></e:Envelope>");
            let message = Element::parse(text.as_bytes()).unwrap();
            Ask::Information.answer(&message).unwrap_err()
        };
        let subcode = "<Code><Value>s:Sender</Value><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code>";
        assert_eq!(fault(subcode), Refusal::Login);
        assert_eq!(
            fault("<faultcode>wsse:FailedAuthentication</faultcode>"),
            Refusal::Login
        );
        let other = "<Code><Value>s:Receiver</Value><Subcode><Value>ter:ActionNotSupported</Value></Subcode></Code>";
        assert_eq!(
            fault(other),
            Refusal::Fault("ter:ActionNotSupported".to_owned())
        );
        let reason =
            "<Code><Value>s:Receiver</Value></Code><Reason><Text>not\u{7f}here</Text></Reason>";
        assert_eq!(fault(reason), Refusal::Fault("nothere".to_owned()));
        assert_eq!(fault(""), Refusal::Fault("no reason".to_owned()));
        for text in [
            "<html/>",
            "<Envelope/>",
            "<Envelope><Body/></Envelope>",
            "<Envelope><Body><GetScopesResponse/></Body></Envelope>",
        ] {
            let message = Element::parse(text.as_bytes()).unwrap();
            assert_eq!(
                Ask::Information.answer(&message),
                Err(Refusal::NoSoap),
                "{text}"
            );
        }
    }

    #[test]
    fn services_are_read_from_either_answer() {
        let services = "<r><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>http://a/m</XAddr></Service>\
            <Service><Namespace>http://www.onvif.org/ver20/ptz/wsdl</Namespace><XAddr>http://a/p</XAddr></Service>\
            <Service><Namespace>http://www.onvif.org/ver10/replay/wsdl</Namespace><XAddr>http://a/r</XAddr></Service></r>";
        let capabilities = "<r><Capabilities><Media><XAddr>http://a/m</XAddr></Media><PTZ><XAddr>http://a/p</XAddr></PTZ>\
            <Extension><Replay><XAddr>http://a/r</XAddr></Replay></Extension></Capabilities></r>";
        let expected = Services {
            media: Some("http://a/m".to_owned()),
            media2: None,
            ptz: true,
            replay: true,
        };
        let read = |text: &str| Element::parse(text.as_bytes()).unwrap();
        assert_eq!(Services::of_services(&read(services)), expected);
        assert_eq!(Services::of_capabilities(&read(capabilities)), expected);
        assert_eq!(Services::of_services(&read("<r/>")), Services::default());
        assert_eq!(
            Services::of_capabilities(&read("<r/>")),
            Services::default()
        );
    }

    #[test]
    fn scopes_name_the_device_and_its_hardware() {
        let text = "<r><Scopes><ScopeItem>onvif://www.onvif.org/type/video_encoder</ScopeItem></Scopes>\
            <Scopes><ScopeItem>onvif://www.onvif.org/name/%E4%B8%9C%E9%97%A8%20A</ScopeItem></Scopes>\
            <Scopes><ScopeItem>onvif://www.onvif.org/hardware/DS-2CD</ScopeItem></Scopes></r>";
        let answer = Element::parse(text.as_bytes()).unwrap();
        let expected = (Some("东门 A".to_owned()), Some("DS-2CD".to_owned()));
        assert_eq!(name_and_hardware(&answer), expected);
    }

    #[test]
    fn profiles_of_both_editions_are_read_alike_and_others_left_out() {
        let one = "<r><Profiles token=\"p1\"><VideoSourceConfiguration><SourceToken>v</SourceToken></VideoSourceConfiguration>\
            <VideoEncoderConfiguration><Encoding>H264</Encoding><Resolution><Width>1920</Width><Height>1080</Height></Resolution>\
            </VideoEncoderConfiguration><PTZConfiguration/></Profiles><Profiles token=\"audio\"/></r>";
        let two = "<r><Profiles token=\"p1\"><Configurations><VideoSource><SourceToken>v</SourceToken></VideoSource>\
            <VideoEncoder><Encoding>H264</Encoding><Resolution><Width>1920</Width><Height>1080</Height></Resolution>\
            </VideoEncoder><PTZ/></Configurations></Profiles></r>";
        let expected = Profile {
            token: "p1".to_owned(),
            source: "v".to_owned(),
            picture: Picture {
                encoding: "H264".to_owned(),
                size: Some((1920, 1080)),
            },
            has_ptz: true,
        };
        let read = |text: &str| profiles(&Element::parse(text.as_bytes()).unwrap());
        assert_eq!(read(one), std::slice::from_ref(&expected));
        assert_eq!(read(two), std::slice::from_ref(&expected));
        let inner = two.trim_start_matches("<r>").trim_end_matches("</r>");
        assert_eq!(
            read(&format!("<r>{}</r>", inner.repeat(1000))).len(),
            PROFILES_MAX
        );
        let long = two.replace("p1", &"t".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(read(&long), []);
    }
}
