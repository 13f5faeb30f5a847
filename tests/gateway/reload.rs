//! Reloads under load: what has changed is taken over, and nothing else notices.

use huiju_sim::clips::{Clip, ClipKind};
use huiju_sim::farm::{CameraSettings, CameraStats};
use huiju_sim::platform::{Notices, Platform, Session, Subscribe, What};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::edits::row;
use crate::readers::is_unbroken;
use crate::world::{PASSWORD, SOON, World, clip, signal};

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_twenty_sessions_touches_only_what_has_changed() {
    let (world, video, sessions) = twenty_sessions("reload-command").await;
    let before = (listed(&world).await, reloaded_at(&world).await);
    change_three_things(&world);

    let plan = world.json(&["reload", "--plan", "--json"]).await;
    let told = world.plain(&["reload", "--plan"]).await;
    assert_eq!(
        (listed(&world).await, reloaded_at(&world).await),
        before,
        "a plan changes nothing"
    );
    assert!(world.platform("harbour").registered(SOON).await.is_ok());
    assert_eq!(world.camera("新").stats().connections_total, 0);
    let pushed = world.platform("district").pushed().borrow().all.len();
    assert_eq!(pushed, 0, "a plan tells nobody");

    assert_eq!(
        world.reload().await,
        plan,
        "the plan said exactly what the reload does"
    );
    let (new, changed) = (world.id_of("新").await, world.id_of("改").await);
    let mut expected = nothing();
    expected["cameras_added"] = json!([format!("{new} 新")]);
    expected["cameras_restarted"] = json!([format!("{changed} 改")]);
    expected["platforms_removed"] = json!(["harbour"]);
    assert_eq!(plan, expected);
    let lines =
        format!("+ camera {new} 新\n! camera, pulled anew: {changed} 改\n- platform harbour\n");
    assert_eq!(told, lines);
    only_those_three_have_changed(&world, &video, sessions).await;
    assert_eq!(world.plain(&["reload"]).await, "nothing has changed\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sighup_does_what_the_command_does() {
    let (world, video, sessions) = twenty_sessions("reload-sighup").await;
    change_three_things(&world);
    signal(world.gateway_pid(), Signal::SIGHUP);
    only_those_three_have_changed(&world, &video, sessions).await;
    assert!(world.metric("huiju_config_last_reload_successful").await > 0.5);
}

/// Ten cameras looked at by two platforms each, and beside them what the reload touches.
struct Sessions {
    untouched: Vec<Session>,
    of_changed_camera: Session,
    at_removed_platform: Session,
}

async fn twenty_sessions(name: &str) -> (World, std::sync::Arc<Clip>, Sessions) {
    let video = clip(ClipKind::H264Small).await;
    let mut builder = World::new(name);
    for number in 0..10 {
        builder = builder.camera(&format!("路口{number}"), CameraSettings::new(&video));
    }
    for other in ["改", "新", "移来"] {
        builder = builder.camera(other, CameraSettings::new(&video));
    }
    for platform in ["district", "city", "harbour"] {
        builder = builder.platform(platform);
    }
    let mut world = builder.without_gateway().await;
    world.edit_inventory(|rows| rows.retain(|row| !["新", "移来"].contains(&row["name"].as_str())));
    world.start_gateway().await;
    world.registered().await;
    let mut untouched = Vec::new();
    for platform in ["district", "city"] {
        for number in 0..10 {
            untouched.push(world.look(platform, &format!("路口{number}")).await);
        }
    }
    let sessions = Sessions {
        untouched,
        of_changed_camera: world.look("district", "改").await,
        at_removed_platform: world.look("harbour", "路口0").await,
    };
    (world, video, sessions)
}

/// A camera is new, one is elsewhere, a platform is gone.
fn change_three_things(world: &World) {
    let url = |name: &str| world.camera(name).url();
    world.edit_inventory(|rows| {
        let changed = rows.iter_mut().find(|row| row["name"] == "改").unwrap();
        changed.insert("url".to_owned(), url("移来"));
        rows.push(row("education", "新", &url("新"), "s-new"));
    });
    world.edit_config(|config| {
        let platforms = config["platforms"].as_array_mut().unwrap();
        platforms.retain(|platform| platform["id"] != "harbour");
    });
}

async fn only_those_three_have_changed(world: &World, video: &Clip, sessions: Sessions) {
    let Sessions {
        untouched,
        of_changed_camera,
        at_removed_platform,
    } = sessions;
    said_goodbye(world.platform("harbour"), &at_removed_platform).await;
    is_unbroken(&at_removed_platform.finish().await.unwrap(), video);
    moved_within_its_session(world, of_changed_camera).await;
    for id in ["district", "city"] {
        // The camera that is new is told, and can be looked at.
        let channel = world.channel(id, "新").await;
        let pushed = told(world.platform(id), &channel, "ADD").await;
        let items: Vec<_> = pushed
            .items()
            .map(|item| (item.event(), item.name()))
            .collect();
        assert_eq!(items, [("ADD", "新")], "{id} is told of nothing else");
        world.look_at(id, &channel).await.bye().await.unwrap();
        let times = registrations(world.platform(id));
        assert_eq!(times, 1, "{id} was registered at once and for all");
    }
    // Nobody else has noticed.
    for session in untouched {
        session.bye().await.unwrap();
        is_unbroken(&session.finish().await.unwrap(), video);
    }
    for number in 0..10 {
        let stats = world.camera(&format!("路口{number}")).stats();
        assert_eq!(pulls(&stats), (1, 1), "路口{number}");
    }
    for id in ["district", "city", "harbour"] {
        let violations = world.platform(id).violations();
        assert_eq!(violations, Vec::<String>::new(), "{id}");
    }
}

/// The platform that is gone hears BYE, then a REGISTER that logs out.
async fn said_goodbye(platform: &Platform, session: &Session) {
    session.ended_by_peer(SOON).await.unwrap();
    platform.unregistered(SOON).await.unwrap();
    let is_goodbye = |what: &What| {
        matches!(
            what,
            What::Register {
                expires: 0,
                authorised: true,
                ..
            }
        )
    };
    platform.wait_for(is_goodbye, SOON).await.unwrap();
}

/// The camera that is elsewhere is pulled there, in the session that there was.
async fn moved_within_its_session(world: &World, session: Session) {
    let is_pulled = |stats: &CameraStats| stats.playing == 1;
    let new = world.camera("移来").wait_for(is_pulled, SOON).await;
    assert_eq!(pulls(&new.unwrap()), (1, 1));
    let is_left = |stats: &CameraStats| stats.connections == 0;
    let old = world.camera("改").wait_for(is_left, SOON).await.unwrap();
    let left = (old.sessions_total, old.teardowns, old.sessions_abandoned);
    assert_eq!(left, (1, 1, 0));
    let seen = session.stats().frames + 50;
    let goes_on = session.wait_for(|stats| stats.frames >= seen, SOON);
    goes_on.await.unwrap();
    session.bye().await.unwrap();
    let recording = session.finish().await.unwrap();
    assert_eq!(recording.violations, Vec::<String>::new());
    let (lost, reordered) = (recording.stats.lost, recording.stats.reordered);
    assert_eq!((lost, reordered), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_removed_is_told_and_has_its_old_id_and_code_when_it_comes_back() {
    let video = clip(ClipKind::H264Small).await;
    let world = two_gates("reload-remove", &video).start().await;
    let platform = world.platform("district");
    let known = world.camera_item("东门").await;
    let channel = known["gb_code"].as_str().unwrap().to_owned();
    let subscription = platform
        .subscribe_catalogue(Subscribe::default())
        .await
        .unwrap();
    let (gone, other) = (
        world.look("district", "东门").await,
        world.look("district", "西门").await,
    );
    let rows = world.rows();

    world.edit_inventory(|rows| rows.retain(|row| row["name"] != "东门"));
    let mut expected = nothing();
    expected["cameras_removed"] = json!([format!("{} 东门", known["id"].as_str().unwrap())]);
    assert_eq!(world.reload().await, expected);
    gone.ended_by_peer(SOON).await.unwrap();
    is_unbroken(&gone.finish().await.unwrap(), &video);
    let told_of = |event: &'static str| {
        let channel = channel.clone();
        move |notices: &Notices| notices.events_of(&channel).contains(&event)
    };
    subscription.wait_for(told_of("DEL"), SOON).await.unwrap();
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.teardowns == 1 && stats.connections == 0, SOON)
        .await
        .unwrap();
    let refused = platform.invite(
        &channel,
        huiju_sim::platform::Media::Udp,
        Default::default(),
    );
    assert_eq!(refused.await.unwrap_err().code(), Some(404));
    let id = known["id"].as_str().unwrap();
    for name in [id, &channel] {
        assert_eq!(
            world.command(&["camera", "show", name]).await.status.code(),
            Some(1),
            "{name}"
        );
    }

    world.write_rows(&rows);
    let mut expected = nothing();
    expected["cameras_added"] = json!([format!("{id} 东门")]);
    assert_eq!(world.reload().await, expected);
    subscription.wait_for(told_of("ADD"), SOON).await.unwrap();
    let back = world.camera_item("东门").await;
    assert_eq!(
        (&back["id"], &back["gb_code"]),
        (&known["id"], &known["gb_code"])
    );
    assert_eq!(world.channel("district", "东门").await, channel);
    world
        .look_at("district", &channel)
        .await
        .bye()
        .await
        .unwrap();
    other.bye().await.unwrap();
    is_unbroken(&other.finish().await.unwrap(), &video);
    assert_eq!(pulls(&world.camera("西门").stats()), (1, 1));
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_told_as_an_update_and_the_session_goes_on() {
    let video = clip(ClipKind::H264Small).await;
    let world = two_gates("reload-rename", &video).start().await;
    let platform = world.platform("district");
    let channel = world.channel("district", "东门").await;
    let session = world.look_at("district", &channel).await;
    world.set_field("东门", "name", "东大门");

    let report = world.reload().await;
    let mut expected = nothing();
    let renamed = world.camera_item("东大门").await;
    expected["cameras_changed"] = json!([format!("{} 东大门", renamed["id"].as_str().unwrap())]);
    assert_eq!(report, expected);
    assert_eq!(renamed["gb_code"], channel.as_str());
    let notices = told(platform, &channel, "UPDATE").await;
    let items: Vec<_> = notices
        .items()
        .map(|item| (item.event(), item.name()))
        .collect();
    assert_eq!(items, [("UPDATE", "东大门")]);
    assert_eq!(world.channel("district", "东大门").await, channel);
    let seen = session.stats().frames;
    session
        .wait_for(|stats| stats.frames >= seen + 25, SOON)
        .await
        .unwrap();
    session.bye().await.unwrap();
    is_unbroken(&session.finish().await.unwrap(), &video);
    assert_eq!(pulls(&world.camera("东门").stats()), (1, 1));
    assert_eq!(platform.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_corrected_in_its_file_is_tried_at_once() {
    let video = clip(ClipKind::H264Small).await;
    let settings = CameraSettings::new(&video).digest("viewer", "the-right-one");
    let mut world = World::new("reload-secret")
        .camera("东门", settings)
        .platform("district")
        .without_gateway()
        .await;
    world.write_secret("nvr.pw", "a-wrong-one\n");
    let nvr = json!({"username": "viewer", "password": {"file": "nvr.pw"}});
    let change = json!({"pull": "always", "credentials": {"nvr": nvr}});
    world.edit_department("education", change);
    world.set_field("东门", "credential", "nvr");
    world.start_gateway().await;
    world.registered().await;
    let camera = world.camera("东门");
    camera
        .wait_for(|stats| stats.wrong_passwords == 3, SOON)
        .await
        .unwrap();
    world.logged("auth_locked").await;
    let tried = camera.stats().connections_total;
    assert_eq!(world.plain(&["reload"]).await, "nothing has changed\n");
    // The other wrong password is one that was never refused: it is tried at once too.
    world.write_secret("nvr.pw", "another-wrong-one");
    let report = world.reload().await;
    let id = world.id_of("东门").await;
    assert_eq!(report["cameras_restarted"], json!([format!("{id} 东门")]));
    camera
        .wait_for(|stats| stats.wrong_passwords >= 4, SOON)
        .await
        .unwrap();
    assert!(camera.stats().connections_total > tried);

    world.write_secret("nvr.pw", "the-right-one\n");
    world.reload().await;
    let corrected_at = tokio::time::Instant::now();
    camera
        .wait_for(|stats| stats.playing == 1, SOON)
        .await
        .unwrap();
    let took = corrected_at.elapsed();
    assert!(
        took < std::time::Duration::from_secs(5),
        "tried {took:?} after the reload"
    );
    let report = world.reload().await;
    assert_eq!(report, nothing(), "the same secret is no change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platforms_password_that_was_corrected_in_its_file_registers_at_once() {
    let mut world = World::new("reload-platform-secret")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .platform("city")
        .without_gateway()
        .await;
    world.write_secret("district.pw", "a-wrong-one");
    world.start_gateway().await;
    world.platform("city").registered(SOON).await.unwrap();
    world
        .platform("district")
        .wait_for(|what| matches!(what, What::Register { .. }), SOON)
        .await
        .unwrap();
    world.write_secret("district.pw", PASSWORD);
    let mut expected = nothing();
    expected["platforms_changed"] = json!(["district"]);
    assert_eq!(world.reload().await, expected);
    world.platform("district").registered(SOON).await.unwrap();
    assert_eq!(
        registrations(world.platform("city")),
        1,
        "the other was left alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_moves_to_another_department_is_the_same_wherever_it_goes_then() {
    let world = World::new("reload-department")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let identity = async || {
        let item = world.camera_item("东门").await;
        (item["id"].clone(), item["gb_code"].clone())
    };
    let known = identity().await;
    world.set_field("东门", "department", "health");
    let report = world.reload().await;
    assert_eq!(report["cameras_removed"], json!([]));
    assert_eq!(identity().await, known, "its address says who it is");
    world.set_field("东门", "url", "rtsp://127.50.0.2:8554/a");
    let report = world.reload().await;
    assert_eq!(report["cameras_removed"], json!([]));
    assert_eq!(identity().await, known, "its department and source_id do");
}

/// A world of two cameras, 东门 and 西门.
pub(crate) fn two_gates(name: &str, video: &std::sync::Arc<Clip>) -> crate::world::WorldBuilder {
    World::new(name)
        .camera("东门", CameraSettings::new(video))
        .camera("西门", CameraSettings::new(video))
        .platform("district")
}

/// The report of a reload that changes nothing.
pub(crate) fn nothing() -> Value {
    json!({
        "cameras_added": [], "cameras_removed": [], "cameras_changed": [], "cameras_restarted": [],
        "platforms_added": [], "platforms_removed": [], "platforms_changed": [], "platforms_restarted": [],
        "settings_changed": false, "rows_refused": 0, "refused": [], "warnings": [],
    })
}

/// Connections and sessions that a camera has had.
pub(crate) fn pulls(stats: &CameraStats) -> (u64, u64) {
    (stats.connections_total, stats.sessions_total)
}

/// How often a platform has been registered at, refreshes too.
pub(crate) fn registrations(platform: &Platform) -> usize {
    let is_registration = |what: &What| {
        matches!(
            what,
            What::Register {
                authorised: true,
                expires: 1..,
                ..
            }
        )
    };
    platform
        .events()
        .iter()
        .filter(|event| is_registration(&event.what))
        .count()
}

/// Waits until a platform is pushed that event of a channel.
async fn told(platform: &Platform, channel: &str, event: &str) -> Notices {
    let is_told = |notices: &Notices| notices.events_of(channel).contains(&event);
    platform.wait_pushed(is_told, SOON).await.unwrap()
}

async fn listed(world: &World) -> (String, String) {
    (
        world.plain(&["camera", "list"]).await,
        world.plain(&["platform", "list"]).await,
    )
}

async fn reloaded_at(world: &World) -> String {
    let at = world
        .metric("huiju_config_last_reload_success_timestamp_seconds")
        .await;
    format!("{at}")
}
