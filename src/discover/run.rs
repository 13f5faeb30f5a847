//! A discovery at work: so many devices begun a second, so many at once, and what was found so far.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use futures::stream;
use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::addresses::ports_of;
use super::http::Limits;
use super::named::Namer;
use super::proposal::{Device, State};
use super::visit::visit;
use super::{AT_ONCE, Shared, lock};
use crate::clock::wall_clock;

/// One discovery, from its begin on.
#[derive(Debug)]
pub struct Discovery {
    /// Its number.
    pub id: u64,
    /// The department that it asks for.
    pub department: String,
    /// Who wants to know.
    pub by: String,
    /// Since when.
    pub began: SystemTime,
    /// How many addresses are listed.
    pub of: usize,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    found: Vec<Arc<Device>>,
    proposals: usize,
    ended: Option<SystemTime>,
}

impl Discovery {
    pub(super) fn new(id: u64, department: String, by: String, of: usize) -> Self {
        Self {
            id,
            department,
            by,
            began: wall_clock(),
            of,
            progress: Mutex::default(),
        }
    }

    /// Whether nothing more is asked.
    pub fn is_done(&self) -> bool {
        self.ended().is_some()
    }

    /// When it was done.
    pub fn ended(&self) -> Option<SystemTime> {
        lock(&self.progress).ended
    }

    /// The addresses of which something is known, in the order in which that became known.
    pub fn found(&self) -> Vec<Arc<Device>> {
        lock(&self.progress).found.clone()
    }

    /// Keeps what was found, within the limit of all of it.
    fn add(&self, mut device: Device) {
        let mut progress = lock(&self.progress);
        let room = PROPOSALS_MAX - progress.proposals;
        if device.proposals.len() > room {
            device.proposals.truncate(room);
            device.warn("this discovery proposes enough: ask for this address in another one");
        }
        progress.proposals += device.proposals.len();
        progress.found.push(Arc::new(device));
    }
}

/// Asks all addresses, until they are all asked or the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, discovery: Arc<Discovery>, addresses: Vec<IpAddr>) {
    let _ending = Ending::begin(discovery.clone());
    let cancelled = shared.tasks.cancelled();
    let devices = stream::iter(addresses).map(|address| ask(&shared, &discovery, address));
    let all = devices.buffer_unordered(AT_ONCE).for_each(|device| {
        discovery.add(device);
        std::future::ready(())
    });
    tokio::select! {
        () = cancelled.cancelled() => {}
        () = all => {}
    }
}

/// Asks one address when its turn comes, where it may be asked by then.
async fn ask(shared: &Shared, discovery: &Discovery, address: IpAddr) -> Device {
    let refused = |why: String| {
        let mut device = Device::new(address, State::RefusedAddress);
        device.warn(why);
        device
    };
    if let Err(why) = check(shared, discovery, address) {
        return refused(why);
    }
    // Never closed. Who waits holds nothing that others need.
    let _room = shared.room.acquire().await;
    let Some(_held) = shared.descriptors.take(1) else {
        return refused("the gateway has no file descriptor left: ask again".to_owned());
    };
    shared.pace.turn().await;
    // A reload may have moved what is allowed meanwhile.
    let catalog = shared.catalog.borrow().clone();
    let ports = match check(shared, discovery, address) {
        Ok(ports) => ports,
        Err(why) => return refused(why),
    };
    let Some(department) = catalog.department(&discovery.department) else {
        return refused(NO_DEPARTMENT.to_owned());
    };
    let namer = Namer {
        address,
        department,
        forbidden: &shared.forbidden(),
    };
    visit(namer, &ports, &Limits::default()).await
}

/// The ports at which an address may be asked now.
fn check(shared: &Shared, discovery: &Discovery, address: IpAddr) -> Result<Vec<u16>, String> {
    let catalog = shared.catalog.borrow();
    let department = catalog.department(&discovery.department);
    let department = department.ok_or(NO_DEPARTMENT)?;
    ports_of(address, department, &shared.forbidden())
}

/// When the next device may be begun.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits for a turn of one's own.
    pub(super) async fn turn(&self) {
        let at = {
            let mut next = lock(&self.0);
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + BETWEEN);
            at
        };
        sleep_until(at).await;
    }
}

/// Tells the log of a discovery, and that it is done, whatever ended it.
struct Ending(Arc<Discovery>);

impl Ending {
    fn begin(discovery: Arc<Discovery>) -> Self {
        let Discovery {
            id,
            department,
            by,
            of,
            ..
        } = &*discovery;
        info!(id, %department, %by, addresses = of, "discovery begins");
        Self(discovery)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Discovery {
            id,
            department,
            by,
            of,
            progress,
            ..
        } = &*self.0;
        let mut progress = lock(progress);
        progress.ended = Some(wall_clock());
        let asked = progress.found.len();
        let count = |state: State| {
            progress
                .found
                .iter()
                .filter(|one| one.state == state)
                .count()
        };
        let (found, refused) = (count(State::Found), count(State::RefusedAddress));
        info!(id, %department, %by, addresses = of, asked, found, refused, "discovery is done");
    }
}

/// Ten devices a second, over all discoveries.
const BETWEEN: Duration = Duration::from_millis(100);
/// Of a whole discovery: its devices may be lying.
const PROPOSALS_MAX: usize = 8192;
const NO_DEPARTMENT: &str = "its department is gone from the configuration";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_ten_devices_are_begun_in_any_second() {
        let pace = Pace::default();
        let began = Instant::now();
        let turns = stream::iter(0..50).map(|_| async {
            pace.turn().await;
            began.elapsed()
        });
        let turns: Vec<_> = turns.buffer_unordered(50).collect().await;
        for (number, first) in turns.iter().enumerate() {
            let within = turns[number..]
                .iter()
                .take_while(|at| **at < *first + Duration::from_secs(1));
            assert!(within.count() <= 10, "{turns:?}");
        }
        // Who comes late does not make up for it.
        tokio::time::advance(Duration::from_secs(60)).await;
        pace.turn().await;
        let late = began.elapsed();
        pace.turn().await;
        assert!(began.elapsed() >= late + BETWEEN);
    }

    #[test]
    fn a_discovery_keeps_no_more_than_its_limit_of_proposals() {
        let discovery = Discovery::new(1, "education".to_owned(), "tests".to_owned(), 300);
        for number in 0..300u32 {
            let address = IpAddr::V4(number.into());
            let mut device = Device::new(address, State::Found);
            device.proposals = vec![super::super::Proposal::default(); 64];
            discovery.add(device);
        }
        let found = discovery.found();
        let kept: usize = found.iter().map(|device| device.proposals.len()).sum();
        assert_eq!((found.len(), kept), (300, PROPOSALS_MAX));
        assert!(found[299].warnings[0].contains("another one"));
    }
}
