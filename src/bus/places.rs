//! Who reads a stream, where, and whose turn it is. Pure.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Item;
use super::log::{Cursor, Log, Read};
use super::subscriber::Next;

/// Takes frames as they are published, in the turn of whoever publishes them.
pub trait Outlet: Send + Sync + fmt::Debug {
    /// Takes the frame that comes next, before which `dropped` were dropped; never waits. Returns whether it has
    /// left. What has not, it keeps: it is offered no other before its subscriber, who is told, asks for the next.
    fn take(&self, item: &Arc<Item>, dropped: u64) -> bool;
}

/// The places of all subscribers; each has its number while it is there.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Option<Place>>);

#[derive(Debug)]
struct Place {
    cursor: Cursor,
    turn: Turn,
}

/// Whose turn it is at a place.
#[derive(Debug)]
enum Turn {
    /// The subscriber's: it has not asked, or has been woken.
    Subscriber,
    /// Nobody's: it waits for the next frame, which goes to its outlet or wakes it.
    Nobody(Waiting),
    /// The publisher's: a frame is being offered to the outlet.
    Publisher(Waiting),
    /// The subscriber's, that is to be told that its outlet has kept a frame.
    Kept,
}

#[derive(Debug)]
struct Waiting {
    waker: Waker,
    outlet: Option<Arc<dyn Outlet>>,
}

/// Whom a frame is for.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// The outlets that it is to be offered to.
    pub(super) offers: Vec<Offer>,
    /// All others who wait for it, and those who are to be told.
    pub(super) woken: Vec<Waker>,
}

/// A frame for an outlet.
#[derive(Debug)]
pub(super) struct Offer {
    number: usize,
    outlet: Arc<dyn Outlet>,
    item: Arc<Item>,
    dropped: u64,
    has_left: bool,
}

impl Offer {
    /// Offers it: without the lock, for it may take its time.
    pub(super) fn make(&mut self) {
        let take = || self.outlet.take(&self.item, self.dropped);
        // A panic must not be the camera's; what was under way there is its subscriber's to find.
        self.has_left = catch_unwind(AssertUnwindSafe(take)).unwrap_or(false);
    }
}

impl Places {
    /// Enters a subscriber; returns its number.
    pub(super) fn enter(&mut self, cursor: Cursor) -> usize {
        let place = Some(Place {
            cursor,
            turn: Turn::Subscriber,
        });
        let free = self.0.iter().position(Option::is_none);
        match free.and_then(|number| Some((number, self.0.get_mut(number)?))) {
            Some((number, free)) => {
                *free = place;
                number
            }
            None => {
                self.0.push(place);
                self.0.len() - 1
            }
        }
    }

    /// Frees the place of a subscriber.
    pub(super) fn leave(&mut self, number: usize) {
        if let Some(place) = self.0.get_mut(number) {
            *place = None;
        }
    }

    /// How many subscribers there are.
    pub(super) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// The number of the first frame that is still to be read.
    pub(super) fn slowest(&self) -> Option<u64> {
        let places = self.0.iter().flatten();
        places.map(|place| place.cursor.next()).min()
    }

    /// What is next for a subscriber; while there is nothing it waits, and frames that come go to `outlet`.
    pub(super) fn poll(
        &mut self,
        number: usize,
        log: &Log,
        cx: &Context<'_>,
        outlet: Option<&Arc<dyn Outlet>>,
    ) -> Poll<Next> {
        // The place is the subscriber's own until it leaves.
        let Some(Some(place)) = self.0.get_mut(number) else {
            return Poll::Pending;
        };
        match &mut place.turn {
            Turn::Kept => {
                place.turn = Turn::Subscriber;
                return Poll::Ready(Next::Kept);
            }
            Turn::Publisher(waiting) => {
                waiting.waker.clone_from(cx.waker());
                return Poll::Pending;
            }
            Turn::Subscriber | Turn::Nobody(_) => {}
        }
        match log.read(&mut place.cursor) {
            Read::Frame(item, dropped) => {
                place.turn = Turn::Subscriber;
                Poll::Ready(Next::Frame(item, dropped))
            }
            Read::Empty => {
                place.turn = Turn::Nobody(Waiting {
                    waker: cx.waker().clone(),
                    outlet: outlet.cloned(),
                });
                Poll::Pending
            }
        }
    }

    /// After a frame came: `called` gets all who wait for one.
    pub(super) fn handle_frame(&mut self, log: &Log, called: &mut Called) {
        for (number, place) in self.0.iter_mut().enumerate() {
            let Some(place) = place else { continue };
            place.turn = match std::mem::replace(&mut place.turn, Turn::Subscriber) {
                Turn::Nobody(waiting) => match &waiting.outlet {
                    None => {
                        called.woken.push(waiting.waker);
                        Turn::Subscriber
                    }
                    Some(outlet) => match log.read(&mut place.cursor) {
                        Read::Empty => Turn::Nobody(waiting),
                        Read::Frame(item, dropped) => {
                            called.offers.push(Offer {
                                number,
                                outlet: outlet.clone(),
                                item,
                                dropped,
                                has_left: false,
                            });
                            Turn::Publisher(waiting)
                        }
                    },
                },
                other => other,
            };
        }
    }

    /// After all offers were made: those whose frame has left wait for the next, the others are to be told.
    pub(super) fn handle_offered(&mut self, offers: &mut Vec<Offer>, woken: &mut Vec<Waker>) {
        for offer in offers.drain(..) {
            // It may have left meanwhile, and another may have its number.
            let Some(Some(place)) = self.0.get_mut(offer.number) else {
                continue;
            };
            place.turn = match std::mem::replace(&mut place.turn, Turn::Subscriber) {
                Turn::Publisher(waiting) if waiting.is_for(&offer.outlet) => {
                    if offer.has_left {
                        Turn::Nobody(waiting)
                    } else {
                        woken.push(waiting.waker);
                        Turn::Kept
                    }
                }
                other => other,
            };
        }
    }
}

impl Waiting {
    fn is_for(&self, outlet: &Arc<dyn Outlet>) -> bool {
        self.outlet
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, outlet))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::bus::{Beside, Publisher, Stream};
    use crate::media::{MediaTime, VideoCodec};
    use crate::proto::rtp::RawFrame;

    #[test]
    fn frames_go_to_the_outlet_once_its_subscriber_has_read_what_was_there() {
        let mut world = World::default();
        world.publish(0, true);
        assert_eq!(world.read(), ["frame 0"]);
        world.publish(1, false);
        world.publish(2, true);
        assert_eq!(world.taken(), [1, 2]);
        assert!(world.read().is_empty());
    }

    #[test]
    fn an_outlet_gets_no_frame_before_the_first_key_frame() {
        let mut world = World::default();
        world.publish(0, true);
        // The session with the camera that this key frame is of has ended.
        world.publisher = world.stream.publish();
        world.viewer = Some(
            world
                .stream
                .subscribe()
                .beside(world.outlet.clone() as Arc<dyn Outlet>),
        );
        assert!(world.read().is_empty());
        world.publish(1, false);
        assert!(world.taken().is_empty());
        world.publish(2, true);
        assert_eq!(world.taken(), [2]);
    }

    #[test]
    fn what_an_outlet_keeps_is_its_subscribers_to_finish_before_the_next_frame() {
        let mut world = World::default();
        assert!(world.read().is_empty());
        world.outlet.keeps(true);
        world.publish(0, true);
        // The outlet is offered no more until the subscriber has come.
        world.outlet.keeps(false);
        world.publish(1, false);
        assert_eq!(world.taken(), [0]);
        assert_eq!(world.read(), ["kept", "frame 1"]);
        world.publish(2, false);
        assert_eq!(world.taken(), [0, 2]);
    }

    #[test]
    fn an_outlet_that_panics_disturbs_neither_the_camera_nor_the_next_outlet() {
        let mut world = World::default();
        let other = Arc::new(Recorder::default());
        let mut beside = world
            .stream
            .subscribe()
            .beside(other.clone() as Arc<dyn Outlet>);
        assert!(beside.try_next().is_none() && world.read().is_empty());
        world.outlet.taken.lock().unwrap().push(PANICS);
        world.publish(0, true);
        assert_eq!(*other.taken.lock().unwrap(), [0]);
        assert_eq!(world.read(), ["kept"]);
    }

    #[test]
    fn an_outlet_whose_subscriber_leaves_while_it_takes_a_frame_leaves_its_place_to_another() {
        let mut world = World::default();
        assert!(world.read().is_empty());
        let (stream, viewer) = (world.stream.clone(), world.viewer.take());
        let later = Arc::new(Mutex::new(None));
        let to = later.clone();
        *world.outlet.on_take.lock().unwrap() = Some(Box::new(move || {
            drop(viewer);
            *to.lock().unwrap() = Some(stream.subscribe());
        }));
        world.publish(0, true);
        let mut later = later.lock().unwrap().take().unwrap();
        assert_eq!(world.stream.subscribers(), 1);
        assert_eq!(later.try_next().unwrap().0.frame.data[..], [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_that_waits_is_woken_when_its_outlet_keeps_a_frame() {
        let mut world = World::default();
        world.outlet.keeps(true);
        let mut viewer = world.viewer.take().unwrap();
        let both = async { tokio::join!(viewer.next(), async { world.publish(0, true) }) };
        let (next, ()) = tokio::time::timeout(Duration::from_secs(1), both)
            .await
            .unwrap();
        assert!(matches!(next, Next::Kept));
    }

    /// A camera, and a viewer with an outlet.
    struct World {
        stream: Stream,
        publisher: Publisher,
        outlet: Arc<Recorder>,
        viewer: Option<Beside>,
    }

    impl Default for World {
        fn default() -> Self {
            let (stream, outlet) = (Stream::default(), Arc::new(Recorder::default()));
            Self {
                publisher: stream.publish(),
                viewer: Some(stream.subscribe().beside(outlet.clone() as Arc<dyn Outlet>)),
                outlet,
                stream,
            }
        }
    }

    impl World {
        fn publish(&mut self, number: u8, is_key: bool) {
            let raw = RawFrame {
                time: MediaTime(i64::from(number) * 3600),
                is_key,
                reorder_depth: None,
                size: None,
                data: vec![number].into(),
            };
            let now = tokio::time::Instant::now();
            self.publisher.video(VideoCodec::H264, raw, 0, now);
        }

        /// All that the subscriber gets now.
        fn read(&mut self) -> Vec<String> {
            let viewer = self.viewer.as_mut().unwrap();
            std::iter::from_fn(|| viewer.try_next())
                .map(|next| match next {
                    Next::Frame(item, _) => format!("frame {}", item.frame.data[0]),
                    Next::Kept => "kept".to_owned(),
                })
                .collect()
        }

        /// The numbers of the frames that the outlet has taken.
        fn taken(&self) -> Vec<u8> {
            self.outlet.taken.lock().unwrap().clone()
        }
    }

    #[derive(Default)]
    struct Recorder {
        taken: Mutex<Vec<u8>>,
        keeps: Mutex<bool>,
        on_take: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }

    impl Recorder {
        fn keeps(&self, keeps: bool) {
            *self.keeps.lock().unwrap() = keeps;
        }
    }

    impl Outlet for Recorder {
        fn take(&self, item: &Arc<Item>, _dropped: u64) -> bool {
            if let Some(on_take) = self.on_take.lock().unwrap().take() {
                on_take();
            }
            let mut taken = self.taken.lock().unwrap();
            assert!(!taken.contains(&PANICS), "on purpose");
            taken.push(item.frame.data[0]);
            !*self.keeps.lock().unwrap()
        }
    }

    impl fmt::Debug for Recorder {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Recorder")
        }
    }

    const PANICS: u8 = 0xff;
}
