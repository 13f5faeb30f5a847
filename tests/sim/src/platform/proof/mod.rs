//! The proof of the quickstart: every camera of a farm, over every transport, held against its encoder's file.

pub mod judge;
pub mod manifest;
mod table;
pub mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use self::judge::Judge;
pub use self::manifest::{Camera, Manifest};
pub use self::tree::Tree;
use super::{Item, Keep, Media, Options, Platform, Recording, Session};

/// The transports, in the order of the table.
pub const TRANSPORTS: [Media; 3] = [Media::Udp, Media::TcpPassive, Media::TcpActive];

/// One camera over one transport.
#[derive(Debug)]
pub struct Cell {
    /// The recording; what went wrong otherwise.
    pub outcome: Result<Recording, String>,
    /// From the INVITE to the first whole key frame.
    pub first_frame: Option<Duration>,
}

/// One camera of the table.
#[derive(Debug)]
pub struct Row {
    /// The camera.
    pub camera: Camera,
    /// Its code; what is wrong with its item otherwise.
    pub code: Result<String, String>,
    /// What came over each of [`TRANSPORTS`].
    pub cells: Vec<Cell>,
}

/// What was found.
#[derive(Debug)]
pub struct Proof {
    rows: Vec<Row>,
    faults: Vec<String>,
}

impl Proof {
    /// Finds the cameras in the catalogue.
    pub fn find(manifest: &Manifest, items: &[Item], system: &str) -> Self {
        let tree = Tree::new(items, system);
        let row = |camera: &Camera| Row {
            camera: camera.clone(),
            code: tree.find(camera).map(str::to_owned),
            cells: Vec::new(),
        };
        let rows: Vec<Row> = manifest.cameras.iter().map(row).collect();
        let mut faults = tree.wrong_nodes();
        let cameras = items
            .iter()
            .filter(|item| matches!(item.kind(), "131" | "132"))
            .count();
        if cameras != rows.len() {
            faults.push(format!(
                "the catalogue has {cameras} cameras, the farm {}",
                rows.len()
            ));
        }
        Self { rows, faults }
    }

    /// Invites every camera over every transport, all at once, and records each for `length`.
    ///
    /// # Errors
    /// When `folder` cannot be written.
    pub async fn record(
        &mut self,
        platform: &Arc<Platform>,
        length: Duration,
        folder: &Path,
    ) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut sessions = JoinSet::new();
        for (number, row) in self.rows.iter_mut().enumerate() {
            let missing = |_| Cell {
                outcome: Err("no code".into()),
                first_frame: None,
            };
            row.cells = TRANSPORTS.iter().map(missing).collect();
            let Ok(code) = &row.code else { continue };
            for (column, media) in TRANSPORTS.into_iter().enumerate() {
                let (platform, code) = (Arc::clone(platform), code.clone());
                let path = folder.join(format!(
                    "{code}-{}",
                    media.name().replace(' ', "-").to_lowercase()
                ));
                sessions.spawn(async move {
                    (
                        number,
                        column,
                        record(&platform, &code, media, length, path).await,
                    )
                });
            }
        }
        while let Some(done) = sessions.join_next().await {
            let (number, column, cell) = done?;
            self.rows[number].cells[column] = cell;
        }
        self.faults.extend(platform.violations());
        Ok(())
    }

    /// Judges what was recorded.
    pub async fn judge(&mut self, length: Duration) {
        let judge = Arc::new(Judge::new(FFMPEG_MAX));
        let mut verdicts = JoinSet::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.cells.iter().enumerate() {
                let Ok(recording) = cell.outcome.clone() else {
                    continue;
                };
                let (judge, camera) = (Arc::clone(&judge), row.camera.clone());
                let seconds = length.as_secs();
                verdicts.spawn(async move {
                    (
                        number,
                        column,
                        judge.judge(&camera, &recording, seconds).await,
                    )
                });
            }
        }
        while let Some(Ok((number, column, verdict))) = verdicts.join_next().await {
            if let Err(what) = verdict {
                self.rows[number].cells[column].outcome = Err(format!("{what:#}"));
            }
        }
    }

    /// How many of how many hold.
    pub fn score(&self) -> (usize, usize) {
        let held = self
            .rows
            .iter()
            .flat_map(|row| &row.cells)
            .filter(|cell| cell.outcome.is_ok())
            .count();
        (held, self.rows.len() * TRANSPORTS.len())
    }

    /// Says whether all held, and nothing else was wrong.
    pub fn holds(&self) -> bool {
        let (held, all) = self.score();
        held == all && all > 0 && self.faults.is_empty()
    }
}

/// Invites, waits for a key frame, records, and ends.
async fn record(
    platform: &Platform,
    code: &str,
    media: Media,
    length: Duration,
    path: PathBuf,
) -> Cell {
    let options = Options {
        keep: Keep::Record(path),
        ..Options::default()
    };
    let session = match platform.invite(code, media, options).await {
        Ok(session) => session,
        Err(error) => {
            return Cell {
                outcome: Err(error.to_string()),
                first_frame: None,
            };
        }
    };
    let came = session
        .wait_for(|stats| stats.first_key_frame.is_some(), KEY_FRAME_LIMIT)
        .await;
    if came.is_ok() {
        sleep(length).await;
    }
    let first_frame = session.first_frame_after_invite();
    let ended = end(&session).await;
    let recording = session.finish().await;
    let outcome = match (came, ended, recording) {
        (Err(_), ..) => Err(format!("no key frame within {KEY_FRAME_LIMIT:?}")),
        (_, Err(error), _) | (.., Err(error)) => Err(format!("{error:#}")),
        (_, Ok(()), Ok(recording)) => {
            let wants_reports = media == Media::Udp && length >= REPORTS_AFTER;
            if wants_reports && recording.stats.sender_reports == 0 {
                Err("no RTCP sender report".into())
            } else {
                Ok(recording)
            }
        }
    };
    Cell {
        outcome,
        first_frame,
    }
}

/// Ends a session by BYE, after which no media may come.
async fn end(session: &Session) -> anyhow::Result<()> {
    let repeated = *session.answers_repeated().borrow();
    ensure!(
        repeated <= 1,
        "the 200 came again {repeated} times after its ACK"
    );
    session.bye().await?;
    sleep(STILL_ON_THE_WAY).await;
    let packets = session.stats().packets;
    sleep(STILL_ON_THE_WAY).await;
    let more = session.stats().packets - packets;
    ensure!(more == 0, "{more} packets after BYE");
    Ok(())
}

/// Packets that were sent before the BYE was heard have come after this.
const STILL_ON_THE_WAY: Duration = Duration::from_millis(250);

/// Platforms give up after ten seconds.
const KEY_FRAME_LIMIT: Duration = Duration::from_secs(10);

/// Sender reports come every five seconds.
const REPORTS_AFTER: Duration = Duration::from_secs(6);

/// Each uses a core.
const FFMPEG_MAX: usize = 2;

#[cfg(test)]
mod tests;
