//! From what a device answered to records that a steward may take over: one a video source. Pure.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::soap::{Information, Media, Picture, Profile};

/// What became of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It told what it is.
    Found,
    /// It speaks ONVIF and wants a login for the rest.
    NeedsLogin,
    /// Something answers that does not speak ONVIF.
    NoOnvif,
    /// It answers beyond all limits, or in no readable form.
    BadAnswer,
    /// No answer in time.
    Timeout,
    /// Nothing listens, or no way leads there.
    Unreachable,
    /// It was not asked.
    RefusedAddress,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Found,
        Self::NeedsLogin,
        Self::NoOnvif,
        Self::BadAnswer,
        Self::Timeout,
        Self::Unreachable,
        Self::RefusedAddress,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NeedsLogin => "needs_login",
            Self::NoOnvif => "no_onvif",
            Self::BadAnswer => "bad_answer",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::RefusedAddress => "refused_address",
        }
    }
}

/// An address that was listed, and what is known of it now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// The address.
    pub address: IpAddr,
    /// What became of it.
    pub state: State,
    /// What it calls itself.
    pub name: Option<String>,
    /// Who made it.
    pub information: Information,
    /// Where its ONVIF is.
    pub onvif_url: Option<String>,
    /// What it could be in the inventory.
    pub proposals: Vec<Proposal>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// A record that a steward may take over. Its addresses are the device's own, without secrets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Proposal {
    /// What to call it until somebody knows better.
    pub name: String,
    /// The channel of a recorder, from 1.
    pub channel: Option<u16>,
    /// The main stream.
    pub url: Option<String>,
    /// Its picture.
    pub picture: Option<Picture>,
    /// The sub stream.
    pub sub_url: Option<String>,
    /// Its picture.
    pub sub_picture: Option<Picture>,
    /// A still picture.
    pub snapshot_url: Option<String>,
    /// Whether it can be steered.
    pub ptz: bool,
    /// Whether its recordings can be played.
    pub replay: bool,
}

impl Device {
    /// An address of which nothing is known but its state.
    pub fn new(address: IpAddr, state: State) -> Self {
        Self {
            address,
            state,
            name: None,
            information: Information::default(),
            onvif_url: None,
            proposals: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes what a person should know; the first of it.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
        self.limit_warnings();
    }

    /// A device with many channels says the same many times.
    pub(super) fn limit_warnings(&mut self) {
        self.warnings.dedup();
        self.warnings.truncate(WARNINGS_MAX);
    }

    /// What to call one of its channels: as it calls itself, else by its make, else by its address.
    pub fn name_of(&self, channel: Option<u16>) -> String {
        let Information {
            manufacturer,
            model,
            ..
        } = &self.information;
        let made: Vec<_> = [manufacturer, model]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let made = (!made.is_empty()).then(|| made.join(" "));
        let name = self.name.clone().or(made);
        let name = name.unwrap_or_else(|| self.address.to_string());
        match channel {
            Some(channel) => format!("{name} {channel}"),
            None => name,
        }
    }
}

/// The profiles of one video source that are worth a look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Channel {
    /// The edition in which they were told.
    pub(super) media: Media,
    /// The largest picture.
    pub(super) main: Profile,
    /// The smallest of the others.
    pub(super) sub: Option<Profile>,
    /// Whether it can be steered.
    pub(super) has_ptz: bool,
}

/// The video sources, in the order in which a device names them.
pub(super) fn channels(media: Media, profiles: Vec<Profile>) -> Vec<Channel> {
    let mut sources: Vec<Vec<Profile>> = Vec::new();
    for profile in profiles {
        let same =
            |source: &&mut Vec<Profile>| source.iter().any(|one| one.source == profile.source);
        match sources.iter_mut().find(same) {
            Some(source) => source.push(profile),
            None => sources.push(vec![profile]),
        }
    }
    let channels = sources
        .into_iter()
        .filter_map(|source| channel(media, source));
    channels.take(CHANNELS_MAX).collect()
}

/// What the gateway can pull goes before what it cannot, then the larger picture, then what is named first.
fn channel(media: Media, mut profiles: Vec<Profile>) -> Option<Channel> {
    let has_ptz = profiles.iter().any(|profile| profile.has_ptz);
    let area = |profile: &Profile| {
        let (width, height) = profile.picture.size.unwrap_or_default();
        u64::from(width) * u64::from(height)
    };
    let is_pulled = |profile: &Profile| {
        let encoding = profile.picture.encoding.to_ascii_uppercase();
        PULLED.contains(&encoding.as_str())
    };
    profiles.sort_by_key(|profile| (!is_pulled(profile), Reverse(area(profile))));
    let mut profiles = profiles.into_iter();
    let main = profiles.next()?;
    let sub = profiles.rfind(|profile| is_pulled(profile) && area(profile) < area(&main));
    Some(Channel {
        media,
        main,
        sub,
        has_ptz,
    })
}

const PULLED: [&str; 3] = ["H264", "H265", "HEVC"];
const CHANNELS_MAX: usize = 64;
const WARNINGS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_picture_is_the_main_stream_and_the_smallest_the_sub() {
        for (profiles, main, sub) in [
            (
                &[("a", "H264", 640), ("b", "H264", 1920), ("c", "H264", 320)][..],
                "b",
                Some("c"),
            ),
            (&[("a", "H265", 1920), ("b", "H264", 1920)], "a", None),
            (
                &[("a", "JPEG", 4000), ("b", "H264", 1920), ("c", "JPEG", 640)],
                "b",
                None,
            ),
            (&[("a", "JPEG", 640)], "a", None),
            (&[("a", "h264", 0), ("b", "H264", 0)], "a", None),
        ] {
            let given = profiles
                .iter()
                .map(|(token, encoding, width)| profile("v", token, encoding, *width));
            let channels = channels(Media::Two, given.collect());
            let [channel] = &channels[..] else {
                panic!("{channels:?}");
            };
            assert_eq!(channel.main.token, main, "{profiles:?}");
            let found = channel.sub.as_ref().map(|sub| sub.token.as_str());
            assert_eq!(found, sub, "{profiles:?}");
        }
    }

    #[test]
    fn a_recorder_has_a_channel_a_video_source_in_its_order() {
        let mut given = vec![
            profile("v2", "x", "H264", 1920),
            profile("v1", "y", "H264", 1920),
        ];
        given.push(profile("v2", "z", "H264", 640));
        given[2].has_ptz = true;
        let found = channels(Media::One, given);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.main.token.as_str(), one.sub.is_some(), one.has_ptz))
            .collect();
        assert_eq!(told, [("x", true, true), ("y", false, false)]);
        let many = (0..1000).map(|number| profile(&number.to_string(), "t", "H264", 1));
        assert_eq!(channels(Media::One, many.collect()).len(), CHANNELS_MAX);
    }

    #[test]
    fn a_name_is_the_devices_own_or_says_what_it_is() {
        let mut device = Device::new("10.11.0.1".parse().unwrap(), State::Found);
        assert_eq!(device.name_of(None), "10.11.0.1");
        device.information.manufacturer = Some("HIK".to_owned());
        device.information.model = Some("DS".to_owned());
        assert_eq!(device.name_of(Some(3)), "HIK DS 3");
        device.name = Some("东门".to_owned());
        assert_eq!(device.name_of(None), "东门");
    }

    #[test]
    fn warnings_are_few_and_none_comes_twice_in_a_row() {
        let mut device = Device::new("10.11.0.1".parse().unwrap(), State::Found);
        device.warn("same");
        device.warn("same");
        assert_eq!(device.warnings.len(), 1);
        (0..100).for_each(|number| device.warn(number.to_string()));
        assert_eq!(device.warnings.len(), WARNINGS_MAX);
    }

    fn profile(source: &str, token: &str, encoding: &str, width: u32) -> Profile {
        Profile {
            token: token.to_owned(),
            source: source.to_owned(),
            picture: Picture {
                encoding: encoding.to_owned(),
                size: (width > 0).then_some((width, width)),
            },
            has_ptz: false,
        }
    }
}
