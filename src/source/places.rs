//! Where cameras are: the first of a recorder or subnet to return wakes the others. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

/// What cameras go down and come back with.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Place {
    /// A recorder, as the inventory names it, or the address and port of a camera that has none.
    Recorder(String),
    /// A /24 of IPv4, a /64 of IPv6.
    Subnet(IpAddr),
}

impl Place {
    /// The subnet of an address.
    pub(super) fn subnet(address: IpAddr) -> Self {
        Self::Subnet(match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                IpAddr::from([a, b, c, 0])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        })
    }
}

/// How many cameras of each place give media.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<Place, usize>);

impl Places {
    /// Notes that a camera there gives media; `true` for the first.
    pub(super) fn enter(&mut self, place: &Place) -> bool {
        let count = self.0.entry(place.clone()).or_default();
        *count += 1;
        *count == 1
    }

    /// Notes that a camera there gives media no more.
    pub(super) fn leave(&mut self, place: &Place) {
        if let Some(count) = self.0.get_mut(place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_camera_of_a_place_wakes_the_others() {
        let mut places = Places::default();
        let place = |text: &str| Place::subnet(text.parse().unwrap());
        assert!(places.enter(&place("10.0.0.1")));
        assert!(!places.enter(&place("10.0.0.200")));
        assert!(places.enter(&place("10.0.1.1")));
        places.leave(&place("10.0.0.1"));
        assert!(!places.enter(&place("10.0.0.3")), "one is still there");
        places.leave(&place("10.0.0.2"));
        places.leave(&place("10.0.0.3"));
        assert!(places.enter(&place("::ffff:10.0.0.9")));
        assert_ne!(place("fd00::1"), place("fd00:0:0:1::1"));
        assert_eq!(place("fd00::1"), place("fd00::2"));
    }
}
