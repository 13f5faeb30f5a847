//! What stands while programs come and go: the cameras and the platform of a case.

use std::net::SocketAddr;
use std::time::Duration;

use huiju_sim::platform::{Platform, Settings};

use crate::cases::Case;
use crate::farm::Farm;
use crate::gateway::{PASSWORD, PLATFORM_IP};
use crate::measured::{Program, Run};
use crate::{floor, peers, relayed};

/// The cameras and the platform of a case.
pub(crate) struct World {
    pub(crate) case: Case,
    pub(crate) seconds: u32,
    pub(crate) farm: Farm,
    pub(crate) platform: Platform,
}

impl World {
    /// Starts both.
    pub(crate) async fn start(case: Case, seconds: u32) -> anyhow::Result<Self> {
        let farm = Farm::start(&case).await?;
        let platform = Platform::start(Settings {
            sip: SocketAddr::from((PLATFORM_IP, 5060)),
            password: PASSWORD.to_owned(),
            ..Settings::default()
        })
        .await?;
        Ok(Self {
            case,
            seconds,
            farm,
            platform,
        })
    }

    /// How long a run is measured.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// Runs a program with the first of the cameras.
    pub(crate) async fn run(&mut self, program: Program, cameras: usize) -> anyhow::Result<Run> {
        let mut run = match program {
            Program::Gateway => Box::pin(relayed::run(self, cameras)).await?,
            Program::Floor => Box::pin(floor::run(self, cameras)).await?,
            Program::Ffmpeg | Program::Gstreamer => {
                Box::pin(peers::run(self, program, cameras)).await?
            }
        };
        let left_out = self.farm.frames_left_out().await?;
        if left_out > 0 {
            run.faults
                .push(format!("{left_out} frames left out by the cameras"));
        }
        Ok(run)
    }

    /// Stops the cameras; the platform goes with it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.farm.stop().await
    }
}
