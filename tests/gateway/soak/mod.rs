//! A long day in short: cameras fail one after another, in every way, and nothing piles up or breaks elsewhere.
//!
//! One camera in five is left alone: their viewers get every frame of the whole run. The pictures of the
//! first of them are the clock. `HUIJU_SOAK_MINUTES` makes it long, with two hundred cameras and a fault
//! each ten seconds; `tests/run --soak` does so, and has the figure of the documentation written.

mod faults;
mod figure;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::CameraSettings;
use huiju_sim::platform::{InviteError, Keep, Media, Options, Session};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use self::faults::Faults;
use crate::observe::Usage;
use crate::readers::{goes_on_at_key_frames, is_unbroken};
use crate::world::{SOON, World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn cameras_that_fail_all_day_leave_nothing_behind_and_disturb_no_other() {
    let extent = Extent::of_environment();
    let day = Day::new(extent).await;
    let world = day.camp().start().await;
    let idle = sample(&world, 0.0).await;
    let (clock, ticks) = watch::channel(0);
    let channels: BTreeMap<String, String> = world
        .catalogue("district")
        .await
        .iter()
        .map(|item| (item.name().to_owned(), item.id.clone()))
        .collect();
    let first = day.invite(&world, 0, &channels[&name(0)]).await.unwrap();
    let viewers = (1..extent.cameras).map(|number| {
        let channel = channels[&name(number)].as_str();
        day.view(&world, number, channel, ticks.clone())
    });
    let (samples, faults) = tokio::join!(day.pass(&world, &first, clock), join_all(viewers)).0;
    day.end(0, first).await;

    // With nobody there, all that was taken is given back.
    idle.is_reached_again(&world).await;
    assert_eq!(world.panics(), Vec::<String>::new());
    assert_eq!(
        world.platform("district").violations(),
        Vec::<String>::new()
    );
    for (what, rise) in rises(&samples) {
        assert!(
            rise <= extent.rise_max,
            "{what} rose by {:.1} % over {} samples: {samples:#?}",
            rise * 100.0,
            samples.len()
        );
    }
    if extent.is_long {
        figure::write(&samples, &faults, extent.cameras);
    }
}

/// How large the test is.
#[derive(Clone, Copy)]
struct Extent {
    is_long: bool,
    cameras: usize,
    ticks: u32,
    /// Between two ticks, at 25 a second.
    frames: u64,
    /// What the resources in use may rise by over the run, as a part of their mean: their course is a line
    /// through what faults make of them at each moment, and a short one is rougher.
    rise_max: f64,
}

impl Extent {
    fn of_environment() -> Self {
        let minutes = std::env::var("HUIJU_SOAK_MINUTES").ok();
        match minutes.map(|text| text.parse::<u32>().expect("whole minutes")) {
            None => Self {
                is_long: false,
                cameras: 25,
                ticks: 24,
                frames: 50,
                rise_max: 0.25,
            },
            Some(minutes) => Self {
                is_long: true,
                cameras: 200,
                ticks: minutes.max(1) * 6,
                frames: 250,
                rise_max: 0.05,
            },
        }
    }
}

/// What the test is made of.
struct Day {
    extent: Extent,
    small: Arc<Clip>,
    /// The clips of the cameras that are left alone, by turns.
    whole: [Arc<Clip>; 4],
}

impl Day {
    async fn new(extent: Extent) -> Self {
        let small = clip(ClipKind::H264Small).await;
        let whole = [
            small.clone(),
            clip(ClipKind::H264TwoPpsSeiAud).await,
            clip(ClipKind::H265BFrames).await,
            clip(ClipKind::H264Load2m).await,
        ];
        Self {
            extent,
            small,
            whole,
        }
    }

    /// What a camera shows: few of those left alone show more than the least.
    fn clip(&self, number: usize) -> &Arc<Clip> {
        match number {
            0..40 if is_left_alone(number) => &self.whole[number / ALONE % self.whole.len()],
            _ => &self.small,
        }
    }

    fn camp(&self) -> crate::world::WorldBuilder {
        let mut world = World::new("soak").platform("district");
        for number in 0..self.extent.cameras {
            let settings = CameraSettings::new(self.clip(number));
            let department = DEPARTMENTS[number % DEPARTMENTS.len()];
            world = world.camera_of(department, &name(number), settings);
        }
        world.departments(json!({"limits": {"connects_per_second": 50}}))
    }

    async fn invite(
        &self,
        world: &World,
        number: usize,
        channel: &str,
    ) -> Result<Session, InviteError> {
        let options = Options {
            keep: Keep::Hash,
            ..Options::default()
        };
        let media = [Media::Udp, Media::TcpPassive, Media::TcpActive][number % 3];
        let platform = world.platform("district");
        platform.invite(channel, media, options).await
    }

    /// Watches a camera until the day is over, again and again if it must.
    async fn view(
        &self,
        world: &World,
        number: usize,
        channel: &str,
        mut ticks: watch::Receiver<u32>,
    ) {
        loop {
            let session = match self.invite(world, number, channel).await {
                Ok(session) => session,
                Err(InviteError::Refused(refusal)) if !is_left_alone(number) => {
                    assert_eq!(refusal.code, 480, "{}: {refusal:?}", name(number));
                    if *ticks.borrow_and_update() == OVER {
                        return;
                    }
                    ticks.changed().await.expect("the day passes");
                    continue;
                }
                Err(error) => panic!("{}: {error}", name(number)),
            };
            let is_over = tokio::select! {
                _ = ticks.wait_for(|tick| *tick == OVER) => true,
                ended = session.ended_by_peer(Duration::MAX) => {
                    ended.expect("a BYE");
                    false
                }
            };
            if is_over {
                return self.end(number, session).await;
            }
            assert!(!is_left_alone(number), "{} was ended", name(number));
            let recording = session.finish().await.unwrap();
            goes_on_at_key_frames(&recording, self.clip(number));
        }
    }

    /// Ends a session, and judges what it got.
    async fn end(&self, number: usize, session: Session) {
        session.bye().await.unwrap();
        let recording = session.finish().await.unwrap();
        let clip = self.clip(number);
        if is_left_alone(number) {
            is_unbroken(&recording, clip);
            let frames = u64::from(self.extent.ticks) * self.extent.frames * 9 / 10;
            let got = recording.units.len() as u64;
            assert!(got >= frames, "{}: {got} of {frames}", name(number));
        } else {
            goes_on_at_key_frames(&recording, clip);
        }
    }

    /// Lets the day pass; a fault each tick. Returns what was measured, and what was done.
    async fn pass(
        &self,
        world: &World,
        first: &Session,
        clock: watch::Sender<u32>,
    ) -> (Vec<Sample>, Faults) {
        let fragile = (0..self.extent.cameras).filter(|number| !is_left_alone(*number));
        let mut faults = Faults::new(fragile.map(name).collect());
        let mut samples = Vec::new();
        for tick in 1..=self.extent.ticks {
            let frames = u64::from(tick) * self.extent.frames;
            let passed = first.wait_for(|stats| stats.frames >= frames, SOON).await;
            passed.unwrap();
            faults.heal(world, tick).await;
            faults.make(world, tick).await;
            clock.send_replace(tick);
            samples.push(sample(world, frames as f64 / 25.0 / 60.0).await);
        }
        faults.heal(world, u32::MAX).await;
        // Whoever was refused asks again, and is answered.
        for tick in self.extent.ticks + 1.. {
            let cameras = world.cameras().await;
            if cameras.count("online") == self.extent.cameras {
                break;
            }
            let limit = self.extent.ticks + RECOVERED_WITHIN;
            assert!(tick <= limit, "{:?}\n{}", cameras.counts(), world.log());
            clock.send_replace(tick);
            let frames = first.stats().frames + 50;
            let passed = first.wait_for(|stats| stats.frames >= frames, SOON).await;
            passed.unwrap();
        }
        clock.send_replace(OVER);
        (samples, faults)
    }
}

/// What was in use at a moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    minute: f64,
    usage: Usage,
    tasks: usize,
    ports: usize,
    sessions: usize,
}

impl Sample {
    /// Waits until nothing more is in use than at this moment.
    async fn is_reached_again(&self, world: &World) {
        let mut tick = interval(Duration::from_millis(200));
        let mut last = None;
        let reached = timeout(2 * SOON, async {
            loop {
                tick.tick().await;
                let now = sample(world, 0.0).await;
                let is_no_more = [
                    now.usage.descriptors <= self.usage.descriptors,
                    now.tasks <= self.tasks,
                    now.ports <= self.ports,
                ];
                if is_no_more == [true; 3] {
                    return;
                }
                last = Some(now);
            }
        });
        let reached = reached.await;
        assert!(reached.is_ok(), "{self:?}, then {last:?} with nobody there");
    }
}

async fn sample(world: &World, minute: f64) -> Sample {
    let sessions = world.metric("huiju_sink_sessions{sink=\"gb28181\"}").await;
    Sample {
        minute,
        usage: world.usage(),
        tasks: world.metric("huiju_tasks").await as usize,
        ports: world.rtp_sockets(),
        sessions: sessions as usize,
    }
}

/// By how much each resource rose over the samples, as a part of its mean. The first quarter is left out:
/// buffers find their sizes then.
fn rises(samples: &[Sample]) -> [(&'static str, f64); 4] {
    let steady = &samples[samples.len() / 4..];
    let rise = |value: &dyn Fn(&Sample) -> f64| {
        let points: Vec<_> = steady.iter().map(|s| (s.minute, value(s))).collect();
        let count = points.len() as f64;
        let mean =
            |value: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
        let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
        let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
        slope * (points[points.len() - 1].0 - points[0].0) / y
    };
    [
        ("resident memory", rise(&|s| s.usage.resident_mib as f64)),
        ("descriptors", rise(&|s| s.usage.descriptors as f64)),
        ("tasks", rise(&|s| s.tasks as f64)),
        ("RTP sockets", rise(&|s| s.ports as f64)),
    ]
}

fn name(number: usize) -> String {
    format!("摄像机{number:03}")
}

fn is_left_alone(number: usize) -> bool {
    number.is_multiple_of(ALONE)
}

/// One camera in so many is left alone.
const ALONE: usize = 5;
/// The tick that ends the day.
const OVER: u32 = u32::MAX;
/// In ticks of two seconds, once nothing fails any more: a wait between two tries is a minute at most.
const RECOVERED_WITHIN: u32 = 45;
const DEPARTMENTS: [&str; 6] = [
    "education",
    "health",
    "urban_management",
    "housing",
    "park",
    "social",
];
