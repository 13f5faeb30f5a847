//! A recorder: many cameras behind one address, each with a path of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;

use super::camera::{CameraHandle, Shared};
use super::group::Group;
use super::host::{Host, Routes, bind};
use super::settings::CameraSettings;

/// Starts recorders.
#[derive(Debug)]
pub struct Nvr;

impl Nvr {
    /// Starts a recorder that listens at `address` (port 0 chooses a free one) and serves `cameras`, which become members
    /// of `group`.
    ///
    /// A connection belongs to the camera that its first request names; only then is it the camera's to count.
    ///
    /// # Errors
    /// When it cannot listen there, a camera shows nothing, or two have the same path.
    pub fn start(
        address: SocketAddr,
        group: &Group,
        cameras: Vec<CameraSettings>,
    ) -> anyhow::Result<NvrHandle> {
        let listener = bind(address)?;
        let address = listener
            .local_addr()
            .context("cannot ask for the address")?;
        let share = |settings: CameraSettings| Shared::new(address, settings.group(group));
        let shared: Vec<Arc<Shared>> = cameras
            .into_iter()
            .map(share)
            .collect::<anyhow::Result<_>>()?;
        let mut paths = HashMap::with_capacity(shared.len());
        for camera in &shared {
            let path = camera.settings.path.clone();
            let is_new = paths.insert(path.clone(), camera.clone()).is_none();
            anyhow::ensure!(is_new, "two cameras have the path {path}");
        }
        let host = Host::start(listener, address, Routes::Paths(paths), Some(group.clone()));
        let handle = |camera| CameraHandle::member(camera, &host);
        Ok(NvrHandle {
            cameras: shared.into_iter().map(handle).collect(),
            group: group.clone(),
            host,
        })
    }
}

/// A running recorder; dropping it ends it with its cameras.
#[derive(Debug)]
pub struct NvrHandle {
    host: Arc<Host>,
    cameras: Vec<CameraHandle>,
    group: Group,
}

impl NvrHandle {
    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// Returns its cameras in the order they were given.
    ///
    /// One that is killed answers 404 while the recorder goes on.
    pub fn cameras(&self) -> &[CameraHandle] {
        &self.cameras
    }

    /// Returns the group that its cameras are members of, for the joint counters.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Kills it: connections are closed and new ones refused. Returns when all of it has ended.
    pub async fn kill(&self) {
        self.host.close().await;
    }

    /// Starts it again at the same address.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn revive(&self) -> anyhow::Result<()> {
        self.kill().await;
        self.host.open()
    }
}

impl Drop for NvrHandle {
    fn drop(&mut self) {
        self.host.abort();
    }
}
