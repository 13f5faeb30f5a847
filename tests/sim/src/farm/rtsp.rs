//! The server's side of RTSP (RFC 2326): what a camera answers to a request, and what follows from it.
//!
//! It decides; the connection owns the socket and the clock and does what it is told.

use super::auth::{Brought, Verdict};
use super::camera::Shared;
use super::faults::{Step, status_line};
use super::player::Player;
use super::request::{Request, Response};
use super::track::{RtpStart, TrackPlayer};

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What the connection does about a request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) follow: Follow,
}

/// What comes after the answer.
#[derive(Debug)]
pub(super) enum Follow {
    Nothing,
    Play(Player),
    Pause,
    End,
}

/// One connection's session.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: Option<String>,
    /// Where each media line that was set up goes, by its number.
    starts: Vec<(usize, RtpStart)>,
    is_playing: bool,
}

impl Session {
    /// Returns whether a session was set up and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.id.is_some()
    }

    /// Takes note that the client left without TEARDOWN: nothing plays any more.
    pub(super) fn abandon(&mut self, camera: &Shared) {
        self.stop(camera);
        camera.count(|stats| stats.sessions_abandoned += 1);
    }

    /// Ends the session, and takes it from the camera's counts.
    pub(super) fn end(&mut self, camera: &Shared) {
        if self.id.take().is_none() {
            return;
        }
        self.starts.clear();
        self.stop(camera);
        camera.close_session();
    }

    fn stop(&mut self, camera: &Shared) {
        if std::mem::take(&mut self.is_playing) {
            camera.end_playing();
        }
    }

    /// Answers a request.
    pub(super) fn handle(&mut self, request: &Request, camera: &Shared) -> Reply {
        let plain = |response| Reply {
            response,
            follow: Follow::Nothing,
        };
        if request.method != "OPTIONS"
            && let Some(response) = refuse(request, self.is_open(), camera)
        {
            return plain(response);
        }
        let names_other = request
            .session()
            .is_some_and(|id| Some(id) != self.id.as_deref());
        if names_other && request.method != "OPTIONS" {
            return plain(Response::new("454 Session Not Found", request));
        }
        match request.method.as_str() {
            "OPTIONS" => plain(self.keep_alive(request, camera).header("Public", METHODS)),
            "GET_PARAMETER" | "SET_PARAMETER" => plain(self.keep_alive(request, camera)),
            "DESCRIBE" => plain(describe(request, camera)),
            "SETUP" => plain(self.set_up(request, camera)),
            "PLAY" => self.play(request, camera),
            "PAUSE" if self.is_open() => {
                self.stop(camera);
                Reply {
                    follow: Follow::Pause,
                    ..plain(self.with_session(Response::new("200 OK", request), camera))
                }
            }
            "TEARDOWN" if self.is_open() => {
                // First the count, then the end: who waits for the end sees how it came.
                camera.count(|stats| stats.teardowns += 1);
                self.end(camera);
                Reply {
                    follow: Follow::End,
                    ..plain(Response::new("200 OK", request))
                }
            }
            "PAUSE" | "TEARDOWN" => plain(Response::new("454 Session Not Found", request)),
            _ => plain(Response::new("405 Method Not Allowed", request).header("Allow", METHODS)),
        }
    }

    fn keep_alive(&self, request: &Request, camera: &Shared) -> Response {
        let response = Response::new("200 OK", request);
        if !self.is_open() {
            return response;
        }
        camera.count(|stats| stats.keepalives += 1);
        self.with_session(response, camera)
    }

    fn with_session(&self, response: Response, camera: &Shared) -> Response {
        let Some(id) = &self.id else { return response };
        let timeout = camera.settings.session_timeout.as_secs();
        response.header("Session", &format!("{id};timeout={timeout}"))
    }

    fn set_up(&mut self, request: &Request, camera: &Shared) -> Response {
        let found = camera
            .description
            .find(request.path(), &camera.settings.path);
        let Some(number) = found else {
            return Response::new("404 Not Found", request);
        };
        let transport = request.header("Transport").unwrap_or_default();
        let Some(channels) = interleaved(transport, self.starts.len()) else {
            return Response::new("461 Unsupported Transport", request);
        };
        if self.is_playing || self.starts.iter().any(|(known, _)| *known == number) {
            return Response::new("455 Method Not Valid in This State", request);
        }
        if !self.is_open() {
            if !camera.try_open_session() {
                let status = status_line(camera.settings.session_max_status);
                return Response::new(&status, request);
            }
            self.id = Some(format!("{:016x}", camera.random()));
        }
        let payload_type = camera.description.media[number].payload_type;
        let start = camera.rtp_start(payload_type, channels);
        self.starts.push((number, start));
        let transport = format!(
            "RTP/AVP/TCP;unicast;interleaved={}-{};ssrc={:08X}",
            start.channel, start.rtcp_channel, start.ssrc
        );
        self.with_session(
            Response::new("200 OK", request).header("Transport", &transport),
            camera,
        )
    }

    fn play(&mut self, request: &Request, camera: &Shared) -> Reply {
        let response = |status| Response::new(status, request);
        let refusal = match (self.is_open(), self.is_playing) {
            (false, _) => Some("454 Session Not Found"),
            // RFC 2326 §10.5: a PLAY while playing is a keepalive of some clients.
            (true, true) => Some("200 OK"),
            (true, false) => None,
        };
        if let Some(status) = refusal {
            let response = self.with_session(response(status), camera);
            return Reply {
                response,
                follow: Follow::Nothing,
            };
        }
        self.is_playing = true;
        camera.begin_playing();
        let settings = &camera.settings;
        let faults = camera.faults();
        let info = self.starts.iter().map(|(number, start)| {
            let url = format!("{}/trackID={number}", camera.url());
            format!(
                "url={url};seq={};rtptime={}",
                start.sequence, start.timestamp
            )
        });
        let info: Vec<String> = info.collect();
        let response = self.with_session(response("200 OK"), camera);
        let response = response
            .header("Range", "npt=now-")
            .header("RTP-Info", &info.join(","));
        let tracks = self.starts.iter().filter_map(|(number, start)| {
            let track = camera.description.media[*number].track?;
            let track = &camera.tracks[track];
            Some(TrackPlayer::new(
                track,
                *start,
                settings.first_frame,
                &faults,
            ))
        });
        Reply {
            response,
            follow: Follow::Play(Player::new(tracks.collect(), &faults)),
        }
    }
}

/// Refuses who may not ask, and who asks for another path.
fn refuse(request: &Request, has_session: bool, camera: &Shared) -> Option<Response> {
    if camera.faults().asks_at(Step::of(request, has_session))
        && let Verdict::Challenge { header, brought } = camera.judge(request)
    {
        camera.count(|stats| match brought {
            Brought::Nothing => stats.challenges += 1,
            Brought::OldNonce => stats.wrong_credentials += 1,
            Brought::WrongPassword => {
                stats.wrong_credentials += 1;
                stats.wrong_passwords += 1;
            }
        });
        return Some(
            Response::new("401 Unauthorized", request).header("WWW-Authenticate", &header),
        );
    }
    // What an odd description makes of the path is not for the camera to judge.
    let is_ours = camera.settings.odd_sdp.is_some()
        || request
            .path()
            .strip_prefix(&camera.settings.path)
            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    (!is_ours).then(|| Response::new("404 Not Found", request))
}

fn describe(request: &Request, camera: &Shared) -> Response {
    let accepts = request
        .header("Accept")
        .is_none_or(|types| types.contains("application/sdp") || types.contains("*/*"));
    if !accepts {
        return Response::new("406 Not Acceptable", request);
    }
    camera.count(|stats| stats.describes += 1);
    let description = &camera.description;
    let response = Response::new("200 OK", request);
    let response = match &description.base {
        Some((header, value)) => response.header(header, value),
        None => response,
    };
    response.body(description.content_type, description.to_bytes())
}

/// Reads the first offer of `Transport` that is interleaved; without channels in it, ours are the next free ones.
fn interleaved(transport: &str, tracks_before: usize) -> Option<(u8, u8)> {
    let offer = transport
        .split(',')
        .find(|offer| offer.trim().starts_with("RTP/AVP/TCP"))?;
    let channels = offer
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("interleaved="));
    let Some(channels) = channels else {
        let channel = u8::try_from(tracks_before * 2).ok()?;
        return Some((channel, channel + 1));
    };
    let (rtp, rtcp) = channels.split_once('-').unwrap_or((channels, ""));
    let rtp: u8 = rtp.parse().ok()?;
    let rtcp = if rtcp.is_empty() {
        rtp.checked_add(1)?
    } else {
        rtcp.parse().ok()?
    };
    Some((rtp, rtcp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_the_clients_or_the_next_free_ones() {
        assert_eq!(
            interleaved("RTP/AVP/TCP;unicast;interleaved=4-5", 0),
            Some((4, 5))
        );
        assert_eq!(
            interleaved("RTP/AVP;unicast;client_port=1-2,RTP/AVP/TCP;unicast", 1),
            Some((2, 3))
        );
        assert_eq!(
            interleaved("RTP/AVP;unicast;client_port=5000-5001", 0),
            None
        );
        assert_eq!(interleaved("RTP/AVP/TCP;interleaved=255", 0), None);
    }
}
